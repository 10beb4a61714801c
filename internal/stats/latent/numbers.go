package latent

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"afterglow/internal/stats"
)

// Numbers compares fits with different numbers of classes.
type Numbers struct {
	Tried []Number `json:"tried"`
	// LowestBIC is the number of classes with the lowest BIC among those that were fitted.
	LowestBIC int      `json:"lowest_bic"`
	Notes     []string `json:"notes"`
}

// Number is one number of classes: its criteria, or why there is no fit.
type Number struct {
	Classes       int            `json:"classes"`
	LogLik        stats.Number   `json:"loglik"`
	NParams       int            `json:"n_params"`
	AIC           stats.Number   `json:"aic"`
	BIC           stats.Number   `json:"bic"`
	SABIC         stats.Number   `json:"bic_sample_size_adjusted"`
	ICL           stats.Number   `json:"icl_bic"`
	Entropy       stats.Number   `json:"entropy"`
	SmallestShare stats.Number   `json:"smallest_share"`
	ReachedBest   int            `json:"starts_at_best"`
	Failure       *stats.Failure `json:"failure,omitempty"`
}

// Compare fits the model with 1 to upTo classes. What fails with one class fails as a whole; a larger number without a fit says
// why in its row. See docs/methods/latent-classes.md.
func Compare(model Model, upTo int, subjects []Subject, source *rand.Rand) (Numbers, error) {
	if upTo < 1 || upTo > maxClasses {
		return Numbers{}, stats.Errorf(stats.BadInput, "classes", "up to %d; from 1 to %d are fitted", upTo, maxClasses)
	}
	out := Numbers{Notes: []string{"BIC weighs fit against parameters with the number of subjects; the lowest is no proof of that many classes, and says nothing where the normal model is wrong"}}
	lowest := 0
	for k := 1; k <= upTo; k++ {
		model.Classes = k
		row := Number{Classes: k}
		fit, err := Fit(model, subjects, source)
		var failure *stats.Failure
		switch {
		case err != nil && (k == 1 || !errors.As(err, &failure)):
			return Numbers{}, err
		case err != nil:
			row.Failure = failure
		default:
			row.LogLik, row.NParams, row.AIC, row.BIC = stats.Of(fit.LogLik), fit.NParams, stats.Of(fit.AIC), stats.Of(fit.BIC)
			row.SABIC, row.ICL, row.Entropy, row.ReachedBest = stats.Of(fit.SABIC), stats.Of(fit.ICL), fit.Certainty.Entropy, fit.Convergence.ReachedBest
			smallest := fit.Classes[0].Share.Estimate
			for _, c := range fit.Classes[1:] {
				if c.Share.Estimate.Value < smallest.Value {
					smallest = c.Share.Estimate
				}
			}
			row.SmallestShare = smallest
			if lowest == 0 || fit.BIC < out.Tried[lowest-1].BIC.Value {
				lowest = k
			}
		}
		out.Tried = append(out.Tried, row)
		if row.Failure != nil {
			out.Notes = append(out.Notes, fmt.Sprintf("%d classes have no fit: %v", k, row.Failure))
		}
	}
	out.LowestBIC = lowest
	return out, nil
}
