package imputation

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"

	"afterglow/internal/stats"
)

// Plan says how a Trial is imputed and analysed.
type Plan struct {
	Imputations int
	Covariance  Sharing
	Strategy    Strategy
	// Reference is the arm that others are compared with, and that strategies refer to; "" is the first.
	Reference string
	// BurnIn draws come before the first imputation, Thin between two; 0 means 200 and 50.
	BurnIn, Thin int
	// Shift is added, by arm, to what is imputed after a subject's last observed visit (a pattern-mixture model whose difference
	// between those who left and those who stayed is given); an arm that is not named is not shifted.
	Shift map[string]float64
	// Deltas move the imputed values of the other arm at the last visit (two arms and one covariate): see Tip.
	Deltas []float64
	Level  float64
}

// Multiple is a multiply imputed analysis: at every visit the analysis of covariance y ~ covariates + arm of each completed data
// set, pooled by Rubin's rules.
type Multiple struct {
	M           int           `json:"m"`
	Strategy    Strategy      `json:"strategy"`
	Covariance  Sharing       `json:"covariance"`
	Reference   string        `json:"reference"`
	NSubjects   int           `json:"n_subjects"`
	NExcluded   int           `json:"n_excluded_subjects"`
	NMissing    int           `json:"n_missing_values"`
	Visits      []VisitResult `json:"visits"`
	BurnIn      int           `json:"burn_in"`
	Thin        int           `json:"thin"`
	Correlation stats.Number  `json:"largest_correlation_of_successive_draws"`
	Tipping     *TippingPoint `json:"tipping_point,omitempty"`
	Level       float64       `json:"level"`
	Notes       []string      `json:"notes"`
}

// VisitResult is one visit. LS-means stand at the covariates' means over all subjects.
type VisitResult struct {
	Visit       string       `json:"visit"`
	Observed    []ArmCount   `json:"observed"`
	Means       []ArmMean    `json:"ls_means"`
	Differences []Difference `json:"differences"`
	DFComplete  int          `json:"df_complete"`
}

// ArmCount is how many subjects of an arm were observed, out of N.
type ArmCount struct {
	Arm      string `json:"arm"`
	Observed int    `json:"observed"`
	N        int    `json:"n"`
}

// ArmMean is a pooled LS-mean.
type ArmMean struct {
	Arm string `json:"arm"`
	Pooled
}

// Difference is a pooled difference from the reference arm.
type Difference struct {
	Contrast string `json:"contrast"`
	Pooled
}

const (
	defaultBurnIn = 200
	defaultThin   = 50
	maxDraws      = 5_000_000
)

// Impute draws the missing values of a trial from their posterior distribution under a multivariate normal model of the visits
// given covariates and arm, by data augmentation (Schafer 1997, Analysis of Incomplete Multivariate Data, chapter 5), moves
// what follows a subject's last visit by the strategy (Carpenter, Roger & Kenward 2013, J Biopharm Stat 23:1352), analyses every
// completed set and pools. At a visit without a missing value the result is the plain analysis. See
// docs/methods/multiple-imputation.md and docs/methods/reference-based-imputation.md.
func Impute(t Trial, plan Plan, source *rand.Rand) (Multiple, error) {
	plan, reference, err := plan.check(t)
	if err != nil {
		return Multiple{}, err
	}
	p, err := prepare(t, plan.Covariance)
	if err != nil {
		return Multiple{}, err
	}
	chain, err := p.start(plan, source)
	if err != nil {
		return Multiple{}, err
	}
	c := p.collect(plan, reference)
	for m := range plan.Imputations {
		if m > 0 && p.missing > 0 {
			if err := chain.advance(plan.Thin, source); err != nil {
				return Multiple{}, err
			}
		}
		if err := chain.impute(plan.Strategy, reference, source); err != nil {
			return Multiple{}, err
		}
		if err := c.add(chain.values(plan.Shift)); err != nil {
			return Multiple{}, err
		}
		c.follow(chain)
	}
	return c.pool()
}

func (plan Plan) check(t Trial) (Plan, int, error) {
	if err := stats.CheckLevel(plan.Level); err != nil {
		return plan, 0, err
	}
	if err := plan.Strategy.check(); err != nil {
		return plan, 0, err
	}
	if plan.BurnIn == 0 {
		plan.BurnIn = defaultBurnIn
	}
	if plan.Thin == 0 {
		plan.Thin = defaultThin
	}
	reference := 0
	if plan.Reference != "" {
		reference = slices.Index(t.Arms, plan.Reference)
	}
	for arm, shift := range plan.Shift {
		if !slices.Contains(t.Arms, arm) {
			return plan, 0, stats.Errorf(stats.BadInput, "shift", "%q is not an arm", arm)
		}
		if !(math.Abs(shift) < 1e150) {
			return plan, 0, stats.Errorf(stats.NotFinite, "shift", "that of arm %s is not finite, or too large to square", arm)
		}
	}
	switch {
	case plan.Imputations < 2:
		return plan, 0, stats.Errorf(stats.TooFew, "imputations", "%d imputations have no variation between them", plan.Imputations)
	case plan.BurnIn < 0 || plan.Thin < 0 || plan.Imputations > maxDraws/plan.Thin:
		return plan, 0, stats.Errorf(stats.BadInput, "imputations", "the draws asked for are negative or more than %d", maxDraws)
	case reference < 0:
		return plan, 0, stats.Errorf(stats.BadInput, "reference", "%q is not an arm", plan.Reference)
	case len(plan.Deltas) > 0 && (len(t.Arms) != 2 || len(t.Covariates) != 1):
		return plan, 0, stats.Errorf(stats.BadInput, "deltas", "a tipping point is found for two arms and one covariate, the baseline")
	}
	return plan, reference, nil
}

// chain is data augmentation under way.
type chain struct {
	p     *prepared
	theta []parameters
}

// start takes every block from its likeliest parameters through the burn-in.
func (p *prepared) start(plan Plan, source *rand.Rand) (*chain, error) {
	c := &chain{p: p, theta: make([]parameters, len(p.blocks))}
	if p.missing == 0 {
		return c, nil
	}
	for k, b := range p.blocks {
		var err error
		if c.theta[k], err = b.likeliest(); err != nil {
			return nil, err
		}
	}
	return c, c.advance(plan.BurnIn, source)
}

func (c *chain) advance(steps int, source *rand.Rand) error {
	for k, b := range c.p.blocks {
		var err error
		if c.theta[k], err = b.augment(c.theta[k], steps, source); err != nil {
			return err
		}
	}
	return nil
}

// impute draws the missing values at the chain's parameters.
func (c *chain) impute(s Strategy, reference int, source *rand.Rand) error {
	if c.p.missing == 0 {
		return nil
	}
	for k, b := range c.p.blocks {
		if _, ok := b.complete(c.theta[k], source); !ok {
			return b.singular()
		}
	}
	return c.p.redirect(s, reference, c.theta, source)
}

// values are the completed data, visit by visit, in the data's unit and shifted; an observed value is itself to the last digit.
func (c *chain) values(shift map[string]float64) [][]float64 {
	out := make([][]float64, len(c.p.trial.Visits))
	for v := range out {
		out[v] = make([]float64, len(c.p.arm))
	}
	for _, b := range c.p.blocks {
		for j, i := range b.subjects {
			last := bits.Len64(b.truth[j])
			for v := range out {
				out[v][i] = b.y[j][v]*c.p.scale[v] + c.p.at[v]
				if v >= last {
					out[v][i] += shift[c.p.trial.Arms[c.p.arm[i]]]
				}
				if known := c.p.y[i][v]; known.Defined {
					out[v][i] = known.Value
				}
			}
		}
	}
	return out
}
