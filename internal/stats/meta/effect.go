// Package meta pools effects of several studies or sites. Floor: ground.
// It must not choose an estimator by its result: what is reported follows from the measure or from what was asked.
package meta

import (
	"math"

	"afterglow/internal/stats"
)

// Measure names an effect.
type Measure string

const (
	// LogRiskRatio, LogOddsRatio and RiskDifference compare two proportions.
	LogRiskRatio   Measure = "RR"
	LogOddsRatio   Measure = "OR"
	RiskDifference Measure = "RD"
	// MeanDifference and StandardisedDifference compare two means, the second in units of the pooled standard deviation.
	MeanDifference         Measure = "MD"
	StandardisedDifference Measure = "SMD"
	// Given takes effects and their variances as they are.
	Given Measure = "GEN"
)

// Columns are what a measure is computed from, in this order: events and non-events of the first and the second group;
// mean, standard deviation and size of the first and the second group; or effect and variance.
func (m Measure) Columns() []string {
	switch m {
	case LogRiskRatio, LogOddsRatio, RiskDifference:
		return []string{"ai", "bi", "ci", "di"}
	case MeanDifference, StandardisedDifference:
		return []string{"m1i", "sd1i", "n1i", "m2i", "sd2i", "n2i"}
	case Given:
		return []string{"yi", "vi"}
	}
	return nil
}

// Effect is a study's effect with its sampling variance.
type Effect struct{ Y, V float64 }

// Compute gives the effect of one study, row counting from 0. A study with an empty cell gets one half more in all four; the
// standardised difference is Hedges' g with the exact correction (Hedges 1981, J Educ Stat 6:107).
func (m Measure) Compute(x []float64, row int) (Effect, error) {
	switch n := len(m.Columns()); {
	case n == 0:
		return Effect{}, stats.Errorf(stats.BadInput, "measure", "no measure %q; there are RR, OR, RD, MD, SMD and GEN", m)
	case len(x) != n:
		return Effect{}, stats.Errorf(stats.BadInput, "columns", "%d numbers of study %d where %s takes %d", len(x), row+1, m, n)
	}
	for i, v := range x {
		if !stats.Finite(v) {
			return Effect{}, stats.Errorf(stats.NotFinite, m.Columns()[i], "study %d is not finite", row+1)
		}
	}
	var e Effect
	var err error
	switch m {
	case LogRiskRatio, LogOddsRatio, RiskDifference:
		e, err = m.fromCounts(x, row)
	case MeanDifference, StandardisedDifference:
		e, err = m.fromMeans(x, row)
	default:
		e = Effect{x[0], x[1]}
	}
	if err == nil {
		err = e.check(row)
	}
	return e, err
}

// check refuses what cannot be weighed.
func (e Effect) check(row int) error {
	switch {
	case !stats.Finite(e.Y) || !stats.Finite(e.V):
		return stats.Errorf(stats.NotFinite, "effect", "that of study %d is not finite", row+1)
	case !(e.V > 0):
		return stats.Errorf(stats.BadInput, "variance", "of study %d is not positive", row+1)
	}
	return nil
}

func (m Measure) fromCounts(x []float64, row int) (Effect, error) {
	add := 0.0
	for i, v := range x {
		if v < 0 {
			return Effect{}, stats.Errorf(stats.BadInput, m.Columns()[i], "study %d has a negative count", row+1)
		}
		if v == 0 {
			add = 0.5
		}
	}
	for i := 0; i < 4; i += 2 {
		if x[i]+x[i+1] == 0 {
			return Effect{}, stats.Errorf(stats.EmptyCell, m.Columns()[i], "study %d has a group without anyone", row+1)
		}
	}
	a, b, c, d := x[0]+add, x[1]+add, x[2]+add, x[3]+add
	n1, n2 := a+b, c+d
	switch m {
	case LogRiskRatio:
		return Effect{math.Log(a / n1 / (c / n2)), 1/a - 1/n1 + 1/c - 1/n2}, nil
	case LogOddsRatio:
		return Effect{math.Log(a * d / (b * c)), 1/a + 1/b + 1/c + 1/d}, nil
	}
	p1, p2 := a/n1, c/n2
	return Effect{p1 - p2, p1*(1-p1)/n1 + p2*(1-p2)/n2}, nil
}

func (m Measure) fromMeans(x []float64, row int) (Effect, error) {
	m1, sd1, n1, m2, sd2, n2 := x[0], x[1], x[2], x[3], x[4], x[5]
	for i, at := range []int{1, 4} {
		if x[at] <= 0 {
			return Effect{}, stats.Errorf(stats.BadInput, m.Columns()[at], "study %d has a standard deviation that is not positive in group %d", row+1, i+1)
		}
		if x[at+1] < 2 {
			return Effect{}, stats.Errorf(stats.BadInput, m.Columns()[at+1], "study %d needs two or more in group %d", row+1, i+1)
		}
	}
	if m == MeanDifference {
		return Effect{m1 - m2, sd1*sd1/n1 + sd2*sd2/n2}, nil
	}
	df := n1 + n2 - 2
	pooled := math.Sqrt(((n1-1)*sd1*sd1 + (n2-1)*sd2*sd2) / df)
	g := stats.SmallSampleFactor(df) * (m1 - m2) / pooled
	return Effect{g, 1/n1 + 1/n2 + g*g/(2*(n1+n2))}, nil
}
