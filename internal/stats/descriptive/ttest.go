package descriptive

import (
	"math"

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
// sample.
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
}

// OneSampleT tests the mean of x against options.Mu. See docs/methods/tests.md.
func OneSampleT(x []float64, options TOptions) (TTest, error) {
	if err := checkSample("x", x); err != nil {
		return TTest{}, err
	}
	mean, variance := stat.MeanVariance(x, nil)
	return tTest(mean, math.Sqrt(variance/float64(len(x))), float64(len(x)-1), options, TTest{N1: len(x)})
}

// PairedT tests the mean of x - y over pairs.
func PairedT(x, y []float64, options TOptions) (TTest, error) {
	d, err := differences(x, y)
	if err != nil {
		return TTest{}, err
	}
	t, err := OneSampleT(d, options)
	t.N2 = stats.Of(float64(len(d)))
	return t, err
}

// TwoSampleT tests mean(x) - mean(y) of independent samples: Welch's (1947) with its own variance for each,
// or Student's with a pooled one.
func TwoSampleT(x, y []float64, pooled bool, options TOptions) (TTest, error) {
	for name, sample := range map[string][]float64{"group 1": x, "group 2": y} {
		if err := checkSample(name, sample); err != nil {
			return TTest{}, err
		}
	}
	n1, n2 := float64(len(x)), float64(len(y))
	m1, v1 := stat.MeanVariance(x, nil)
	m2, v2 := stat.MeanVariance(y, nil)
	se1, se2 := v1/n1, v2/n2
	df := (se1 + se2) * (se1 + se2) / (se1*se1/(n1-1) + se2*se2/(n2-1))
	se := math.Sqrt(se1 + se2)
	if pooled {
		df = n1 + n2 - 2
		se = math.Sqrt(((n1-1)*v1 + (n2-1)*v2) / df * (1/n1 + 1/n2))
	}
	return tTest(m1-m2, se, df, options, TTest{N1: len(x), N2: stats.Of(n2)})
}

func tTest(estimate, se, df float64, o TOptions, t TTest) (TTest, error) {
	if err := stats.CheckLevel(o.Level); err != nil {
		return TTest{}, err
	}
	if !(se > 10*0x1p-52*math.Max(math.Abs(estimate), math.Abs(o.Mu))) {
		return TTest{}, stats.Errorf(stats.Constant, "values", "do not vary, so there is nothing to test a mean against")
	}
	statistic := (estimate - o.Mu) / se
	t.Estimate, t.SE, t.DF, t.Statistic = stats.Of(estimate), stats.Of(se), stats.Of(df), stats.Of(statistic)
	upper := stats.TwoSidedT(statistic, df) / 2 // P(T >= |t|)
	if statistic < 0 {
		upper = 1 - upper
	}
	switch o.Alternative {
	case TwoSided, "":
		half := stats.TQuantile(0.5+o.Level/2, df) * se
		t.PValue, t.Lower, t.Upper = stats.Of(stats.TwoSidedT(statistic, df)), stats.Of(estimate-half), stats.Of(estimate+half)
	case Greater:
		t.PValue, t.Lower = stats.Of(upper), stats.Of(estimate-stats.TQuantile(o.Level, df)*se)
	case Less:
		lower := 1 - upper
		if statistic < 0 {
			lower = stats.TwoSidedT(statistic, df) / 2
		}
		t.PValue, t.Upper = stats.Of(lower), stats.Of(estimate+stats.TQuantile(o.Level, df)*se)
	default:
		return TTest{}, stats.Errorf(stats.BadInput, "alternative", "%q is not two.sided, less or greater", o.Alternative)
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

func checkSample(name string, x []float64) error {
	if len(x) < 2 {
		return stats.Errorf(stats.TooFew, name, "has %d values; two are the least", len(x))
	}
	return checkFinite(name, x)
}

func checkFinite(name string, x []float64) error {
	for _, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return stats.Errorf(stats.NotFinite, name, "holds a value that is not a finite number")
		}
	}
	return nil
}
