package mixed

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/testkit/statstest"
)

func TestTrapezoidsByHand(t *testing.T) {
	for name, c := range map[string]struct {
		days     []float64
		until    float64
		expected []float64
	}{
		// 0..10: half of 10; 10..30: half of 20 each
		"to the last visit":       {[]float64{10, 30}, 30, []float64{5 + 10, 10}},
		"to the first visit":      {[]float64{10, 30}, 10, []float64{5, 0}},
		"between two visits":      {[]float64{10, 30}, 20, []float64{5 + 7.5, 2.5}}, // the line is half-way at 20
		"before the first visit":  {[]float64{10, 30}, 5, []float64{5 * 0.5 / 2, 0}},
		"a visit at day 0":        {[]float64{0, 10}, 10, []float64{5, 5}},
		"an area of three visits": {[]float64{1, 2, 4}, 4, []float64{1, 1.5, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Trapezoids(c.days, c.until)
			require.NoError(t, err)
			require.InDeltaSlice(t, c.expected, got, 1e-12)
		})
	}
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Float64Range(0.1, 50), 1, 6).Draw(rt, "steps")
		days, day, last := []float64{}, 0.0, 0.0
		for _, s := range steps {
			day += s
			days = append(days, day)
		}
		until := rapid.Float64Range(0.01, 1).Draw(rt, "until") * day
		w, err := Trapezoids(days, until)
		require.NoError(rt, err)
		// the weights integrate the line y = t exactly
		for i := range w {
			last += w[i] * days[i]
		}
		require.InEpsilon(rt, until*until/2, last, 1e-9)
	})
}

// SR-121: nothing is extrapolated, and days must rise.
func TestSR121_AreasThatMeanNothingAreNamed(t *testing.T) {
	tr := trial{patients: 40, arms: 2, visits: 2}
	_, fit := fitTrial(t, tr, "score ~ base + arm * week", tr.frame(90), Unstructured, REML)
	for name, c := range map[string]struct {
		area  Area
		kind  stats.Kind
		where string
	}{
		"past the last visit":  {Area{[]float64{7, 28}, 29, 20}, stats.BadInput, "until"},
		"no time":              {Area{[]float64{7, 28}, 0, 20}, stats.BadInput, "until"},
		"days that fall":       {Area{[]float64{28, 7}, 7, 20}, stats.BadInput, "days"},
		"a day before 0":       {Area{[]float64{-1, 7}, 7, 20}, stats.BadInput, "days"},
		"a day twice":          {Area{[]float64{7, 7}, 7, 20}, stats.BadInput, "days"},
		"too few days":         {Area{[]float64{7}, 7, 20}, stats.BadInput, "days"},
		"a day that is no day": {Area{[]float64{7, math.NaN()}, 7, 20}, stats.NotFinite, "days"},
		"a start that is none": {Area{[]float64{7, 28}, 7, math.Inf(1)}, stats.NotFinite, "start"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fit.Area(c.area)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
}

// smallSample is inference about l'b by hand from rows, at S given: every patient's V^-1 and derivatives dense, the
// parameters being the elements of S, in which V is linear. Satterthwaite: 2 v^2 / g'Wg with the inverse observed
// information; Kenward & Roger (1997): Phi + 2 Phi {sum w_ij (Q_ij - P_i Phi P_j)} Phi, the same df, W the inverse of
// the expected and of the observed information.
type smallSample struct{ se, df, seKR, dfKR, seObserved, dfObserved float64 }

func smallSampleByHand(t testing.TB, m Model, all []block, visits [][]int, v int, l []float64) smallSample {
	var at [][2]int
	for i := range v {
		for j := range i + 1 {
			at = append(at, [2]int{i, j})
		}
	}
	n, q := 0, len(l)
	for _, b := range all {
		n += b.y.Len()
	}
	// one matrix over all rows
	x, y, w := mat.NewDense(n, q, nil), mat.NewVecDense(n, nil), mat.NewDense(n, n, nil)
	d := make([]*mat.Dense, len(at))
	for k := range d {
		d[k] = mat.NewDense(n, n, nil)
	}
	row := 0
	for i, b := range all {
		var inverse mat.Dense
		require.NoError(t, inverse.Inverse(b.v))
		for a := range b.y.Len() {
			y.SetVec(row+a, b.y.AtVec(a))
			x.SetRow(row+a, mat.Row(nil, a, b.x))
			for c := range b.y.Len() {
				w.Set(row+a, row+c, inverse.At(a, c))
				for k, e := range at {
					u, z := visits[i][a], visits[i][c]
					if (u == e[0] && z == e[1]) || (u == e[1] && z == e[0]) {
						d[k].Set(row+a, row+c, 1)
					}
				}
			}
		}
		row += b.y.Len()
	}
	times := func(ms ...mat.Matrix) *mat.Dense {
		out := mat.DenseCopyOf(ms[0])
		for _, next := range ms[1:] {
			var product mat.Dense
			product.Mul(out, next)
			out = &product
		}
		return out
	}
	var phi mat.Dense
	require.NoError(t, phi.Inverse(times(x.T(), w, x)))
	var projection mat.Dense
	projection.Sub(w, times(w, x, &phi, x.T(), w))
	k := len(at)
	expected, observed := mat.NewDense(k, k, nil), mat.NewDense(k, k, nil)
	p, q2 := make([]*mat.Dense, k), make([][]*mat.Dense, k)
	pd := make([]*mat.Dense, k)
	for i := range k {
		pd[i] = times(&projection, d[i])
		p[i] = times(x.T(), w, d[i], w, x)
		p[i].Scale(-1, p[i])
		q2[i] = make([]*mat.Dense, k)
	}
	py := times(&projection, y)
	for i := range k {
		for j := range k {
			trace := mat.Trace(times(pd[i], pd[j]))
			expected.Set(i, j, trace/2)
			observed.Set(i, j, -trace/2+times(py.T(), d[i], &projection, d[j], py).At(0, 0))
			q2[i][j] = times(x.T(), w, d[i], w, d[j], w, x)
		}
	}
	vector := mat.NewVecDense(q, l)
	variance := mat.Inner(vector, &phi, vector)
	g := mat.NewVecDense(k, nil)
	for i := range k {
		g.SetVec(i, -times(vector.T(), &phi, p[i], &phi, vector).At(0, 0))
	}
	out := smallSample{se: math.Sqrt(variance)}
	of := func(information *mat.Dense) (df, se float64) {
		var wt mat.Dense
		require.NoError(t, wt.Inverse(information))
		inner := mat.NewDense(q, q, nil)
		for i := range k {
			for j := range k {
				var term mat.Dense
				term.Sub(q2[i][j], times(p[i], &phi, p[j]))
				term.Scale(wt.At(i, j), &term)
				inner.Add(inner, &term)
			}
		}
		correction := times(&phi, inner, &phi)
		return 2 * variance * variance / mat.Inner(g, &wt, g), math.Sqrt(variance + 2*mat.Inner(vector, correction, vector))
	}
	out.dfKR, out.seKR = of(expected)
	out.df, out.seObserved = of(observed)
	out.dfObserved = out.df
	return out
}

// The area is a contrast of LS-means: estimate from the means, errors and degrees of freedom by hand from the rows.
func TestAnAreaWithSatterthwaiteAndKenwardRogerByHand(t *testing.T) {
	tr := trial{patients: 30, arms: 3, visits: 3, missing: gaps}
	frame := tr.frame(91)
	result, fit := fitTrial(t, tr, "score ~ base + arm * week", frame, Unstructured, REML)
	area := Area{Days: []float64{7, 28, 84}, Until: 60, Start: 21}
	got, err := fit.Area(area)
	require.NoError(t, err)
	require.Len(t, got.Areas, 3)
	require.Len(t, got.Differences, 2)

	mean := map[[2]string]float64{}
	for _, m := range result.LSMeans {
		mean[[2]string{m.Arm, m.Visit}] = m.Estimate
	}
	visit := map[string]int{"w0": 0, "w1": 1, "w2": 2}
	all := blocks(t, fit.design.Model, frame, result.Covariance)
	visits, order := map[string][]int{}, []string{}
	for row, y := range frame.Numbers["score"] {
		if id := frame.Texts["id"][row]; y.Defined {
			if visits[id] == nil {
				order = append(order, id)
			}
			visits[id] = append(visits[id], visit[frame.Texts["week"][row]])
		}
	}
	seen := make([][]int, len(order))
	for i, id := range order {
		seen[i] = visits[id]
	}
	check := func(i Inference) {
		hand := smallSampleByHand(t, fit.design.Model, all, seen, 3, i.L)
		require.InEpsilon(t, hand.se, i.SE, 1e-7)
		require.InEpsilon(t, hand.df, i.DF.Value, 1e-6)
		require.InEpsilon(t, hand.seKR, i.SEKR.Value, 1e-7)
		require.InEpsilon(t, hand.dfKR, i.DFKR.Value, 1e-6)
		require.InEpsilon(t, hand.seObserved, i.SEKRObserved.Value, 1e-7)
		require.InEpsilon(t, hand.dfObserved, i.DFKRObserved.Value, 1e-6)
		require.InDelta(t, i.Estimate/i.SE, i.T.Value, 1e-12)
		require.InEpsilon(t, stats.TwoSidedT(i.Estimate/hand.seKR, hand.dfKR), i.PValueKR.Value, 1e-5)
	}
	for _, a := range got.Areas {
		// 0..7, 7..28, and 28..60 along the line to day 84
		b := [3]float64{}
		for v, name := range []string{"w0", "w1", "w2"} {
			b[v] = 21 - mean[[2]string{a.Arm, name}]
		}
		at60 := b[1] + (b[2]-b[1])*32/56
		require.InEpsilon(t, 7*b[0]/2+21*(b[0]+b[1])/2+32*(b[1]+at60)/2, a.Estimate, 1e-9)
		check(a.Inference)
	}
	for i, d := range got.Differences {
		require.InDelta(t, got.Areas[i+1].Estimate-got.Areas[0].Estimate, d.Estimate, 1e-9)
		check(d.Inference)
	}
}
