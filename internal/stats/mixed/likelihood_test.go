package mixed

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
	"afterglow/internal/stats/formula"
)

// trial is a made-up data set: so many patients, arms and visits, and a pattern of missing visits.
type trial struct {
	patients, arms, visits int
	missing                func(patient, visit int) bool
	baselineAt             float64
}

func (tr trial) model(f string) Model {
	m := Model{Formula: f, Visit: "week", Arm: "arm", Factors: map[string][]string{"site": {"north", "south"}}}
	for v := range tr.visits {
		m.Visits = append(m.Visits, fmt.Sprintf("w%d", v))
	}
	for a := range tr.arms {
		m.Factors["arm"] = append(m.Factors["arm"], string(rune('A'+a)))
	}
	return m
}

func (tr trial) frame(seed uint64) formula.Frame {
	random := rand.New(rand.NewPCG(seed, 7))
	d := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}
	m := tr.model("")
	for i := range tr.patients {
		level, baseline := 3*random.NormFloat64(), 20+5*random.NormFloat64()
		site := m.Factors["site"][random.IntN(2)]
		for v, visit := range m.Visits {
			y := stats.Of(0.6*baseline + level - 2*float64(i%tr.arms) + float64(v) + (2+0.3*float64(v))*random.NormFloat64())
			dose := float64(random.IntN(4))
			if tr.missing != nil && tr.missing(i, v) {
				y = stats.Number{}
			}
			d.Numbers["score"] = append(d.Numbers["score"], y)
			d.Numbers["base"] = append(d.Numbers["base"], stats.Of(baseline+tr.baselineAt))
			d.Numbers["dose"] = append(d.Numbers["dose"], stats.Of(dose))
			d.Numbers["time"] = append(d.Numbers["time"], stats.Of(float64(v*v+1)))
			d.Texts["arm"] = append(d.Texts["arm"], m.Factors["arm"][i%tr.arms])
			d.Texts["site"] = append(d.Texts["site"], site)
			d.Texts["week"] = append(d.Texts["week"], visit)
			d.Texts["id"] = append(d.Texts["id"], fmt.Sprintf("p%d", i))
		}
	}
	return d
}

// gaps leaves visits out in the middle and at the end, and one patient without any visit.
func gaps(patient, visit int) bool {
	return patient == 5 || (patient+2*visit)%7 == 0 || (patient%4 == 3 && visit > 1) || (patient%6 == 1 && visit == 1)
}

func (tr trial) sums(t testing.TB, f string, frame formula.Frame) (*Design, *Sums) {
	m, err := tr.model(f).Classify(frame, "id")
	require.NoError(t, err)
	d, err := m.Design()
	require.NoError(t, err)
	s, err := d.SumRows(frame, "id")
	require.NoError(t, err)
	return d, s
}

// dense is minus twice the log-likelihood from the rows themselves: the model matrix from the formula,
// one dense covariance matrix, no sums. It shares nothing with the fitter but the formula.
func dense(t testing.TB, m Model, frame formula.Frame, covariance [][]float64, reml bool) (float64, *mat.VecDense) {
	parsed, err := formula.Parse(m.Formula)
	require.NoError(t, err)
	design, err := parsed.Design(m.levels())
	require.NoError(t, err)
	var rows []int
	for row, y := range frame.Numbers["score"] {
		if y.Defined {
			rows = append(rows, row)
		}
	}
	n, q := len(rows), len(design.Columns)
	x, y, v := mat.NewDense(n, q, nil), mat.NewVecDense(n, nil), mat.NewSymDense(n, nil)
	index := map[string]int{}
	for k, visit := range m.Visits {
		index[visit] = k
	}
	for i, row := range rows {
		y.SetVec(i, frame.Numbers["score"][row].Value)
		for c, column := range design.Columns {
			value := 1.0
			for _, a := range column.Factors {
				one, ok, err := frame.Value(a, row)
				require.True(t, ok && err == nil)
				value *= one
			}
			x.Set(i, c, value)
		}
		for j, other := range rows[:i+1] {
			if frame.Texts["id"][row] == frame.Texts["id"][other] {
				v.SetSym(j, i, covariance[index[frame.Texts["week"][row]]][index[frame.Texts["week"][other]]])
			}
		}
	}
	var chol, cholM mat.Cholesky
	require.True(t, chol.Factorize(v))
	var vx, xvx mat.Dense
	require.NoError(t, chol.SolveTo(&vx, x))
	xvx.Mul(x.T(), &vx)
	require.True(t, cholM.Factorize(basis.Symmetric(&xvx)))
	var xvy, beta, fitted, residual, vr mat.VecDense
	xvy.MulVec(vx.T(), y)
	require.NoError(t, cholM.SolveVecTo(&beta, &xvy))
	fitted.MulVec(x, &beta)
	residual.SubVec(y, &fitted)
	require.NoError(t, chol.SolveVecTo(&vr, &residual))
	free := float64(n)
	deviance := chol.LogDet() + mat.Dot(&residual, &vr)
	if reml {
		free -= float64(q)
		deviance += cholM.LogDet()
	}
	return deviance + free*math.Log(2*math.Pi), &beta
}

var shapes = map[string]struct {
	trial   trial
	formula string
}{
	"gaps in the middle":        {trial{patients: 60, arms: 2, visits: 4, missing: gaps}, "score ~ base * week + arm * week"},
	"three arms":                {trial{patients: 66, arms: 3, visits: 3, missing: gaps}, "score ~ base + site + arm * week"},
	"a covariate by visit":      {trial{patients: 60, arms: 2, visits: 4, missing: gaps}, "score ~ base + dose + arm * week"},
	"time as a number":          {trial{patients: 60, arms: 2, visits: 4, missing: gaps}, "score ~ base + arm * time + I(time^2)"},
	"no intercept":              {trial{patients: 60, arms: 2, visits: 3, missing: gaps}, "score ~ 0 + week + base:week + arm:week"},
	"no constant at all":        {trial{patients: 60, arms: 2, visits: 3, missing: gaps}, "score ~ 0 + base:week"},
	"squares and products":      {trial{patients: 60, arms: 2, visits: 3, missing: gaps}, "score ~ base * arm + I(base^2) + week"},
	"a baseline far from zero":  {trial{patients: 60, arms: 2, visits: 3, missing: gaps, baselineAt: 1e6}, "score ~ base * week + arm * week"},
	"one visit":                 {trial{patients: 40, arms: 2, visits: 1}, "score ~ base + arm"},
	"almost every pattern once": {trial{patients: 40, arms: 2, visits: 5, missing: func(i, v int) bool { return (i%31+1)>>v&1 == 0 }}, "score ~ base + arm + week"},
}

// The deviance at fixed parameters, far from the optimum, against the dense one.
func TestTheObjectiveAtFixedParametersIsTheDenseLikelihood(t *testing.T) {
	for name, shape := range shapes {
		for _, reml := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, REML %t", name, reml), func(t *testing.T) {
				frame := shape.trial.frame(1)
				d, s := shape.trial.sums(t, shape.formula, frame)
				p, err := newProblem(d, s, reml)
				require.NoError(t, err)
				raw := make([][]float64, shape.trial.visits)
				scaled := mat.NewSymDense(shape.trial.visits, nil)
				for u := range raw {
					raw[u] = make([]float64, shape.trial.visits)
					for v := range raw[u] {
						raw[u][v] = 7 * math.Pow(0.4, math.Abs(float64(u-v))) * (1 + 0.2*float64(u)) * (1 + 0.2*float64(v))
						scaled.SetSym(u, v, raw[u][v]/(p.responseUnit*p.responseUnit))
					}
				}
				near := shape.trial
				near.baselineAt = 0 // a shift of a covariate leaves the likelihood; far from zero the dense side loses it
				expected, beta := dense(t, d.Model, near.frame(1), raw, reml)
				e := p.evaluate(scaled)
				require.True(t, e.defined)
				require.InEpsilon(t, expected, p.raw(e.deviance), 1e-10)
				if shape.trial.baselineAt != 0 {
					return
				}
				for c := range d.Coefficients {
					sum := 0.0 // R b = the coefficients in the basis
					for k := c; k < len(d.Coefficients); k++ {
						sum += p.r.At(c, k) * beta.AtVec(k)
					}
					require.InDelta(t, sum, p.responseUnit*e.beta.AtVec(c)+p.offset[c], 1e-8*(1+math.Abs(sum)))
				}
			})
		}
	}
}

// Gradient and Hessian of the deviance by the free parameters against central differences.
func TestDerivativesAgreeWithFiniteDifferences(t *testing.T) {
	tr := trial{patients: 50, arms: 2, visits: 4, missing: gaps}
	d, s := tr.sums(t, "score ~ base * week + arm * week", tr.frame(2))
	for _, structure := range Structures() {
		for _, reml := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, REML %t", structure, reml), func(t *testing.T) {
				p, err := newProblem(d, s, reml)
				require.NoError(t, err)
				c, err := newCovariance(structure, 4, []float64{2, 3, 5, 8})
				require.NoError(t, err)
				moments, err := p.moments(s, structure)
				require.NoError(t, err)
				theta := c.start(moments)
				random := rand.New(rand.NewPCG(3, 3))
				for i := range theta {
					theta[i] += 0.3 * random.NormFloat64()
				}
				at := p.point(c, theta)
				require.NotNil(t, at)
				const h = 1e-5
				for i := range theta {
					up, down := append([]float64(nil), theta...), append([]float64(nil), theta...)
					up[i], down[i] = theta[i]+h, theta[i]-h
					above, below := p.point(c, up), p.point(c, down)
					slope := (above.evaluation.deviance - below.evaluation.deviance) / (2 * h)
					require.InDelta(t, slope, at.derivatives.gradient[i], 1e-5*(1+math.Abs(slope)))
					for j := range theta {
						bend := (above.derivatives.gradient[j] - below.derivatives.gradient[j]) / (2 * h)
						require.InDelta(t, bend, at.derivatives.hessian.At(i, j), 1e-5*(1+math.Abs(bend)))
					}
					for a := range len(p.offset) {
						for b := range len(p.offset) {
							m := (above.evaluation.m.At(a, b) - below.evaluation.m.At(a, b)) / (2 * h)
							require.InDelta(t, m, at.derivatives.p[i].At(a, b), 1e-4*(1+math.Abs(m)))
						}
					}
				}
			})
		}
	}
}

// At the true parameters E[sum r r'] = n S - T, the gradient is then 0, and the square of the score of the
// coefficients, which profiling takes out, has expectation 2 tr(Phi Q_ij) - 2 tr(Phi P_i Phi P_j).
func TestTheExpectedInformationIsTheObservedAtExpectedResiduals(t *testing.T) {
	tr := trial{patients: 50, arms: 2, visits: 3, missing: gaps}
	d, s := tr.sums(t, "score ~ base + arm * week", tr.frame(4))
	p, err := newProblem(d, s, true)
	require.NoError(t, err)
	c, err := newCovariance(Unstructured, 3, nil)
	require.NoError(t, err)
	moments, err := p.moments(s, Unstructured)
	require.NoError(t, err)
	theta := c.start(moments)
	at := p.point(c, theta)
	e, h := at.evaluation, p.cohort.(*held)
	states, ok := h.states(flat(at.s), flat1(e.beta), flat(e.phi))
	require.True(t, ok)
	for k, pattern := range h.patterns {
		for i, x := range flat(sub(at.s, pattern.visits)) {
			states[k].r[i] = pattern.n*x - states[k].t[i]
		}
		clear(states[k].d)
	}
	_, first := c.at(theta)
	got := e.combine(c, theta, first, h.slopesAt(states, flats(first)))
	for i := range theta {
		require.InDelta(t, 0, got.gradient[i], 1e-8)
		for j := range theta {
			q := traceQ(p, e, c, theta, i, j)
			cross := traceOfProduct(product(e.phi, got.p[i]), product(e.phi, got.p[j]))
			require.InDelta(t, got.expected.At(i, j), got.hessian.At(i, j)-2*q+2*cross, 1e-7*(1+math.Abs(got.expected.At(i, j))))
		}
	}
}

func product(a, b mat.Matrix) *mat.Dense {
	var out mat.Dense
	out.Mul(a, b)
	return &out
}

// traceQ is tr(Phi Q_ij), Q_ij = X' V^-1 V_i V^-1 V_j V^-1 X.
func traceQ(p *problem, e *evaluation, c covariance, theta []float64, i, j int) float64 {
	_, first := c.at(theta)
	sum := 0.0
	h := p.cohort.(*held)
	states, _ := h.states(flat(e.s), flat1(e.beta), flat(e.phi))
	for k, pattern := range h.patterns {
		o := len(pattern.visits)
		w := mat.NewDense(o, o, states[k].w)
		f := product(product(w, sub(first[i], pattern.visits)), product(w, sub(first[j], pattern.visits)))
		sum += traceOfProduct(product(f, w), mat.NewDense(o, o, states[k].t))
	}
	return sum
}

func flat1(v *mat.VecDense) []float64 { return v.RawVector().Data }
