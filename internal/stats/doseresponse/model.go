package doseresponse

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/glm"
)

// Family is the distribution of the outcome.
type Family string

const (
	// Gaussian takes the mean of a continuous outcome.
	Gaussian Family = "gaussian"
	// Binomial takes the log odds of an outcome that is 0 or 1.
	Binomial Family = "binomial"
)

func (f Family) link() (glm.Family, error) {
	switch f {
	case Gaussian:
		return glm.Gaussian, nil
	case Binomial:
		return glm.Logit, nil
	}
	return "", stats.Errorf(stats.BadInput, "family", "no family %q; there are gaussian and binomial", f)
}

// Coefficient is a coefficient with its test and interval: Student's t on the residual degrees of freedom for a continuous
// outcome, normal for a binary one (log odds).
type Coefficient struct {
	Name string `json:"name"`
	stats.Estimate
}

// Quality says how well a model fits: the maximised log-likelihood, the number of parameters that AIC and BIC count (for a
// continuous outcome the variance among them), and R2 = 1 - exp(2 (l0 - l)/n) with l0 that of the intercept alone. For a
// continuous outcome that is the usual share of variance explained; for a binary one (Cox & Snell) its greatest possible
// value is below 1, and Nagelkerke's divides by that.
type Quality struct {
	Parameters   int          `json:"n_parameters"`
	LogLik       stats.Number `json:"loglik"`
	AIC          stats.Number `json:"aic"`
	BIC          stats.Number `json:"bic"`
	R2           stats.Number `json:"r2"`
	R2Nagelkerke stats.Number `json:"r2_nagelkerke"`
}

// model is a fitted mean with what comparisons need.
type model struct {
	family   Family
	fit      *glm.Fit
	n, p     int
	residual float64 // sum of squares, of a continuous outcome
	Quality
}

// least is the share of the outcome's variation that must be left beside the columns.
const least = 1e-20

func newModel(family Family, names []string, x []float64, response string, y []float64) (*model, error) {
	link, err := family.link()
	if err != nil {
		return nil, err
	}
	fit, err := glm.New(link, glm.Data{Names: names, X: x, Response: response, Y: y})
	if err != nil {
		return nil, err
	}
	m := &model{family: family, fit: fit, n: len(y), p: len(names)}
	n, null, k := float64(m.n), 0.0, float64(m.p)
	if family == Gaussian {
		total, centre := 0.0, mean(y)
		for i, v := range y {
			total += (v - centre) * (v - centre)
			m.residual += (v - fit.Eta[i]) * (v - fit.Eta[i])
		}
		if !(m.residual > least*total) {
			return nil, stats.Errorf(stats.Constant, response, "has no variation left after fitting the columns, so the error cannot be estimated")
		}
		null = -n / 2 * (math.Log(2*math.Pi*total/n) + 1)
		k++
	} else {
		share := mean(y)
		null = n * (share*math.Log(share) + (1-share)*math.Log1p(-share))
	}
	r2 := -math.Expm1(2 * (null - fit.LogLik) / n)
	m.Quality = Quality{Parameters: int(k), LogLik: stats.Of(fit.LogLik), AIC: stats.Of(-2*fit.LogLik + 2*k),
		BIC: stats.Of(-2*fit.LogLik + math.Log(n)*k), R2: stats.Of(r2)}
	if family == Binomial {
		m.R2Nagelkerke = stats.Of(r2 / -math.Expm1(2*null/n))
	}
	return m, nil
}

// estimate is l'b with its test and interval.
func (m *model) estimate(l []float64, level float64) stats.Estimate {
	at, v := 0.0, mat.NewVecDense(len(l), l)
	for j, x := range l {
		at += x * m.fit.Beta[j]
	}
	se := math.Sqrt(mat.Inner(v, m.fit.Covariance, v))
	if m.family == Gaussian {
		return stats.TEstimate(at, se, stats.Of(float64(m.n-m.p)), level)
	}
	return stats.ZEstimate(at, se, level)
}

// Comparison is the likelihood-ratio test of a model against a larger one that contains it. For a continuous outcome F is
// the exact test of the same hypothesis, to be preferred where rows are few; for a binary outcome it is undefined.
type Comparison struct {
	Small        string       `json:"small"`
	Big          string       `json:"big"`
	ChiSq        stats.Number `json:"chisq"`
	DF           int          `json:"df"`
	PValue       stats.Number `json:"p_value"`
	F            stats.Number `json:"f"`
	FDenominator stats.Number `json:"f_ddf"`
	FPValue      stats.Number `json:"f_p_value"`
	AICChange    stats.Number `json:"aic_change"`
	R2Change     stats.Number `json:"r2_change"`
}

// against tests m inside big.
func (m *model) against(big *model, small, large string) (Comparison, error) {
	out := Comparison{Small: small, Big: large, DF: big.p - m.p}
	if out.DF < 1 {
		return out, stats.Errorf(stats.BadInput, large, "has no column that %s has not: there is nothing to test", small)
	}
	statistic := 2 * (big.LogLik.Value - m.LogLik.Value)
	if statistic < -1e-7*(1+math.Abs(big.LogLik.Value)) {
		return out, stats.Errorf(stats.BadInput, large, "fits worse than %s, so it cannot contain it", small)
	}
	test := stats.ChiSquareTest(math.Max(0, statistic), out.DF)
	out.ChiSq, out.PValue = test.ChiSq, test.PValue
	out.AICChange, out.R2Change = stats.Of(big.AIC.Value-m.AIC.Value), stats.Of(big.R2.Value-m.R2.Value)
	if m.family == Gaussian {
		free := big.n - big.p
		f := math.Max(0, m.residual-big.residual) / float64(out.DF) / (big.residual / float64(free))
		exact := stats.FTest(stats.Of(f), out.DF, stats.Of(float64(free)))
		out.F, out.FDenominator, out.FPValue = exact.Statistic, exact.DenominatorDF, exact.PValue
	}
	return out, nil
}
