package linear

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/multiplicity"
)

// Comparisons compares the means of several groups: all pairs by Tukey-Kramer, and each with a control by
// Dunnett. NExcluded are the rows that the caller left out because the response was missing.
type Comparisons struct {
	Anova           Anova         `json:"anova"`
	Means           []GroupMean   `json:"means"`
	AllPairs        []PairOfMeans `json:"all_pairs"`
	TukeyCritical   stats.Number  `json:"tukey_critical_t"`
	VersusControl   []FromControl `json:"versus_control"`
	DunnettCritical stats.Number  `json:"dunnett_critical_t"`
	NExcluded       int           `json:"n_excluded"`
}

// Anova is the one-way analysis of variance.
type Anova struct {
	F      stats.Number `json:"f"`
	DF1    int          `json:"df1"`
	DF2    int          `json:"df2"`
	PValue stats.Number `json:"p_value"`
	MSE    stats.Number `json:"mse"`
}

// GroupMean is the mean of a group.
type GroupMean struct {
	Level string       `json:"level"`
	N     int          `json:"n"`
	Mean  stats.Number `json:"mean"`
}

// PairOfMeans is the difference of two means, the earlier level first.
type PairOfMeans struct {
	Contrast   string       `json:"contrast"`
	Estimate   stats.Number `json:"estimate"`
	SE         stats.Number `json:"se"`
	DF         int          `json:"df"`
	T          stats.Number `json:"t"`
	PRaw       stats.Number `json:"p_raw"`
	Tukey      stats.Number `json:"p_tukey"`
	Lower      stats.Number `json:"tukey_lower"`
	Upper      stats.Number `json:"tukey_upper"`
	Bonferroni stats.Number `json:"p_bonferroni"`
	Holm       stats.Number `json:"p_holm"`
	BH         stats.Number `json:"p_bh"`
}

// FromControl is the difference of a group's mean, or an arm's LS-mean, from the control's, with Dunnett's p and interval.
type FromControl struct {
	Contrast string       `json:"contrast"`
	Estimate stats.Number `json:"estimate"`
	SE       stats.Number `json:"se"`
	DF       int          `json:"df"`
	T        stats.Number `json:"t"`
	PRaw     stats.Number `json:"p_raw"`
	Dunnett  stats.Number `json:"p_dunnett"`
	Lower    stats.Number `json:"dunnett_lower"`
	Upper    stats.Number `json:"dunnett_upper"`
}

// CompareMeans compares groups of independent values; a control of "" leaves Dunnett's comparisons out. See
// docs/methods/multiplicity.md.
func CompareMeans(groups [][]float64, levels []string, control string, level float64) (Comparisons, error) {
	if err := stats.CheckLevel(level); err != nil {
		return Comparisons{}, err
	}
	if len(groups) != len(levels) {
		return Comparisons{}, stats.Errorf(stats.BadInput, "levels", "there are %d names for %d groups", len(levels), len(groups))
	}
	if len(groups) < 2 {
		return Comparisons{}, stats.Errorf(stats.OneLevel, "group", "there is one group; at least two are needed")
	}
	var c Comparisons
	var n, grand, within, between, size float64
	means := make([]float64, len(groups))
	for i, g := range groups {
		if len(g) == 0 {
			return c, stats.Errorf(stats.EmptyCell, levels[i], "the group has no value")
		}
		if err := stats.CheckFinite(levels[i], g...); err != nil {
			return c, err
		}
		means[i] = stat.Mean(g, nil)
		size = math.Max(size, math.Abs(means[i]))
		n += float64(len(g))
		grand += float64(len(g)) * means[i]
		for _, v := range g {
			within += (v - means[i]) * (v - means[i])
		}
		c.Means = append(c.Means, GroupMean{levels[i], len(g), stats.Of(means[i])})
	}
	grand /= n
	for i, g := range groups {
		between += float64(len(g)) * (means[i] - grand) * (means[i] - grand)
	}
	df1, df2 := len(groups)-1, int(n)-len(groups)
	if df2 < 1 {
		return c, stats.Errorf(stats.TooFew, "values", "no group has two values, so the error cannot be estimated")
	}
	mse := within / float64(df2)
	if stats.NoSpread(math.Sqrt(mse), size) || !(mse > 1e-20*(within+between)) {
		return c, stats.Errorf(stats.Constant, "values", "do not vary within the groups, so the error cannot be estimated")
	}
	f := between / float64(df1) / mse
	c.Anova = Anova{stats.Of(f), df1, df2, stats.Of(stats.UpperF(f, float64(df1), float64(df2))), stats.Of(mse)}
	c.pairs(groups, means, levels, mse, level)
	if control == "" {
		return c, nil
	}
	at := slices.Index(levels, control)
	if at < 0 {
		return c, stats.Errorf(stats.BadInput, "control", "%q is not one of the levels", control)
	}
	return c, c.fromControl(groups, means, levels, at, mse, level)
}

func (c *Comparisons) pairs(groups [][]float64, means []float64, levels []string, mse, level float64) {
	df := float64(c.Anova.DF2)
	tukey := multiplicity.Tukey(len(groups))
	critical := tukey.Critical(level, df)
	c.TukeyCritical = stats.Of(critical)
	var p []stats.Number
	for i := range groups {
		for j := i + 1; j < len(groups); j++ {
			estimate, se := means[i]-means[j], math.Sqrt(mse*(1/float64(len(groups[i]))+1/float64(len(groups[j]))))
			t := estimate / se
			raw := stats.TwoSidedT(t, df)
			p = append(p, stats.Of(raw))
			c.AllPairs = append(c.AllPairs, PairOfMeans{Contrast: levels[i] + " - " + levels[j], Estimate: stats.Of(estimate), SE: stats.Of(se), DF: c.Anova.DF2,
				T: stats.Of(t), PRaw: stats.Of(raw), Tukey: stats.Of(tukey.P(t, df)), Lower: stats.Of(estimate - critical*se), Upper: stats.Of(estimate + critical*se)})
		}
	}
	adjusted := multiplicity.Adjust(p)
	for i := range c.AllPairs {
		c.AllPairs[i].Bonferroni, c.AllPairs[i].Holm, c.AllPairs[i].BH = adjusted.Bonferroni[i], adjusted.Holm[i], adjusted.BH[i]
	}
}

func (c *Comparisons) fromControl(groups [][]float64, means []float64, levels []string, control int, mse, level float64) error {
	df := float64(c.Anova.DF2)
	n0 := float64(len(groups[control]))
	var loadings []float64
	for i, g := range groups {
		if i != control {
			loadings = append(loadings, math.Sqrt(float64(len(g))/(float64(len(g))+n0)))
		}
	}
	correlation := mat.NewSymDense(len(loadings), nil)
	for i := range loadings {
		correlation.SetSym(i, i, 1)
		for j := range i {
			correlation.SetSym(i, j, loadings[i]*loadings[j])
		}
	}
	dunnett, err := multiplicity.Dunnett(correlation)
	if err != nil {
		return err
	}
	critical := dunnett.Critical(level, df)
	c.DunnettCritical = stats.Of(critical)
	for i, g := range groups {
		if i == control {
			continue
		}
		estimate, se := means[i]-means[control], math.Sqrt(mse*(1/float64(len(g))+1/n0))
		t := estimate / se
		c.VersusControl = append(c.VersusControl, FromControl{Contrast: levels[i] + " - " + levels[control], Estimate: stats.Of(estimate), SE: stats.Of(se),
			DF: c.Anova.DF2, T: stats.Of(t), PRaw: stats.Of(stats.TwoSidedT(t, df)), Dunnett: stats.Of(dunnett.P(t, df)), Lower: stats.Of(estimate - critical*se), Upper: stats.Of(estimate + critical*se)})
	}
	return nil
}
