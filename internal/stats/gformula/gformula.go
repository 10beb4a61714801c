// Package gformula splits the effect of an exposure into what goes through a mediator and what does not, by the parametric
// g-formula. Floor: ground.
// It must not let its effects pass for those of a trial: every result says that it is exploratory and what it assumes.
package gformula

import (
	"fmt"
	"math"
	"math/rand/v2"

	"afterglow/internal/stats"
	"afterglow/internal/stats/glm"
)

// Data are rows of an exposure, a mediator after it and an outcome after both. Names and X are covariates from before the
// exposure, rows one after another, without an intercept. The mediator model is of the exposure and the covariates; the
// outcome model has the mediator beside them and, with Interaction, its product with the exposure.
type Data struct {
	Exposure       string
	A              []float64
	Mediator       string
	M              []float64
	MediatorFamily glm.Family
	Outcome        string
	Y              []float64
	OutcomeFamily  glm.Family
	Names          []string
	X              []float64
	Interaction    bool
	// Cluster numbers the people of rows that are not independent, who are resampled whole; nil: each row by itself.
	Cluster []int
	// Excluded is how many rows the caller left out because something was missing; the result says it.
	Excluded int
}

// Options are the two levels of the exposure that are compared, the number of bootstrap resamples with their generator, and
// the confidence level.
type Options struct {
	From, To float64
	Draws    int
	Random   *rand.Rand
	Level    float64
}

// Effect is an effect with the error and percentile interval of its bootstrap.
type Effect struct {
	Estimate stats.Number `json:"estimate"`
	SE       stats.Number `json:"se"`
	Bias     stats.Number `json:"bias"`
	Lower    stats.Number `json:"ci_lower"`
	Upper    stats.Number `json:"ci_upper"`
}

// Result are the effects of moving the exposure from one level to another, on the scale of the outcome's mean: of a binary
// outcome differences of risk. Total is NaturalDirect + NaturalIndirect, and TotalDirect + PureIndirect. Means are those of
// the outcome under (exposure, exposure that the mediator follows).
type Result struct {
	N                  int           `json:"n"`
	NExcluded          int           `json:"n_excluded"`
	NClusters          int           `json:"n_clusters"`
	From               float64       `json:"from"`
	To                 float64       `json:"to"`
	Total              Effect        `json:"total"`
	NaturalDirect      Effect        `json:"natural_direct"`
	NaturalIndirect    Effect        `json:"natural_indirect"`
	TotalDirect        Effect        `json:"total_direct"`
	PureIndirect       Effect        `json:"pure_indirect"`
	ProportionMediated Effect        `json:"proportion_mediated"`
	MeanToTo           stats.Number  `json:"mean_to_to"`
	MeanToFrom         stats.Number  `json:"mean_to_from"`
	MeanFromTo         stats.Number  `json:"mean_from_to"`
	MeanFromFrom       stats.Number  `json:"mean_from_from"`
	MediatorModel      []Coefficient `json:"mediator_model"`
	OutcomeModel       []Coefficient `json:"outcome_model"`
	MediatorSD         stats.Number  `json:"mediator_residual_sd"`
	Draws              int           `json:"draws"`
	Level              float64       `json:"level"`
	Notes              []string      `json:"notes"`
}

// Coefficient is one of a model's, with its model-based error.
type Coefficient struct {
	Name     string       `json:"name"`
	Estimate stats.Number `json:"estimate"`
	SE       stats.Number `json:"se"`
}

// Mediate estimates the mean of the outcome were everyone's exposure a and everyone's mediator drawn from its distribution
// under exposure b, given the covariates, for the four pairs of the two levels (Robins 1986, Math Modelling 7:1393), and
// from them the effects (Pearl 2001, UAI 17:411; VanderWeele & Vansteelandt 2009, Stat Interface 2:457). Read without the
// assumption across worlds they are the interventional effects of VanderWeele, Vansteelandt & Robins (2014, Epidemiology
// 25:300). Intervals are percentiles of a bootstrap that fits both models anew. See docs/methods/g-formula.md.
func Mediate(d Data, o Options) (Result, error) {
	if err := d.check(o); err != nil {
		return Result{}, err
	}
	all := make([]int, len(d.Y))
	for i := range all {
		all[i] = i
	}
	f, err := d.fit(all)
	if err != nil {
		return Result{}, err
	}
	means := f.means(o)
	r := Result{N: len(d.Y), NExcluded: d.Excluded, NClusters: stats.CountClusters(d.Cluster, len(d.Y)), From: o.From, To: o.To, Draws: o.Draws, Level: o.Level,
		MeanToTo: stats.Of(means.toTo), MeanToFrom: stats.Of(means.toFrom), MeanFromTo: stats.Of(means.fromTo), MeanFromFrom: stats.Of(means.fromFrom),
		MediatorModel: coefficients(d.mediatorNames(), f.mediator), OutcomeModel: coefficients(d.outcomeNames(), f.outcome)}
	if d.MediatorFamily == glm.Gaussian {
		r.MediatorSD = stats.Of(f.sd)
	}
	if err := r.intervals(d, o); err != nil {
		return Result{}, err
	}
	r.note(d, o)
	return r, nil
}

func (d Data) check(o Options) error {
	if err := stats.CheckLevel(o.Level); err != nil {
		return err
	}
	if o.Draws < 2 || o.Random == nil {
		return stats.Errorf(stats.BadInput, "draws", "the intervals need a generator and at least two resamples")
	}
	n := len(d.Y)
	if len(d.A) != n || len(d.M) != n || len(d.X) != n*len(d.Names) || d.Cluster != nil && len(d.Cluster) != n {
		return stats.Errorf(stats.BadInput, "columns", "have different lengths")
	}
	if o.From == o.To || math.IsNaN(o.From-o.To) || math.IsInf(o.From-o.To, 0) {
		return stats.Errorf(stats.BadInput, "to", "must be another finite level of %s than the one it is compared with", d.Exposure)
	}
	for _, f := range []glm.Family{d.MediatorFamily, d.OutcomeFamily} {
		if f != glm.Gaussian && f != glm.Logit {
			return stats.Errorf(stats.BadInput, "family", "no family %q here; there are logit and gaussian", f)
		}
	}
	if err := glm.Gaussian.Check(d.Exposure, d.A); err != nil {
		return err
	}
	if err := d.MediatorFamily.Check(d.Mediator, d.M); err != nil {
		return err
	}
	if err := d.OutcomeFamily.Check(d.Outcome, d.Y); err != nil {
		return err
	}
	for _, c := range d.Cluster {
		if c < 0 || c >= n {
			return stats.Errorf(stats.BadInput, "cluster", "holds a number that belongs to no cluster")
		}
	}
	if stats.CountClusters(d.Cluster, len(d.Y)) < 2 {
		return stats.Errorf(stats.TooFew, "cluster", "one cluster cannot be resampled")
	}
	return nil
}

func coefficients(names []string, fit *glm.Fit) []Coefficient {
	var out []Coefficient
	for j, name := range names {
		out = append(out, Coefficient{name, stats.Of(fit.Beta[j]), stats.Of(fit.SE(j))})
	}
	return out
}

// enough is how many people the bootstrap needs: the spread of m of them is too small by about 1/(2m), and percentiles of few
// draws are coarse.
const enough = 30

// note says how the result is to be read.
func (r *Result) note(d Data, o Options) {
	ofBootstrap := r.Notes
	r.Notes = []string{
		"exploratory: the exposure was not randomised and the mediator never is",
		"assumes that the covariates leave no common cause of exposure and mediator, exposure and outcome, or mediator and outcome, that no such cause follows from the exposure, and that both models are right",
	}
	low, high := d.A[0], d.A[0]
	for _, a := range d.A {
		low, high = math.Min(low, a), math.Max(high, a)
	}
	if math.Min(o.From, o.To) < low || math.Max(o.From, o.To) > high {
		r.Notes = append(r.Notes, "a level of the exposure lies outside what was seen: the models extrapolate")
	}
	if r.NClusters < enough {
		r.Notes = append(r.Notes, fmt.Sprintf("resampling %d people makes errors too small and intervals too short; %d or more are needed", r.NClusters, enough))
	}
	r.Notes = append(r.Notes, ofBootstrap...)
	if !r.ProportionMediated.Estimate.Defined {
		r.Notes = append(r.Notes, "no proportion mediated: the interval of the total effect covers none")
	}
}
