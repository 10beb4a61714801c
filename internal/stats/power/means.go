package power

import (
	"math"
	"math/rand/v2"

	"afterglow/internal/stats"
	"afterglow/internal/stats/descriptive"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/linear"
)

// MeansTest names the analysis of a single outcome.
type MeansTest string

const (
	// Student and Welch are the t tests of two independent means.
	Student MeansTest = "student"
	Welch   MeansTest = "welch"
	// Ancova adjusts for a baseline.
	Ancova MeansTest = "ancova"
	// Paired is the t test of the changes in one group.
	Paired MeansTest = "paired"
)

// Means is a study of one normal outcome. Difference is the second arm's mean minus the first's; for Paired, the mean
// change. SD is that of the outcome within arms; for Paired, of the changes. BaselineCorrelation is read by Ancova only.
// Ratio is the second arm's size over the first's (0: 1). Dropout is the share without an outcome, at random.
type Means struct {
	Test                MeansTest `json:"test"`
	Difference          float64   `json:"difference"`
	SD                  float64   `json:"sd"`
	BaselineCorrelation float64   `json:"baseline_correlation"`
	Ratio               float64   `json:"ratio"`
	Dropout             float64   `json:"dropout"`
}

func (d Means) arms(n int) []int {
	if d.Test == Paired {
		return []int{n}
	}
	return withRatio(n, d.Ratio)
}

func (d Means) prepare() (trial, error) {
	if d.Test != Student && d.Test != Welch && d.Test != Ancova && d.Test != Paired {
		return nil, stats.Errorf(stats.BadInput, "test", "no test %q of means; there are student, welch, ancova and paired", d.Test)
	}
	if err := stats.CheckFinite("difference", d.Difference); err != nil {
		return nil, err
	}
	if !(d.SD > 0) || math.IsInf(d.SD, 0) {
		return nil, stats.Errorf(stats.BadInput, "sd", "must be positive and finite")
	}
	if !(d.BaselineCorrelation > -1 && d.BaselineCorrelation < 1) {
		return nil, stats.Errorf(stats.BadInput, "baseline_correlation", "must lie between -1 and 1")
	}
	if err := checkShare("dropout", d.Dropout); err != nil {
		return nil, err
	}
	return d, checkRatio(d.Ratio)
}

// replicate draws, in units of the standard deviation, a baseline for everyone and an outcome for those who stay.
func (d Means) replicate(arms []int, source *rand.Rand) (outcome, error) {
	values, rows := make([][]float64, len(arms)), formula.Matrix{Names: []string{"(Intercept)", "baseline", "arm"}}
	rest := math.Sqrt(1 - d.BaselineCorrelation*d.BaselineCorrelation)
	var y []float64
	for arm, n := range arms {
		shift := d.Difference * float64(arm)
		if d.Test == Paired {
			shift = d.Difference
		}
		for range n {
			baseline, noise, stay := source.NormFloat64(), source.NormFloat64(), source.Float64() >= d.Dropout
			if !stay {
				continue
			}
			value := shift + d.SD*(d.BaselineCorrelation*baseline+rest*noise)
			values[arm] = append(values[arm], value)
			rows.X, rows.Rows = append(rows.X, 1, baseline, float64(arm)), append(rows.Rows, len(y))
			y = append(y, value)
		}
	}
	if d.Test == Ancova {
		fit, err := linear.Least(rows, y)
		if err != nil {
			return outcome{}, err
		}
		estimate, se := fit.Combination([]float64{0, 0, 1})
		return outcome{estimate: estimate, se: se, p: stats.TwoSidedT(estimate/se, float64(fit.DF))}, nil
	}
	options := descriptive.TOptions{Level: 0.95}
	if d.Test == Paired {
		return fromT(descriptive.OneSampleT(values[0], options))
	}
	return fromT(descriptive.TwoSampleT(values[1], values[0], d.Test == Student, options))
}

func fromT(t descriptive.TTest, err error) (outcome, error) {
	return outcome{estimate: t.Estimate.Value, se: t.SE.Value, p: t.PValue.Value}, err
}
