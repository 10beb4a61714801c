package gformula

import (
	"math"

	"afterglow/internal/stats"
	"afterglow/internal/stats/bootstrap"
)

// resamples draws rows, or people with all their rows.
func (d Data) resamples(o Options) [][]int {
	people := make([][]int, 0, len(d.Y))
	place := map[int]int{}
	for i := range d.Y {
		at := len(people)
		if d.Cluster != nil {
			known, seen := place[d.Cluster[i]]
			if seen {
				at = known
			}
			place[d.Cluster[i]] = at
		}
		if at == len(people) {
			people = append(people, nil)
		}
		people[at] = append(people[at], i)
	}
	numbers := make([]int, len(people))
	for k := range numbers {
		numbers[k] = k
	}
	draws := bootstrap.Draw([][]int{numbers}, o.Draws, o.Random)
	for k, drawn := range draws {
		var rows []int
		for _, person := range drawn {
			rows = append(rows, people[person]...)
		}
		draws[k] = rows
	}
	return draws
}

// undefined are the effects where a model cannot be fitted.
var undefined = [6]float64{math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()}

func (d Data) effects(rows []int, o Options) [6]float64 {
	f, err := d.fit(rows)
	if err != nil {
		return undefined
	}
	return f.means(o).effects()
}

// replicates gives the effects in each resample, on all processors.
func (d Data) replicates(resamples [][]int, o Options) [][6]float64 {
	out := make([][6]float64, len(resamples))
	stats.Spread(len(resamples), func() func(int) {
		return func(k int) { out[k] = d.effects(resamples[k], o) }
	})
	return out
}

// intervals bootstraps all effects on the same resamples. The rows left out one at a time, for intervals that are not
// given here, stay undefined: they would cost a fit for every row.
func (r *Result) intervals(d Data, o Options) error {
	resamples := d.resamples(o)
	replicates := d.replicates(resamples, o)
	drawn := map[*int]int{}
	for k, rows := range resamples {
		drawn[&rows[0]] = k
	}
	n := len(d.Y)
	var seen [6]Effect
	for j := range seen {
		statistic := func(rows []int) float64 {
			if k, known := drawn[&rows[0]]; known {
				return replicates[k][j]
			}
			if len(rows) == n-1 {
				return math.NaN()
			}
			return d.effects(rows, o)[j]
		}
		if j == 5 && !apart(seen[0]) {
			break
		}
		b, err := bootstrap.Run(n, statistic, resamples, o.Level)
		if err != nil {
			return err
		}
		seen[j] = Effect{Estimate: stats.Of(b.T0), SE: b.SE, Bias: b.Bias, Lower: b.PercentileLower, Upper: b.PercentileUpper}
	}
	r.Total, r.NaturalDirect, r.NaturalIndirect = seen[0], seen[1], seen[2]
	r.TotalDirect, r.PureIndirect, r.ProportionMediated = seen[3], seen[4], seen[5]
	return nil
}

// apart tells whether an interval leaves 0 out.
func apart(e Effect) bool {
	return e.Lower.Defined && e.Upper.Defined && e.Lower.Value*e.Upper.Value > 0
}
