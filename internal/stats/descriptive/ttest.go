package descriptive

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"afterglow/internal/stats"
)

// Alternative is the side of a test.
type Alternative string

// The alternatives, named as in R; "" is two-sided.
const (
	TwoSided Alternative = "two.sided"
	Less     Alternative = "less"
	Greater  Alternative = "greater"
)

// TOptions are the null value, the side and the level of a t test.
type TOptions struct {
	Mu          float64
	Alternative Alternative
	Level       float64
}

// TTest is a t test. A one-sided interval has an open end, which is undefined. N2 is undefined with one
// sample. NExcluded are the rows that the caller left out because a value was missing.
type TTest struct {
	Estimate  stats.Number `json:"estimate"`
	SE        stats.Number `json:"se"`
	Statistic stats.Number `json:"statistic"`
	DF        stats.Number `json:"df"`
	PValue    stats.Number `json:"p_value"`
	Lower     stats.Number `json:"ci_lower"`
	Upper     stats.Number `json:"ci_upper"`
	N1        int          `json:"n1"`
	N2        stats.Number `json:"n2"`
	NExcluded int          `json:"n_excluded"`
}

func (a Alternative) check() error {
	switch a {
	case TwoSided, Less, Greater, "":
		return nil
	}
	return stats.Errorf(stats.BadInput, "alternative", "%q is not two.sided, less or greater", string(a))
}

// OneSampleT tests the mean of x against options.Mu. See docs/methods/tests.md.
func OneSampleT(x []float64, options TOptions) (TTest, error) {
	mean, variance, err := moments("x", x)
	if err != nil {
		return TTest{}, err
	}
	return tTest(mean, math.Abs(mean), math.Sqrt(variance/float64(len(x))), float64(len(x)-1), options, TTest{N1: len(x)})
}

// PairedT tests the mean of x - y over pairs. See docs/methods/tests.md.
func PairedT(x, y []float64, options TOptions) (TTest, error) {
	d, err := differences(x, y)
	if err != nil {
		return TTest{}, err
	}
	mean, variance, err := moments("differences", d)
	if err != nil {
		return TTest{}, err
	}
	n := float64(len(d))
	return tTest(mean, math.Abs(mean), math.Sqrt(variance/n), n-1, options, TTest{N1: len(d), N2: stats.Of(n)})
}

// groupNames are how failures name the samples of a comparison.
var groupNames = [2]string{"group 1", "group 2"}

// TwoSampleT tests mean(x) - mean(y) of independent samples: Welch's (1947) with its own variance for each,
// or Student's with a pooled one. See docs/methods/tests.md.
func TwoSampleT(x, y []float64, pooled bool, options TOptions) (TTest, error) {
	m1, v1, err := moments(groupNames[0], x)
	if err != nil {
		return TTest{}, err
	}
	m2, v2, err := moments(groupNames[1], y)
	if err != nil {
		return TTest{}, err
	}
	n1, n2 := float64(len(x)), float64(len(y))
	se1, se2 := v1/n1, v2/n2
	// The shares of the squared error, so that the square of a tiny one does not vanish.
	share := se1 / (se1 + se2)
	df := 1 / (share*share/(n1-1) + (1-share)*(1-share)/(n2-1))
	se := math.Sqrt(se1 + se2)
	if pooled {
		df = n1 + n2 - 2
		se = math.Sqrt(((n1-1)*v1 + (n2-1)*v2) / df * (1/n1 + 1/n2))
	}
	return tTest(m1-m2, math.Max(math.Abs(m1), math.Abs(m2)), se, df, options, TTest{N1: len(x), N2: stats.Of(n2)})
}

// tTest refuses an error that is only rounding beside the means of this size.
func tTest(estimate, size, se, df float64, o TOptions, t TTest) (TTest, error) {
	if err := stats.CheckLevel(o.Level); err != nil {
		return TTest{}, err
	}
	if err := o.Alternative.check(); err != nil {
		return TTest{}, err
	}
	if err := stats.CheckFinite("mu", o.Mu); err != nil {
		return TTest{}, err
	}
	if stats.NoSpread(se, size) {
		return TTest{}, stats.Errorf(stats.Constant, "values", "do not vary, so there is nothing to test a mean against")
	}
	statistic := (estimate - o.Mu) / se
	t.Estimate, t.SE, t.DF, t.Statistic = stats.Of(estimate), stats.Of(se), stats.Of(df), stats.Of(statistic)
	two := stats.TwoSidedT(statistic, df)
	tail := func(beyond bool) stats.Number { // of the side on which the statistic lies, or of the other
		if beyond {
			return stats.Of(two / 2)
		}
		return stats.Of(1 - two/2)
	}
	switch o.Alternative {
	case Greater:
		t.PValue, t.Lower = tail(statistic >= 0), stats.Of(estimate-stats.TQuantile(o.Level, df)*se)
	case Less:
		t.PValue, t.Upper = tail(statistic <= 0), stats.Of(estimate+stats.TQuantile(o.Level, df)*se)
	default:
		half := stats.TQuantile(0.5+o.Level/2, df) * se
		t.PValue, t.Lower, t.Upper = stats.Of(two), stats.Of(estimate-half), stats.Of(estimate+half)
	}
	return t, nil
}

func differences(x, y []float64) ([]float64, error) {
	if len(x) != len(y) {
		return nil, stats.Errorf(stats.BadInput, "pairs", "%d values on one side and %d on the other", len(x), len(y))
	}
	d := make([]float64, len(x))
	for i := range x {
		d[i] = x[i] - y[i]
	}
	return d, nil
}

// moments gives mean and variance of two or more values; where all are the same, the variance is 0, not rounding.
func moments(name string, x []float64) (mean, variance float64, err error) {
	if len(x) < 2 {
		return 0, 0, stats.Errorf(stats.TooFew, name, "has %d values; at least two are needed", len(x))
	}
	if err := stats.CheckFinite(name, x...); err != nil {
		return 0, 0, err
	}
	if slices.Min(x) == slices.Max(x) {
		return x[0], 0, nil
	}
	mean, variance = stat.MeanVariance(x, nil)
	return mean, variance, nil
}
