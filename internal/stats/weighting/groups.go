package weighting

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/glm"
	"afterglow/internal/stats/multiplicity"
)

// Groups are two or more groups to compare: Names and X the columns of the propensity model with the intercept among them,
// rows one after another; Group a row's place among Levels.
type Groups struct {
	Names     []string
	X         []float64
	Treatment string
	Levels    []string
	Group     []int
	Response  string
	Outcome   []float64
	Estimand  Estimand
	// Target is the group in whose rows an ATT is taken.
	Target int
	// TruncationLower and TruncationUpper are quantiles, by group, to which weights beyond them are cut; undefined: none.
	TruncationLower, TruncationUpper stats.Number
	// Cluster numbers the people of rows that are not independent; nil: each row stands for itself.
	Cluster []int
	// Excluded is how many rows the caller left out because something was missing; the result says it.
	Excluded int
	Level    float64
}

// Weighted is a weighted comparison of groups.
type Weighted struct {
	N               int              `json:"n"`
	NExcluded       int              `json:"n_excluded"`
	NClusters       int              `json:"n_clusters"`
	Estimand        Estimand         `json:"estimand"`
	Target          string           `json:"target,omitempty"`
	Groups          []GroupMean      `json:"groups"`
	Contrasts       []Contrast       `json:"contrasts"`
	Propensity      []LevelRow       `json:"propensity"`
	PropensityFirst [][]stats.Number `json:"propensity_first"`
	WeightFirst     []stats.Number   `json:"weight_first"`
	StabilisedFirst []stats.Number   `json:"stabilised_weight_first"`
	Truncation      []Cut            `json:"truncation"`
	Balance         []PairBalance    `json:"balance"`
	LovePlot        []LovePoint      `json:"love_plot"`
	Overlap         []Stratum        `json:"overlap"`
	Level           float64          `json:"level"`
	Notes           []string         `json:"notes"`

	// Weights are those of the rows, as used.
	Weights []float64 `json:"-"`
}

// GroupMean is a group with its weights and weighted mean; ESS is the effective sample size, (sum w)^2 / sum w^2.
type GroupMean struct {
	Group          string       `json:"group"`
	N              int          `json:"n"`
	WeightSum      stats.Number `json:"weight_sum"`
	WeightMin      stats.Number `json:"weight_min"`
	WeightMax      stats.Number `json:"weight_max"`
	StabilisedMean stats.Number `json:"stabilised_weight_mean"`
	StabilisedMax  stats.Number `json:"stabilised_weight_max"`
	ESS            stats.Number `json:"ess"`
	Mean           stats.Number `json:"mean"`
	SE             stats.Number `json:"se"`
	Lower          stats.Number `json:"ci_lower"`
	Upper          stats.Number `json:"ci_upper"`
	SEHC0          stats.Number `json:"se_sandwich_hc0"`
	Unadjusted     stats.Number `json:"unadjusted"`
	Withheld       string       `json:"withheld,omitempty"`
}

// LevelRow is a coefficient of the propensity model: the log odds of a group against the first.
type LevelRow struct {
	Group    string       `json:"group"`
	Name     string       `json:"name"`
	Estimate stats.Number `json:"estimate"`
	SE       stats.Number `json:"se"`
}

func (in Groups) check() error {
	if err := stats.CheckLevel(in.Level); err != nil {
		return err
	}
	if err := in.Estimand.check(); err != nil {
		return err
	}
	if err := checkTruncation(in.TruncationLower, in.TruncationUpper); err != nil {
		return err
	}
	if err := in.classes().Check(); err != nil {
		return err
	}
	if in.Target < 0 || in.Target >= len(in.Levels) {
		return stats.Errorf(stats.BadInput, "target", "is not one of the groups")
	}
	if len(in.Outcome) != len(in.Group) {
		return stats.Errorf(stats.BadInput, in.Response, "%d values for %d rows", len(in.Outcome), len(in.Group))
	}
	for g, n := range tally(in.Levels, in.Group) {
		if n < 2 {
			return stats.Errorf(stats.TooFew, in.Treatment+" "+in.Levels[g], "one row has no spread")
		}
	}
	if err := checkClusters(in.Cluster, len(in.Group)); err != nil {
		return err
	}
	return checkOutcome(in.Response, in.Outcome)
}

func (in Groups) classes() glm.Classes {
	return glm.Classes{Names: in.Names, X: in.X, Response: in.Treatment, Levels: in.Levels, Group: in.Group}
}

// CompareGroups weights by a multinomial propensity model (Imbens 2000, Biometrika 87:706; of two groups logistic) and
// compares normalised weighted means. The error counts that the propensities are estimated: the estimating equations of
// both are stacked (Lunceford & Davidian 2004, Stat Med 23:2937; Stefanski & Boos 2002, Am Stat 56:29). A comparison whose
// groups do not overlap is withheld; where no comparison is left the failure names the strata. See
// docs/methods/propensity-weighting.md.
func CompareGroups(in Groups) (Weighted, error) {
	if err := in.check(); err != nil {
		return Weighted{}, err
	}
	cells := covariateStrata(in.Names, in.X, in.Levels, in.Group)
	if err := noCell(in.Treatment, cells); err != nil {
		return Weighted{}, err
	}
	model, err := glm.NewMultinomial(in.classes())
	if err != nil {
		return Weighted{}, err
	}
	w := weigh(in, model)
	out := Weighted{N: len(in.Group), NExcluded: in.Excluded, NClusters: stats.CountClusters(in.Cluster, len(in.Group)), Estimand: in.Estimand, Level: in.Level,
		Truncation: w.cuts, Weights: w.w, Propensity: propensityRows(in.Levels, in.Names, model)}
	if in.Estimand == ATT {
		out.Target = in.Levels[in.Target]
	}
	parts := propensityStrata(in.Levels, in.Group, w.shares)
	out.Overlap = append(cells, parts...)
	cut := 0
	for _, c := range w.cuts {
		cut += c.N
	}
	out.Notes = append(append(fewNotes(in.Levels, in.Group, in.Cluster), cutNotes(cut)...), overlapNotes(in.Estimand, in.Levels, parts)...)
	out.estimate(in, w, model)
	missing := gaps(in.Estimand, in.Target, in.Levels, parts)
	if err := withhold(out.Contrasts, missing); err != nil {
		return Weighted{}, err
	}
	for g, m := range out.Groups {
		if why := noOverlap(m.Group, missing); why != "" {
			none := stats.Number{}
			m.Mean, m.SE, m.Lower, m.Upper, m.SEHC0, m.Withheld = none, none, none, none, none, why
			out.Groups[g] = m
		}
	}
	out.correct()
	out.first(in, w)
	out.Balance = pairBalance(in, w.w)
	out.LovePlot = lovePlot(out.Balance)
	return out, nil
}

// weighing is what weights the rows: their probabilities of the groups, weights and the weights' derivatives.
type weighing struct {
	shares [][]float64
	w      []float64
	slope  [][]float64
	cuts   []Cut
}

func weigh(in Groups, model *glm.MultinomialFit) weighing {
	n := len(in.Group)
	out := weighing{shares: make([][]float64, n), w: make([]float64, n), slope: make([][]float64, n), cuts: []Cut{}}
	rows := make([][]int, len(in.Levels))
	for i, g := range in.Group {
		out.shares[i], out.slope[i] = model.Probabilities(i), make([]float64, len(in.Levels)-1)
		out.w[i] = in.Estimand.weight(in.Target, g, out.shares[i], out.slope[i])
		rows[g] = append(rows[g], i)
	}
	cut := make([]bool, n)
	for g, own := range rows {
		out.cuts = append(out.cuts, truncate(in.Levels[g], own, out.w, cut, in.TruncationLower, in.TruncationUpper)...)
	}
	for i, yes := range cut {
		if yes {
			clear(out.slope[i])
		}
	}
	return out
}

// influences gives each group's weighted mean and the influence of each row on it: its own, and through the coefficients of
// the propensity model.
func (w weighing) influences(in Groups, model *glm.MultinomialFit) (means []float64, own, whole [][]float64) {
	n, p, m := len(in.Group), len(in.Names), len(in.Levels)-1
	sums := make([]float64, m+1)
	means = make([]float64, m+1)
	for i, g := range in.Group {
		sums[g] += w.w[i]
		means[g] += w.w[i] * in.Outcome[i]
	}
	drift := make([]*mat.VecDense, m+1)
	for g := range means {
		means[g] /= sums[g]
		drift[g] = mat.NewVecDense(m*p, nil)
		own, whole = append(own, make([]float64, n)), append(whole, make([]float64, n))
	}
	for i, g := range in.Group {
		residual := (in.Outcome[i] - means[g]) / sums[g]
		own[g][i] = w.w[i] * residual
		for k, slope := range w.slope[i] {
			d := drift[g].SliceVec(k*p, (k+1)*p).(*mat.VecDense)
			d.AddScaledVec(d, slope*residual, mat.NewVecDense(p, in.X[i*p:(i+1)*p]))
		}
	}
	for g := range means {
		lever := mat.NewVecDense(m*p, nil)
		lever.MulVec(model.Covariance, drift[g])
		through(whole[g], lever.RawVector().Data, in, w.shares)
		for i, v := range own[g] {
			whole[g][i] += v
		}
	}
	return means, own, whole
}

// through adds to each row its score of the propensity model times a lever.
func through(to, lever []float64, in Groups, shares [][]float64) {
	p := len(in.Names)
	for i, g := range in.Group {
		x := in.X[i*p : (i+1)*p]
		for k := range len(in.Levels) - 1 {
			residual := -shares[i][k+1]
			if g == k+1 {
				residual++
			}
			for j, v := range x {
				to[i] += residual * v * lever[k*p+j]
			}
		}
	}
}

func (out *Weighted) estimate(in Groups, w weighing, model *glm.MultinomialFit) {
	means, own, whole := w.influences(in, model)
	hc0, m := spread(own, in.Cluster), spread(whole, in.Cluster)
	counts, plain := tally(in.Levels, in.Group), make([]float64, len(in.Levels))
	for i, g := range in.Group {
		plain[g] += in.Outcome[i] / float64(counts[g])
	}
	for g, name := range in.Levels {
		e := stats.ZEstimate(means[g], math.Sqrt(m.At(g, g)), in.Level)
		mean := GroupMean{Group: name, N: counts[g], Mean: e.Estimate, SE: e.SE, Lower: e.Lower, Upper: e.Upper,
			SEHC0: stats.Of(math.Sqrt(hc0.At(g, g))), Unadjusted: stats.Of(plain[g])}
		mean.describe(in, w.w, g, in.Estimand.stabiliser(in.Target, g, counts))
		out.Groups = append(out.Groups, mean)
	}
	for b := range in.Levels {
		for a := b + 1; a < len(in.Levels); a++ {
			c := stats.ZEstimate(means[a]-means[b], math.Sqrt(math.Max(0, difference(m, a, b))), in.Level)
			h := stats.ZEstimate(means[a]-means[b], math.Sqrt(math.Max(0, difference(hc0, a, b))), in.Level)
			out.Contrasts = append(out.Contrasts, Contrast{Group: in.Levels[a], Against: in.Levels[b], Estimate: c.Estimate, SE: c.SE,
				Statistic: c.Statistic, PValue: c.PValue, Lower: c.Lower, Upper: c.Upper,
				SEHC0: h.SE, LowerHC0: h.Lower, UpperHC0: h.Upper, Unadjusted: stats.Of(plain[a] - plain[b])})
		}
	}
}

// correct fills the p-values for several comparisons.
func (out *Weighted) correct() {
	p := make([]stats.Number, len(out.Contrasts))
	for i, c := range out.Contrasts {
		p[i] = c.PValue
	}
	for i, v := range multiplicity.Adjust(p).Holm {
		out.Contrasts[i].PHolm = v
	}
}

func (m *GroupMean) describe(in Groups, w []float64, group int, stabiliser float64) {
	sum, squares, low, high := 0.0, 0.0, math.Inf(1), 0.0
	for i, g := range in.Group {
		if g == group {
			sum, squares = sum+w[i], squares+w[i]*w[i]
			low, high = math.Min(low, w[i]), math.Max(high, w[i])
		}
	}
	m.WeightSum, m.WeightMin, m.WeightMax, m.ESS = stats.Of(sum), stats.Of(low), stats.Of(high), stats.Of(sum*sum/squares)
	m.StabilisedMean, m.StabilisedMax = stats.Of(stabiliser*sum/float64(m.N)), stats.Of(stabiliser*high)
}

func (out *Weighted) first(in Groups, w weighing) {
	counts := tally(in.Levels, in.Group)
	for i := range min(firstRows, len(w.w)) {
		var shares []stats.Number
		for _, s := range w.shares[i] {
			shares = append(shares, stats.Of(s))
		}
		out.PropensityFirst = append(out.PropensityFirst, shares)
		out.WeightFirst = append(out.WeightFirst, stats.Of(w.w[i]))
		out.StabilisedFirst = append(out.StabilisedFirst, stats.Of(w.w[i]*in.Estimand.stabiliser(in.Target, in.Group[i], counts)))
	}
}

func propensityRows(levels, names []string, model *glm.MultinomialFit) []LevelRow {
	var out []LevelRow
	for k, beta := range model.Beta {
		for j, b := range beta {
			at := k*len(names) + j
			out = append(out, LevelRow{levels[k+1], names[j], stats.Of(b), stats.Of(math.Sqrt(model.Covariance.At(at, at)))})
		}
	}
	return out
}
