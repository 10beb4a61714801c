package mixed

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Coefficient is a named fixed effect.
type Coefficient struct {
	Name string `json:"name"`
	Inference
}

// NamedMatrix is a matrix over named rows and columns.
type NamedMatrix struct {
	Names  []string    `json:"names"`
	Matrix [][]float64 `json:"matrix"`
}

// Result is all that is reported about a fit. Covariance, SD and Correlation are those among visits.
type Result struct {
	NObs              int `json:"n_obs"`
	NSubjects         int `json:"n_subjects"`
	NWithoutVisit     int `json:"n_without_visit"`
	NExcludedSubjects int `json:"n_excluded_subjects"`
	NExcludedRows     int `json:"n_excluded_rows"`
	// SumOfWeights is the number of patients with a visit where they carry no weights.
	SumOfWeights   float64         `json:"sum_of_weights"`
	LogLik         float64         `json:"loglik"`
	Minus2LogLik   float64         `json:"minus2loglik"`
	NFixed         int             `json:"n_fixed"`
	NCovariance    int             `json:"n_covariance"`
	DFResidual     int             `json:"df_residual"`
	AICNlme        float64         `json:"aic_nlme"`
	BICNlme        float64         `json:"bic_nlme"`
	AICCovariance  float64         `json:"aic_covariance_only"`
	BICCovariance  float64         `json:"bic_covariance_only"`
	Coefficients   []Coefficient   `json:"coefficients"`
	VCov           NamedMatrix     `json:"vcov"`
	VCovKR         [][]float64     `json:"vcov_kr"`
	VCovKRObserved [][]float64     `json:"vcov_kr_observed"`
	Covariance     [][]float64     `json:"covariance"`
	SD             []float64       `json:"sd"`
	Correlation    [][]float64     `json:"correlation"`
	LSMeans        []LSMean        `json:"ls_means"`
	Differences    []Difference    `json:"differences"`
	Contrasts      []NamedContrast `json:"contrasts"`
	FTests         []FTest         `json:"f_tests"`
	// CovariatesAt is where numeric covariates stand in LS-means.
	CovariatesAt map[string]float64 `json:"covariates_at"`
	Level        float64            `json:"level"`
	Structure    Structure          `json:"structure"`
	Method       Method             `json:"method"`
	Convergence  Convergence        `json:"convergence"`
	Notes        []string           `json:"notes"`
}

// Result gathers everything that is reported. aic_nlme and bic_nlme count fixed effects and covariance
// parameters and use log(n_obs - n_fixed) under REML, log(n_obs) under ML; aic_covariance_only and
// bic_covariance_only count covariance parameters only and use log(n_subjects). With weights the likelihood counts a
// patient of weight w as w patients, and so do these logarithms.
func (f *Fit) Result() (Result, error) {
	t := f.problem.totals
	r := Result{
		NSubjects: t.subjects, NObs: t.observations, NWithoutVisit: t.without,
		NExcludedSubjects: t.excludedSubjects, NExcludedRows: t.excludedRows, SumOfWeights: t.weight,
		Minus2LogLik: f.deviance, LogLik: -f.deviance / 2,
		NFixed: len(f.design.Coefficients), NCovariance: len(f.best.theta),
		CovariatesAt: map[string]float64{}, Level: f.options.Level, Structure: f.options.Covariance,
		Method: f.options.Method, Convergence: f.Convergence, Notes: f.notes(),
	}
	r.DFResidual = r.NObs - r.NFixed
	free, all := t.rows, float64(r.NFixed+r.NCovariance)
	if f.problem.reml {
		free -= float64(r.NFixed)
	}
	r.AICNlme, r.BICNlme = f.deviance+2*all, f.deviance+math.Log(free)*all
	r.AICCovariance = f.deviance + 2*float64(r.NCovariance)
	r.BICCovariance = f.deviance + math.Log(t.weight)*float64(r.NCovariance)
	for name := range f.means {
		r.CovariatesAt[name] = f.covariate(name)
	}
	r.Covariance, r.SD, r.Correlation = f.visitCovariance()
	if err := f.fixedEffects(&r); err != nil {
		return Result{}, err
	}
	var err error
	if r.LSMeans, err = f.LSMeans(); err != nil {
		return Result{}, err
	}
	if r.Differences, err = f.Differences(); err != nil {
		return Result{}, err
	}
	if r.Contrasts, err = f.Contrasts(); err != nil {
		return Result{}, err
	}
	r.FTests, err = f.FTests()
	return r, err
}

func (f *Fit) fixedEffects(r *Result) error {
	n := len(f.design.Coefficients)
	rows := make([][]float64, n)
	for c, name := range f.design.Coefficients {
		rows[c] = make([]float64, n)
		rows[c][c] = 1
		i, err := f.Contrast(rows[c])
		if err != nil {
			return err
		}
		i.L = nil
		r.Coefficients = append(r.Coefficients, Coefficient{name, i})
	}
	all, err := f.Covariance(rows)
	r.VCov = NamedMatrix{f.design.Coefficients, all.Plain}
	r.VCovKR, r.VCovKRObserved = all.KR, all.KRObserved
	return err
}

// visitCovariance gives covariance, standard deviations and correlations of the visits in the raw scale.
func (f *Fit) visitCovariance() (covariance [][]float64, sd []float64, correlation [][]float64) {
	s := mat.NewSymDense(f.problem.visits, nil)
	s.ScaleSym(f.unit*f.unit, f.best.s)
	for u := range f.problem.visits {
		sd = append(sd, math.Sqrt(s.At(u, u)))
	}
	for u := range sd {
		covariance, correlation = append(covariance, make([]float64, len(sd))), append(correlation, make([]float64, len(sd)))
		for v := range sd {
			covariance[u][v] = s.At(u, v)
			correlation[u][v] = s.At(u, v) / (sd[u] * sd[v])
		}
		correlation[u][u] = 1
	}
	return covariance, sd, correlation
}

func (f *Fit) notes() []string {
	notes := []string{
		fmt.Sprintf("mixed model for repeated measures by %s, covariance among visits: %s; plain degrees of freedom are Satterthwaite's", f.options.Method, f.options.Covariance),
		"model means stand at the numeric covariates' mean over the analysed visits, or at the value asked for, with equal weights over the levels of other factors",
	}
	if f.options.Method == ML {
		notes = append(notes, "standard errors under ML carry no small-sample factor")
	}
	if f.problem.totals.weighted() {
		notes = append(notes, "patients are weighted: likelihood and plain standard errors take a weight as so many patients alike; where weights are not counts, read the robust standard errors")
	}
	notes = append(notes, f.problem.restsOnModel...)
	if f.problem.reml && f.kr == nil {
		notes = append(notes, "Kenward-Roger with the expected information is not given: that information is singular")
	}
	return notes
}
