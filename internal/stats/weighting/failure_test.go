package weighting

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/glm"
	"afterglow/internal/testkit/statstest"
)

// each changes every row.
func each(in *Groups, change func(i int, x []float64, g *int)) {
	for i := range in.Group {
		change(i, in.X[i*3:i*3+3], &in.Group[i])
	}
}

var degenerate = []struct {
	name   string
	change func(*Groups)
	kind   stats.Kind
	where  string
}{
	{"a site that one group never had", func(in *Groups) { each(in, func(_ int, x []float64, g *int) { x[2] *= float64(1 - *g%2) }) }, stats.EmptyCell, "site = 1"},
	{"a column that tells the groups apart", func(in *Groups) { each(in, func(_ int, x []float64, g *int) { x[1] += 40 * float64(*g) }) }, stats.Separation, "age"},
	{"the same column twice", func(in *Groups) { each(in, func(_ int, x []float64, _ *int) { x[2] = 3 * x[1] }) }, stats.Collinear, "site"},
	{"a column of one value", func(in *Groups) { each(in, func(_ int, x []float64, _ *int) { x[2] = 1 }) }, stats.Collinear, "site"},
	{"an infinite covariate", func(in *Groups) { in.X[4] = math.Inf(1) }, stats.NotFinite, "age"},
	{"an outcome that is no number", func(in *Groups) { in.Outcome[3] = math.NaN() }, stats.NotFinite, "score"},
	{"an outcome too large to square", func(in *Groups) { in.Outcome[3] = -1e200 }, stats.NotFinite, "score"},
	{"a constant outcome", func(in *Groups) { clear(in.Outcome) }, stats.Constant, "score"},
	{"one group", func(in *Groups) { in.Levels = in.Levels[:1] }, stats.OneLevel, "arm"},
	{"a group without a row", func(in *Groups) { in.Levels = append(in.Levels[:2:2], "D") }, stats.EmptyCell, "arm D"},
	{"a group of one row", func(in *Groups) { in.Levels = append(in.Levels[:2:2], "D"); in.Group[0] = 2 }, stats.TooFew, "arm D"},
	{"no row", func(in *Groups) { in.X, in.Group, in.Outcome = nil, nil, nil }, stats.TooFew, "arm"},
	{"too few rows", func(in *Groups) {
		in.X, in.Group, in.Outcome = in.X[:12], []int{0, 1, 0, 1}, in.Outcome[:4]
		in.Names = append(in.Names, "z")
	},
		stats.BadInput, "columns"},
	{"a shorter outcome", func(in *Groups) { in.Outcome = in.Outcome[1:] }, stats.BadInput, "score"},
	{"an unknown estimand", func(in *Groups) { in.Estimand = "LATE" }, stats.BadInput, "estimand"},
	{"a target that is no group", func(in *Groups) { in.Target = 2 }, stats.BadInput, "target"},
	{"truncation at the middle", func(in *Groups) { in.TruncationUpper = stats.Of(0.5) }, stats.BadInput, "truncation"},
	{"truncation from above the middle", func(in *Groups) { in.TruncationLower = stats.Of(0.6) }, stats.BadInput, "truncation_lower"},
	{"a level of 95", func(in *Groups) { in.Level = 95 }, stats.BadInput, "level"},
	{"too few clusters", func(in *Groups) { in.Cluster = make([]int, len(in.Group)) }, stats.TooFew, "cluster"},
	{"clusters of other rows", func(in *Groups) { in.Cluster = []int{1} }, stats.BadInput, "cluster"},
}

// SR-121: what cannot be compared is a failure that names the column, group or stratum, weighted and doubly robust alike.
func TestSR121_WhatCannotBeComparedIsNamed(t *testing.T) {
	for _, c := range degenerate {
		t.Run(c.name, func(t *testing.T) {
			in := cohort(80, 2, 14, 0, 0)
			c.change(&in)
			_, err := CompareGroups(in)
			statstest.RequireFailure(t, err, c.kind, c.where)
			if in.Estimand == ATE && in.Target == 0 && !in.TruncationUpper.Defined && !in.TruncationLower.Defined {
				_, err = AIPW(models2(in))
				statstest.RequireFailure(t, err, c.kind, c.where)
			}
		})
	}
	m := models(cohort(80, 2, 14, 0, 0))
	m.Family = glm.CLogLog
	_, err := AIPW(m)
	statstest.RequireFailure(t, err, stats.BadInput, "family")
	m.Family, m.OutcomeX = glm.Gaussian, m.OutcomeX[1:]
	_, err = AIPW(m)
	statstest.RequireFailure(t, err, stats.BadInput, "outcome columns")
	m = models(cohort(80, 2, 14, 0, 0))
	m.OutcomeX = append([]float64(nil), m.X...)
	for i, g := range m.Group {
		m.OutcomeX[i*3+2] *= float64(g)
	}
	_, err = AIPW(m)
	statstest.RequireFailure(t, err, stats.Collinear, "site, outcome model in A")
}

func models2(in Groups) Models {
	m := models(in)
	m.Cluster = in.Cluster
	return m
}

func TestWhatTheReferencedComparisonCannotDoIsNamed(t *testing.T) {
	cases := map[string]struct {
		change func(*Input)
		kind   stats.Kind
		where  string
	}{
		"a constant treatment":      {func(in *Input) { clear(in.Treated) }, stats.Constant, "arm"},
		"a treatment of two":        {func(in *Input) { in.Treated[0] = 2 }, stats.BadInput, "arm"},
		"a constant outcome":        {func(in *Input) { clear(in.Outcome) }, stats.Constant, "outcome"},
		"a shorter outcome":         {func(in *Input) { in.Outcome = in.Outcome[1:] }, stats.BadInput, "columns"},
		"an unknown estimand":       {func(in *Input) { in.Estimand = "" }, stats.BadInput, "estimand"},
		"truncation of nearly all":  {func(in *Input) { in.Truncation = stats.Of(0.1) }, stats.BadInput, "truncation"},
		"a site of one group only":  {func(in *Input) { eachRow(in, func(x []float64, a float64) { x[2] *= a }) }, stats.EmptyCell, "site = 1"},
		"a column that tells apart": {func(in *Input) { eachRow(in, func(x []float64, a float64) { x[1] += 50 * a }) }, stats.Separation, "age"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			in := two(cohort(80, 2, 14, 0, 0))
			c.change(&in)
			_, err := Compare(in)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
}

func eachRow(in *Input, change func(x []float64, a float64)) {
	for i, a := range in.Treated {
		change(in.X[i*3:i*3+3], a)
	}
}

// apart gives three groups of which C has no row at low ages, so that one part of its propensity lacks it.
func apart(seed uint64) Groups {
	in := cohort(600, 3, seed, 0, 0)
	for i, g := range in.Group {
		if g == 2 {
			in.X[i*3+1] = 0.2 + 0.6*math.Abs(in.X[i*3+1])
		}
	}
	return in
}

// No comparison where groups do not overlap: those of C are withheld and say where, that of A and B stands.
func TestAComparisonWithoutOverlapIsWithheld(t *testing.T) {
	in := apart(8)
	w := compare(t, in)
	require.NotEmpty(t, w.Notes)
	for _, c := range w.Contrasts {
		if c.Group == "C" || c.Against == "C" {
			require.False(t, c.Estimate.Defined)
			require.False(t, c.PValue.Defined)
			require.Contains(t, c.Withheld, "C has no row in propensity of")
			require.False(t, c.PHolm.Defined)
			continue
		}
		require.Equal(t, c.PValue, c.PHolm, "the only comparison that is given")
		require.True(t, c.Estimate.Defined)
		require.Empty(t, c.Withheld)
	}
	// neither can the mean of everyone in C be told, from which the comparison would follow
	r, err := AIPW(models(in))
	require.NoError(t, err)
	for g, withheld := range []bool{false, false, true} {
		m, d := w.Groups[g], r.Groups[g]
		require.Equal(t, !withheld, m.Mean.Defined && m.SE.Defined && m.Lower.Defined && m.Upper.Defined && m.SEHC0.Defined)
		require.Equal(t, withheld, m.Withheld != "")
		require.Equal(t, m.Withheld, d.Withheld)
		require.True(t, m.Unadjusted.Defined && d.Unadjusted.Defined && m.ESS.Defined)
		for _, n := range []stats.Number{d.Mean, d.SE, d.Lower, d.Upper, d.SEM, d.GComputation, d.Weighted} {
			require.Equal(t, !withheld, n.Defined)
		}
	}
	for k, c := range r.Contrasts {
		require.Equal(t, w.Contrasts[k].Withheld, c.Withheld)
	}
	// of two groups nothing is left: the failure names the strata
	pair := in
	pair.Levels, pair.X, pair.Group, pair.Outcome = []string{"A", "C"}, nil, nil, nil
	for i, g := range in.Group {
		if g != 1 {
			pair.X, pair.Group = append(pair.X, in.X[i*3:i*3+3]...), append(pair.Group, g/2)
			pair.Outcome = append(pair.Outcome, in.Outcome[i])
		}
	}
	_, err = CompareGroups(pair)
	statstest.RequireFailure(t, err, stats.EmptyCell, "propensity of C, part 1 of 5")
	_, err = AIPW(models(pair))
	statstest.RequireFailure(t, err, stats.EmptyCell, "propensity of C, part 1 of 5")
	// where C's rows are, A has some: the effect in C's rows and the overlap can be estimated
	pair.Estimand, pair.Target = ATT, 1
	require.True(t, compare(t, pair).Contrasts[0].Estimate.Defined)
	pair.Estimand = ATO
	overlap := compare(t, pair)
	require.True(t, overlap.Contrasts[0].Estimate.Defined)
	require.Contains(t, overlap.Notes[0], "overlap weights hardly count")
	c, err := Compare(two(pair))
	require.NoError(t, err)
	require.NotEmpty(t, c.Notes)
}

// small reads a few rows from bytes: a covariate of few values, an indicator, a group, an outcome.
func small(data []byte, groups int) Groups {
	in := Groups{Names: []string{"(Intercept)", "age", "site"}, Treatment: "arm", Levels: []string{"A", "B", "C"}[:groups], Response: "score", Level: 0.9}
	for i := 0; i+2 < len(data) && i < 240; i += 3 {
		in.X = append(in.X, 1, float64(data[i]%32)-9, float64(data[i+1]%2))
		in.Group, in.Outcome = append(in.Group, int(data[i+1]/2)%groups), append(in.Outcome, float64(data[i+2]%64))
	}
	return in
}

// seeds start the search: words, and a few hundred bytes that are a fair cohort.
func seeds(f *testing.F) {
	random, fair := rand.New(rand.NewPCG(1, 1)), make([]byte, 240)
	for i := range fair {
		fair[i] = byte(random.IntN(256))
	}
	for choice := range uint8(6) {
		f.Add(fair, 41*choice)
	}
	f.Add([]byte("a site that one group never had, a column that tells the groups apart, an infinite covariate"), uint8(0))
	f.Add([]byte("no"), uint8(1))
}

func FuzzWeighting(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte, choice uint8) {
		in := small(data, 2+int(choice)%2)
		in.Estimand, in.Target = estimands[int(choice/2)%3], int(choice/8)%2
		if choice > 127 {
			in.TruncationUpper, in.TruncationLower = stats.Of(0.8), stats.Of(0.1)
		}
		got, err := CompareGroups(in)
		if err == nil {
			for _, m := range got.Groups {
				require.True(t, m.Mean.Defined && m.SE.Defined && m.ESS.Defined)
			}
		}
		statstest.RequireAnswer(t, got, err)
	})
}

func FuzzIPTW(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte, choice uint8) {
		in := two(small(data, 2))
		in.Estimand = estimands[int(choice)%3]
		if choice > 127 {
			in.Truncation = stats.Of(0.8)
		}
		got, err := Compare(in)
		if err == nil {
			require.True(t, got.Estimate.Defined && got.SEM.Defined && got.SEHC0.Defined)
		}
		statstest.RequireAnswer(t, got, err)
	})
}

func FuzzAIPW(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte, choice uint8) {
		in := models(small(data, 2+int(choice)%2))
		if choice > 127 {
			in.Family = glm.Logit
			for i, y := range in.Outcome {
				in.Outcome[i] = float64(int(y) % 2)
			}
		}
		got, err := AIPW(in)
		if err == nil {
			for _, m := range got.Groups {
				require.True(t, m.Mean.Defined && m.SE.Defined && m.SEM.Defined)
			}
		}
		statstest.RequireAnswer(t, got, err)
	})
}

func FuzzEValue(f *testing.F) {
	f.Add(uint8(1), 2.0, 1.5, 3.0, 0.2, int16(3), int16(9))
	f.Fuzz(func(t *testing.T, scale uint8, estimate, lower, upper, se float64, a, b int16) {
		scales := []Scale{RiskRatio, OddsRatioRare, OddsRatioCommon, HazardRatioRare, HazardRatioCommon, StandardisedMean}
		got, err := Confounding(scales[int(scale)%6], estimate, stats.Of(lower), stats.Of(upper), stats.Of(se))
		if err == nil {
			require.True(t, got.Value.Defined)
			require.GreaterOrEqual(t, got.Value.Value, 1.0)
		}
		statstest.RequireAnswer(t, got, err)
		difference, err := ConfoundingOfDifference(TwoByTwo{int(a), int(b), int(b) / 2, int(a) / 3}, 0.95)
		if err == nil {
			require.True(t, difference.Limit.Defined)
		}
		statstest.RequireAnswer(t, difference, err)
	})
}
