package meta

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// Analysis is what is reported: a fit for each estimator and test, and, without moderators, each study left out, Egger's
// regression and the studies' weights under REML.
type Analysis struct {
	K              int            `json:"k"`
	Y              []float64      `json:"yi"`
	V              []float64      `json:"vi"`
	Fits           []Fit          `json:"fits"`
	LeaveOneOut    []LeftOut      `json:"leave_one_out,omitempty"`
	Egger          *Egger         `json:"egger,omitempty"`
	WeightsPercent []stats.Number `json:"weights_percent,omitempty"`
	Level          float64        `json:"level"`
}

// Fit is one pooled model. Q tests that the studies' effects agree (beside the moderators), I2 is the share of the total
// variation between them, H2 its ratio to the sampling variation; QM tests the moderators. Under test knha the errors are
// Hartung and Knapp's with t quantiles on k - p.
type Fit struct {
	Method          Estimator     `json:"method"`
	Test            string        `json:"test"`
	Coefficients    []Coefficient `json:"coefficients"`
	DF              *int          `json:"df"`
	Tau2            float64       `json:"tau2"`
	Tau2SE          stats.Number  `json:"tau2_se"`
	I2              stats.Number  `json:"i2"`
	H2              stats.Number  `json:"h2"`
	Q               stats.Number  `json:"q"`
	QDF             int           `json:"q_df"`
	QP              stats.Number  `json:"q_p"`
	LogLik          stats.Number  `json:"loglik"`
	PredictionLower stats.Number  `json:"prediction_lower"`
	PredictionUpper stats.Number  `json:"prediction_upper"`
	Tau2Lower       stats.Number  `json:"tau2_ci_lower"`
	Tau2Upper       stats.Number  `json:"tau2_ci_upper"`
	I2Lower         stats.Number  `json:"i2_ci_lower"`
	I2Upper         stats.Number  `json:"i2_ci_upper"`
	// Beside the limits of tau2 from Q (Viechtbauer 2007, Stat Med 26:37), those of the profile likelihood, under ML and REML.
	Tau2ProfileLower stats.Number `json:"tau2_profile_lower"`
	Tau2ProfileUpper stats.Number `json:"tau2_profile_upper"`
	QM               stats.Number `json:"qm"`
	QMDF             []int        `json:"qm_df,omitempty"`
	QMP              stats.Number `json:"qm_p"`
	R2               stats.Number `json:"r2"`
	Notes            []string     `json:"notes,omitempty"`
}

const noteNarrow = "Hartung and Knapp's error is smaller than the usual one: the studies agree more than expected from their own errors, and the interval may be too short."

// Coefficient is the pooled effect (intrcpt) or a moderator's slope.
type Coefficient struct {
	Name      string       `json:"name"`
	Estimate  stats.Number `json:"estimate"`
	SE        stats.Number `json:"se"`
	Statistic stats.Number `json:"statistic"`
	PValue    stats.Number `json:"p_value"`
	Lower     stats.Number `json:"ci_lower"`
	Upper     stats.Number `json:"ci_upper"`
}

// LeftOut is the REML fit without one study.
type LeftOut struct {
	Estimate stats.Number `json:"estimate"`
	SE       stats.Number `json:"se"`
	Tau2     stats.Number `json:"tau2"`
}

// Egger is the regression on the standard error under REML: small studies that differ from large ones (Sterne & Egger
// 2005).
type Egger struct {
	Z      stats.Number `json:"z"`
	PValue stats.Number `json:"p_value"`
}

// Moderator is a named column of values by study.
type Moderator struct {
	Name   string
	Values []float64
}

// Defaults are the estimators reported where none are asked for.
func Defaults(measure Measure, moderated bool) (plain, adjusted []Estimator) {
	switch {
	case moderated:
		return []Estimator{DerSimonianLaird, REML}, []Estimator{DerSimonianLaird, REML}
	case measure == MeanDifference:
		plain = []Estimator{FixedEffect, DerSimonianLaird, PauleMandel, REML, SidikJonkman}
	case measure == StandardisedDifference:
		plain = []Estimator{FixedEffect, DerSimonianLaird, PauleMandel, REML, ML}
	default:
		plain = []Estimator{FixedEffect, DerSimonianLaird, PauleMandel, REML, ML, SidikJonkman}
	}
	return plain, []Estimator{DerSimonianLaird, PauleMandel, REML}
}

// Analyse pools effects by the estimators in plain with normal tests and by those in adjusted with Hartung and Knapp's
// (2001, Stat Med 20:3875; Sidik & Jonkman 2002). See docs/methods/meta-analysis.md.
func Analyse(effects []Effect, moderators []Moderator, plain, adjusted []Estimator, level float64) (Analysis, error) {
	out := Analysis{K: len(effects), Level: level}
	if err := stats.CheckLevel(level); err != nil {
		return out, err
	}
	for _, m := range moderators {
		if len(m.Values) != len(effects) {
			return out, stats.Errorf(stats.BadInput, m.Name, "%d values for %d studies", len(m.Values), len(effects))
		}
		for i, v := range m.Values {
			if !stats.Finite(v) {
				return out, stats.Errorf(stats.NotFinite, m.Name, "study %d is not finite", i+1)
			}
		}
	}
	if len(effects) <= 1+len(moderators) {
		return out, stats.Errorf(stats.TooFew, "studies", "%d studies are too few for %d coefficients and the variance between them", len(effects), 1+len(moderators))
	}
	for i, e := range effects {
		if err := e.check(i); err != nil {
			return out, err
		}
		out.Y, out.V = append(out.Y, e.Y), append(out.V, e.V)
	}
	m, err := newPool(effects, moderators)
	if err != nil {
		return out, err
	}
	if _, ok := m.at(0); !ok {
		return out, stats.Errorf(stats.NotFinite, "variance", "the variances differ too much in size to weigh the studies")
	}
	names := []string{"intrcpt"}
	for _, one := range moderators {
		names = append(names, one.Name)
	}
	for _, by := range plain {
		f, err := m.fit(by, names, false, level)
		if err != nil {
			return out, err
		}
		out.Fits = append(out.Fits, f)
	}
	for _, by := range adjusted {
		f, err := m.fit(by, names, true, level)
		if err != nil {
			return out, err
		}
		out.Fits = append(out.Fits, f)
	}
	if len(moderators) == 0 {
		return out, out.sensitivity(m, effects)
	}
	return out, nil
}

func (m *pool) fit(by Estimator, names []string, adjusted bool, level float64) (Fit, error) {
	tau2, se, err := m.between(by)
	if err != nil {
		return Fit{}, err
	}
	free := m.k - m.p
	plain, _ := m.at(0)
	w, ok := m.at(tau2)
	if !ok {
		return Fit{}, stats.Errorf(stats.Collinear, names[len(names)-1], "the moderators cannot be told apart")
	}
	q := stats.ChiSquareTest(plain.rss, free)
	f := Fit{Method: by, Test: "z", Tau2: tau2, Tau2SE: se, Q: q.ChiSq, QDF: free, QP: q.PValue, LogLik: stats.Of(m.logLik(tau2, by == REML))}
	scale, df := 1.0, stats.Number{}
	if adjusted {
		f.Test, f.DF = "knha", &free
		scale, df = w.rss/float64(free), stats.Of(float64(free))
	}
	infer := func(estimate, se float64) stats.Estimate {
		if adjusted {
			return stats.TEstimate(estimate, se, df, level)
		}
		return stats.ZEstimate(estimate, se, level)
	}
	b, covariance := m.raw(w)
	if adjusted && scale < 1 {
		f.Notes = append(f.Notes, noteNarrow)
	}
	for j, name := range names {
		e := infer(b[j], math.Sqrt(scale*covariance.At(j, j)))
		f.Coefficients = append(f.Coefficients, Coefficient{name, e.Estimate, e.SE, e.Statistic, e.PValue, e.Lower, e.Upper})
	}
	typical := float64(free) / mat.Trace(m.projection(plain))
	i2 := func(tau2 float64) stats.Number { return stats.Of(100 * tau2 / (typical + tau2)) }
	f.I2, f.H2 = i2(tau2), stats.Of(tau2/typical+1)
	if by == FixedEffect {
		f.I2, f.H2 = stats.Of(math.Max(0, 100*(plain.rss-float64(free))/plain.rss)), stats.Of(plain.rss/float64(free))
	}
	if by != FixedEffect {
		low := m.qProfile(chiSquareQuantile(0.5+level/2, float64(free)))
		high := m.qProfile(chiSquareQuantile(0.5-level/2, float64(free)))
		f.Tau2Lower, f.Tau2Upper, f.I2Lower, f.I2Upper = stats.Of(low), stats.Of(high), i2(low), i2(high)
	}
	if by == REML || by == ML {
		low, high := m.profileLimits(tau2, by == REML, level)
		f.Tau2ProfileLower, f.Tau2ProfileUpper = stats.Of(low), stats.Of(high)
	}
	if m.p > 1 {
		return f, m.moderated(&f, by, b, covariance, scale, adjusted)
	}
	if by != FixedEffect {
		spread := infer(b[0], math.Sqrt(scale*covariance.At(0, 0)+tau2))
		f.PredictionLower, f.PredictionUpper = spread.Lower, spread.Upper
	}
	return f, nil
}

// moderated adds the test of all moderators and the share of the variance between studies that they explain.
func (m *pool) moderated(f *Fit, by Estimator, coefficients []float64, covariance *mat.SymDense, scale float64, adjusted bool) error {
	q := m.p - 1
	part, b := mat.NewSymDense(q, nil), mat.NewVecDense(q, coefficients[1:])
	for i := range q {
		for j := range i + 1 {
			part.SetSym(i, j, scale*covariance.At(i+1, j+1))
		}
	}
	var chol mat.Cholesky
	var solved mat.VecDense
	if !chol.Factorize(part) || chol.SolveVecTo(&solved, b) != nil {
		return nil // residuals of exactly zero leave the test undefined
	}
	statistic := mat.Dot(b, &solved)
	f.QMDF = []int{q}
	if adjusted {
		test := stats.FTest(stats.Of(statistic/float64(q)), q, stats.Of(float64(m.k-m.p)))
		f.QM, f.QMP = test.Statistic, test.PValue
		f.QMDF = append(f.QMDF, m.k-m.p)
	} else {
		test := stats.ChiSquareTest(statistic, q)
		f.QM, f.QMP = test.ChiSq, test.PValue
	}
	effects := make([]Effect, m.k)
	for i := range effects {
		effects[i] = Effect{m.y[i], m.v[i]}
	}
	empty, err := newPool(effects, nil)
	if err != nil {
		return err
	}
	if by == FixedEffect { // the share of the weighted squares, adjusted for the moderators' number
		plain, _ := empty.at(0)
		f.R2 = stats.Of(math.Max(0, 100*(1-f.Q.Value/float64(m.k-m.p)/(plain.rss/float64(m.k-1)))))
		return nil
	}
	none, _, err := empty.between(by)
	if err == nil && none > 0 {
		f.R2 = stats.Of(math.Max(0, 100*(none-f.Tau2)/none))
	}
	return err
}

// sensitivity fills what is reported without moderators, under REML.
func (a *Analysis) sensitivity(m *pool, effects []Effect) error {
	tau2, _, err := m.between(REML)
	if err != nil {
		return err
	}
	total := 0.0
	for _, v := range m.v {
		total += 1 / (v + tau2)
	}
	root := make([]float64, m.k)
	for i, v := range m.v {
		a.WeightsPercent = append(a.WeightsPercent, stats.Of(100/(v+tau2)/total))
		root[i] = math.Sqrt(v)
	}
	if m.k < 3 {
		return nil
	}
	for i := range effects {
		rest := append(append([]Effect(nil), effects[:i]...), effects[i+1:]...)
		without, err := newPool(rest, nil)
		if err != nil {
			return err
		}
		left, _, err := without.between(REML)
		if err != nil {
			return err
		}
		w, _ := without.at(left)
		b, covariance := without.raw(w)
		a.LeaveOneOut = append(a.LeaveOneOut, LeftOut{stats.Of(b[0]), stats.Of(math.Sqrt(covariance.At(0, 0))), stats.Of(left)})
	}
	regression, err := newPool(effects, []Moderator{{"se", root}})
	if err != nil {
		return nil // studies of one size: nothing to regress on
	}
	small, _, err := regression.between(REML)
	if err != nil {
		return err
	}
	w, _ := regression.at(small)
	b, covariance := regression.raw(w)
	e := stats.ZEstimate(b[1], math.Sqrt(covariance.At(1, 1)), a.Level)
	a.Egger = &Egger{e.Statistic, e.PValue}
	return nil
}

// chiSquareQuantile halves in on the quantile through the upper tail.
func chiSquareQuantile(p, df float64) float64 {
	low, high := 0.0, df+10
	for stats.UpperChiSquare(high, df) > 1-p {
		high *= 2
	}
	for range 200 {
		mid := (low + high) / 2
		if stats.UpperChiSquare(mid, df) > 1-p {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2
}
