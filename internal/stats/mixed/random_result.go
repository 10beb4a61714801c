package mixed

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// RandomResult is all that is reported about a fit. AIC and BIC count the fixed effects, the variances and covariances
// and sigma; BIC uses log(n_obs), as lme4 does.
type RandomResult struct {
	NObs        int               `json:"n_obs"`
	NGroups     int               `json:"n_groups"`
	LogLik      float64           `json:"loglik"`
	Deviance    float64           `json:"deviance"`
	NParams     int               `json:"n_params"`
	AIC         float64           `json:"aic"`
	BIC         float64           `json:"bic"`
	Fixed       []Coefficient     `json:"fixed"`
	VCov        NamedMatrix       `json:"vcov"`
	VCovKR      [][]float64       `json:"vcov_kr"`
	Random      RandomVariances   `json:"random"`
	FTests      []FTest           `json:"f_tests"`
	Means       []GridResult      `json:"emmeans"`
	Contrasts   []GridResult      `json:"contrasts"`
	Predictions []GroupPrediction `json:"blups"`
	Fitted      []FittedRow       `json:"fitted"`
	Convergence Convergence       `json:"convergence"`
	Notes       []string          `json:"notes"`
}

// RandomVariances is G with sigma; theta is the lower triangle, by columns, of the relative Cholesky factor L: G =
// sigma squared L L'. A correlation with a variance of zero is undefined.
type RandomVariances struct {
	Names       []string         `json:"names"`
	Covariance  [][]float64      `json:"covariance"`
	SD          []float64        `json:"sd"`
	Correlation [][]stats.Number `json:"correlation"`
	Sigma       float64          `json:"sigma"`
	Sigma2      float64          `json:"sigma2"`
	Theta       []float64        `json:"theta"`
}

// GroupPrediction is a group's best linear unbiased prediction. CondSD is its standard deviation given the response, the
// coefficients and variances held fixed (lme4's condVar); PredictionSE that of the prediction error, which counts the
// coefficients' error too (Henderson 1975, Biometrics 31:423).
type GroupPrediction struct {
	Group        string             `json:"subject"`
	Effects      map[string]float64 `json:"effects"`
	CondSD       map[string]float64 `json:"cond_sd"`
	PredictionSE map[string]float64 `json:"prediction_se"`
}

// FittedRow is what the model says of a row: by the fixed effects alone and with the group's predictions. Row counts
// the rows of the frame from 1.
type FittedRow struct {
	Row    int     `json:"row"`
	Group  string  `json:"subject"`
	Fixed  float64 `json:"fixed"`
	Fitted float64 `json:"fitted"`
}

// LogLik is the log-likelihood (restricted under REML) with its constants.
func (f *RandomFit) LogLik() float64 { return -f.deviance / 2 }

// Parameters counts fixed effects, variances and covariances, and sigma.
func (f *RandomFit) Parameters() int { return len(f.names) + len(f.best.theta) }

// Result gathers what is reported; grids ask for model means and their comparisons, subjects for predictions of these
// groups.
func (f *RandomFit) Result(means, contrasts []Grid, subjects []string) (RandomResult, error) {
	r := RandomResult{NObs: f.data.rows, NGroups: len(f.data.group), LogLik: f.LogLik(), Deviance: f.deviance, NParams: f.Parameters(),
		Random: f.variances(), FTests: []FTest{}, Means: []GridResult{}, Contrasts: []GridResult{}, Convergence: f.Convergence}
	r.AIC = f.deviance + 2*float64(r.NParams)
	r.BIC = f.deviance + math.Log(float64(r.NObs))*float64(r.NParams)
	var err error
	if r.Predictions, r.Fitted, err = f.predict(subjects); err != nil {
		return r, err
	}
	var rows [][]float64
	for c, name := range f.names {
		row := make([]float64, len(f.names))
		row[c] = 1
		i, err := f.Contrast(row)
		if err != nil {
			return r, err
		}
		i.L = nil
		r.Fixed, rows = append(r.Fixed, Coefficient{name, i}), append(rows, row)
	}
	all, err := f.Covariance(rows)
	if err != nil {
		return r, err
	}
	r.VCov, r.VCovKR = NamedMatrix{f.names, all.Plain}, all.KR
	for _, term := range f.design.Terms {
		test, err := f.FTest(term.Label, f.hypothesis(term))
		if err != nil {
			return r, err
		}
		r.FTests = append(r.FTests, test)
	}
	for _, g := range means {
		one, err := f.grid(g)
		if err != nil {
			return r, err
		}
		r.Means = append(r.Means, one)
	}
	for _, g := range contrasts {
		one, err := f.gridContrasts(g)
		if err != nil {
			return r, err
		}
		r.Contrasts = append(r.Contrasts, one)
	}
	unseen, err := f.unseen(slices.Concat(means, contrasts))
	r.Notes = append(f.notes(r.Random), unseen...)
	return r, err
}

func (f *RandomFit) notes(v RandomVariances) []string {
	notes := []string{fmt.Sprintf("linear mixed model by %s; plain degrees of freedom are Satterthwaite's, f_tests are of type III", f.model.Method)}
	notes = append(notes, f.singularNotes(v)...)
	if f.model.Method == ML {
		notes = append(notes, "standard errors under ML carry no small-sample factor")
	}
	return notes
}

func (f *RandomFit) variances() RandomVariances {
	l, s2 := f.rawFactor(), f.best.sigma2*f.unit*f.unit
	q := f.data.q()
	v := RandomVariances{Sigma2: s2, Sigma: math.Sqrt(s2)}
	var g mat.Dense
	g.Mul(l, l.T())
	g.Scale(s2, &g)
	for i := range q {
		v.Names = append(v.Names, f.data.random.columns[i].Name)
		v.SD = append(v.SD, math.Sqrt(g.At(i, i)))
		v.Covariance = append(v.Covariance, mat.Row(nil, i, &g))
	}
	for i := range q {
		row := make([]stats.Number, q)
		for j := range q {
			row[j] = stats.Of(g.At(i, j) / (v.SD[i] * v.SD[j]))
		}
		row[i] = stats.Of(1)
		v.Correlation = append(v.Correlation, row)
	}
	for j := range q {
		for i := j; i < q; i++ {
			if f.data.random.free[i][j] {
				v.Theta = append(v.Theta, l.At(i, j))
			}
		}
	}
	return v
}

// prediction gives the random effects of a group (by its place), raw scale, with the standard deviation given the
// coefficients and with that of the prediction error; internal are the effects of the internal columns.
func (f *RandomFit) prediction(group int) (effects, conditional, missed, internal []float64) {
	own := f.own(group)
	none, back := mat.NewVecDense(len(f.names), nil), f.data.unturned()
	for i := range own.effects {
		z := mat.Row(nil, i, back)
		estimate, variance := own.at(f, none, z)
		vector := mat.NewVecDense(len(z), z)
		effects = append(effects, estimate)
		conditional = append(conditional, f.unit*math.Sqrt(f.best.sigma2*mat.Inner(vector, own.m, vector)))
		missed = append(missed, f.unit*math.Sqrt(variance))
		internal = append(internal, f.unit*own.effects[i])
	}
	return effects, conditional, missed, internal
}

func (f *RandomFit) predict(names []string) ([]GroupPrediction, []FittedRow, error) {
	predictions, fitted := []GroupPrediction{}, []FittedRow{}
	if len(names) == 0 {
		return predictions, fitted, nil
	}
	place := map[string]int{}
	for i, name := range f.data.group {
		place[name] = i
	}
	byGroup := map[int][]float64{}
	for _, name := range names {
		at, known := place[name]
		if !known {
			return nil, nil, stats.Errorf(stats.BadInput, f.data.random.group, "no group %q among the analysed rows, whose effects are asked for", name)
		}
		effects, conditional, missed, internal := f.prediction(at)
		p := GroupPrediction{Group: name, Effects: map[string]float64{}, CondSD: map[string]float64{}, PredictionSE: map[string]float64{}}
		for i, c := range f.data.random.columns {
			p.Effects[c.Name] = effects[i]
			p.CondSD[c.Name] = conditional[i]
			p.PredictionSE[c.Name] = missed[i]
		}
		predictions = append(predictions, p)
		byGroup[at] = internal
	}
	for i, at := range f.data.index {
		effects, asked := byGroup[at]
		if !asked {
			continue
		}
		row := FittedRow{Row: f.data.kept[i] + 1, Group: f.data.group[at]}
		for c, x := range f.data.basis {
			row.Fixed += x[i] * f.beta.AtVec(c)
		}
		row.Fitted = row.Fixed
		for c, z := range f.data.z {
			row.Fitted += z[i] * effects[c]
		}
		fitted = append(fitted, row)
	}
	return predictions, fitted, nil
}
