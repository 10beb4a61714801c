package doseresponse

import (
	"math"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
)

// Candidate is a model matrix by rows, with the formula that it stands for.
type Candidate struct {
	Formula string
	Names   []string
	X       []float64
}

// NestedResult is a chain of models, each with its coefficients, and the test of each step.
type NestedResult struct {
	N int `json:"n"`
	// NExcluded counts rows left out because a value of any of the models is missing; the caller fills it.
	NExcluded int           `json:"n_excluded"`
	Response  string        `json:"response"`
	Family    Family        `json:"family"`
	Models    []NestedModel `json:"models"`
	Tests     []Comparison  `json:"tests"`
	// Overall tests the first model against the last, where there are more than two.
	Overall *Comparison `json:"overall,omitempty"`
	Level   float64     `json:"level"`
}

// NestedModel is one model of the chain.
type NestedModel struct {
	Formula      string        `json:"formula"`
	Coefficients []Coefficient `json:"coefficients"`
	Quality
}

// contained is the share of a column's length that may lie outside the larger model's columns.
const contained = 1e-7

// Nested fits models by maximum likelihood to the same rows, y, and tests each inside the next. A model must lie within the
// columns of the next: a column that does not is named. See docs/methods/dose-response.md.
func Nested(candidates []Candidate, response string, y []float64, family Family, level float64) (NestedResult, error) {
	r := NestedResult{N: len(y), Response: response, Family: family, Level: level}
	if err := stats.CheckLevel(level); err != nil {
		return r, err
	}
	if len(candidates) < 2 {
		return r, stats.Errorf(stats.BadInput, "formulas", "a comparison needs at least two models")
	}
	var models []*model
	for i, c := range candidates {
		if len(c.X) != len(y)*len(c.Names) {
			return r, stats.Errorf(stats.BadInput, c.Formula, "has %d values for %d rows of %d columns", len(c.X), len(y), len(c.Names))
		}
		m, err := newModel(family, c.Names, c.X, response, y)
		if err != nil {
			return r, err
		}
		one := NestedModel{Formula: c.Formula, Quality: m.Quality}
		for j, name := range c.Names {
			l := make([]float64, len(c.Names))
			l[j] = 1
			one.Coefficients = append(one.Coefficients, Coefficient{name, m.estimate(l, level)})
		}
		r.Models, models = append(r.Models, one), append(models, m)
		if i == 0 {
			continue
		}
		if err := candidates[i-1].within(c, len(y)); err != nil {
			return r, err
		}
		test, err := models[i-1].against(m, candidates[i-1].Formula, c.Formula)
		if err != nil {
			return r, err
		}
		r.Tests = append(r.Tests, test)
	}
	if last := len(models) - 1; last > 1 {
		test, err := models[0].against(models[last], candidates[0].Formula, candidates[last].Formula)
		if err != nil {
			return r, err
		}
		r.Overall = &test
	}
	return r, nil
}

// within refuses a model with a column outside the span of the larger model's columns.
func (c Candidate) within(large Candidate, n int) error {
	b, err := basis.Of(large.Names, large.X, n)
	if err != nil {
		return err
	}
	p := len(c.Names)
	for j, name := range c.Names {
		column := make([]float64, n)
		for i := range column {
			column[i] = c.X[i*p+j]
		}
		length := basis.Norm(column)
		for range 2 {
			for k := range b.P {
				h := 0.0
				for i, v := range column {
					h += b.Q[i*b.P+k] * v
				}
				for i := range column {
					column[i] -= h * b.Q[i*b.P+k]
				}
			}
		}
		if left := basis.Norm(column); !(left <= contained*length) || math.IsNaN(left) {
			return stats.Errorf(stats.BadInput, name, "is in %s but not within %s: the models are not nested", c.Formula, large.Formula)
		}
	}
	return nil
}
