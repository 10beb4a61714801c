package mixed

import (
	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// Area asks for the area between a starting value and the LS-means over time: from day 0, where all arms stand at Start,
// along straight lines through the means at the visits' Days, to the day Until. Start is a constant, such as the baseline
// at which the LS-means stand. The area is positive where the means lie below the start.
type Area struct {
	Days  []float64 `json:"days"`
	Until float64   `json:"until"`
	Start float64   `json:"start"`
}

// AreaResult holds each arm's area, in units of outcome times day, and each arm's minus the first's, in which Start has no
// part.
type AreaResult struct {
	Until       float64         `json:"until"`
	Start       float64         `json:"start"`
	Weights     []float64       `json:"weights"` // of the visits
	Areas       []ArmArea       `json:"areas"`
	Differences []NamedContrast `json:"differences"`
}

// ArmArea is the area of an arm; L in Inference is the combination of coefficients, to which Start times the weights' sum
// is added.
type ArmArea struct {
	Arm string `json:"arm"`
	Inference
}

// Trapezoids gives the weight of every visit in the area under straight lines from 0 at day 0 through the visits to the
// day until. Past the last visit nothing is known, which is a failure.
func Trapezoids(days []float64, until float64) ([]float64, error) {
	if !finite(days...) || !finite(until) {
		return nil, stats.Errorf(stats.NotFinite, "days", "a day is not finite")
	}
	before := 0.0
	for i, day := range days {
		if !(day > before) && !(i == 0 && day == 0) {
			return nil, stats.Errorf(stats.BadInput, "days", "must rise from day 0")
		}
		before = day
	}
	if !(until > 0) || until > before {
		return nil, stats.Errorf(stats.BadInput, "until", "lies outside the visits' days; nothing is extrapolated")
	}
	weights := make([]float64, len(days))
	from := 0.0
	for i, day := range days {
		if from >= until {
			break
		}
		to := min(day, until)
		if day > from {
			// between from and day the line goes from the visit before (0 at day 0) to this one; up to `to` it covers
			share := (to - from) / (day - from)
			width := to - from
			weights[i] += width * share / 2
			if i > 0 {
				weights[i-1] += width * (1 - share/2)
			}
		}
		from = day
	}
	return weights, nil
}

// Area gives the area of every arm and their differences, with Satterthwaite's and Kenward and Roger's inference. See
// docs/methods/mmrm.md, "Area".
func (f *Fit) Area(a Area) (AreaResult, error) {
	out := AreaResult{Until: a.Until, Start: a.Start, Areas: []ArmArea{}, Differences: []NamedContrast{}}
	visits := f.design.Model.Visits
	if len(a.Days) != len(visits) {
		return out, stats.Errorf(stats.BadInput, "days", "%d days for %d visits", len(a.Days), len(visits))
	}
	if !finite(a.Start) {
		return out, stats.Errorf(stats.NotFinite, "start", "is not finite")
	}
	var err error
	if out.Weights, err = Trapezoids(a.Days, a.Until); err != nil {
		return out, err
	}
	total := 0.0
	for _, w := range out.Weights {
		total += w
	}
	arms := f.arms()
	for i, arm := range arms {
		l := make([]float64, len(f.names))
		for v, visit := range visits {
			mean, err := f.MeanVector(arm, visit)
			if err != nil {
				return out, err
			}
			l = combine(l, 1, mean, -out.Weights[v])
		}
		area, err := f.ContrastFrom(a.Start*total, l)
		if err != nil {
			return out, err
		}
		out.Areas = append(out.Areas, ArmArea{arm, area})
		if i == 0 {
			continue
		}
		difference, err := f.Contrast(combine(l, 1, out.Areas[0].L, -1))
		if err != nil {
			return out, err
		}
		out.Differences = append(out.Differences, NamedContrast{arm + " - " + arms[0], difference})
	}
	return out, nil
}

// ContrastFrom gives inference about constant + l'b, tested against zero.
func (f *approximation) ContrastFrom(constant float64, l []float64) (Inference, error) {
	if !finite(constant) {
		return Inference{}, stats.Errorf(stats.NotFinite, "contrast", "the constant is not finite")
	}
	t, err := f.basis(l)
	if err != nil {
		return Inference{}, err
	}
	out := f.infer(t, constant+mat.Dot(t, f.beta))
	out.L = append([]float64(nil), l...)
	return out, nil
}
