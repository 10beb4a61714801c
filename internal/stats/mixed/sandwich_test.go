package mixed

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/linear"
	"afterglow/internal/testkit/statstest"
)

// block is one patient's rows, from the formula and not from the sums.
type block struct {
	x *mat.Dense
	y *mat.VecDense
	v *mat.SymDense
	w float64
}

// blocks takes the rows apart by patient, with the covariance among visits given.
func blocks(t testing.TB, m Model, frame formula.Frame, covariance [][]float64) []block {
	parsed, err := formula.Parse(m.Formula)
	require.NoError(t, err)
	design, err := parsed.Design(m.levels())
	require.NoError(t, err)
	visit := map[string]int{}
	for k, name := range m.Visits {
		visit[name] = k
	}
	rows, order := map[string][]int{}, []string{}
	for row, y := range frame.Numbers["score"] {
		if id := frame.Texts["id"][row]; y.Defined {
			if rows[id] == nil {
				order = append(order, id)
			}
			rows[id] = append(rows[id], row)
		}
	}
	var out []block
	for _, id := range order {
		n := len(rows[id])
		b := block{mat.NewDense(n, len(design.Columns), nil), mat.NewVecDense(n, nil), mat.NewSymDense(n, nil), 1}
		for i, row := range rows[id] {
			b.y.SetVec(i, frame.Numbers["score"][row].Value)
			if w := frame.Numbers["w"]; w != nil {
				b.w = w[row].Value
			}
			for c, column := range design.Columns {
				value := 1.0
				for _, a := range column.Factors {
					one, ok, err := frame.Value(a, row)
					require.True(t, ok && err == nil)
					value *= one
				}
				b.x.Set(i, c, value)
			}
			for j, other := range rows[id][:i+1] {
				b.v.SetSym(j, i, covariance[visit[frame.Texts["week"][row]]][visit[frame.Texts["week"][other]]])
			}
		}
		out = append(out, b)
	}
	return out
}

// byHand is the sandwich of Liang & Zeger (1986), and that of Mancl & DeRouen (2001, equation 5) with the factor
// (I - H)^-1, from the rows: V^-1 = (n x n) inverses, no sums, no basis.
func byHand(t testing.TB, all []block, beta []float64) (plain, corrected *mat.Dense) {
	q := len(beta)
	m := mat.NewDense(q, q, nil)
	for _, b := range all {
		var vx, xvx mat.Dense
		require.NoError(t, vx.Solve(b.v, b.x))
		xvx.Mul(b.x.T(), &vx)
		xvx.Scale(b.w, &xvx)
		m.Add(m, &xvx)
	}
	var phi mat.Dense
	require.NoError(t, phi.Inverse(m))
	middle := [2]*mat.Dense{mat.NewDense(q, q, nil), mat.NewDense(q, q, nil)}
	for _, b := range all {
		n := b.y.Len()
		var r, fitted mat.VecDense
		fitted.MulVec(b.x, mat.NewVecDense(q, beta))
		r.SubVec(b.y, &fitted)
		var vinv, xphi, h mat.Dense
		require.NoError(t, vinv.Inverse(b.v))
		xphi.Mul(b.x, &phi)
		h.Mul(&xphi, b.x.T())
		h.Mul(&h, &vinv)
		less := mat.NewDense(n, n, nil)
		for i := range n {
			for j := range n {
				less.Set(i, j, boolean(i == j)-b.w*h.At(i, j))
			}
		}
		var free mat.VecDense
		require.NoError(t, free.SolveVec(less, &r))
		for k, residual := range []*mat.VecDense{&r, &free} {
			var vr, score mat.VecDense
			vr.MulVec(&vinv, residual)
			score.MulVec(b.x.T(), &vr)
			middle[k].RankOne(middle[k], b.w*b.w, &score, &score)
		}
	}
	out := [2]*mat.Dense{new(mat.Dense), new(mat.Dense)}
	for k := range out {
		out[k].Mul(&phi, middle[k])
		out[k].Mul(out[k], &phi)
	}
	return out[0], out[1]
}

func TestTheSandwichIsTheOneByHandFromTheRows(t *testing.T) {
	for name, shape := range shapes {
		if shape.trial.baselineAt != 0 || name == "almost every pattern once" {
			continue
		}
		for _, weighted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, weighted %t", name, weighted), func(t *testing.T) {
				frame, rows := shape.trial.frame(61), Rows{Subject: "id"}
				if weighted {
					frame = withWeights(frame, func(i int) float64 { return 0.3 + float64(i%5)/3 })
					rows.Weight = "w"
				}
				rows.Data = frame
				// a structure that does not hold, so that the plain errors are wrong
				fit := fitRows(t, shape.trial, shape.formula, rows, options(shape.trial, CompoundSymmetry, REML))
				robust, err := fit.RobustRows(rows)
				require.NoError(t, err)
				result, err := fit.Result()
				require.NoError(t, err)
				beta := make([]float64, len(result.Coefficients))
				for c := range beta {
					beta[c] = result.Coefficients[c].Estimate
				}
				plain, corrected := byHand(t, blocks(t, fit.design.Model, frame, result.Covariance), beta)
				require.Equal(t, result.NSubjects, robust.Clusters)
				for c := range beta {
					l := make([]float64, len(beta))
					l[c] = 1
					got, err := robust.Contrast(l)
					require.NoError(t, err)
					require.InEpsilon(t, math.Sqrt(plain.At(c, c)), got.CR0.SE.Value, 1e-7)
					require.InEpsilon(t, math.Sqrt(corrected.At(c, c)), got.Corrected.SE.Value, 1e-7)
					require.InDelta(t, beta[c], got.CR0.Estimate.Value, 1e-9*(1+math.Abs(beta[c])))
					require.InDelta(t, float64(result.NSubjects-1), got.CR0.DF.Value, 0)
				}
				first, last := make([]float64, len(beta)), make([]float64, len(beta))
				first[0], last[len(beta)-1] = 1, 1
				a, b, err := robust.Covariance([][]float64{first, last})
				require.NoError(t, err)
				require.InDelta(t, plain.At(0, len(beta)-1), a[0][1], 1e-8*(1+math.Abs(a[0][1])))
				require.InDelta(t, corrected.At(0, len(beta)-1), b[1][0], 1e-8*(1+math.Abs(b[1][0])))
			})
		}
	}
}

// With one visit the sandwich is HC0 of least squares, and the corrected one HC3.
func TestOneVisitsSandwichIsHC0AndHC3OfLeastSquares(t *testing.T) {
	tr := trial{patients: 40, arms: 2, visits: 1}
	frame := tr.frame(62)
	rows := Rows{Data: frame, Subject: "id"}
	fit := fitRows(t, tr, "score ~ base + arm", rows, options(tr, Unstructured, REML))
	robust, err := fit.RobustRows(rows)
	require.NoError(t, err)
	parsed, err := formula.Parse("score ~ base + arm")
	require.NoError(t, err)
	design, err := parsed.Design(map[string][]string{"arm": {"A", "B"}})
	require.NoError(t, err)
	matrix, err := frame.Evaluate(design, map[string][]string{"arm": {"A", "B"}}, "score")
	require.NoError(t, err)
	y := make([]float64, len(matrix.Rows))
	for i, row := range matrix.Rows {
		y[i] = frame.Numbers["score"][row].Value
	}
	least, err := linear.Least(matrix, y)
	require.NoError(t, err)
	for c := range 3 {
		l := make([]float64, 3)
		l[c] = 1
		got, err := robust.Contrast(l)
		require.NoError(t, err)
		require.InEpsilon(t, least.Robust(0)[c].Value, got.CR0.SE.Value, 1e-8)
		require.InEpsilon(t, least.Robust(3)[c].Value, got.Corrected.SE.Value, 1e-8)
	}
}

func TestScansOverPartsAddUp(t *testing.T) {
	tr := trial{patients: 50, arms: 2, visits: 4, missing: gaps}
	frame := tr.frame(63)
	d, s := tr.sums(t, "score ~ base + arm * week", frame)
	fit, err := FitSums(d, s, options(tr, Unstructured, REML))
	require.NoError(t, err)
	patients, _, err := d.patients(Rows{Data: frame, Subject: "id"})
	require.NoError(t, err)
	var parts [3]*Scan
	for i := range parts {
		parts[i], err = fit.NewScan()
		require.NoError(t, err)
	}
	for i, one := range patients {
		require.NoError(t, parts[i%3].Add(one.x, one.y, one.observed, 1))
	}
	require.NoError(t, parts[0].Merge(parts[2]))
	require.NoError(t, parts[0].Merge(parts[1]))
	merged, err := parts[0].Robust()
	require.NoError(t, err)
	whole, err := fit.RobustRows(Rows{Data: frame, Subject: "id"})
	require.NoError(t, err)
	l := make([]float64, len(d.Coefficients))
	l[2], l[4] = 1, -1
	a, err := merged.Contrast(l)
	require.NoError(t, err)
	b, err := whole.Contrast(l)
	require.NoError(t, err)
	require.InEpsilon(t, b.CR0.SE.Value, a.CR0.SE.Value, 1e-12)
	require.InEpsilon(t, b.Corrected.SE.Value, a.Corrected.SE.Value, 1e-12)
}

// SR-121: a scan over anything but the fit's patients is refused.
func TestSR121_AScanOverOtherDataIsRefused(t *testing.T) {
	tr := trial{patients: 40, arms: 2, visits: 3, missing: gaps}
	frame := tr.frame(64)
	rows := Rows{Data: frame, Subject: "id"}
	fit := fitRows(t, tr, "score ~ base + arm * week", rows, options(tr, Unstructured, REML))
	_, err := fit.RobustRows(Rows{Data: tr.frame(65), Subject: "id"})
	statstest.RequireFailure(t, err, stats.BadInput, "robust")
	_, err = fit.RobustRows(Rows{withWeights(tr.frame(64), func(i int) float64 { return float64(1 + i%2) }), "id", "w"})
	statstest.RequireFailure(t, err, stats.BadInput, "robust")
	few := trial{patients: 39, arms: 2, visits: 3, missing: gaps}
	_, err = fit.RobustRows(Rows{Data: few.frame(64), Subject: "id"})
	statstest.RequireFailure(t, err, stats.BadInput, "robust")
	scan, err := fit.NewScan()
	require.NoError(t, err)
	require.Error(t, scan.Add([]float64{1}, []float64{1, 2, 3}, 1, 1))
	require.Error(t, scan.Add(make([]float64, 3), []float64{math.NaN(), 2, 3}, 1, 1))
	require.Error(t, scan.Add(make([]float64, 3), []float64{1, 2, 3}, 8, 1))
	require.Error(t, scan.Add(make([]float64, 3), []float64{1, 2, 3}, 1, -1))
	again := fitRows(t, tr, "score ~ base + arm * week", rows, options(tr, Unstructured, REML))
	other, err := again.NewScan()
	require.NoError(t, err)
	require.Error(t, scan.Merge(other))
}

// A coefficient that rests on one patient leaves the corrected sandwich undefined; the plain one stands.
func TestALeverageOfOneLeavesTheCorrectedSandwichUndefined(t *testing.T) {
	tr := trial{patients: 40, arms: 2, visits: 2}
	frame := tr.frame(66)
	for row, id := range frame.Texts["id"] {
		frame.Texts["site"][row] = "north"
		if id == "p3" {
			frame.Texts["site"][row] = "south"
		}
	}
	rows := Rows{Data: frame, Subject: "id"}
	fit := fitRows(t, tr, "score ~ site * week + arm", rows, options(tr, Unstructured, REML))
	robust, err := fit.RobustRows(rows)
	require.NoError(t, err)
	l := make([]float64, len(fit.design.Coefficients))
	l[0] = 1
	got, err := robust.Contrast(l)
	require.NoError(t, err)
	require.True(t, got.CR0.SE.Defined)
	require.False(t, got.Corrected.SE.Defined)
	_, corrected, err := robust.Covariance([][]float64{l})
	require.NoError(t, err)
	require.Nil(t, corrected)
}

// R 4.2, sandwich: m <- lm(bdi ~ bdi_pre + treatment, btheb at 2 months, weights = bdi_pre); vcovHC(m, "HC0") and "HC3".
func TestAWeightedSandwichOfOneVisitIsRs(t *testing.T) {
	rows := Rows{Data: btheb(t), Subject: "subject", Weight: "bdi_pre"}
	model := Model{Formula: "bdi ~ bdi_pre + treatment", Visit: "visit", Visits: []string{"2m"}, Factors: map[string][]string{"treatment": {"TAU", "BtheB"}}}
	d, err := model.Design()
	require.NoError(t, err)
	s, err := d.Sum(rows)
	require.NoError(t, err)
	fit, err := FitSums(d, s, Options{Covariance: Unstructured, Method: REML, Level: 0.95})
	require.NoError(t, err)
	robust, err := fit.RobustRows(rows)
	require.NoError(t, err)
	require.Equal(t, 97, robust.Clusters)
	for c, expected := range [][3]float64{
		{4.888916717105, 2.6428403777975, 2.816380228934},
		{0.623672994881, 0.0947880419892, 0.101425218955},
		{-4.712819731419, 2.1918713110815, 2.290912912270},
	} {
		l := make([]float64, 3)
		l[c] = 1
		got, err := robust.Contrast(l)
		require.NoError(t, err)
		require.InEpsilon(t, expected[0], got.CR0.Estimate.Value, 1e-9)
		require.InEpsilon(t, expected[1], got.CR0.SE.Value, 1e-8)
		require.InEpsilon(t, expected[2], got.Corrected.SE.Value, 1e-8)
	}
}
