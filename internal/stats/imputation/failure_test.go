package imputation

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/testkit/statstest"
)

var notANumber = stats.Number{Value: math.NaN(), Defined: true}

// SR-121: what cannot be imputed is named.
func TestSR121_WhatCannotBeImputedIsNamed(t *testing.T) {
	missing := func(where func(i int, s Subject) []int) func(*Trial, *Plan) {
		return func(t *Trial, _ *Plan) {
			for i, s := range t.Subjects {
				for _, v := range where(i, s) {
					s.Values[v] = stats.Number{}
				}
			}
		}
	}
	cases := []struct {
		name   string
		change func(*Trial, *Plan)
		kind   stats.Kind
		where  string
	}{
		{"a level of 95", func(_ *Trial, p *Plan) { p.Level = 95 }, stats.BadInput, "level"},
		{"one imputation", func(_ *Trial, p *Plan) { p.Imputations = 1 }, stats.TooFew, "imputations"},
		{"endless draws", func(_ *Trial, p *Plan) { p.Imputations, p.Thin = 1e6, 1e6 }, stats.BadInput, "imputations"},
		{"a negative burn-in", func(_ *Trial, p *Plan) { p.BurnIn = -1 }, stats.BadInput, "imputations"},
		{"another strategy", func(_ *Trial, p *Plan) { p.Strategy = "locf" }, stats.BadInput, "strategy"},
		{"another sharing", func(_ *Trial, p *Plan) { p.Covariance = "" }, stats.BadInput, "covariance"},
		{"a reference that is no arm", func(_ *Trial, p *Plan) { p.Reference = "Z" }, stats.BadInput, "reference"},
		{"a shift of no arm", func(_ *Trial, p *Plan) { p.Shift = map[string]float64{"Z": 1} }, stats.BadInput, "shift"},
		{"an infinite shift", func(_ *Trial, p *Plan) { p.Shift = map[string]float64{"B": math.Inf(1)} }, stats.NotFinite, "shift"},
		{"deltas without a baseline", func(t *Trial, p *Plan) {
			p.Deltas, t.Covariates = []float64{0, 1}, nil
		}, stats.BadInput, "deltas"},
		{"one arm", func(t *Trial, _ *Plan) { t.Arms = t.Arms[:1] }, stats.OneLevel, "arm"},
		{"no visits", func(t *Trial, _ *Plan) { t.Visits = nil }, stats.BadInput, "visit"},
		{"a subject of no arm", func(t *Trial, _ *Plan) { t.Subjects[4].Arm = "" }, stats.BadInput, "arm"},
		{"a short row", func(t *Trial, _ *Plan) { t.Subjects[4].Values = nil }, stats.BadInput, "subjects"},
		{"nobody", func(t *Trial, _ *Plan) { t.Subjects = nil }, stats.EmptyCell, "arm A"},
		{"an arm of subjects without baseline", func(t *Trial, _ *Plan) {
			for _, s := range t.Subjects {
				if s.Arm == "B" {
					s.Covariates[0] = stats.Number{}
				}
			}
		}, stats.EmptyCell, "arm B"},
		{"an arm that nobody reached at a visit", missing(func(i int, _ Subject) []int { return [][]int{nil, {2}}[i%2] }), stats.EmptyCell, "arm B, visit w2"},
		{"an outcome that is no number", func(t *Trial, _ *Plan) { t.Subjects[0].Values[1] = notANumber }, stats.NotFinite, "w1"},
		{"a covariate that is no number", func(t *Trial, _ *Plan) { t.Subjects[0].Covariates[0] = notANumber }, stats.NotFinite, "base"},
		{"a constant covariate", func(t *Trial, _ *Plan) {
			for _, s := range t.Subjects {
				s.Covariates[0] = stats.Of(4)
			}
		}, stats.Collinear, "base"},
		{"a constant visit", func(t *Trial, _ *Plan) {
			for _, s := range t.Subjects {
				s.Values[1] = stats.Of(4)
			}
		}, stats.Constant, "visit w1"},
		{"a visit that few reached", missing(func(i int, _ Subject) []int { return [][]int{nil, {2}}[min(i/6, 1)] }), stats.TooFew, "visit w2"},
		{"visits that nobody shared", missing(func(i int, _ Subject) []int { return [][]int{{0}, {0}, {1}, {1}}[i%4] }), stats.TooFew, "visits w0 and w1"},
		{"a visit that repeats another", func(t *Trial, _ *Plan) {
			for i, s := range t.Subjects {
				s.Values[1] = s.Values[0]
				if i%5 == 0 {
					s.Values[0] = stats.Number{}
				}
			}
		}, stats.NotConverged, "covariance"},
		{"arms too small for a covariance of their own", func(t *Trial, p *Plan) {
			p.Covariance, t.Subjects = ByArm, t.Subjects[:10]
		}, stats.TooFew, "arm A, visit w0"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			trial, pl := simulated(31, shape{60, 3, 2, 0.1, 0, true}), plan()
			pl.Imputations = 5
			c.change(&trial, &pl)
			_, err := Impute(trial, pl, seeded(1))
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
}

// SR-121: what cannot be pooled is named.
func TestSR121_WhatCannotBePooledIsNamed(t *testing.T) {
	none, df := stats.Number{}, stats.Of(20)
	cases := []struct {
		name  string
		q, u  []float64
		df    stats.Number
		level float64
		kind  stats.Kind
		where string
	}{
		{"a level of 95", []float64{1, 2}, []float64{1, 1}, df, 95, stats.BadInput, "level"},
		{"one imputation", []float64{1}, []float64{1}, df, 0.95, stats.TooFew, "q"},
		{"a variance too few", []float64{1, 2}, []float64{1}, df, 0.95, stats.BadInput, "u"},
		{"a variance of zero", []float64{1, 2}, []float64{1, 0}, df, 0.95, stats.BadInput, "u"},
		{"no number", []float64{1, math.NaN()}, []float64{1, 1}, df, 0.95, stats.NotFinite, "q"},
		{"an infinite variance", []float64{1, 2}, []float64{1, math.Inf(1)}, none, 0.95, stats.NotFinite, "q"},
		{"an overflow", []float64{1e308, -1e308}, []float64{1, 1}, none, 0.95, stats.NotFinite, "q"},
		{"no degrees of freedom", []float64{1, 2}, []float64{1, 1}, stats.Of(0), 0.95, stats.BadInput, "df_complete"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Pool(c.q, c.u, c.df, c.level)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
	vectors := []struct {
		name  string
		q     [][]float64
		u     [][][]float64
		kind  stats.Kind
		where string
	}{
		{"none", nil, nil, stats.TooFew, "q"},
		{"vectors of nothing", [][]float64{{}, {}}, [][][]float64{{}, {}}, stats.BadInput, "q"},
		{"another length", [][]float64{{1, 2}, {1}}, [][][]float64{{{1, 0}, {0, 1}}, {{1, 0}, {0, 1}}}, stats.BadInput, "q"},
		{"no square", [][]float64{{1}, {1}}, [][][]float64{{{1, 0}}, {{1}}}, stats.BadInput, "u"},
		{"no number", [][]float64{{1}, {1}}, [][][]float64{{{math.NaN()}}, {{1}}}, stats.NotFinite, "u"},
		{"no covariance", [][]float64{{1, 2}, {2, 1}}, [][][]float64{{{1, 1}, {1, 1}}, {{1, 1}, {1, 1}}}, stats.Collinear, "u"},
		{"an overflow", [][]float64{{1e200}, {-1e200}}, [][][]float64{{{1}}, {{1}}}, stats.NotFinite, "q"},
	}
	for _, c := range vectors {
		t.Run("vector, "+c.name, func(t *testing.T) {
			_, err := PoolVector(c.q, c.u)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
}

// completed are two sets of ten subjects, some of arm 1 with an imputed response.
func completed() []Completed {
	var out []Completed
	for k := range 3 {
		c := Completed{}
		for i := range 10 {
			imputed := i%4 == 1
			y := float64(i*i%7) + 0.3*float64(i) - 2*float64(i%2)
			if imputed {
				y += 0.7 * float64(k)
			}
			c.Response, c.Baseline = append(c.Response, y), append(c.Baseline, float64((i*3)%8))
			c.Arm, c.Imputed = append(c.Arm, float64(i%2)), append(c.Imputed, imputed)
		}
		out = append(out, c)
	}
	return out
}

// SR-121: what cannot be tipped is named.
func TestSR121_WhatCannotBeTippedIsNamed(t *testing.T) {
	each := func(change func(*Completed)) func([]Completed) []Completed {
		return func(sets []Completed) []Completed {
			for i := range sets {
				change(&sets[i])
			}
			return sets
		}
	}
	cases := []struct {
		name   string
		change func([]Completed) []Completed
		deltas []float64
		level  float64
		kind   stats.Kind
		where  string
	}{
		{"a level of 95", nil, nil, 95, stats.BadInput, "level"},
		{"one set", func(s []Completed) []Completed { return s[:1] }, nil, 0.95, stats.TooFew, "imputation"},
		{"a delta that is no number", nil, []float64{0, math.NaN()}, 0.95, stats.NotFinite, "deltas"},
		{"a delta that overflows", nil, []float64{0, 1e300}, 0.95, stats.NotFinite, "deltas"},
		{"a set of another size", func(s []Completed) []Completed {
			s[1].Response, s[1].Baseline, s[1].Arm, s[1].Imputed = s[1].Response[1:], s[1].Baseline[1:], s[1].Arm[1:], s[1].Imputed[1:]
			return s
		}, nil, 0.95, stats.BadInput, "imputation"},
		{"columns of unequal length", func(s []Completed) []Completed { s[1].Arm = s[1].Arm[1:]; return s }, nil, 0.95, stats.BadInput, "imputation"},
		{"an arm that is neither", each(func(c *Completed) { c.Arm[0] = 0.5 }), nil, 0.95, stats.BadInput, "arm"},
		{"one arm", each(func(c *Completed) { clear(c.Arm) }), nil, 0.95, stats.EmptyCell, "arm"},
		{"a constant baseline", each(func(c *Completed) {
			for i := range c.Baseline {
				c.Baseline[i] = 4
			}
		}), nil, 0.95, stats.Collinear, "baseline"},
		{"a baseline that is no number", each(func(c *Completed) { c.Baseline[2] = math.Inf(1) }), nil, 0.95, stats.NotFinite, "baseline"},
		{"a constant response", each(func(c *Completed) { clear(c.Response) }), nil, 0.95, stats.Constant, "response"},
		{"a response that is no number", each(func(c *Completed) { c.Response[2] = math.NaN() }), nil, 0.95, stats.NotFinite, "response"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			sets := completed()
			if c.change != nil {
				sets = c.change(sets)
			}
			_, err := Tip(sets, c.deltas, c.level)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
}

// Any small trial gives either a failure with a place or a result that JSON can hold.
func FuzzImpute(f *testing.F) {
	f.Add([]byte("some subjects are seen at every visit and some others are not, and then there are those whose values go up and those who leave early in the year, never to be seen"), uint8(3))
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 41, 55, 66, 77}, uint8(0))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, uint8(9))
	f.Fuzz(func(t *testing.T, data []byte, choice uint8) {
		if len(data) > 200 {
			return
		}
		visits := 1 + int(choice)%3
		trial := Trial{Visits: []string{"w0", "w1", "w2"}[:visits], Arms: []string{"A", "B"}, Covariates: []string{"base"}[:choice%2]}
		for i := 0; i+visits < len(data); i += visits + 1 {
			s := Subject{Arm: trial.Arms[data[i]%2]}
			for range trial.Covariates {
				s.Covariates = append(s.Covariates, stats.Of(float64(data[i]/2)))
			}
			for _, b := range data[i+1 : i+1+visits] {
				y := stats.Of(float64(b))
				if b%6 == 0 {
					y = stats.Number{}
				}
				s.Values = append(s.Values, y)
			}
			trial.Subjects = append(trial.Subjects, s)
		}
		pl := Plan{Imputations: 3, Covariance: []Sharing{Shared, ByArm}[choice/4%2], Strategy: []Strategy{AtRandom, JumpToReference, CopyReference, CopyIncrements}[choice/8%4],
			BurnIn: 5, Thin: 1, Level: 0.95}
		if choice > 127 && len(trial.Covariates) == 1 {
			pl.Deltas = []float64{0, 1, 2}
		}
		r, err := Impute(trial, pl, seeded(uint64(choice)))
		statstest.RequireAnswer(t, r, err)
		for _, visit := range r.Visits {
			require.True(t, visit.Differences[0].PValue.Defined)
		}
	})
}

// Any estimates give either a failure with a place or a result that JSON can hold.
func FuzzPool(f *testing.F) {
	f.Add(1.0, 2.0, 3.0, 0.5, 0.6, 0.7, 20.0)
	f.Add(1.0, 1.0, 1.0, 1e-300, 1e-300, 1e-300, 0.0)
	f.Add(1e154, -1e154, 0.0, 1.0, 1.0, 1.0, 1e308)
	f.Fuzz(func(t *testing.T, a, b, c, u, v, w, df float64) {
		complete := stats.Of(df)
		if df == 0 {
			complete = stats.Number{}
		}
		r, err := Pool([]float64{a, b, c}, []float64{u, v, w}, complete, 0.95)
		statstest.RequireAnswer(t, r, err)
		vector, err := PoolVector([][]float64{{a, u}, {b, v}, {c, w}}, [][][]float64{{{u, a}, {a, v}}, {{w, b}, {b, u}}, {{v, 0}, {0, w}}})
		statstest.RequireAnswer(t, vector, err)
	})
}

// Any completed sets give either a failure with a place or a result that JSON can hold.
func FuzzTip(f *testing.F) {
	f.Add([]byte("two sets of subjects with baseline and arm"), 1.0)
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}, -1e9)
	f.Fuzz(func(t *testing.T, data []byte, delta float64) {
		if len(data) > 100 {
			return
		}
		sets := make([]Completed, 2)
		for i, b := range data {
			for k := range sets {
				s := &sets[k]
				imputed := b%3 == 0
				y := float64(b)
				if imputed {
					y += float64(k)
				}
				s.Response, s.Baseline = append(s.Response, y), append(s.Baseline, float64(data[(i*7+3)%len(data)]))
				s.Arm, s.Imputed = append(s.Arm, float64(b/16%2)), append(s.Imputed, imputed)
			}
		}
		r, err := Tip(sets, []float64{0, delta}, 0.95)
		statstest.RequireAnswer(t, r, err)
	})
}

// Identities of Rubin's rules: the order of imputations does not matter, a shift moves the estimate alone, no variation between
// imputations leaves the within variance, and one coefficient's joint test is the square of its own statistic.
func TestRubinsRulesKeepTheirIdentities(t *testing.T) {
	q, u := []float64{3.1, 2.4, 3.9, 2.8, 3.3}, []float64{0.9, 1.1, 1.0, 0.8, 1.2}
	p, err := Pool(q, u, stats.Of(40), 0.95)
	require.NoError(t, err)
	q2, u2 := slices.Clone(q), slices.Clone(u)
	slices.Reverse(q2)
	slices.Reverse(u2)
	r, err := Pool(q2, u2, stats.Of(40), 0.95)
	require.NoError(t, err)
	require.InEpsilon(t, p.T, r.T, 1e-14)
	for i := range q2 {
		q2[i] += 10
	}
	r, err = Pool(q2, u2, stats.Of(40), 0.95)
	require.NoError(t, err)
	require.InDelta(t, p.Estimate+10, r.Estimate, 1e-12)
	require.InEpsilon(t, p.T, r.T, 1e-12)
	require.Less(t, p.DF.Value, 40.0)
	none, err := Pool([]float64{2, 2, 2}, []float64{1, 1, 1}, stats.Number{}, 0.95)
	require.NoError(t, err)
	require.Equal(t, 1.0, none.T)
	require.False(t, none.DF.Defined, "infinite")
	var vq [][]float64
	var vu [][][]float64
	for i := range q {
		vq, vu = append(vq, []float64{q[i]}), append(vu, [][]float64{{u[i]}})
	}
	joint, err := PoolVector(vq, vu)
	require.NoError(t, err)
	require.InEpsilon(t, p.TValue.Value*p.TValue.Value, joint.D1, 1e-12)
	require.InEpsilon(t, p.T, joint.T[0][0].Value, 1e-12)
}

// Delta adjustment by hand: the pooled effect at a shift is that of sets whose imputed responses were moved.
func TestTippingEqualsMovingTheDataByHand(t *testing.T) {
	sets := completed()
	r, err := Tip(sets, []float64{-3, 0, 2.5}, 0.95)
	require.NoError(t, err)
	for _, row := range r.Rows {
		moved := completed()
		for k := range moved {
			for i := range moved[k].Response {
				if moved[k].Imputed[i] && moved[k].Arm[i] == 1 {
					moved[k].Response[i] += row.Delta
				}
			}
		}
		zero, err := Tip(moved, []float64{0}, 0.95)
		require.NoError(t, err)
		require.InDelta(t, row.Estimate.Value, zero.Rows[0].Estimate.Value, 1e-10)
		require.InDelta(t, row.SE.Value, zero.Rows[0].SE.Value, 1e-10)
		require.InDelta(t, row.DF.Value, zero.Rows[0].DF.Value, 1e-7)
	}
}
