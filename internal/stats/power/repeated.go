package power

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/mixed"
)

// Adjustment names the small-sample method of the mixed model's test.
type Adjustment string

const (
	// Satterthwaite is the default.
	Satterthwaite Adjustment = "satterthwaite"
	// KenwardRoger also widens the standard error.
	KenwardRoger Adjustment = "kenward-roger"
)

// Repeated is a study of two arms measured at several visits and analysed by the mixed model for repeated measures under
// REML. Means are by arm and visit. Covariance is among the visits within an arm; with Baseline its first row and column
// belong to a measurement before the arms part, which enters the model as a covariate by visit. Dropout is the cumulative
// share gone before each visit, one row for both arms or one for each; nobody returns, and leaving does not depend on the
// outcome. Visit is the one tested, from 1; 0 means the last. Structure is the covariance that the analysis assumes
// (empty: unstructured).
type Repeated struct {
	Means      [][]float64     `json:"means"`
	Covariance [][]float64     `json:"covariance"`
	Baseline   bool            `json:"baseline"`
	Dropout    [][]float64     `json:"dropout"`
	Visit      int             `json:"visit"`
	Structure  mixed.Structure `json:"structure"`
	Adjustment Adjustment      `json:"adjustment"`
	Ratio      float64         `json:"ratio"`
}

// Correlated is the covariance of measurements with the given standard deviations, correlated rho apart from each other
// (compound symmetry) or rho to the distance (ar1).
func Correlated(sd []float64, rho float64, structure mixed.Structure) ([][]float64, error) {
	if structure != mixed.CompoundSymmetry && structure != mixed.AutoRegressive {
		return nil, stats.Errorf(stats.BadInput, "correlation_structure", "no structure %q here; there are cs and ar1", structure)
	}
	out := make([][]float64, len(sd))
	for i := range sd {
		for j := range sd {
			r := 1.0
			if i != j {
				r = rho
			}
			if structure == mixed.AutoRegressive {
				r = math.Pow(rho, math.Abs(float64(i-j)))
			}
			out[i] = append(out[i], sd[i]*sd[j]*r)
		}
	}
	return out, nil
}

func (d Repeated) arms(n int) []int { return withRatio(n, d.Ratio) }

// armNames are the levels of the simulated arm column.
var armNames = []string{"first", "second"}

// repeatedTrial is a Repeated ready to draw.
type repeatedTrial struct {
	Repeated
	design   *mixed.Design
	factor   *mat.TriDense // lower Cholesky factor of the covariance
	origin   mixed.Origin
	options  mixed.Options
	stay     [2][]float64 // by arm, the share still there at each visit
	contrast string
}

func (d Repeated) prepare() (trial, error) {
	visits := 0
	if len(d.Means) == 2 {
		visits = len(d.Means[0])
	}
	if visits == 0 || len(d.Means[1]) != visits {
		return nil, stats.Errorf(stats.BadInput, "means", "need two arms of the same visits")
	}
	if err := stats.CheckFinite("means", append(append([]float64(nil), d.Means[0]...), d.Means[1]...)...); err != nil {
		return nil, err
	}
	if d.Visit < 0 || d.Visit > visits {
		return nil, stats.Errorf(stats.BadInput, "visit", "no visit %d of %d", d.Visit, visits)
	}
	if d.Adjustment != "" && d.Adjustment != Satterthwaite && d.Adjustment != KenwardRoger {
		return nil, stats.Errorf(stats.BadInput, "adjustment", "no adjustment %q; there are satterthwaite and kenward-roger", d.Adjustment)
	}
	if err := checkRatio(d.Ratio); err != nil {
		return nil, err
	}
	t := &repeatedTrial{Repeated: d}
	if d.Visit == 0 {
		t.Visit = visits
	}
	if err := t.leaving(visits); err != nil {
		return nil, err
	}
	if err := t.factorise(visits); err != nil {
		return nil, err
	}
	return t, t.model(visits)
}

// leaving turns cumulative shares gone into shares still there.
func (t *repeatedTrial) leaving(visits int) error {
	rows := t.Dropout
	if len(rows) == 0 {
		rows = [][]float64{make([]float64, visits)}
	}
	if len(rows) > 2 {
		return stats.Errorf(stats.BadInput, "dropout", "%d rows for two arms", len(rows))
	}
	for arm := range 2 {
		row := rows[min(arm, len(rows)-1)]
		if len(row) != visits {
			return stats.Errorf(stats.BadInput, "dropout", "%d shares for %d visits", len(row), visits)
		}
		if err := checkShare("dropout", row...); err != nil {
			return err
		}
		for v, share := range row {
			if v > 0 && share < row[v-1] {
				return stats.Errorf(stats.BadInput, "dropout", "the cumulative share falls at visit %d: nobody returns", v+1)
			}
			t.stay[arm] = append(t.stay[arm], 1-share)
		}
	}
	return nil
}

func (t *repeatedTrial) factorise(visits int) error {
	size := visits
	if t.Baseline {
		size++
	}
	if len(t.Covariance) != size {
		return stats.Errorf(stats.BadInput, "covariance", "has %d rows for %d measurements", len(t.Covariance), size)
	}
	m := mat.NewSymDense(size, nil)
	for i, row := range t.Covariance {
		if len(row) != size {
			return stats.Errorf(stats.BadInput, "covariance", "row %d has %d elements for %d measurements", i+1, len(row), size)
		}
		if err := stats.CheckFinite("covariance", row...); err != nil {
			return err
		}
		for j := range i + 1 {
			if math.Abs(row[j]-t.Covariance[j][i]) > 1e-8*math.Sqrt(math.Abs(t.Covariance[i][i]*t.Covariance[j][j])) {
				return stats.Errorf(stats.BadInput, "covariance", "is not symmetric at %d, %d", i+1, j+1)
			}
			m.SetSym(i, j, row[j])
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(m) {
		return stats.Errorf(stats.BadInput, "covariance", "is not positive definite")
	}
	t.factor = mat.NewTriDense(size, mat.Lower, nil)
	chol.LTo(t.factor)
	return nil
}

func (t *repeatedTrial) model(visits int) error {
	m := mixed.Model{Formula: "score ~ arm * visit", Visit: "visit", Arm: "arm", Factors: map[string][]string{"arm": armNames}}
	for v := range visits {
		m.Visits = append(m.Visits, fmt.Sprint(v+1))
	}
	switch {
	case t.Baseline && visits > 1:
		m.Formula = "score ~ base * visit + arm * visit"
	case t.Baseline:
		m.Formula = "score ~ base + arm"
	case visits == 1:
		m.Formula = "score ~ arm"
	}
	var err error
	if t.design, err = m.Design(); err != nil {
		return err
	}
	t.origin = mixed.PlainOrigin(len(t.design.Columns))
	for _, row := range t.Means {
		for _, v := range row {
			t.origin.ResponseShift += v / float64(2*visits)
		}
	}
	t.origin.ResponseScale = t.factor.At(0, 0)
	for j, c := range t.design.Columns {
		for _, a := range c.Factors {
			if a.Column == "base" {
				t.origin.Scale[j] = t.factor.At(0, 0)
			}
		}
	}
	t.contrast = m.Visits[t.Visit-1]
	t.options = mixed.Options{Covariance: t.Structure, Method: mixed.REML, Level: 0.95}
	if t.Structure == "" {
		t.options.Covariance = mixed.Unstructured
	}
	return nil
}

// replicate sums the cross-products of the drawn subjects by pattern, as a store would.
func (t *repeatedTrial) replicate(arms []int, source *rand.Rand) (outcome, error) {
	sums, err := t.design.NewSums(t.origin)
	if err != nil {
		return outcome{}, err
	}
	visits := len(t.design.Model.Visits)
	patterns := make([]*mixed.Pattern, visits+1) // by the number of visits made
	for arm, n := range arms {
		for range n {
			base, scores := t.draw(arm, source)
			made, left := 0, source.Float64()
			for made < visits && left < t.stay[arm][made] {
				made++
			}
			if patterns[made] == nil {
				k := len(t.design.Columns)
				patterns[made] = &mixed.Pattern{Observed: 1<<made - 1, XX: make([]float64, k*(k+1)/2), XY: make([]float64, k*visits), YY: make([]float64, visits*(visits+1)/2)}
			}
			t.add(patterns[made], t.row(arm, base), scores[:made])
		}
	}
	for _, p := range patterns {
		if p == nil {
			continue
		}
		if err := sums.Put(*p); err != nil {
			return outcome{}, err
		}
	}
	fit, err := mixed.FitSums(t.design, sums, t.options)
	if err != nil {
		return outcome{}, err
	}
	return t.test(fit)
}

// draw gives a baseline (0 where there is none) and the scores at all visits.
func (t *repeatedTrial) draw(arm int, source *rand.Rand) (float64, []float64) {
	size, _ := t.factor.Dims()
	z, out := make([]float64, size), make([]float64, size)
	for i := range z {
		z[i] = source.NormFloat64()
		for j := range i + 1 {
			out[i] += t.factor.At(i, j) * z[j]
		}
	}
	base, scores := 0.0, out
	if t.Baseline {
		base, scores = out[0], out[1:]
	}
	for v := range scores {
		scores[v] += t.Means[arm][v]
	}
	return base, scores
}

func (t *repeatedTrial) row(arm int, base float64) []float64 {
	x := make([]float64, len(t.design.Columns))
	for j, c := range t.design.Columns {
		x[j] = 1
		for _, a := range c.Factors {
			if a.Column == "base" {
				x[j] *= base
			} else if a.Level != armNames[arm] {
				x[j] = 0
			}
		}
		x[j] /= t.origin.Scale[j]
	}
	return x
}

func (t *repeatedTrial) add(p *mixed.Pattern, x, scores []float64) {
	p.N++
	visits := len(t.design.Model.Visits)
	y := make([]float64, visits)
	for v, score := range scores {
		y[v] = (score - t.origin.ResponseShift) / t.origin.ResponseScale
	}
	at := 0
	for i := range x {
		for j := i; j < len(x); j++ {
			p.XX[at] += x[i] * x[j]
			at++
		}
		for v := range y {
			p.XY[i*visits+v] += x[i] * y[v]
		}
	}
	at = 0
	for u := range y {
		for v := u; v < visits; v++ {
			p.YY[at] += y[u] * y[v]
			at++
		}
	}
}

func (t *repeatedTrial) test(fit *mixed.Fit) (outcome, error) {
	first, err := fit.MeanVector(armNames[0], t.contrast)
	if err != nil {
		return outcome{}, err
	}
	l, err := fit.MeanVector(armNames[1], t.contrast)
	if err != nil {
		return outcome{}, err
	}
	for i := range l {
		l[i] -= first[i]
	}
	i, err := fit.Contrast(l)
	if err != nil {
		return outcome{}, err
	}
	p, se := i.PValue, i.SE
	if t.Adjustment == KenwardRoger {
		p, se = i.PValueKR, i.SEKR.Value
	}
	if !p.Defined {
		return outcome{}, stats.Errorf(stats.TooFew, "n", "the test has no degrees of freedom")
	}
	return outcome{estimate: i.Estimate, se: se, p: p.Value}, nil
}
