package simulate

import (
	"fmt"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
)

// unanswered stands for an item without an answer.
const unanswered int8 = -1

// form is an instrument in the shape that is quick to fill in and to score. A
// test compares it with the instrument room, which is the one that decides.
type form struct {
	definition *instrument.Definition
	version    string
	hash       string
	items      []string
	scored     []int // places of the scored items
	optional   []int
	highest    int8 // of every scored item; the lowest is 0
	missable   int  // scored items that may be missing
	// weights say how readily a point falls on a scored item.
	weights []float64
}

// How readily a point of the total falls on an item, in the order of the form:
// chosen so that rare symptoms stay rare.
var itemWeights = [scaleCount][]float64{
	phq9: {1.1, 1.2, 1.2, 1.3, 0.9, 1.1, 1.0, 0.6, 0.17},
	gad7: {1.2, 1.1, 1.2, 1.1, 0.8, 1.0, 0.7},
	pcl5: {1, .9, .7, 1.1, .9, 1, .9, .7, 1.1, .9, 1.1, 1, 1.1, 1, .9, .4, 1, .9, 1.1, 1.2},
}

func newForm(s scale, d *instrument.Definition) (form, error) {
	f := form{definition: d, version: d.Version, hash: d.Hash(), weights: itemWeights[s]}
	if d.Total.Op != instrument.OpSum || len(d.Total.Reverse) > 0 {
		return form{}, fault.Invalid("instrument "+d.ID, "the simulation fills in plain sums only")
	}
	if d.Total.Missing.Rule == instrument.MissingProrate {
		f.missable = d.Total.Missing.UpTo
	}
	for i := range d.Items {
		it := &d.Items[i]
		f.items = append(f.items, it.ID)
		if !it.IsScored() {
			f.optional = append(f.optional, i)
			continue
		}
		lowest, highest := it.Bounds()
		if lowest != 0 || f.highest != 0 && int(f.highest) != highest {
			return form{}, fault.Invalid("instrument "+d.ID, "the simulation fills in items that all go from 0 to the same value")
		}
		f.highest = int8(highest)
		f.scored = append(f.scored, i)
	}
	if f.weights == nil {
		f.weights = []float64{1}
	}
	if len(f.weights) != len(f.scored) {
		return form{}, fault.Invalid("instrument "+d.ID, "%s", fmt.Sprintf("has %d scored items and the simulation knows %d", len(f.scored), len(f.weights)))
	}
	return f, nil
}

// fill spreads a total over the items of a form, point by point, the heavier
// items first.
func (f *form) fill(d *draw, total int, values []int8) {
	clear(values)
	if most := int(f.highest) * len(f.scored); len(f.scored) > 10 && 2*total > most {
		// A long form that is more than half full is quicker to empty than to
		// fill; the light items are emptied first.
		f.pour(d, most-total, values, func(w float64) float64 { return 1 / w })
		for _, i := range f.scored {
			values[i] = f.highest - values[i]
		}
		return
	}
	f.pour(d, total, values, func(w float64) float64 { return w })
}

func (f *form) pour(d *draw, points int, values []int8, weight func(float64) float64) {
	open := 0.0
	for _, w := range f.weights {
		open += weight(w)
	}
	for range points {
		u := d.rng.Float64() * open
		place := -1
		for i, w := range f.weights {
			if values[f.scored[i]] == f.highest {
				continue
			}
			place = i
			if w = weight(w); u < w {
				break
			}
			u -= w
		}
		if place < 0 {
			return // every item is full
		}
		if values[f.scored[place]]++; values[f.scored[place]] == f.highest {
			open -= weight(f.weights[place])
		}
	}
}

// score is the total as the instrument's own rule gives it.
func (f *form) score(values []int8) (score int, valid, prorated bool) {
	sum, answered := 0, 0
	for _, i := range f.scored {
		if values[i] != unanswered {
			sum += int(values[i])
			answered++
		}
	}
	missing := len(f.scored) - answered
	switch {
	case missing > f.missable || answered == 0:
		return 0, false, false
	case missing == 0:
		return sum, true, false
	}
	return (2*sum*len(f.scored) + answered) / (2 * answered), true, true // half up
}

// answers is the form in the instrument room's words.
func (f *form) answers(values []int8) instrument.Answers {
	a := instrument.Answers{}
	for i, v := range values {
		if v != unanswered {
			a[f.items[i]] = instrument.Answer(int(v))
		}
	}
	return a
}
