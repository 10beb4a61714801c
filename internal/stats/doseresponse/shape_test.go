package doseresponse_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/stats/doseresponse"
	"afterglow/internal/testkit/statstest"
)

// The definition of the basis: 0 before the first knot, a cubic in each interval, straight beyond the last, value, slope and
// second derivative continuous; taken by differences, with a second difference of 0 beyond the outer knots.
func TestASplineIsSmoothAndStraightBeyondItsOuterKnots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(3, 7).Draw(t, "knots")
		knots := []float64{rapid.Float64Range(-50, 50).Draw(t, "first")}
		for len(knots) < k {
			knots = append(knots, knots[len(knots)-1]+rapid.Float64Range(0.5, 20).Draw(t, "gap"))
		}
		first, last := knots[0], knots[k-1]
		h := (last - first) * 1e-4
		bend := func(x float64, j int) float64 {
			return (doseresponse.Spline(knots, x+h)[j] - 2*doseresponse.Spline(knots, x)[j] + doseresponse.Spline(knots, x-h)[j]) / (h * h)
		}
		for j := 1; j < k-1; j++ {
			require.Zero(t, doseresponse.Spline(knots, first-3)[j])
			scale := 6 / (last - first) // of the second derivative
			require.InDelta(t, 0, bend(last+7, j), 1e-5*scale)
			require.InDelta(t, 0, bend(last+70, j), 1e-5*scale)
			for _, x := range knots {
				require.InDelta(t, bend(x-2*h, j), bend(x+2*h, j), 0.01*scale*math.Max(1, (last-first)), "the second derivative jumps at a knot")
			}
			u := (knots[0] + knots[1]) / 2
			if j == 1 { // before the second knot the first bend is the cube itself
				require.InEpsilon(t, math.Pow(u-first, 3)/math.Pow(last-first, 2), doseresponse.Spline(knots, u)[1], 1e-12)
			}
		}
	})
}

// simulate gives an exposure, two covariates and an outcome of the given mean; noise is the standard deviation.
func simulate(n int, seed uint64, noise float64, mean func(x float64) float64) doseresponse.Data {
	random := rand.New(rand.NewPCG(seed, 1))
	d := doseresponse.Data{Exposure: "dose", Names: []string{"age", "site"}, Response: "score", Family: doseresponse.Gaussian}
	for range n {
		x, age, site := 10*random.Float64(), 40+10*random.NormFloat64(), float64(random.IntN(2))
		d.Dose, d.X = append(d.Dose, x), append(d.X, age, site)
		d.Y = append(d.Y, mean(x)+0.1*age-site+noise*random.NormFloat64())
	}
	return d
}

func compare(t testing.TB, d doseresponse.Data) doseresponse.Result {
	r, err := doseresponse.Compare(d, doseresponse.Options{Level: 0.95})
	require.NoError(t, err)
	return r
}

// A parabola with next to no noise gives its coefficients back, and is preferred.
func TestAParabolaIsRecovered(t *testing.T) {
	d := simulate(80, 5, 1e-6, func(x float64) float64 { return 3 - 2*x + 0.25*x*x })
	r := compare(t, d)
	quadratic := find(r, doseresponse.Quadratic)
	for j, want := range []float64{3, 0.1, -1, -2, 0.25} {
		require.InDelta(t, want, quadratic.Coefficients[j].Estimate.Estimate.Value, 1e-5, quadratic.Coefficients[j].Name)
	}
	require.Equal(t, doseresponse.Quadratic, r.LowestAIC)
	require.Less(t, test(r, doseresponse.Straight, doseresponse.Quadratic).PValue.Value, 1e-10)
	require.Equal(t, []string{"(Intercept)", "age", "site", "dose", "I(dose^2)"}, []string{quadratic.Coefficients[0].Name,
		quadratic.Coefficients[1].Name, quadratic.Coefficients[2].Name, quadratic.Coefficients[3].Name, quadratic.Coefficients[4].Name})
}

// A spline's own function with next to no noise is recovered by the coefficients of its basis, in the exposure's own unit.
func TestASplinesCoefficientsAreThoseOfItsBasis(t *testing.T) {
	d := simulate(90, 6, 0, func(float64) float64 { return 0 })
	knots, err := doseresponse.Spline4.Knots(d.Dose)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	for i, x := range d.Dose {
		b := doseresponse.Spline(knots, x)
		d.Y[i] = 7 + 2*b[0] - 5*b[1] + 11*b[2] + 1e-7*random.NormFloat64()
	}
	m := find(compare(t, d), doseresponse.Spline4)
	for j, want := range map[int]float64{0: 7, 3: 2, 4: -5, 5: 11} {
		require.InDelta(t, want, m.Coefficients[j].Estimate.Estimate.Value, 1e-5, m.Coefficients[j].Name)
	}
	require.Equal(t, "dose''", m.Coefficients[5].Name)
}

// The likelihood, tests and curves depend neither on the order of rows nor on the unit and origin of the exposure.
func TestTheComparisonDoesNotDependOnOrderUnitOrOrigin(t *testing.T) {
	d := simulate(60, 7, 2, func(x float64) float64 { return math.Sin(x) * 3 })
	plain := compare(t, d)
	moved := d
	moved.Dose = make([]float64, 60)
	for i, x := range d.Dose {
		moved.Dose[i] = 2019 + x*1000
	}
	shuffled := doseresponse.Data{Exposure: d.Exposure, Names: d.Names, Response: d.Response, Family: d.Family}
	for i := range d.Y {
		k := len(d.Y) - 1 - i
		shuffled.Dose, shuffled.Y = append(shuffled.Dose, d.Dose[k]), append(shuffled.Y, d.Y[k])
		shuffled.X = append(shuffled.X, d.X[2*k:2*k+2]...)
	}
	for _, other := range []doseresponse.Result{compare(t, moved), compare(t, shuffled)} {
		for i, c := range plain.Tests {
			require.InDelta(t, c.ChiSq.Value, other.Tests[i].ChiSq.Value, 1e-8)
			require.InDelta(t, c.FPValue.Value, other.Tests[i].FPValue.Value, 1e-9)
		}
		for i, m := range plain.Models {
			for k, p := range m.Curve {
				require.InDelta(t, p.Estimate.Value, other.Models[i].Curve[k].Estimate.Value, 1e-8)
				require.InDelta(t, p.SE.Value, other.Models[i].Curve[k].SE.Value, 1e-8)
			}
		}
	}
}

func TestCurvesStayWithinTheObservedRange(t *testing.T) {
	d := simulate(40, 8, 1, func(x float64) float64 { return x })
	r := compare(t, d)
	for _, m := range r.Models {
		for _, p := range m.Curve {
			require.GreaterOrEqual(t, p.Dose, r.Minimum)
			require.LessOrEqual(t, p.Dose, r.Maximum)
		}
	}
	_, err := doseresponse.Compare(d, doseresponse.Options{At: []float64{r.Maximum + 0.01}, Level: 0.95})
	statstest.RequireFailure(t, err, stats.BadInput, "at")
}

func TestWhatCannotBeEstimatedIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*doseresponse.Data)
		kind   stats.Kind
		where  string
	}{
		"one exposure":              {func(d *doseresponse.Data) { fill(d.Dose, 3) }, stats.OneLevel, "dose"},
		"an exposure not finite":    {func(d *doseresponse.Data) { d.Dose[4] = math.NaN() }, stats.NotFinite, "dose"},
		"an outcome not finite":     {func(d *doseresponse.Data) { d.Y[4] = math.Inf(1) }, stats.NotFinite, "score"},
		"a covariate not finite":    {func(d *doseresponse.Data) { d.X[4] = math.Inf(1) }, stats.NotFinite, "age"},
		"a constant outcome":        {func(d *doseresponse.Data) { fill(d.Y, 3) }, stats.Constant, "score"},
		"an outcome on the line":    {func(d *doseresponse.Data) { copy(d.Y, d.Dose) }, stats.Constant, "score"},
		"a constant covariate":      {func(d *doseresponse.Data) { fill(d.X, 3) }, stats.Collinear, "age"},
		"too few rows":              {func(d *doseresponse.Data) { d.Dose, d.Y, d.X = d.Dose[:3], d.Y[:3], d.X[:6] }, stats.TooFew, "score"},
		"fewer rows than columns":   {func(d *doseresponse.Data) { d.Dose, d.Y, d.X = d.Dose[:4], d.Y[:4], d.X[:8] }, stats.TooFew, "rows"},
		"no such family":            {func(d *doseresponse.Data) { d.Family = "poisson" }, stats.BadInput, "family"},
		"an outcome that is no 0/1": {func(d *doseresponse.Data) { d.Family = doseresponse.Binomial }, stats.BadInput, "score"},
		"an exposure that separates": {func(d *doseresponse.Data) {
			d.Family = doseresponse.Binomial
			for i, x := range d.Dose {
				d.Y[i] = 0
				if x > 5 {
					d.Y[i] = 1
				}
			}
		}, stats.Separation, "dose"},
	} {
		t.Run(name, func(t *testing.T) {
			d := simulate(40, 9, 1, func(x float64) float64 { return x })
			c.change(&d)
			_, err := doseresponse.Compare(d, doseresponse.Options{Level: 0.95})
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
	d := simulate(40, 9, 1, func(x float64) float64 { return x })
	_, err := doseresponse.Compare(d, doseresponse.Options{Level: 1})
	statstest.RequireFailure(t, err, stats.BadInput, "level")
	_, err = doseresponse.Compare(d, doseresponse.Options{Level: 0.9, Shapes: []doseresponse.Shape{"cubic"}})
	require.NoError(t, err) // stands there with its failure
}

func fill(x []float64, v float64) {
	for i := range x {
		x[i] = v
	}
}

// With three doses a parabola is the most that can be told; the splines say so and the rest is given.
func TestAShapeThatTheDataDoNotCarryStandsThereWithItsFailure(t *testing.T) {
	d := simulate(40, 10, 1, func(x float64) float64 { return x })
	for i := range d.Dose {
		d.Dose[i] = float64(i % 3)
	}
	r := compare(t, d)
	require.Nil(t, find(r, doseresponse.Quadratic).Failure)
	for _, shape := range []doseresponse.Shape{doseresponse.Spline4, doseresponse.Spline5} {
		require.NotNil(t, find(r, shape).Failure)
		require.Empty(t, test(r, doseresponse.Straight, shape))
	}
	require.Greater(t, len(r.Notes), 2)
	for i := range d.Dose {
		d.Dose[i] = float64(i % 2)
	}
	require.Equal(t, stats.Collinear, find(compare(t, d), doseresponse.Quadratic).Failure.Kind)
}

func TestModelsThatAreNotNestedAreRefused(t *testing.T) {
	d := simulate(30, 11, 1, func(x float64) float64 { return x })
	candidate := func(name string, columns ...func(i int) float64) doseresponse.Candidate {
		c := doseresponse.Candidate{Formula: name}
		for j := range columns {
			c.Names = append(c.Names, name+string(rune('0'+j)))
		}
		for i := range d.Y {
			for _, column := range columns {
				c.X = append(c.X, column(i))
			}
		}
		return c
	}
	one := func(int) float64 { return 1 }
	dose, age := func(i int) float64 { return d.Dose[i] }, func(i int) float64 { return d.X[2*i] }
	nested := func(c ...doseresponse.Candidate) error {
		_, err := doseresponse.Nested(c, "score", d.Y, doseresponse.Gaussian, 0.95)
		return err
	}
	statstest.RequireFailure(t, nested(candidate("a", one, dose), candidate("b", one, age)), stats.BadInput, "a1")
	statstest.RequireFailure(t, nested(candidate("a", one, dose), candidate("b", one, func(i int) float64 { return 2 - 3*dose(i) })), stats.BadInput, "b")
	statstest.RequireFailure(t, nested(candidate("a", one)), stats.BadInput, "formulas")
	statstest.RequireFailure(t, nested(candidate("a", one), candidate("b", one, one)), stats.Collinear, "b1")
	require.NoError(t, nested(candidate("a", one, dose), candidate("b", one, age, func(i int) float64 { return 5*dose(i) - age(i) })))
}

func FuzzCompare(f *testing.F) {
	f.Add([]byte{1, 200, 3, 40, 50, 6, 77, 8, 9, 100, 11, 12, 130, 14, 15, 160, 1, 99, 3, 44, 5, 66, 7, 88}, true)
	f.Add([]byte("the amounts and scores of some people, three bytes each"), false)
	f.Add(make([]byte, 60), true)
	f.Fuzz(func(t *testing.T, bytes []byte, binary bool) {
		d := doseresponse.Data{Exposure: "dose", Names: []string{"age"}, Response: "score", Family: doseresponse.Gaussian}
		if binary {
			d.Family = doseresponse.Binomial
		}
		for i := 0; i+2 < len(bytes) && i < 300; i += 3 {
			y := float64(bytes[i+2]) - 100
			if binary {
				y = float64(bytes[i+2] & 1)
			}
			d.Dose, d.X, d.Y = append(d.Dose, float64(bytes[i]%32)*1e-3), append(d.X, float64(bytes[i+1])), append(d.Y, y)
		}
		r, err := doseresponse.Compare(d, doseresponse.Options{Points: 5, Level: 0.9})
		statstest.RequireAnswer(t, r, err)
	})
}

func FuzzNested(f *testing.F) {
	f.Add([]byte{1, 200, 3, 40, 50, 6, 77, 8, 9, 100, 11, 12, 130, 14, 15, 160, 1, 99, 3, 44, 5, 66, 7, 88, 4, 9, 3, 1}, true)
	f.Add([]byte("the columns and outcomes of a chain of two models"), false)
	f.Fuzz(func(t *testing.T, bytes []byte, binary bool) {
		family, small, big := doseresponse.Gaussian, doseresponse.Candidate{Formula: "small", Names: []string{"a", "b"}}, doseresponse.Candidate{Formula: "big", Names: []string{"a", "b", "c"}}
		if binary {
			family = doseresponse.Binomial
		}
		var y []float64
		for i := 0; i+3 < len(bytes) && i < 300; i += 4 {
			a, b, c, value := 1.0, float64(bytes[i]%16), float64(bytes[i+1]), float64(bytes[i+2])
			if binary {
				value = float64(bytes[i+2] & 1)
			}
			if bytes[i+3] == 0 {
				b++ // this row breaks the nesting
			}
			small.X, big.X, y = append(small.X, a, b), append(big.X, a, float64(bytes[i]%16), c), append(y, value)
		}
		r, err := doseresponse.Nested([]doseresponse.Candidate{small, big}, "score", y, family, 0.95)
		statstest.RequireAnswer(t, r, err)
	})
}
