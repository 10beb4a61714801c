package weighting

import (
	"errors"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/glm"
	"afterglow/internal/stats/multiplicity"
)

// Models are two or more groups with a propensity model and outcome models: Names and X the columns of the propensity model,
// OutcomeNames and OutcomeX those of the outcome models, one fitted in each group; both with their intercepts.
type Models struct {
	Names        []string
	X            []float64
	OutcomeNames []string
	OutcomeX     []float64
	Treatment    string
	Levels       []string
	Group        []int
	Response     string
	Outcome      []float64
	Family       glm.Family
	Cluster      []int
	Excluded     int // rows that the caller left out because something was missing
	Level        float64
}

// Robust is a doubly robust comparison of groups in everyone.
type Robust struct {
	N         int              `json:"n"`
	NExcluded int              `json:"n_excluded"`
	NClusters int              `json:"n_clusters"`
	Groups    []RobustMean     `json:"groups"`
	Contrasts []RobustContrast `json:"contrasts"`
	// Propensity and Outcome are the coefficients of the two models.
	Propensity []LevelRow   `json:"propensity"`
	Outcome    []LevelRow   `json:"outcome_model"`
	WeightMax  stats.Number `json:"weight_max"`
	Overlap    []Stratum    `json:"overlap"`
	Level      float64      `json:"level"`
	Notes      []string     `json:"notes"`
}

// RobustMean is a group's mean were everyone in it: doubly robust with the errors of its influence function and of the
// stacked estimating equations; by the outcome model alone (g-computation); by weighting alone.
type RobustMean struct {
	Group        string       `json:"group"`
	N            int          `json:"n"`
	Mean         stats.Number `json:"mean"`
	SE           stats.Number `json:"se"`
	Lower        stats.Number `json:"ci_lower"`
	Upper        stats.Number `json:"ci_upper"`
	SEM          stats.Number `json:"se_m_estimation"`
	GComputation stats.Number `json:"g_computation"`
	Weighted     stats.Number `json:"weighted"`
	Unadjusted   stats.Number `json:"unadjusted"`
	Withheld     string       `json:"withheld,omitempty"`
}

// RobustContrast is a group's mean minus another's, as RobustMean.
type RobustContrast struct {
	Group        string       `json:"group"`
	Against      string       `json:"against"`
	Estimate     stats.Number `json:"estimate"`
	SE           stats.Number `json:"se"`
	Statistic    stats.Number `json:"statistic"`
	PValue       stats.Number `json:"p_value"`
	PHolm        stats.Number `json:"p_holm"`
	Lower        stats.Number `json:"ci_lower"`
	Upper        stats.Number `json:"ci_upper"`
	SEM          stats.Number `json:"se_m_estimation"`
	LowerM       stats.Number `json:"ci_lower_m"`
	UpperM       stats.Number `json:"ci_upper_m"`
	GComputation stats.Number `json:"g_computation"`
	Weighted     stats.Number `json:"weighted"`
	Unadjusted   stats.Number `json:"unadjusted"`
	Withheld     string       `json:"withheld,omitempty"`
}

func (in Models) groups() Groups {
	return Groups{Names: in.Names, X: in.X, Treatment: in.Treatment, Levels: in.Levels, Group: in.Group, Response: in.Response,
		Outcome: in.Outcome, Estimand: ATE, Cluster: in.Cluster, Level: in.Level}
}

// AIPW is the augmented inverse probability weighted comparison: the mean over everyone of
//
//	m_k(x) + 1[group = k] (y - m_k(x)) / e_k(x)
//
// which is consistent where the propensity model or the outcome models are right (Robins, Rotnitzky & Zhao 1994, JASA
// 89:846; Bang & Robins 2005, Biometrics 61:962). The errors of the influence function hold where both are right, those of
// the stacked estimating equations where one is. Overlap is required as in CompareGroups. See docs/methods/doubly-robust.md.
func AIPW(in Models) (Robust, error) {
	plain := in.groups()
	if err := in.check(plain); err != nil {
		return Robust{}, err
	}
	cells := covariateStrata(in.Names, in.X, in.Levels, in.Group)
	if err := noCell(in.Treatment, cells); err != nil {
		return Robust{}, err
	}
	model, err := glm.NewMultinomial(plain.classes())
	if err != nil {
		return Robust{}, err
	}
	w := weigh(plain, model)
	parts := propensityStrata(in.Levels, in.Group, w.shares)
	out := Robust{N: len(in.Group), NExcluded: in.Excluded, NClusters: stats.CountClusters(in.Cluster, len(in.Group)), Propensity: propensityRows(in.Levels, in.Names, model),
		Overlap: append(cells, parts...), Level: in.Level,
		Notes: append(fewNotes(in.Levels, in.Group, in.Cluster), overlapNotes(ATE, in.Levels, parts)...)}
	out.WeightMax = stats.Of(slices.Max(w.w))
	arms := make([]arm, len(in.Levels))
	for k := range arms {
		if arms[k], err = in.arm(k, w, model); err != nil {
			return Robust{}, err
		}
		out.Outcome = append(out.Outcome, arms[k].rows...)
	}
	out.estimate(in, arms, w, model)
	if err := out.withhold(gaps(ATE, 0, in.Levels, parts)); err != nil {
		return Robust{}, err
	}
	return out, nil
}

func (in Models) check(plain Groups) error {
	if err := plain.check(); err != nil {
		return err
	}
	if in.Family != glm.Gaussian && in.Family != glm.Logit {
		return stats.Errorf(stats.BadInput, "family", "no family %q here; there are logit and gaussian", in.Family)
	}
	if len(in.OutcomeX) != len(in.Group)*len(in.OutcomeNames) {
		return stats.Errorf(stats.BadInput, "outcome columns", "%d values are not %d rows of %d columns", len(in.OutcomeX), len(in.Group), len(in.OutcomeNames))
	}
	return nil
}

// arm is one group's outcome model and what follows from it: the row's contributions to the doubly robust mean, their
// influence through both models, and the mean of the model's predictions.
type arm struct {
	rows         []LevelRow
	contribution []float64
	drift        []float64
	mean         float64
	predicted    float64
}

func (in Models) arm(k int, w weighing, model *glm.MultinomialFit) (arm, error) {
	n, p := len(in.Group), len(in.OutcomeNames)
	own := glm.Data{Names: in.OutcomeNames, Response: in.Response}
	for i, g := range in.Group {
		if g == k {
			own.X, own.Y = append(own.X, in.OutcomeX[i*p:(i+1)*p]...), append(own.Y, in.Outcome[i])
		}
	}
	fit, err := glm.New(in.Family, own)
	if err != nil {
		return arm{}, within(in.Levels[k], err)
	}
	a := arm{contribution: make([]float64, n), drift: make([]float64, n)}
	for j, name := range in.OutcomeNames {
		a.rows = append(a.rows, LevelRow{in.Levels[k], name, stats.Of(fit.Beta[j]), stats.Of(fit.SE(j))})
	}
	// inverse is that of the outcome model's information without a scale: X'X for the normal distribution
	inverse := mat.NewSymDense(p, nil)
	inverse.CopySym(fit.Covariance)
	if in.Family == glm.Gaussian {
		rss := 0.0
		for i, y := range own.Y {
			rss += (y - fit.Fitted(i)) * (y - fit.Fitted(i))
		}
		inverse.ScaleSym(float64(len(own.Y)-p)/rss, inverse)
	}
	in.predict(&a, k, fit, inverse, w, model)
	return a, nil
}

func (in Models) predict(a *arm, k int, fit *glm.Fit, inverse mat.Symmetric, w weighing, model *glm.MultinomialFit) {
	n, p, q, m := len(in.Group), len(in.OutcomeNames), len(in.Names), len(in.Levels)-1
	residuals := make([]float64, n) // of the group's rows
	byOutcome, byPropensity := mat.NewVecDense(p, nil), mat.NewVecDense(m*q, nil)
	for i, g := range in.Group {
		x := mat.NewVecDense(p, in.OutcomeX[i*p:(i+1)*p])
		mean, slope, _ := fit.Family.Mean(mat.Dot(x, mat.NewVecDense(p, fit.Beta)))
		a.predicted += mean / float64(n)
		a.contribution[i] = mean
		weight := 1.0
		if g == k {
			residuals[i] = in.Outcome[i] - mean
			a.contribution[i] += w.w[i] * residuals[i]
			weight -= w.w[i]
			for l, s := range w.slope[i] {
				d := byPropensity.SliceVec(l*q, (l+1)*q).(*mat.VecDense)
				d.AddScaledVec(d, s*residuals[i]/float64(n), mat.NewVecDense(q, in.X[i*q:(i+1)*q]))
			}
		}
		byOutcome.AddScaledVec(byOutcome, weight*slope/float64(n), x)
		a.mean += a.contribution[i] / float64(n)
	}
	lever, outcomeLever := mat.NewVecDense(m*q, nil), mat.NewVecDense(p, nil)
	lever.MulVec(model.Covariance, byPropensity)
	outcomeLever.MulVec(inverse, byOutcome)
	through(a.drift, lever.RawVector().Data, in.groups(), w.shares)
	for i, r := range residuals {
		if r != 0 {
			a.drift[i] += r * mat.Dot(outcomeLever, mat.NewVecDense(p, in.OutcomeX[i*p:(i+1)*p]))
		}
	}
}

// within says in which group's outcome model a failure arose.
func within(level string, err error) error {
	var failure *stats.Failure
	if errors.As(err, &failure) {
		return stats.Errorf(failure.Kind, failure.Where+", outcome model in "+level, "%s", failure.Message)
	}
	return err
}

func (out *Robust) estimate(in Models, arms []arm, w weighing, model *glm.MultinomialFit) {
	n := float64(len(in.Group))
	weighted, _, _ := w.influences(in.groups(), model)
	counts, plain := tally(in.Levels, in.Group), make([]float64, len(arms))
	for i, g := range in.Group {
		plain[g] += in.Outcome[i] / float64(counts[g])
	}
	var own, whole [][]float64
	for _, a := range arms {
		o, v := make([]float64, len(in.Group)), make([]float64, len(in.Group))
		for i, c := range a.contribution {
			o[i] = (c - a.mean) / n
			v[i] = o[i] + a.drift[i]
		}
		own, whole = append(own, o), append(whole, v)
	}
	influence, m := spread(own, in.Cluster), spread(whole, in.Cluster)
	for k, a := range arms {
		e := stats.ZEstimate(a.mean, math.Sqrt(influence.At(k, k)), in.Level)
		out.Groups = append(out.Groups, RobustMean{in.Levels[k], counts[k], e.Estimate, e.SE, e.Lower, e.Upper, stats.Of(math.Sqrt(m.At(k, k))),
			stats.Of(a.predicted), stats.Of(weighted[k]), stats.Of(plain[k]), ""})
	}
	for b := range arms {
		for a := b + 1; a < len(arms); a++ {
			d := arms[a].mean - arms[b].mean
			e := stats.ZEstimate(d, math.Sqrt(math.Max(0, difference(influence, a, b))), in.Level)
			s := stats.ZEstimate(d, math.Sqrt(math.Max(0, difference(m, a, b))), in.Level)
			out.Contrasts = append(out.Contrasts, RobustContrast{Group: in.Levels[a], Against: in.Levels[b], Estimate: e.Estimate, SE: e.SE,
				Statistic: e.Statistic, PValue: e.PValue, Lower: e.Lower, Upper: e.Upper, SEM: s.SE, LowerM: s.Lower, UpperM: s.Upper,
				GComputation: stats.Of(arms[a].predicted - arms[b].predicted), Weighted: stats.Of(weighted[a] - weighted[b]),
				Unadjusted: stats.Of(plain[a] - plain[b])})
		}
	}
}

// withhold is that of the weighted comparison; the p-values that are left are corrected for their number.
func (out *Robust) withhold(missing map[string][]string) error {
	probe := make([]Contrast, len(out.Contrasts))
	for i, c := range out.Contrasts {
		probe[i] = Contrast{Group: c.Group, Against: c.Against}
	}
	if err := withhold(probe, missing); err != nil {
		return err
	}
	for k, m := range out.Groups {
		if why := noOverlap(m.Group, missing); why != "" {
			out.Groups[k] = RobustMean{Group: m.Group, N: m.N, Unadjusted: m.Unadjusted, Withheld: why}
		}
	}
	for i, c := range probe {
		if c.Withheld != "" {
			out.Contrasts[i] = RobustContrast{Group: c.Group, Against: c.Against, Withheld: c.Withheld}
		}
	}
	p := make([]stats.Number, len(out.Contrasts))
	for i, c := range out.Contrasts {
		p[i] = c.PValue
	}
	for i, v := range multiplicity.Adjust(p).Holm {
		out.Contrasts[i].PHolm = v
	}
	return nil
}
