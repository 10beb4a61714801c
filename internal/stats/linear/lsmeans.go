package linear

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/multiplicity"
)

// LSMean is the model's mean of an arm.
type LSMean struct {
	Level    string       `json:"level"`
	Estimate stats.Number `json:"estimate"`
	SE       stats.Number `json:"se"`
	DF       int          `json:"df"`
	Lower    stats.Number `json:"ci_lower"`
	Upper    stats.Number `json:"ci_upper"`
}

// Contrast is the difference of two LS-means, the earlier level first, with p adjusted for all pairs; the interval named ci is
// of this pair alone, that named tukey of all pairs together.
type Contrast struct {
	Contrast   string       `json:"contrast"`
	Estimate   stats.Number `json:"estimate"`
	SE         stats.Number `json:"se"`
	DF         int          `json:"df"`
	T          stats.Number `json:"t"`
	PRaw       stats.Number `json:"p_raw"`
	Lower      stats.Number `json:"ci_lower"`
	Upper      stats.Number `json:"ci_upper"`
	Tukey      stats.Number `json:"p_tukey"`
	TukeyLower stats.Number `json:"tukey_lower"`
	TukeyUpper stats.Number `json:"tukey_upper"`
	Bonferroni stats.Number `json:"p_bonferroni"`
	Holm       stats.Number `json:"p_holm"`
	BH         stats.Number `json:"p_bh"`
}

// CovariateAt says where a numeric column stands in the LS-means.
type CovariateAt struct {
	Column string       `json:"column"`
	At     stats.Number `json:"at"`
}

// lsRows gives the combination of coefficients that is each arm's LS-mean.
func lsRows(model Model, design formula.Design, frame formula.Frame, rows []int) ([][]float64, []CovariateAt) {
	at := map[string]float64{}
	var stand []CovariateAt
	for _, c := range design.Columns {
		for _, a := range c.Factors {
			if _, known := at[a.Column]; a.Indicator() || known {
				continue
			}
			mean := 0.0
			for _, row := range rows {
				mean += frame.Numbers[a.Column][row].Value / float64(len(rows))
			}
			if a.Column == model.Baseline && model.BaselineAt.Defined {
				mean = model.BaselineAt.Value
			}
			at[a.Column] = mean
			stand = append(stand, CovariateAt{a.Column, stats.Of(mean)})
		}
	}
	var out [][]float64
	for _, arm := range model.Factors[model.Arm] {
		row := make([]float64, len(design.Columns))
		for j, c := range design.Columns {
			row[j] = 1
			for _, a := range c.Factors {
				switch {
				case !a.Indicator():
					row[j] *= math.Pow(at[a.Column], float64(max(a.Power, 1)))
				case a.Column != model.Arm:
					row[j] /= float64(len(model.Factors[a.Column]))
				case a.Level != arm:
					row[j] = 0
				}
			}
		}
		out = append(out, row)
	}
	return out, stand
}

func (a *Ancova) compare(f *Fit, model Model, arms []string, rows [][]float64) error {
	df := stats.Of(float64(f.DF))
	for i, arm := range arms {
		estimate, se := f.Combination(rows[i])
		e := stats.TEstimate(estimate, se, df, model.Level)
		a.LSMeans = append(a.LSMeans, LSMean{arm, e.Estimate, e.SE, f.DF, e.Lower, e.Upper})
	}
	pairwise := multiplicity.Tukey(len(arms))
	critical := pairwise.Critical(model.Level, float64(f.DF))
	var p []stats.Number
	for i := range arms {
		for j := i + 1; j < len(arms); j++ {
			estimate, se := f.Combination(floats.SubTo(make([]float64, len(rows[i])), rows[i], rows[j]))
			e := stats.TEstimate(estimate, se, df, model.Level)
			tukey := stats.Number{} // where a contrast has no error, as that of slopes at a covariate of 0
			half := math.NaN()
			if e.Statistic.Defined {
				half = critical * se
				tukey = stats.Of(pairwise.P(e.Statistic.Value, float64(f.DF)))
			}
			a.Contrasts = append(a.Contrasts, Contrast{Contrast: arms[i] + " - " + arms[j], Estimate: e.Estimate, SE: e.SE, DF: f.DF, T: e.Statistic, PRaw: e.PValue,
				Lower: e.Lower, Upper: e.Upper, Tukey: tukey, TukeyLower: stats.Of(estimate - half), TukeyUpper: stats.Of(estimate + half)})
			p = append(p, e.PValue)
		}
	}
	adjusted := multiplicity.Adjust(p)
	for i := range a.Contrasts {
		a.Contrasts[i].Bonferroni, a.Contrasts[i].Holm, a.Contrasts[i].BH = adjusted.Bonferroni[i], adjusted.Holm[i], adjusted.BH[i]
	}
	control := slices.Index(arms, model.Control)
	if model.Control == "" {
		return nil
	}
	if control < 0 {
		return stats.Errorf(stats.BadInput, "control", "%q is not a level of %s", model.Control, model.Arm)
	}
	return a.versusControl(f, arms, rows, control, model.Level)
}

func (a *Ancova) versusControl(f *Fit, arms []string, rows [][]float64, control int, level float64) error {
	var contrasts [][]float64
	tested := true
	for i, arm := range arms {
		if i == control {
			continue
		}
		l := floats.SubTo(make([]float64, len(rows[i])), rows[i], rows[control])
		contrasts = append(contrasts, l)
		estimate, se := f.Combination(l)
		e := stats.TEstimate(estimate, se, stats.Of(float64(f.DF)), level)
		a.VersusControl = append(a.VersusControl, FromControl{Contrast: arm + " - " + arms[control], Estimate: e.Estimate, SE: e.SE, DF: f.DF, T: e.Statistic, PRaw: e.PValue})
		tested = tested && e.Statistic.Defined
	}
	if !tested {
		return nil // a comparison without an error has no correlation with the others
	}
	correlation := mat.NewSymDense(len(contrasts), nil)
	for i := range contrasts {
		for j := range i + 1 {
			sum := 0.0
			for k, x := range contrasts[i] {
				for l, y := range contrasts[j] {
					sum += x * y * f.Unscaled.At(k, l)
				}
			}
			correlation.SetSym(i, j, sum*f.Sigma*f.Sigma/(a.VersusControl[i].SE.Value*a.VersusControl[j].SE.Value))
		}
	}
	dunnett, err := multiplicity.Dunnett(correlation)
	if err != nil {
		return err
	}
	critical := dunnett.Critical(level, float64(f.DF))
	for i := range a.VersusControl {
		v := &a.VersusControl[i]
		v.Dunnett = stats.Of(dunnett.P(v.T.Value, float64(f.DF)))
		v.Lower, v.Upper = stats.Of(v.Estimate.Value-critical*v.SE.Value), stats.Of(v.Estimate.Value+critical*v.SE.Value)
	}
	return nil
}
