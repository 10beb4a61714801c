package gformula

import (
	"math"

	"afterglow/internal/stats"
	"afterglow/internal/stats/bootstrap"
)

// people gives the rows of each person, in the order in which they first come; without clusters a row is a person.
func (d Data) people() [][]int {
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
	return people
}

// rowsOf are all rows of these people.
func rowsOf(people [][]int, drawn []int) []int {
	var rows []int
	for _, person := range drawn {
		rows = append(rows, people[person]...)
	}
	return rows
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

// replicates gives the effects in each resample of people, on all processors.
func (d Data) replicates(people, resamples [][]int, o Options) [][6]float64 {
	out := make([][6]float64, len(resamples))
	stats.Spread(len(resamples), func() func(int) {
		return func(k int) { out[k] = d.effects(rowsOf(people, resamples[k]), o) }
	})
	return out
}

// intervals bootstraps all effects on the same resamples of people, who may have unlike numbers of rows. The people left out
// one at a time, for intervals that are not given here, stay undefined: they would cost a fit for every person.
func (r *Result) intervals(d Data, o Options) error {
	people := d.people()
	n := len(people)
	all := make([]int, n)
	for k := range all {
		all[k] = k
	}
	resamples := bootstrap.Draw([][]int{all}, o.Draws, o.Random)
	replicates := d.replicates(people, resamples, o)
	drawn := map[*int]int{}
	for k, whom := range resamples {
		drawn[&whom[0]] = k
	}
	var seen [6]Effect
	for j := range seen {
		statistic := func(whom []int) float64 {
			if k, known := drawn[&whom[0]]; known {
				return replicates[k][j]
			}
			if len(whom) == n-1 {
				return math.NaN()
			}
			return d.effects(rowsOf(people, whom), o)[j]
		}
		if j == 5 && !apart(seen[0]) {
			break
		}
		b, err := bootstrap.Run(n, statistic, resamples, o.Level)
		if err != nil {
			return err
		}
		if j == 0 {
			r.Notes = append(r.Notes, b.Notes...)
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
