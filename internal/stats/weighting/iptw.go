// Package weighting compares groups that were not randomised, weighted by the probability of the group. Floor: ground.
// It must not hide where groups do not overlap: the weights' sizes and the balance they reach are part of the result.
package weighting

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/glm"
)

// Input is a treatment (0 or 1), an outcome, and the columns of the propensity model with the intercept among them.
type Input struct {
	Names      []string
	X          []float64
	Treatment  string
	Treated    []float64
	Outcome    []float64
	Estimand   Estimand
	Level      float64
	Truncation stats.Number // share of weights, such as 0.99, above which they are cut to that quantile; undefined: none
}

// Comparison is a weighted comparison of the treated with the others. HC0 and HC1 errors take the weights as known; the
// M-estimation error counts that the propensities are estimated.
type Comparison struct {
	N                int             `json:"n"`
	NTreated         int             `json:"n_treated"`
	Propensity       []PropensityRow `json:"propensity"`
	PropensityFirst  []stats.Number  `json:"propensity_first"`
	WeightFirst      []stats.Number  `json:"weight_first"`
	StabilisedFirst  []stats.Number  `json:"stabilised_weight_first"`
	WeightSumTreated stats.Number    `json:"weight_sum_treated"`
	WeightSumControl stats.Number    `json:"weight_sum_control"`
	WeightMax        stats.Number    `json:"weight_max"`
	WeightMin        stats.Number    `json:"weight_min"`
	StabilisedMean   stats.Number    `json:"stabilised_weight_mean"`
	StabilisedMax    stats.Number    `json:"stabilised_weight_max"`
	ESSTreated       stats.Number    `json:"ess_treated"`
	ESSControl       stats.Number    `json:"ess_control"`
	NTruncated       int             `json:"n_truncated"`
	TruncationLimit  stats.Number    `json:"truncation_limit"`
	MeanTreated      stats.Number    `json:"mean_treated"`
	MeanControl      stats.Number    `json:"mean_control"`
	Estimate         stats.Number    `json:"estimate"`
	Unadjusted       stats.Number    `json:"unadjusted"`
	SEHC0            stats.Number    `json:"se_sandwich_hc0"`
	SEHC1            stats.Number    `json:"se_sandwich_hc1"`
	SEM              stats.Number    `json:"se_m_estimation"`
	LowerHC0         stats.Number    `json:"ci_lower_hc0"`
	UpperHC0         stats.Number    `json:"ci_upper_hc0"`
	LowerM           stats.Number    `json:"ci_lower_m"`
	UpperM           stats.Number    `json:"ci_upper_m"`
	Balance          []Balance       `json:"balance"`
	Overlap          []Stratum       `json:"overlap"`
	Level            float64         `json:"level"`
	Notes            []string        `json:"notes"`
}

// PropensityRow is a coefficient of the propensity model.
type PropensityRow struct {
	Name     string       `json:"name"`
	Estimate stats.Number `json:"estimate"`
	SE       stats.Number `json:"se"`
}

// weights are a row's weight, its derivative by the linear predictor of the propensity, and its stabilised form.
type weights struct{ w, slope, stable float64 }

func (in Input) groups() []int {
	out := make([]int, len(in.Treated))
	for i, a := range in.Treated {
		out[i] = int(a)
	}
	return out
}

const firstRows = 10

// Compare weights by a logistic propensity model (Rosenbaum & Rubin 1983, Biometrika 70:41) and compares normalised
// weighted means; the M-estimation error stacks the estimating equations of both (Lunceford & Davidian 2004, Stat Med
// 23:2937). It compares also where parts of the propensity lack a group, and its notes say so; CompareGroups withholds. See
// docs/methods/propensity-weighting.md.
func Compare(in Input) (Comparison, error) {
	if err := in.check(); err != nil {
		return Comparison{}, err
	}
	levels, group := []string{in.Treatment + " = 0", in.Treatment + " = 1"}, in.groups()
	cells := covariateStrata(in.Names, in.X, levels, group)
	if err := noCell(in.Treatment, cells); err != nil {
		return Comparison{}, err
	}
	ps, err := glm.New(glm.Logit, glm.Data{Names: in.Names, X: in.X, Response: in.Treatment, Y: in.Treated})
	if err != nil {
		return Comparison{}, err
	}
	n := len(in.Treated)
	c := Comparison{N: n, Level: in.Level}
	for j, name := range in.Names {
		c.Propensity = append(c.Propensity, PropensityRow{name, stats.Of(ps.Beta[j]), stats.Of(ps.SE(j))})
	}
	counts := tally(levels, group)
	c.NTreated = counts[1]
	ws, shares, slope := make([]weights, n), make([][]float64, n), make([]float64, 1)
	for i, g := range group {
		e := ps.Fitted(i)
		shares[i] = []float64{1 - e, e}
		w := in.Estimand.weight(1, g, shares[i], slope)
		ws[i] = weights{w, slope[0], w * in.Estimand.stabiliser(1, g, counts)}
	}
	plain := c.truncate(ws, in.Truncation)
	c.describe(ps, ws, in)
	c.estimate(ps, ws, in)
	c.Balance = balance(in, plain)
	parts := propensityStrata(levels, group, shares)
	c.Overlap = append(cells, parts...)
	c.Notes = append(append(fewNotes(levels, group, nil), cutNotes(c.NTruncated)...), overlapNotes(in.Estimand, levels, parts)...)
	return c, nil
}

func (in Input) check() error {
	if err := stats.CheckLevel(in.Level); err != nil {
		return err
	}
	if err := in.Estimand.check(); err != nil {
		return err
	}
	if err := checkTruncation(stats.Number{}, in.Truncation); err != nil {
		return err
	}
	if len(in.Outcome) != len(in.Treated) || len(in.X) != len(in.Treated)*len(in.Names) {
		return stats.Errorf(stats.BadInput, "columns", "treatment, outcome and columns have different lengths")
	}
	if err := glm.Logit.Check(in.Treatment, in.Treated); err != nil {
		return err
	}
	return checkOutcome("outcome", in.Outcome)
}

// truncate cuts weights to the quantile over both groups and gives the weights as they are then.
func (c *Comparison) truncate(ws []weights, at stats.Number) []float64 {
	plain, cut, rows := make([]float64, len(ws)), make([]bool, len(ws)), make([]int, len(ws))
	for i, w := range ws {
		plain[i], rows[i] = w.w, i
	}
	for _, made := range truncate("", rows, plain, cut, stats.Number{}, at) {
		c.NTruncated, c.TruncationLimit = made.N, made.Limit
	}
	for i, yes := range cut {
		if yes {
			ws[i] = weights{plain[i], 0, ws[i].stable * plain[i] / ws[i].w}
		}
	}
	return plain
}

func (c *Comparison) describe(ps *glm.Fit, ws []weights, in Input) {
	largest, smallest, stableLargest, stableSum := 0.0, math.Inf(1), 0.0, 0.0
	sums, squares := [2]float64{}, [2]float64{}
	for i, w := range ws {
		if i < firstRows {
			c.PropensityFirst = append(c.PropensityFirst, stats.Of(ps.Fitted(i)))
			c.WeightFirst = append(c.WeightFirst, stats.Of(w.w))
			c.StabilisedFirst = append(c.StabilisedFirst, stats.Of(w.stable))
		}
		group := int(in.Treated[i])
		sums[group] += w.w
		squares[group] += w.w * w.w
		largest, smallest = math.Max(largest, w.w), math.Min(smallest, w.w)
		stableLargest, stableSum = math.Max(stableLargest, w.stable), stableSum+w.stable
	}
	c.WeightSumControl, c.WeightSumTreated = stats.Of(sums[0]), stats.Of(sums[1])
	c.ESSControl, c.ESSTreated = stats.Of(sums[0]*sums[0]/squares[0]), stats.Of(sums[1]*sums[1]/squares[1])
	c.WeightMax, c.WeightMin = stats.Of(largest), stats.Of(smallest)
	c.StabilisedMax, c.StabilisedMean = stats.Of(stableLargest), stats.Of(stableSum/float64(len(ws)))
}

func (c *Comparison) estimate(ps *glm.Fit, ws []weights, in Input) {
	n, p := len(ws), len(in.Names)
	sums, means, counts, plain := [2]float64{}, [2]float64{}, [2]float64{}, [2]float64{}
	for i, w := range ws {
		g := int(in.Treated[i])
		sums[g] += w.w
		means[g] += w.w * in.Outcome[i]
		counts[g]++
		plain[g] += in.Outcome[i]
	}
	for g := range means {
		means[g] /= sums[g]
		plain[g] /= counts[g]
	}
	// influence of a row on the difference: its own, and through the propensity's coefficients
	own, drift := make([]float64, n), mat.NewVecDense(p, nil)
	hc0 := 0.0
	for i, w := range ws {
		g := int(in.Treated[i])
		sign := float64(2*g - 1)
		residual := in.Outcome[i] - means[g]
		own[i] = sign * w.w * residual / sums[g]
		hc0 += own[i] * own[i]
		x := mat.NewVecDense(p, in.X[i*p:i*p+p])
		drift.AddScaledVec(drift, sign*w.slope*residual/sums[g], x)
	}
	var lever mat.VecDense
	lever.MulVec(ps.Covariance, drift)
	variance := 0.0
	for i := range ws {
		x := mat.NewVecDense(p, in.X[i*p:i*p+p])
		influence := own[i] + (in.Treated[i]-ps.Fitted(i))*mat.Dot(&lever, x)
		variance += influence * influence
	}
	difference := means[1] - means[0]
	h := stats.ZEstimate(difference, math.Sqrt(hc0), in.Level)
	m := stats.ZEstimate(difference, math.Sqrt(variance), in.Level)
	c.MeanControl, c.MeanTreated = stats.Of(means[0]), stats.Of(means[1])
	c.Estimate, c.Unadjusted = stats.Of(difference), stats.Of(plain[1]-plain[0])
	c.SEHC0, c.SEHC1, c.SEM = h.SE, stats.Of(h.SE.Value*math.Sqrt(float64(n)/float64(n-2))), m.SE
	c.LowerHC0, c.UpperHC0, c.LowerM, c.UpperM = h.Lower, h.Upper, m.Lower, m.Upper
}
