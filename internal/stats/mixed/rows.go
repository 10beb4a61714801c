package mixed

import (
	"hash/fnv"
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
)

// patient is one patient's row x and responses by visit.
type patient struct {
	id       string
	x        []float64
	y        []float64
	observed uint64
	weight   float64
}

// Rows are data in memory, one row per patient and visit. Weight names a column of patients' weights, constant within
// a patient; empty means weights of 1. A weight of 0 leaves the patient out.
type Rows struct {
	Data    formula.Frame
	Subject string
	Weight  string
}

// SumRows is Sum without weights.
func (d *Design) SumRows(data formula.Frame, subject string) (*Sums, error) {
	return d.Sum(Rows{Data: data, Subject: subject})
}

// Sum builds the sums from rows in memory: a first pass reads patients and finds mean and standard deviation of every
// column, a second adds the cross-products. A visit without a response is not observed; patients with a missing
// covariate or weight are left out and counted.
func (d *Design) Sum(rows Rows) (*Sums, error) {
	buckets, err := d.SumBuckets(rows, 1)
	if err != nil {
		return nil, err
	}
	return buckets[0], nil
}

// SumBuckets builds one Sums per bucket of patients, all in the same origin, so that they add up to those of Sum. The
// bucket comes from the patient's name (bucketOf). Patients left out are counted in the first bucket.
func (d *Design) SumBuckets(rows Rows, buckets int) ([]*Sums, error) {
	if buckets < 1 {
		return nil, stats.Errorf(stats.BadInput, "buckets", "%d buckets", buckets)
	}
	return d.sumParts(rows, buckets, func(one patient) int { return bucketOf(one.id, buckets) })
}

// SumBy builds one Sums per level of a categorical column that belongs to the patient, such as their clinic, all in the
// same origin; levels are in order of appearance. Patients left out are counted in the first.
func (d *Design) SumBy(rows Rows, column string) (levels []string, sums []*Sums, err error) {
	texts, subjects := rows.Data.Texts[column], rows.Data.Texts[rows.Subject]
	if len(texts) == 0 || len(texts) != len(subjects) {
		return nil, nil, stats.Errorf(stats.BadInput, column, "no such categorical column, or of another length")
	}
	if slices.Contains(texts, "") {
		return nil, nil, stats.Errorf(stats.BadInput, column, "is missing in a row")
	}
	if !constantBy(subjects, texts, "") {
		return nil, nil, stats.Errorf(stats.BadInput, column, "changes within a patient")
	}
	place, of := map[string]int{}, map[string]int{}
	for row, level := range texts {
		if _, known := place[level]; !known {
			place[level] = len(levels)
			levels = append(levels, level)
		}
		of[subjects[row]] = place[level]
	}
	sums, err = d.sumParts(rows, len(levels), func(one patient) int { return of[one.id] })
	return levels, sums, err
}

// sumParts builds the sums of parts of the patients in one origin.
func (d *Design) sumParts(rows Rows, parts int, part func(patient) int) ([]*Sums, error) {
	patients, excluded, err := d.patients(rows)
	if err != nil {
		return nil, err
	}
	origin := originOf(patients, len(d.Columns))
	out, byMask := make([]*Sums, parts), make([]map[uint64]*Pattern, parts)
	for i := range out {
		if out[i], err = d.NewSums(origin); err != nil {
			return nil, err
		}
		byMask[i] = map[uint64]*Pattern{}
	}
	out[0].ExcludedSubjects, out[0].ExcludedRows = excluded.subjects, excluded.rows
	scratch := newAccumulator(out[0])
	for _, one := range patients {
		at := part(one)
		p := byMask[at][one.observed]
		if p == nil {
			p = out[0].emptyPattern(one.observed)
			byMask[at][one.observed] = p
		}
		scratch.add(p, one)
	}
	for i, masks := range byMask {
		for _, p := range masks {
			if err := out[i].Put(*p); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// bucketOf is the bucket of a patient by name: 64-bit FNV-1a, its bits mixed, so that like names are spread.
func bucketOf(name string, buckets int) int {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash never fails to write
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd // the finaliser of MurmurHash3 (Appleby, public domain)
	x ^= x >> 33
	return int(x % uint64(buckets))
}

func (s *Sums) emptyPattern(observed uint64) *Pattern {
	k, v := len(s.Columns), len(s.Visits)
	return &Pattern{Observed: observed, XX: make([]float64, k*(k+1)/2), XY: make([]float64, k*v), YY: make([]float64, v*(v+1)/2)}
}

// accumulator adds patients to patterns in the origin of some sums.
type accumulator struct {
	s    *Sums
	x, y []float64
}

func newAccumulator(s *Sums) *accumulator {
	return &accumulator{s, make([]float64, len(s.Columns)), make([]float64, len(s.Visits))}
}

// scaled takes a patient into the origin; responses that were not observed are 0.
func (a *accumulator) scaled(one patient) (x, y []float64) {
	for i := range a.x {
		a.x[i] = (one.x[i] - a.s.Shift[i]) / a.s.Scale[i]
	}
	for v := range a.y {
		a.y[v] = 0
		if one.observed>>v&1 != 0 {
			a.y[v] = (one.y[v] - a.s.ResponseShift) / a.s.ResponseScale
		}
	}
	return a.x, a.y
}

func (a *accumulator) add(p *Pattern, one patient) {
	p.N++
	x, y := a.scaled(one)
	at := 0
	for i := range x {
		weighted := one.weight * x[i]
		for _, other := range x[i:] {
			p.XX[at] += weighted * other
			at++
		}
		row := p.XY[i*len(y) : (i+1)*len(y)]
		for v, other := range y {
			row[v] += weighted * other
		}
	}
	at = 0
	for u := range y {
		weighted := one.weight * y[u]
		for _, other := range y[u:] {
			p.YY[at] += weighted * other
			at++
		}
	}
}
