// Package descriptive describes a column and compares two: summaries, t tests, rank tests and standardised
// differences. Floor: ground.
// It must not model: covariates and repeated measures have rooms of their own.
package descriptive

import (
	"math"
	"slices"

	"afterglow/internal/stats"
)

// Probabilities are those that a Summary gives quantiles for unless others are asked.
var Probabilities = []float64{0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95}

// Summary describes a column. The interval is Student's for the mean; MAD is the median absolute deviation
// times 1.4826; quantiles are given by three definitions of Hyndman & Fan (1996), The American Statistician
// 50:361: 2 (averaged at steps, SAS), 6 (Weibull, SPSS) and 7 (R's default).
type Summary struct {
	N             int            `json:"n"`
	Missing       int            `json:"n_missing"`
	Mean          stats.Number   `json:"mean"`
	SD            stats.Number   `json:"sd"`
	Variance      stats.Number   `json:"variance"`
	SE            stats.Number   `json:"se"`
	Minimum       stats.Number   `json:"min"`
	Maximum       stats.Number   `json:"max"`
	Median        stats.Number   `json:"median"`
	MAD           stats.Number   `json:"mad"`
	Lower         stats.Number   `json:"ci_lower"`
	Upper         stats.Number   `json:"ci_upper"`
	DF            int            `json:"ci_df"`
	Probabilities []float64      `json:"quantile_probs"`
	Type2         []stats.Number `json:"quantile_type2"`
	Type6         []stats.Number `json:"quantile_type6"`
	Type7         []stats.Number `json:"quantile_type7"`
}

// Describe summarises the values of a column that are there; level is the interval's. With one value, what
// needs a variance is undefined. See docs/methods/descriptives.md.
func Describe(column []stats.Number, level float64, probabilities ...float64) (Summary, error) {
	if err := stats.CheckLevel(level); err != nil {
		return Summary{}, err
	}
	if len(probabilities) == 0 {
		probabilities = Probabilities
	}
	for _, p := range probabilities {
		if !(p >= 0 && p <= 1) {
			return Summary{}, stats.Errorf(stats.BadInput, "probs", "a probability lies between 0 and 1")
		}
	}
	x, err := defined(column)
	if err != nil {
		return Summary{}, err
	}
	s := Summary{N: len(x), Missing: len(column) - len(x), DF: len(x) - 1, Probabilities: probabilities}
	if len(x) == 0 {
		return Summary{}, stats.Errorf(stats.TooFew, "column", "every value is missing")
	}
	slices.Sort(x)
	mean, variance := x[0], 0.0
	if len(x) > 1 {
		mean, variance, err = moments("column", x)
	}
	if err != nil {
		return Summary{}, err
	}
	s.Mean, s.Minimum, s.Maximum, s.Median = stats.Of(mean), stats.Of(x[0]), stats.Of(x[len(x)-1]), stats.Of(Quantile(x, 0.5, 7))
	deviations := make([]float64, len(x))
	for i, v := range x {
		deviations[i] = math.Abs(v - s.Median.Value)
	}
	slices.Sort(deviations)
	s.MAD = stats.Of(1.4826 * Quantile(deviations, 0.5, 7))
	for _, p := range probabilities {
		s.Type2 = append(s.Type2, stats.Of(Quantile(x, p, 2)))
		s.Type6 = append(s.Type6, stats.Of(Quantile(x, p, 6)))
		s.Type7 = append(s.Type7, stats.Of(Quantile(x, p, 7)))
	}
	if len(x) > 1 {
		se := math.Sqrt(variance / float64(len(x)))
		half := stats.TQuantile(0.5+level/2, float64(s.DF)) * se
		s.Variance, s.SD, s.SE = stats.Of(variance), stats.Of(math.Sqrt(variance)), stats.Of(se)
		s.Lower, s.Upper = stats.Of(mean-half), stats.Of(mean+half)
	}
	return s, nil
}

// defined gives the values that are there; none may be infinite or not a number.
func defined(column []stats.Number) ([]float64, error) {
	var x []float64
	for _, v := range column {
		if v.Defined {
			x = append(x, v.Value)
		}
	}
	return x, stats.CheckFinite("column", x...)
}
