package survival

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/glm"
)

// CensoringModel says how the censoring that depends on what was seen is modelled.
type CensoringModel string

const (
	// PooledLogistic is a logistic regression of being censored at the end of a row, over all rows without the event.
	PooledLogistic CensoringModel = "logistic"
	// CensoringCox is a Cox model of the time to censoring; its rows should be cut at the censoring times (CensoringRows.Cut).
	CensoringCox CensoringModel = "cox"
)

// CensoringRows are stretches of subjects' time, (Start, Stop], each of which ends in the event, in a censoring that is to be
// weighted away, or in neither. A censoring or an event ends the subject's rows.
type CensoringRows struct {
	Subject         []int
	Start, Stop     []float64
	Event, Censored []bool
	// Names and X are what censoring may depend on, as known at the row's start.
	Names []string
	X     []float64
	// StableNames and StableX are those covariates that the model of the outcome holds, for the numerator.
	StableNames []string
	StableX     []float64
}

// WeightOptions say how weights are made.
type WeightOptions struct {
	Model CensoringModel
	// TimeDegree is up to which power a row's start enters the logistic models, numerator and denominator: 0 to 3.
	TimeDegree int
	// Unstabilised leaves out the numerator.
	Unstabilised bool
	// Truncate is a quantile such as 0.99: weights beyond it, or below its complement, are cut to it. Undefined: none.
	Truncate stats.Number
	Level    float64
}

// CensoringWeights is what is reported about weights: the models, and the weights' distribution over the rows.
type CensoringWeights struct {
	NSubjects      int                    `json:"n_subjects"`
	NRows          int                    `json:"n_rows"`
	NEvents        int                    `json:"n_events"`
	NCensored      int                    `json:"n_censored"`
	Model          CensoringModel         `json:"model"`
	Stabilised     bool                   `json:"stabilised"`
	Denominator    []CensoringCoefficient `json:"denominator"`
	Numerator      []CensoringCoefficient `json:"numerator,omitempty"`
	Mean           stats.Number           `json:"mean"`
	SD             stats.Number           `json:"sd"`
	Min            stats.Number           `json:"min"`
	Max            stats.Number           `json:"max"`
	NTruncated     int                    `json:"n_truncated"`
	TruncateBelow  stats.Number           `json:"truncate_below"`
	TruncateAbove  stats.Number           `json:"truncate_above"`
	MaxUntruncated stats.Number           `json:"max_untruncated"`
	ESS            stats.Number           `json:"ess"`
	Notes          []string               `json:"notes"`
}

// CensoringCoefficient is a coefficient of a model of censoring: a log odds or a log hazard ratio.
type CensoringCoefficient struct {
	Name     string       `json:"name"`
	Estimate stats.Number `json:"estimate"`
	SE       stats.Number `json:"se"`
	Z        stats.Number `json:"z"`
	PValue   stats.Number `json:"p_value"`
	Lower    stats.Number `json:"ci_lower"`
	Upper    stats.Number `json:"ci_upper"`
}

func censoringCoefficient(name string, estimate, se, level float64) CensoringCoefficient {
	e := stats.ZEstimate(estimate, se, level)
	return CensoringCoefficient{name, e.Estimate, e.SE, e.Statistic, e.PValue, e.Lower, e.Upper}
}

// Weights gives every row the inverse probability of not having been censored by its start, given the covariates up to then
// (Robins & Finkelstein 2000, Biometrics 56:779); stabilised by the same probability given the numerator's covariates alone.
// See docs/methods/ipcw.md.
func (r CensoringRows) Weights(o WeightOptions) ([]float64, CensoringWeights, error) {
	out := CensoringWeights{NRows: len(r.Stop), Model: o.Model, Stabilised: !o.Unstabilised, Notes: []string{}}
	order, err := r.order(o)
	if err != nil {
		return nil, out, err
	}
	for i := range r.Stop {
		if r.Event[i] {
			out.NEvents++
		}
		if r.Censored[i] {
			out.NCensored++
		}
	}
	if out.NCensored > 0 && !r.again(order) {
		return nil, out, stats.Errorf(stats.BadInput, "rows", "no subject has a second row, so that no weight can change: cut the rows at visits")
	}
	stays, err := r.staying(o, &out)
	if err != nil {
		return nil, out, err
	}
	weights := make([]float64, len(r.Stop))
	last, log, until, gaps := -1, 0.0, 0.0, 0
	for _, i := range order {
		switch {
		case r.Subject[i] != last:
			last, log = r.Subject[i], 0
			out.NSubjects++
		case r.Start[i] > until+tieTolerance*math.Max(1, until):
			gaps++
		}
		until = r.Stop[i]
		weights[i] = math.Exp(log)
		log += stays[i]
		if math.IsInf(weights[i], 0) || weights[i] == 0 {
			return nil, out, stats.Errorf(stats.NotFinite, "weights", "of row %d is beyond the range of numbers", i+1)
		}
	}
	if gaps > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("%d times a row is missing between two of a subject: later weights do not count that it could have been censored there", gaps))
	}
	return weights, out, out.describe(weights, o.Truncate)
}

// order checks the rows and gives them by subject and time.
func (r CensoringRows) order(o WeightOptions) ([]int, error) {
	switch {
	case o.Model != PooledLogistic && o.Model != CensoringCox:
		return nil, stats.Errorf(stats.BadInput, "model", "no model %q; there are logistic and cox", o.Model)
	case o.TimeDegree < 0 || o.TimeDegree > 3:
		return nil, stats.Errorf(stats.BadInput, "time_degree", "lies outside 0 to 3")
	case o.Truncate.Defined && !(o.Truncate.Value > 0.5 && o.Truncate.Value <= 1):
		return nil, stats.Errorf(stats.BadInput, "truncate", "the quantile lies outside 0.5 to 1")
	case len(r.Censored) != len(r.Stop) || len(r.Start) != len(r.Stop) || len(r.Subject) != len(r.Stop):
		return nil, stats.Errorf(stats.BadInput, "rows", "starts, stops, subjects and censorings differ in length")
	case len(r.StableX) != len(r.StableNames)*len(r.Stop):
		return nil, stats.Errorf(stats.BadInput, "rows", "times and the numerator's covariates differ in length")
	case len(r.Stop) == 0:
		return nil, stats.Errorf(stats.TooFew, "rows", "no complete row")
	}
	if err := stats.CheckLevel(o.Level); err != nil {
		return nil, err
	}
	s := Spells{Start: slices.Clone(r.Start), Stop: slices.Clone(r.Stop), Event: r.Event, Subject: r.Subject, Names: r.Names, X: r.X}
	if err := s.check(s.Start, s.Stop); err != nil {
		return nil, err
	}
	alignTimes(s.Start, s.Stop)
	for i := range r.Stop {
		if r.Start[i] >= r.Stop[i] {
			return nil, stats.Errorf(stats.BadInput, "stop", "row %d ends before or when it starts", i+1)
		}
		if r.Event[i] && r.Censored[i] {
			return nil, stats.Errorf(stats.BadInput, "censored", "row %d has both the event and the censoring", i+1)
		}
	}
	if err := s.overlap(s.Start, s.Stop); err != nil {
		return nil, err
	}
	order := make([]int, len(r.Stop))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if d := r.Subject[a] - r.Subject[b]; d != 0 {
			return d
		}
		return cmp.Compare(r.Stop[a], r.Stop[b])
	})
	for k, i := range order[:len(order)-1] {
		if next := order[k+1]; r.Subject[i] == r.Subject[next] && (r.Event[i] || r.Censored[i]) {
			return nil, stats.Errorf(stats.BadInput, "subject", "row %d goes on after the subject's end in row %d", next+1, i+1)
		}
	}
	return order, nil
}

// again tells whether any subject has a second row.
func (r CensoringRows) again(order []int) bool {
	for k := 1; k < len(order); k++ {
		if r.Subject[order[k]] == r.Subject[order[k-1]] {
			return true
		}
	}
	return false
}

// staying gives the log of every row's factor: the numerator's probability of not being censored in it over the
// denominator's.
func (r CensoringRows) staying(o WeightOptions, out *CensoringWeights) ([]float64, error) {
	stays := make([]float64, len(r.Stop))
	if out.NCensored == 0 {
		out.Notes = append(out.Notes, "nobody was censored in a way to be weighted: all weights are 1")
		return stays, nil
	}
	fit := r.logistic
	if o.Model == CensoringCox {
		fit = r.cox
	}
	below, coefficients, err := fit(r.Names, r.X, o)
	if err != nil {
		return nil, err
	}
	out.Denominator = coefficients
	if !o.Unstabilised {
		above, coefficients, err := fit(r.StableNames, r.StableX, o)
		if err != nil {
			return nil, err
		}
		out.Numerator = coefficients
		copy(stays, above)
	}
	for i, b := range below {
		stays[i] -= b
	}
	return stays, nil
}

// logistic gives the log probability of not being censored at the end of each row.
func (r CensoringRows) logistic(names []string, x []float64, o WeightOptions) ([]float64, []CensoringCoefficient, error) {
	data := glm.Data{Response: "censored", Names: []string{"(Intercept)"}}
	for d := range o.TimeDegree {
		data.Names = append(data.Names, [...]string{"start", "start^2", "start^3"}[d])
	}
	data.Names = append(data.Names, names...)
	p := len(names)
	row := make([]float64, 0, len(data.Names))
	design := func(i int) []float64 {
		row = append(row[:0], 1)
		for d := range o.TimeDegree {
			row = append(row, math.Pow(r.Start[i], float64(d+1)))
		}
		return append(row, x[i*p:i*p+p]...)
	}
	for i := range r.Stop {
		if r.Event[i] {
			continue
		}
		y := 0.0
		if r.Censored[i] {
			y = 1
		}
		data.Y, data.X = append(data.Y, y), append(data.X, design(i)...)
	}
	fit, err := glm.New(glm.Logit, data)
	if err != nil {
		return nil, nil, err
	}
	stays := make([]float64, len(r.Stop))
	for i := range stays {
		eta := 0.0
		for j, v := range design(i) {
			eta += v * fit.Beta[j]
		}
		stays[i] = -math.Max(eta, 0) - math.Log1p(math.Exp(-math.Abs(eta)))
	}
	var coefficients []CensoringCoefficient
	for j, name := range data.Names {
		coefficients = append(coefficients, censoringCoefficient(name, fit.Beta[j], fit.SE(j), o.Level))
	}
	return stays, coefficients, nil
}

// cox gives minus the cumulative hazard of censoring over each row; without covariates it is Nelson and Aalen's.
func (r CensoringRows) cox(names []string, x []float64, o WeightOptions) ([]float64, []CensoringCoefficient, error) {
	s := Spells{Start: r.Start, Stop: r.Stop, Event: r.Censored, Names: names, X: x}
	plain := len(names) == 0
	if plain { // the baseline of any model at coefficients 0
		s.Names, s.X = r.Names, r.X
	}
	fit, err := FitCox(s, Efron)
	if err != nil {
		return nil, nil, err
	}
	beta := fit.beta
	var coefficients []CensoringCoefficient
	if plain {
		beta = make([]float64, len(s.Names))
	} else {
		for j, name := range names {
			coefficients = append(coefficients, censoringCoefficient(name, fit.Beta[j], math.Sqrt(fit.VCov.At(j, j)), o.Level))
		}
	}
	fit.evaluate(beta)
	stays := make([]float64, len(r.Stop))
	for i, row := range fit.data.row {
		stays[row] = -fit.risk[i] * fit.hazard[i]
	}
	return stays, coefficients, nil
}

// describe truncates the weights and reports their distribution.
func (c *CensoringWeights) describe(weights []float64, truncate stats.Number) error {
	c.MaxUntruncated = stats.Of(slices.Max(weights))
	if truncate.Defined {
		sorted := slices.Clone(weights)
		slices.Sort(sorted)
		below, above := stat.Quantile(1-truncate.Value, stat.Empirical, sorted, nil), stat.Quantile(truncate.Value, stat.Empirical, sorted, nil)
		c.TruncateBelow, c.TruncateAbove = stats.Of(below), stats.Of(above)
		for i, w := range weights {
			if weights[i] = math.Min(math.Max(w, below), above); weights[i] != w {
				c.NTruncated++
			}
		}
	}
	mean, sd := stat.MeanStdDev(weights, nil)
	sum, squares := 0.0, 0.0
	for _, w := range weights {
		sum, squares = sum+w, squares+w*w
	}
	c.Mean, c.SD, c.Min, c.Max, c.ESS = stats.Of(mean), stats.Of(sd), stats.Of(slices.Min(weights)), stats.Of(slices.Max(weights)), stats.Of(sum*sum/squares)
	if mean < 0.9 || mean > 1.1 {
		c.Notes = append(c.Notes, "the mean weight is far from 1: where weights are stabilised, a model of censoring is likely to be wrong")
	}
	return nil
}
