package mixed

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
	"afterglow/internal/stats/formula"
)

// clusters is a made-up data set with rows by group: so many groups of different sizes, lines of their own, two arms.
type clusters struct {
	groups          int
	rows            func(group int) int
	level, slope    float64 // standard deviations
	formula         string
	seed            uint64
	outcomeAt, unit float64
}

func uneven(group int) int { return 1 + (group*group+3*group)%6 }

func (c clusters) frame() formula.Frame {
	random := rand.New(rand.NewPCG(c.seed, 11))
	f := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}
	if c.unit == 0 {
		c.unit = 1
	}
	for i := range c.groups {
		level, slope := c.level*random.NormFloat64(), c.slope*random.NormFloat64()
		for k := range c.rows(i) {
			day, dose := float64(k)+random.Float64(), random.NormFloat64()
			y := 20 + level + (slope-0.5)*day + 0.3*dose - float64(i%2) + 2*random.NormFloat64()
			f.Numbers["y"] = append(f.Numbers["y"], stats.Of(c.outcomeAt+c.unit*y))
			f.Numbers["day"] = append(f.Numbers["day"], stats.Of(day))
			f.Numbers["twice"] = append(f.Numbers["twice"], stats.Of(2*day))
			f.Numbers["dose"] = append(f.Numbers["dose"], stats.Of(dose))
			f.Numbers["zero"] = append(f.Numbers["zero"], stats.Of(0))
			f.Texts["arm"] = append(f.Texts["arm"], []string{"A", "B"}[i%2])
			f.Texts["id"] = append(f.Texts["id"], fmt.Sprintf("g%d", i))
		}
	}
	return f
}

var twoArms = map[string][]string{"arm": {"A", "B"}}

func (c clusters) model(method Method) RandomModel {
	return RandomModel{Formula: c.formula, Factors: twoArms, Method: method, Level: 0.95}
}

var clusterShapes = map[string]clusters{
	"a random intercept":          {groups: 20, rows: uneven, level: 3, formula: "y ~ day * arm + (1 | id)", seed: 1},
	"a random slope":              {groups: 20, rows: uneven, level: 3, slope: 0.5, formula: "y ~ day * arm + (1 + day | id)", seed: 2},
	"uncorrelated":                {groups: 20, rows: uneven, level: 3, slope: 0.5, formula: "y ~ day * arm + (1 + day || id)", seed: 3},
	"three random effects":        {groups: 24, rows: uneven, level: 3, slope: 0.5, formula: "y ~ day + dose + (1 + day + dose | id)", seed: 4},
	"a slope without intercept":   {groups: 20, rows: uneven, slope: 0.5, formula: "y ~ day + arm + (0 + day | id)", seed: 5},
	"an outcome far from zero":    {groups: 20, rows: uneven, level: 3, formula: "y ~ day * arm + (1 | id)", seed: 6, outcomeAt: 1e4},
	"a factor among random":       {groups: 30, rows: func(int) int { return 4 }, level: 2, formula: "y ~ day + arm + (1 + dose | id)", seed: 7},
	"no fixed intercept, in days": {groups: 20, rows: uneven, level: 3, formula: "y ~ 0 + arm + day:arm + (1 | id)", seed: 8},
}

// denseRandom is a model's rows with V = Z G Z' + sigma2 I in one piece: it shares nothing with the fitter but the formula.
type denseRandom struct {
	x, z *mat.Dense // z: rows by groups times random columns
	y    *mat.VecDense
	q    int
}

func newDenseRandom(t testing.TB, model RandomModel, frame formula.Frame) denseRandom {
	parsed, err := formula.Parse(model.Formula)
	require.NoError(t, err)
	fixed, err := parsed.Design(model.Factors)
	require.NoError(t, err)
	effects, err := randomPart(parsed, model.Factors)
	require.NoError(t, err)
	value := func(c formula.Column, row int) float64 {
		out := 1.0
		for _, a := range c.Factors {
			one, ok, err := frame.Value(a, row)
			require.True(t, ok && err == nil)
			out *= one
		}
		return out
	}
	n, q := len(frame.Texts["id"]), len(effects.columns)
	place, names := map[string]int{}, 0
	for _, id := range frame.Texts["id"] {
		if _, known := place[id]; !known {
			place[id] = names
			names++
		}
	}
	d := denseRandom{mat.NewDense(n, len(fixed.Columns), nil), mat.NewDense(n, names*q, nil), mat.NewVecDense(n, nil), q}
	for row := range n {
		d.y.SetVec(row, frame.Numbers["y"][row].Value)
		for c, column := range fixed.Columns {
			d.x.Set(row, c, value(column, row))
		}
		for k, column := range effects.columns {
			d.z.Set(row, place[frame.Texts["id"][row]]*q+k, value(column, row))
		}
	}
	return d
}

// whole repeats G along the diagonal.
func (d denseRandom) whole(g [][]float64) *mat.Dense {
	_, n := d.z.Dims()
	out := mat.NewDense(n, n, nil)
	for at := 0; at < n; at += d.q {
		for i := range d.q {
			for j := range d.q {
				out.Set(at+i, at+j, g[i][j])
			}
		}
	}
	return out
}

// at gives minus twice the log-likelihood, the coefficients and (X'V^-1X)^-1.
func (d denseRandom) at(t testing.TB, g [][]float64, sigma2 float64, reml bool) (float64, *mat.VecDense, *mat.Dense) {
	n, p := d.x.Dims()
	var zg, v mat.Dense
	zg.Mul(d.z, d.whole(g))
	v.Mul(&zg, d.z.T())
	for i := range n {
		v.Set(i, i, v.At(i, i)+sigma2)
	}
	var chol, cholM mat.Cholesky
	require.True(t, chol.Factorize(basis.Symmetric(&v)))
	var vx, m, phi mat.Dense
	require.NoError(t, chol.SolveTo(&vx, d.x))
	m.Mul(d.x.T(), &vx)
	require.True(t, cholM.Factorize(basis.Symmetric(&m)))
	var xvy, beta, fitted, residual, vr mat.VecDense
	xvy.MulVec(vx.T(), d.y)
	require.NoError(t, cholM.SolveVecTo(&beta, &xvy))
	fitted.MulVec(d.x, &beta)
	residual.SubVec(d.y, &fitted)
	require.NoError(t, chol.SolveVecTo(&vr, &residual))
	free, deviance := float64(n), chol.LogDet()+mat.Dot(&residual, &vr)
	if reml {
		free -= float64(p)
		deviance += cholM.LogDet()
	}
	require.NoError(t, phi.Inverse(&m))
	return deviance + free*math.Log(2*math.Pi), &beta, &phi
}

func groupsOf(t testing.TB, model RandomModel, frame formula.Frame) *groups {
	parsed, err := formula.Parse(model.Formula)
	require.NoError(t, err)
	design, err := parsed.Design(model.Factors)
	require.NoError(t, err)
	effects, err := randomPart(parsed, model.Factors)
	require.NoError(t, err)
	g, err := newGroups(parsed, design, effects, model.Factors, frame)
	require.NoError(t, err)
	return g
}

// away gives parameters far from any optimum.
func (g *groups) away(seed uint64) []float64 {
	random := rand.New(rand.NewPCG(seed, 13))
	theta := g.start()
	for i := range theta {
		theta[i] += 0.4 * random.NormFloat64()
	}
	return theta
}

// rawG is G in the raw scale at a point.
func (g *groups) rawG(pt *randomPoint) [][]float64 {
	q := g.q()
	var l, covariance mat.Dense
	l.Mul(g.unturned(), mat.NewDense(q, q, pt.factor))
	covariance.Mul(&l, l.T())
	covariance.Scale(g.unit*g.unit*pt.sigma2, &covariance)
	out := make([][]float64, q)
	for i := range q {
		out[i] = mat.Row(nil, i, &covariance)
	}
	return out
}

func TestTheRandomObjectiveAtFixedParametersIsTheDenseLikelihood(t *testing.T) {
	for name, shape := range clusterShapes {
		for _, method := range []Method{REML, ML} {
			t.Run(name+", "+string(method), func(t *testing.T) {
				model, frame := shape.model(method), shape.frame()
				g := groupsOf(t, model, frame)
				d := newDenseRandom(t, model, frame)
				for seed := range uint64(3) {
					pt := g.point(g.away(seed), method == REML)
					require.NotNil(t, pt)
					deviance, beta, _ := d.at(t, g.rawG(pt), g.unit*g.unit*pt.sigma2, method == REML)
					require.InEpsilon(t, deviance, g.raw(pt), 1e-9)
					for c := range g.names {
						sum := 0.0 // R b = the coefficients in the basis
						for k := c; k < len(g.names); k++ {
							sum += g.r.At(c, k) * beta.AtVec(k)
						}
						require.InDelta(t, sum, g.unit*pt.beta.AtVec(c)+g.offset[c], 1e-7*(1+math.Abs(sum)))
					}
				}
			})
		}
	}
}

func TestTheRandomDerivativesAgreeWithFiniteDifferences(t *testing.T) {
	for name, shape := range clusterShapes {
		for _, reml := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, REML %t", name, reml), func(t *testing.T) {
				g := groupsOf(t, shape.model(REML), shape.frame())
				theta := g.away(9)
				at := g.point(theta, reml)
				require.NotNil(t, at)
				const h = 1e-5
				for i := range theta {
					step := make([]float64, len(theta))
					step[i] = 1
					above, below := g.point(added(theta, step, h), reml), g.point(added(theta, step, -h), reml)
					slope := (above.deviance - below.deviance) / (2 * h)
					require.InDelta(t, slope, at.gradient[i], 1e-5*(1+math.Abs(slope)))
					for j := range theta {
						bend := (above.gradient[j] - below.gradient[j]) / (2 * h)
						require.InDelta(t, bend, at.hessian.At(i, j), 1e-5*(1+math.Abs(bend)))
					}
				}
			})
		}
	}
}

// No neighbouring variances have a higher dense likelihood than the fit's.
func TestTheRandomOptimumIsOneOfTheDenseLikelihood(t *testing.T) {
	for _, name := range []string{"a random intercept", "a random slope", "a slope without intercept"} {
		shape := clusterShapes[name]
		for _, method := range []Method{REML, ML} {
			model, frame := shape.model(method), shape.frame()
			fit, err := FitRandom(model, frame)
			require.NoError(t, err)
			d := newDenseRandom(t, model, frame)
			v := fit.variances()
			best, _, _ := d.at(t, v.Covariance, v.Sigma2, method == REML)
			require.InEpsilon(t, best, -2*fit.LogLik(), 1e-10)
			for i := range v.Covariance {
				for _, share := range []float64{0.97, 1.03} {
					moved := make([][]float64, len(v.Covariance))
					for k, row := range v.Covariance {
						moved[k] = slices.Clone(row)
					}
					moved[i][i] *= share
					g := mat.NewDense(len(moved), len(moved), slices.Concat(moved...))
					if mat.Det(g) > 0 { // where the correlation is 1, a smaller variance is none
						worse, _, _ := d.at(t, moved, v.Sigma2, method == REML)
						require.Greater(t, worse, best)
					}
					worse, _, _ := d.at(t, v.Covariance, share*v.Sigma2, method == REML)
					require.Greater(t, worse, best)
				}
			}
		}
	}
}

// Without variation between groups the variance is 0, and the fit is that of least squares.
func TestAVarianceOfZeroIsLeastSquares(t *testing.T) {
	shape := clusters{groups: 12, rows: func(int) int { return 4 }, formula: "y ~ day + arm + (1 | id)", seed: 3}
	frame := shape.frame()
	for group := 0; group < len(frame.Numbers["y"]); group += 4 { // all groups have one mean
		rows, mean := frame.Numbers["y"][group:group+4], 0.0
		for _, y := range rows {
			mean += y.Value / 4
		}
		for k := range rows {
			rows[k].Value -= mean
		}
	}
	model := shape.model(REML)
	fit, err := FitRandom(model, frame)
	require.NoError(t, err)
	result, err := fit.Result(nil, nil, []string{"g0"})
	require.NoError(t, err)
	require.Less(t, result.Random.SD[0], 1e-5*result.Random.Sigma)
	require.Len(t, result.Notes, 2)
	d := newDenseRandom(t, model, frame)
	var qr mat.QR
	qr.Factorize(d.x)
	var beta mat.VecDense
	require.NoError(t, qr.SolveVecTo(&beta, false, d.y))
	for c := range result.Fixed {
		require.InEpsilon(t, beta.AtVec(c), result.Fixed[c].Estimate, 1e-6)
	}
	require.InDelta(t, 0, result.Predictions[0].Effects["(Intercept)"], 1e-6)
}

// Groups are added in chunks, whoever adds them, so one core and several give the same digits.
func TestTheNumberOfWorkersDoesNotChangeADigit(t *testing.T) {
	shape := clusters{groups: 2*chunkOfGroups + 300, rows: func(int) int { return 2 }, level: 3, formula: "y ~ day * arm + (1 | id)", seed: 20}
	frame := shape.frame()
	before := runtime.GOMAXPROCS(1)
	a := randomResult(t, shape.model(REML), frame)
	runtime.GOMAXPROCS(4)
	b := randomResult(t, shape.model(REML), frame)
	runtime.GOMAXPROCS(before)
	require.Equal(t, a, b)
}

func TestTheOrderOfRowsAndTheNamesOfGroupsDoNotMatter(t *testing.T) {
	for name, shape := range clusterShapes {
		t.Run(name, func(t *testing.T) {
			frame := shape.frame()
			a := randomResult(t, shape.model(REML), frame)
			for _, column := range frame.Numbers {
				slices.Reverse(column)
			}
			for name, column := range frame.Texts {
				slices.Reverse(column)
				if name == "id" {
					for i := range column {
						column[i] = "x" + column[i]
					}
				}
			}
			sameRandom(t, a, randomResult(t, shape.model(REML), frame), 1, 0, 1e-6)
		})
	}
}

func TestTheUnitOfTheOutcomeScalesTheMixedModel(t *testing.T) {
	shape := clusterShapes["a random slope"]
	a := randomResult(t, shape.model(REML), shape.frame())
	shape.unit, shape.outcomeAt = 1000, 5e5
	sameRandom(t, a, randomResult(t, shape.model(REML), shape.frame()), 1000, 5e5, 1e-5)
}

// A random slope in weeks and one in days are one model.
func TestTheUnitOfTheRandomColumnsLeavesTheLikelihood(t *testing.T) {
	shape := clusterShapes["a random slope"]
	frame := shape.frame()
	a := randomResult(t, shape.model(REML), frame)
	model := shape.model(REML)
	model.Formula = "y ~ day * arm + (1 + twice | id)"
	b := randomResult(t, model, frame)
	require.InEpsilon(t, a.LogLik, b.LogLik, 1e-9)
	require.InEpsilon(t, a.Random.SD[1], 2*b.Random.SD[1], 1e-5)
	sameRandomFixed(t, a, b, 1, 0, 1e-5)
}

func randomResult(t testing.TB, model RandomModel, frame formula.Frame) RandomResult {
	fit, err := FitRandom(model, frame)
	require.NoError(t, err)
	r, err := fit.Result(nil, nil, nil)
	require.NoError(t, err)
	return r
}

func sameRandom(t *testing.T, a, b RandomResult, unit, shift, tolerance float64) {
	for i := range a.Random.SD {
		require.InDelta(t, unit*a.Random.SD[i], b.Random.SD[i], tolerance*unit)
	}
	require.InEpsilon(t, unit*a.Random.Sigma, b.Random.Sigma, tolerance)
	sameRandomFixed(t, a, b, unit, shift, tolerance)
}

func sameRandomFixed(t *testing.T, a, b RandomResult, unit, shift, tolerance float64) {
	for c := range a.Fixed {
		expected := unit * a.Fixed[c].Estimate
		if a.Fixed[c].Name == "(Intercept)" || shift == 0 {
			expected += shift
		}
		require.InDelta(t, expected, b.Fixed[c].Estimate, tolerance*(1+math.Abs(expected)))
		require.InEpsilon(t, unit*a.Fixed[c].SE, b.Fixed[c].SE, tolerance)
		require.InEpsilon(t, a.Fixed[c].DF.Value, b.Fixed[c].DF.Value, 100*tolerance)
		require.InEpsilon(t, a.Fixed[c].DFKR.Value, b.Fixed[c].DFKR.Value, 100*tolerance)
	}
}
