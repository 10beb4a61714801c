package survival

import (
	"slices"

	"afterglow/internal/stats"
)

// Reweighted is an analysis with censoring weighted away, and the same one without weights. Errors of both are robust, by
// subject; they take the weights as known.
type Reweighted struct {
	Weights  CensoringWeights `json:"weights"`
	Weighted Censoring        `json:"weighted"`
	Naive    Censoring        `json:"unweighted"`
}

// Censoring is what is estimated under one treatment of censoring.
type Censoring struct {
	Curves []WeightedCurve  `json:"curves"`
	RMST   *RestrictedMeans `json:"rmst,omitempty"`
	Cox    *CoxResult       `json:"cox,omitempty"`
}

// Outcome says what is estimated: curves by group, and a Cox model where it has covariates (those of the numerator).
type Outcome struct {
	Group  []int
	Levels []string
	Ties   Ties
	Tau    stats.Number
}

// Reweight estimates curves and, where there are numerator covariates, their Cox model, with and without the weights. Group
// may be nil: then the curve is that of all. See docs/methods/ipcw.md.
func (r CensoringRows) Reweight(o WeightOptions, outcome Outcome) (Reweighted, error) {
	out := Reweighted{}
	weights, report, err := r.Weights(o)
	if err != nil {
		return out, err
	}
	out.Weights = report
	if outcome.Group != nil && len(outcome.Group) != len(r.Stop) {
		return out, stats.Errorf(stats.BadInput, "group", "has %d values for %d rows", len(outcome.Group), len(r.Stop))
	}
	ones := make([]float64, len(weights))
	for i := range ones {
		ones[i] = 1
	}
	if out.Weighted, err = r.outcome(weights, o.Level, outcome); err != nil {
		return out, err
	}
	out.Naive, err = r.outcome(ones, o.Level, outcome)
	return out, err
}

func (r CensoringRows) outcome(weights []float64, level float64, outcome Outcome) (Censoring, error) {
	out := Censoring{}
	s := Spells{Start: r.Start, Stop: r.Stop, Event: r.Event, Names: r.StableNames, X: r.StableX, Weight: weights, Cluster: r.Subject, Subject: r.Subject}
	levels, group := outcome.Levels, outcome.Group
	if group == nil {
		levels, group = []string{"all"}, make([]int, len(r.Stop))
	}
	for g, name := range levels {
		one := Spells{}
		for i := range group {
			if group[i] == g {
				one.Start, one.Stop, one.Event = append(one.Start, r.Start[i]), append(one.Stop, r.Stop[i]), append(one.Event, r.Event[i])
				one.Weight, one.Cluster, one.Subject = append(one.Weight, weights[i]), append(one.Cluster, r.Subject[i]), append(one.Subject, r.Subject[i])
			}
		}
		curve, err := WeightedKaplanMeier(name, one, level, outcome.Tau)
		if err != nil {
			return out, err
		}
		out.Curves = append(out.Curves, curve)
	}
	out.RMST = CompareWeighted(out.Curves, level)
	if len(r.StableNames) == 0 {
		return out, nil
	}
	fit, err := FitCox(s, outcome.Ties)
	if err != nil {
		return out, err
	}
	report, err := fit.Report(level, nil, 1)
	out.Cox = &report
	return out, err
}

// Cut cuts rows at these times: their covariates go on, an event or a censoring stays with the last piece. from gives each
// piece's row. A time that equals a row's end but for rounding does not cut it. Cut at visits, or for a Cox model of censoring at its times (CensoringTimes).
func (r CensoringRows) Cut(at []float64) (out CensoringRows, from []int) {
	at = slices.Clone(at)
	slices.Sort(at)
	width := tolerance(r.Start, r.Stop, at)
	p, q := len(r.Names), len(r.StableNames)
	out.Names, out.StableNames = r.Names, r.StableNames
	for i, stop := range r.Stop {
		start := r.Start[i]
		piece := func(end float64, last bool) {
			out.Subject, out.Start, out.Stop = append(out.Subject, r.Subject[i]), append(out.Start, start), append(out.Stop, end)
			out.Event, out.Censored = append(out.Event, last && r.Event[i]), append(out.Censored, last && r.Censored[i])
			out.X, out.StableX = append(out.X, r.X[i*p:i*p+p]...), append(out.StableX, r.StableX[i*q:i*q+q]...)
			from, start = append(from, i), end
		}
		first, _ := slices.BinarySearch(at, start)
		for _, t := range at[first:] {
			if t > start+width && t < stop-width {
				piece(t, false)
			}
			if t >= stop {
				break
			}
		}
		piece(stop, true)
	}
	return out, from
}

// CensoringTimes are the distinct times of the censorings that are to be weighted.
func (r CensoringRows) CensoringTimes() []float64 {
	var out []float64
	for i, c := range r.Censored {
		if c {
			out = append(out, r.Stop[i])
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
