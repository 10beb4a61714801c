package linear

import (
	"errors"
	"math"
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
)

// Model is an analysis of covariance: a formula, the factors' levels in order, the arm whose levels are
// compared, the level that the others are compared with, and where the baseline stands for LS-means.
type Model struct {
	Formula    string
	Response   string
	Arm        string
	Control    string
	Factors    map[string][]string
	Baseline   string
	BaselineAt stats.Number // undefined: its mean over the analysed rows
	Level      float64
}

// Ancova is a fitted analysis of covariance. LS-means stand at the means of numeric columns over the analysed
// rows (the baseline where the model says) and give the levels of other factors equal weights. NExcluded are rows with
// something missing, or with a level that is not among those compared.
type Ancova struct {
	N             int               `json:"n"`
	NExcluded     int               `json:"n_excluded"`
	Coefficients  []Coefficient     `json:"coefficients"`
	VCov          stats.NamedMatrix `json:"vcov"`
	Sigma         stats.Number      `json:"sigma"`
	DFResidual    int               `json:"df_residual"`
	RSquared      stats.Number      `json:"r_squared"`
	AdjRSquared   stats.Number      `json:"adj_r_squared"`
	LogLikelihood stats.Number      `json:"loglik"`
	AIC           stats.Number      `json:"aic"`
	BIC           stats.Number      `json:"bic"`
	Drop1         []TermF           `json:"f_tests_drop1"`
	LSMeans       []LSMean          `json:"ls_means"`
	Contrasts     []Contrast        `json:"contrasts"`
	VersusControl []FromControl     `json:"versus_control"`
	BaselineAt    []CovariateAt     `json:"covariates_at"`
}

// Coefficient is one coefficient with its usual and its heteroscedasticity-consistent errors.
type Coefficient struct {
	Name     string       `json:"name"`
	Estimate stats.Number `json:"estimate"`
	SE       stats.Number `json:"se"`
	DF       int          `json:"df"`
	T        stats.Number `json:"t"`
	PValue   stats.Number `json:"p_value"`
	Lower    stats.Number `json:"ci_lower"`
	Upper    stats.Number `json:"ci_upper"`
	HC0      stats.Number `json:"se_hc0"`
	HC1      stats.Number `json:"se_hc1"`
	HC2      stats.Number `json:"se_hc2"`
	HC3      stats.Number `json:"se_hc3"`
}

// TermF is the F test of dropping one term.
type TermF struct {
	Term   string       `json:"term"`
	DF     int          `json:"df"`
	F      stats.Number `json:"f"`
	PValue stats.Number `json:"p_value"`
}

// FitAncova fits the model to the complete rows of a frame. Sources: Searle, Speed & Milliken (1980) for
// LS-means; Tukey-Kramer and Dunnett as in package multiplicity. See docs/methods/ancova.md.
func FitAncova(model Model, frame formula.Frame) (Ancova, error) {
	if err := stats.CheckLevel(model.Level); err != nil {
		return Ancova{}, err
	}
	parsed, err := formula.Parse(model.Formula)
	if err != nil {
		return Ancova{}, stats.Errorf(stats.BadInput, "formula", "%v", err)
	}
	if model.Response == "" {
		model.Response = parsed.Response
	}
	if !slices.Contains(parsed.Columns(), model.Arm) {
		return Ancova{}, stats.Errorf(stats.BadInput, "arm", "%q is not a column of the formula, so there is nothing to compare", model.Arm)
	}
	arms := model.Factors[model.Arm]
	if len(arms) < 2 {
		return Ancova{}, stats.Errorf(stats.OneLevel, model.Arm, "the arm needs at least two levels")
	}
	design, err := parsed.Design(model.Factors)
	if err != nil {
		return Ancova{}, err
	}
	matrix, err := frame.Evaluate(design, model.Factors, model.Response)
	if err != nil {
		return Ancova{}, err
	}
	used := map[string][]string{}
	for _, column := range parsed.Columns() {
		if levels, factor := model.Factors[column]; factor {
			used[column] = levels
		}
	}
	if err := frame.CheckLevels(design, used, matrix.Rows); err != nil {
		return Ancova{}, err
	}
	response, ok := frame.Numbers[model.Response]
	if !ok {
		return Ancova{}, stats.Errorf(stats.BadInput, model.Response, "no such numeric column")
	}
	y := make([]float64, matrix.N())
	for i, row := range matrix.Rows {
		y[i] = response[row].Value
	}
	fit, err := Least(matrix, y)
	var failure *stats.Failure
	if errors.As(err, &failure) && failure.Where == "response" {
		return Ancova{}, stats.Errorf(failure.Kind, model.Response, "%s", failure.Message)
	}
	if err != nil {
		return Ancova{}, err
	}
	a := fit.summary(model.Level)
	a.NExcluded = frame.Length() - matrix.N()
	for _, term := range design.Terms {
		if term.Label == "" || term.Label == "(Intercept)" {
			continue
		}
		test, err := fit.termTest(term.First, term.Count)
		if err != nil {
			return Ancova{}, err
		}
		a.Drop1 = append(a.Drop1, TermF{term.Label, term.Count, test.Statistic, test.PValue})
	}
	rows, at := lsRows(model, design, frame, matrix.Rows)
	a.BaselineAt = at
	return a, a.compare(fit, model, arms, rows)
}

// explained is the share of the response's squares that the fit explains, plain and adjusted: about the mean or, without
// an intercept, about zero, as in R.
func (f *Fit) explained() (share, adjusted float64) {
	n, total, lost := f.Matrix.N(), f.TSS, 1
	if !slices.Contains(f.Matrix.Names, "(Intercept)") {
		total, lost = f.RSS, 0
		for i := range n {
			fitted := 0.0
			for j, v := range f.Matrix.Row(i) {
				fitted += v * f.Beta[j]
			}
			total += fitted * fitted
		}
	}
	share = 1 - f.RSS/total
	return share, 1 - (1-share)*float64(n-lost)/float64(f.DF)
}

func (f *Fit) summary(level float64) Ancova {
	n, p := f.Matrix.N(), f.Matrix.P()
	r2, adjusted := f.explained()
	ll := f.logLikelihood()
	a := Ancova{N: n, Sigma: stats.Of(f.Sigma), DFResidual: f.DF, RSquared: stats.Of(r2), AdjRSquared: stats.Of(adjusted),
		LogLikelihood: stats.Of(ll), AIC: stats.Of(-2*ll + 2*float64(p+1)), BIC: stats.Of(-2*ll + math.Log(float64(n))*float64(p+1))}
	covariance := f.Covariance()
	robust := [4][]stats.Number{f.Robust(0), f.Robust(1), f.Robust(2), f.Robust(3)}
	a.VCov = stats.NamedMatrix{Names: f.Matrix.Names, Matrix: stats.Matrix(covariance)}
	for j, name := range f.Matrix.Names {
		e := stats.TEstimate(f.Beta[j], math.Sqrt(covariance.At(j, j)), stats.Of(float64(f.DF)), level)
		a.Coefficients = append(a.Coefficients, Coefficient{Name: name, Estimate: e.Estimate, SE: e.SE, DF: f.DF, T: e.Statistic, PValue: e.PValue,
			Lower: e.Lower, Upper: e.Upper, HC0: robust[0][j], HC1: robust[1][j], HC2: robust[2][j], HC3: robust[3][j]})
	}
	return a
}
