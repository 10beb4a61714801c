package psychometric

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/testkit/statstest"
)

// answers draws persons' answers to items that share a factor.
func answers(r *rand.Rand, persons int, loadings ...float64) [][]float64 {
	items := make([][]float64, len(loadings))
	for range persons {
		factor := r.NormFloat64()
		for j, l := range loadings {
			items[j] = append(items[j], l*factor+math.Sqrt(1-l*l)*r.NormFloat64())
		}
	}
	return items
}

func names(k int) []string { return []string{"a", "b", "c", "d", "e", "f"}[:k] }

// Items that are the same are parallel without error; for two items of equal variance alpha is Spearman and Brown's
// 2r / (1 + r), and of items with equal covariances alpha is omega.
func TestAlphaOfParallelItems(t *testing.T) {
	same := []float64{1, 4, 2, 5, 3}
	a, err := CronbachAlpha([][]float64{same, same, same}, names(3), 0.95)
	require.NoError(t, err)
	require.InDelta(t, 1, a.Alpha.Value, 1e-12)
	x, y := []float64{1, 2, 3, 4, 5}, []float64{2, 1, 4, 5, 3}
	a, err = CronbachAlpha([][]float64{x, y}, names(2), 0.95)
	require.NoError(t, err)
	require.InDelta(t, 2*a.MeanR.Value/(1+a.MeanR.Value), a.Alpha.Value, 1e-12)
	require.InDelta(t, a.Standardised.Value, a.Alpha.Value, 1e-12)
	require.False(t, a.IfDropped[0].Defined, "one item that is left has no alpha")
}

// Reliability does not see units, the order of persons or of items; alpha counts none of what all items share by a shift.
func TestReliabilityDoesNotSeeUnits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		by := rapid.SampledFrom([]float64{1e-8, -1, 3, 1e8}).Draw(t, "unit")
		items := answers(r, 40, 0.8, 0.7, 0.6, 0.75)
		order := r.Perm(40)
		other := make([][]float64, 4)
		for j := range items {
			for _, i := range order {
				other[3-j] = append(other[3-j], items[j][i]*by+5*by)
			}
		}
		one, err := CronbachAlpha(items, names(4), 0.9)
		require.NoError(t, err)
		two, err := CronbachAlpha(other, names(4), 0.9)
		require.NoError(t, err)
		require.InDelta(t, one.Alpha.Value, two.Alpha.Value, 1e-7)
		require.InDelta(t, one.DuhachekASE.Value, two.DuhachekASE.Value, 1e-7)
		require.InDelta(t, one.IfDropped[0].Value, two.IfDropped[3].Value, 1e-7)
		icc1, err := Intraclass(items, 0.9)
		require.NoError(t, err)
		icc2, err := Intraclass(other, 0.9)
		require.NoError(t, err)
		for i := range icc1.Forms {
			require.InDelta(t, icc1.Forms[i].ICC.Value, icc2.Forms[i].ICC.Value, 1e-6)
			require.InDelta(t, icc1.Forms[i].Lower.Value, icc2.Forms[i].Lower.Value, 1e-6)
		}
	})
}

// The third form for the mean of k is alpha (Shrout & Fleiss 1979, p. 422).
func TestTheConsistencyOfAMeanIsAlpha(t *testing.T) {
	items := answers(rand.New(rand.NewPCG(5, 5)), 60, 0.8, 0.5, 0.9)
	a, err := CronbachAlpha(items, names(3), 0.95)
	require.NoError(t, err)
	i, err := Intraclass(items, 0.95)
	require.NoError(t, err)
	require.Equal(t, "icc3_k", i.Forms[5].Form)
	require.InDelta(t, a.Alpha.Value, i.Forms[5].ICC.Value, 1e-12)
	require.InDelta(t, a.FeldtLower.Value, i.Forms[5].Lower.Value, 1e-10)
}

// Shrout & Fleiss (1979), Tables 2 and 4: four judges of six targets.
func TestShroutAndFleissExample(t *testing.T) {
	judges := [][]float64{{9, 6, 8, 7, 10, 6}, {2, 1, 4, 1, 5, 2}, {5, 3, 6, 2, 6, 4}, {8, 2, 8, 6, 9, 7}}
	a, err := Intraclass(judges, 0.95)
	require.NoError(t, err)
	for i, want := range []float64{0.17, 0.29, 0.71, 0.44, 0.62, 0.91} {
		require.InDelta(t, want, a.Forms[i].ICC.Value, 0.005, a.Forms[i].Form)
	}
	require.InDelta(t, 11.24, a.MSRows.Value, 0.01)
	require.InDelta(t, 1.02, a.MSError.Value, 0.01)
}

// Columns that nearly agree have correlations near 1; columns that agree have no error to judge by, whatever rounding leaves.
func TestIdenticalColumns(t *testing.T) {
	x := []float64{0.1, 0.7, 0.3, 0.9}
	near := []float64{0.1 + 1e-6, 0.7, 0.3, 0.9 - 1e-6}
	a, err := Intraclass([][]float64{x, near}, 0.95)
	require.NoError(t, err)
	for _, f := range a.Forms {
		require.InDelta(t, 1, f.ICC.Value, 1e-9, f.Form)
	}
	for _, columns := range [][][]float64{{x, x, x}, {x, {1.1, 1.7, 1.3, 1.9}}} {
		_, err = Intraclass(columns, 0.95)
		statstest.RequireFailure(t, err, stats.Constant, "columns")
	}
}

// Loadings that made the data come back, and with equal ones omega is alpha.
func TestOmegaRecoversTheFactor(t *testing.T) {
	truth := []float64{0.8, 0.7, 0.6, 0.5}
	items := answers(rand.New(rand.NewPCG(9, 9)), 60_000, truth...)
	o, err := McDonaldOmega(items, names(4))
	require.NoError(t, err)
	sum, unique := 0.0, 0.0
	for i, l := range truth {
		require.InDelta(t, l, o.Loadings[i].Value, 0.02)
		sum, unique = sum+l, unique+1-l*l
	}
	require.InDelta(t, sum*sum/(sum*sum+unique), o.Total.Value, 0.01)
	equal := answers(rand.New(rand.NewPCG(9, 2)), 60_000, 0.7, 0.7, 0.7)
	o, err = McDonaldOmega(equal, names(3))
	require.NoError(t, err)
	a, err := CronbachAlpha(equal, names(3), 0.95)
	require.NoError(t, err)
	require.InDelta(t, a.Alpha.Value, o.Total.Value, 1e-3)
}

// A one-factor model of three items fits exactly: the loadings have a closed form, and the discrepancy is 0.
func TestThreeItemsFitExactly(t *testing.T) {
	items := answers(rand.New(rand.NewPCG(4, 2)), 50, 0.8, 0.7, 0.9)
	o, err := McDonaldOmega(items, names(3))
	require.NoError(t, err)
	v, err := covariances(items, names(3))
	require.NoError(t, err)
	r := func(i, j int) float64 { return v.At(i, j) / math.Sqrt(v.At(i, i)*v.At(j, j)) }
	require.InDelta(t, math.Sqrt(r(0, 1)*r(0, 2)/r(1, 2)), o.Loadings[0].Value, 1e-7)
	require.InDelta(t, 0, o.DiscrepancyF.Value, 1e-12)
}

func TestAHeywoodCaseNamesItsItem(t *testing.T) {
	// r(a, b) r(a, c) > r(b, c): the loading of a would be above 1.
	a, b, c := []float64{1, 2, 3, 4, 5, 6}, []float64{1, 2.5, 2, 4.5, 4, 6}, []float64{2, 1, 4, 3, 6, 5}
	_, err := McDonaldOmega([][]float64{a, b, c}, names(3))
	statstest.RequireFailure(t, err, stats.NotConverged, "a")
}

func given(x ...float64) []stats.Number {
	out := make([]stats.Number, len(x))
	for i, v := range x {
		if v >= 0 {
			out[i] = stats.Of(v)
		}
	}
	return out
}

// Jacobson & Truax (1991), p. 14: a scale with pre-treatment mean 40, norm 60, both with standard deviation 7.5 and
// reliability .80, has cut-offs a 55, b 45 and c 50, an error of the difference of 4.74, and a client who goes from 32.5 to
// 47.5 an index of 3.16.
func TestJacobsonAndTruaxExample(t *testing.T) {
	pre, post := given(32.5, 47.5, 40-7.5/math.Sqrt2, 40+7.5/math.Sqrt2, 40), given(47.5, 55, -1, -1, -1)
	c, err := ReliableChange(pre, post, ChangeOptions{Reliability: 0.8, FunctionalMean: 60, FunctionalSD: 7.5, Z: 1.96})
	require.NoError(t, err)
	require.InDelta(t, 40, c.MeanPre.Value, 1e-9)
	scale := c.SDPre.Value / 7.5
	require.InDelta(t, 4.74*scale, c.SDiff.Value, 0.005*scale)
	require.InDelta(t, 55+15*(scale-1), c.CutoffA.Value, 1e-9)
	require.InDelta(t, 45, c.CutoffB.Value, 1e-9)
	require.InDelta(t, 50, c.CutoffC.Value, 50*math.Abs(scale-1))
	require.InDelta(t, 3.16/scale, c.Persons[0].RCI, 0.005)
}

// Every class, and both directions of a scale: mirrored scores give the same classes.
func TestTheClassesOfChange(t *testing.T) {
	pre := given(30, 28, 25, 33, 27, 12, 29, -1)
	post := given(5, 24, 26, 45, 14, 2, -1, 9)
	mirror := func(x []stats.Number) []stats.Number {
		out := make([]stats.Number, len(x))
		for i, v := range x {
			out[i] = stats.Number{Value: 60 - v.Value, Defined: v.Defined}
		}
		return out
	}
	down, err := ReliableChange(pre, post, ChangeOptions{Reliability: 0.85, FunctionalMean: 6, FunctionalSD: 5, LowerIsBetter: true, Z: 1.96})
	require.NoError(t, err)
	up, err := ReliableChange(mirror(pre), mirror(post), ChangeOptions{Reliability: 0.85, FunctionalMean: 54, FunctionalSD: 5, Z: 1.96})
	require.NoError(t, err)
	var classes []Class
	for i, p := range down.Persons {
		classes = append(classes, p.Class)
		require.Equal(t, p.Class, up.Persons[i].Class)
	}
	// The sixth was on the functional side already: an improvement, not a recovery.
	require.Equal(t, []Class{Recovered, Unchanged, Unchanged, Deteriorated, Recovered, Improved}, classes)
	require.Equal(t, map[Class]int{Recovered: 2, Improved: 1, Unchanged: 2, Deteriorated: 1}, down.Counts)
	require.Equal(t, 6, down.N)
	require.Equal(t, 7, down.NBaseline)
}

// Any answers have a result that JSON can hold or a failure that names the place.
func FuzzScale(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 4, 3, 2, 1, 5, 5, 5}, uint8(0))
	f.Add([]byte{1, 1, 1, 2, 2, 2, 3, 3, 3}, uint8(1))
	f.Add([]byte{255, 0, 0, 1, 9, 100, 7, 6, 5, 4, 3, 2}, uint8(254))
	f.Fuzz(func(t *testing.T, data []byte, choice uint8) {
		k := 2 + int(choice)%4
		if len(data) > 80 || len(data) < k {
			return
		}
		items := make([][]float64, k)
		unit := math.Pow(10, float64(choice%31)*10-150)
		for i := 0; i+k <= len(data); i += k {
			for j := range k {
				v := float64(data[i+j]) * unit
				if data[i+j] == 254 {
					v = math.NaN()
				}
				items[j] = append(items[j], v)
			}
		}
		level := float64(choice) / 255
		alpha, err := CronbachAlpha(items, names(k), level)
		statstest.RequireAnswer(t, alpha, err)
		omega, err := McDonaldOmega(items, names(k))
		statstest.RequireAnswer(t, omega, err)
		icc, err := Intraclass(items, level)
		statstest.RequireAnswer(t, icc, err)
		pre, post := make([]stats.Number, len(items[0])), make([]stats.Number, len(items[0]))
		for i := range pre {
			pre[i], post[i] = stats.Number{Value: items[0][i], Defined: i%5 > 0}, stats.Number{Value: items[1][i], Defined: i%7 > 0}
		}
		change, err := ReliableChange(pre, post, ChangeOptions{Reliability: level, FunctionalMean: unit, FunctionalSD: unit * 3, LowerIsBetter: choice%2 == 0, Z: 1.96})
		statstest.RequireAnswer(t, change, err)
	})
}
