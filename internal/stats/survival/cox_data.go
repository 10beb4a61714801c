package survival

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"

	"afterglow/internal/stats"
)

// Spells are rows for a Cox model: a subject, or a stretch of a subject's time, at risk over (Start, Stop].
type Spells struct {
	// Start is nil where every row is at risk from time 0 on.
	Start, Stop []float64
	Event       []bool
	// Names and X are the covariates, X holding the rows one after another.
	Names []string
	X     []float64
	// Stratum numbers a row's stratum among Strata; nil means one stratum.
	Stratum []int
	Strata  []string
	// Cluster numbers a row's cluster; nil means none.
	Cluster []int
	// Subject numbers the subject of a row, whose rows may not overlap; nil leaves that unchecked.
	Subject []int
	// Weight is positive; nil means 1. With Frequency it is how many rows like this there are, a whole number, and the fit is
	// that of these rows; otherwise it is a probability weight.
	Weight    []float64
	Frequency bool
}

// ordered are the rows by stratum, in each from the last stop to the first, covariates centred and scaled.
type ordered struct {
	n, p        int
	start, stop []float64
	event       []bool
	x           []float64
	weight      []float64 // nil means 1
	frequency   bool
	stratum     []int
	row         []int // place in the Spells
	bounds      []int // where each stratum begins, and n
	entry       []int // rows by stratum, in each from the last start to the first; nil without starts
	mean, scale []float64
	events      int
	eventWeight float64
	tolerance   float64
}

func order(s Spells) (*ordered, error) {
	n, p := len(s.Stop), len(s.Names)
	if n == 0 {
		return nil, stats.Errorf(stats.TooFew, "rows", "no complete row")
	}
	if p == 0 {
		return nil, stats.Errorf(stats.BadInput, "formula", "has no covariate")
	}
	o := &ordered{n: n, p: p, frequency: s.Frequency}
	stop, start := slices.Clone(s.Stop), slices.Clone(s.Start)
	if err := s.check(start, stop); err != nil {
		return nil, err
	}
	o.tolerance = alignTimes(start, stop)
	for i := range n {
		if start != nil && start[i] >= stop[i] {
			return nil, stats.Errorf(stats.BadInput, "stop", "row %d ends before or when it starts", i+1)
		}
		if s.Event[i] {
			o.events += o.copies(s, i)
			if s.Weight == nil {
				o.eventWeight++
			} else {
				o.eventWeight += s.Weight[i]
			}
		}
	}
	if err := s.overlap(start, stop); err != nil {
		return nil, err
	}
	if o.events == 0 {
		return nil, stats.Errorf(stats.NoEvents, "event", "no event in any row")
	}
	o.row = latestFirst(stop, s.Stratum)
	o.stop, o.event, o.stratum = make([]float64, n), make([]bool, n), make([]int, n)
	if s.Weight != nil {
		o.weight = make([]float64, n)
	}
	for i, r := range o.row {
		o.stop[i], o.event[i] = stop[r], s.Event[r]
		if s.Stratum != nil {
			o.stratum[i] = s.Stratum[r]
		}
		if s.Weight != nil {
			o.weight[i] = s.Weight[r]
		}
		if i == 0 || o.stratum[i] != o.stratum[i-1] {
			o.bounds = append(o.bounds, i)
		}
	}
	o.bounds = append(o.bounds, n)
	if start != nil {
		place := make([]int, n)
		o.start, o.entry = make([]float64, n), latestFirst(start, s.Stratum)
		for i, r := range o.row {
			o.start[i], place[r] = start[r], i
		}
		for i, r := range o.entry {
			o.entry[i] = place[r]
		}
	}
	return o, o.standardise(s)
}

// copies is how many rows row i stands for.
func (o *ordered) copies(s Spells, i int) int {
	if s.Frequency && s.Weight != nil {
		return int(s.Weight[i])
	}
	return 1
}

// check refuses columns of different length, and numbers that are not finite or not positive where they must be.
func (s Spells) check(times ...[]float64) error {
	if err := checkTimes(s, times...); err != nil {
		return err
	}
	n := len(s.Stop)
	for _, c := range []struct {
		name   string
		length int
	}{{"start", len(s.Start)}, {"strata", len(s.Stratum)}, {"cluster", len(s.Cluster)}, {"subject", len(s.Subject)}, {"weights", len(s.Weight)}} {
		if c.length != 0 && c.length != n {
			return stats.Errorf(stats.BadInput, c.name, "has %d values for %d rows", c.length, n)
		}
	}
	for _, c := range []struct {
		name   string
		column []int
	}{{"strata", s.Stratum}, {"cluster", s.Cluster}, {"subject", s.Subject}} {
		for i, v := range c.column {
			if v < 0 {
				return stats.Errorf(stats.BadInput, c.name, "of row %d is negative", i+1)
			}
		}
	}
	if s.Stratum != nil && slices.Max(s.Stratum) >= len(s.Strata) {
		return stats.Errorf(stats.BadInput, "strata", "a row has a stratum without a name")
	}
	for i, w := range s.Weight {
		switch {
		case !stats.Finite(w):
			return stats.Errorf(stats.NotFinite, "weights", "of row %d is not finite", i+1)
		case w <= 0 || w > math.MaxInt32:
			return stats.Errorf(stats.BadInput, "weights", "of row %d is not positive, or beyond 2^31", i+1)
		case s.Frequency && w != math.Trunc(w):
			return stats.Errorf(stats.BadInput, "weights", "of row %d counts rows but is not a whole number", i+1)
		}
	}
	return nil
}

// overlap refuses a subject that is at risk twice at a time.
func (s Spells) overlap(start, stop []float64) error {
	if s.Subject == nil {
		return nil
	}
	rows := latestFirst(stop, s.Subject)
	for k := 1; k < len(rows); k++ {
		later, earlier := rows[k-1], rows[k]
		if s.Subject[later] != s.Subject[earlier] {
			continue
		}
		if start == nil || start[later] < stop[earlier] {
			return stats.Errorf(stats.BadInput, "start", "row %d overlaps row %d of the same subject", max(later, earlier)+1, min(later, earlier)+1)
		}
	}
	return nil
}

func checkTimes(s Spells, times ...[]float64) error {
	if len(s.Event) != len(s.Stop) || len(s.X) != len(s.Stop)*len(s.Names) {
		return stats.Errorf(stats.BadInput, "rows", "times, events and covariates differ in length")
	}
	if len(s.Stop) == 0 {
		return stats.Errorf(stats.TooFew, "rows", "no complete row")
	}
	for _, column := range times {
		for i, t := range column {
			if !stats.Finite(t) {
				return stats.Errorf(stats.NotFinite, "time", "of row %d is not finite", i+1)
			}
		}
	}
	if s.Start == nil && slices.Min(s.Stop) < 0 {
		return stats.Errorf(stats.BadInput, "time", "a time is negative")
	}
	return nil
}

// tiniest is the smallest spread of a column whose square is a number.
const tiniest = 1e-150

func (o *ordered) standardise(s Spells) error {
	n, p := o.n, o.p
	o.x, o.mean, o.scale = make([]float64, n*p), make([]float64, p), make([]float64, p)
	for i := range n {
		for j, v := range s.X[i*p : i*p+p] {
			if !stats.Finite(v) {
				return stats.Errorf(stats.NotFinite, s.Names[j], "row %d is not a finite number", i+1)
			}
			o.mean[j] += v / float64(n)
		}
	}
	furthest := make([]float64, p)
	for i := range n {
		for j, v := range s.X[i*p : i*p+p] {
			furthest[j] = math.Max(furthest[j], math.Abs(v-o.mean[j]))
		}
	}
	for i := range n {
		for j, v := range s.X[i*p : i*p+p] {
			if furthest[j] > 0 {
				d := (v - o.mean[j]) / furthest[j]
				o.scale[j] += d * d
			}
		}
	}
	for j, name := range s.Names {
		o.scale[j] = furthest[j] * math.Sqrt(o.scale[j]/float64(n))
		if !(o.scale[j] < 1/tiniest) {
			return stats.Errorf(stats.NotFinite, name, "its spread is beyond the range in which squares are numbers")
		}
		if !(o.scale[j] > 1e-12*math.Abs(o.mean[j]) && o.scale[j] > tiniest) {
			return stats.Errorf(stats.OneLevel, name, "has the same value in all rows")
		}
	}
	stats.SpreadRows(n, rowsOfChunk, func(_, from, to int) {
		for i := from; i < to; i++ {
			row := s.X[o.row[i]*p : o.row[i]*p+p]
			for j, v := range row {
				o.x[i*p+j] = (v - o.mean[j]) / o.scale[j]
			}
		}
	})
	return nil
}

// weightOf is row i's weight.
func (o *ordered) weightOf(i int) float64 {
	if o.weight == nil {
		return 1
	}
	return o.weight[i]
}

// copiesOf is how many rows row i stands for.
func (o *ordered) copiesOf(i int) float64 {
	if !o.frequency {
		return 1
	}
	return o.weightOf(i)
}

// copiesOfAll is how many rows all stand for.
func (o *ordered) copiesOfAll() int {
	if !o.frequency || o.weight == nil {
		return o.n
	}
	return int(floats.Sum(o.weight))
}

func (o *ordered) positive() bool { return slices.Min(o.stop) > 0 }
