package mixed

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
)

// Two arms, five visits, 10 patterns, unstructured, REML: the fit with everything that is reported (Satterthwaite and
// both Kenward-Rogers), from sums and from rows (the sums included).
func BenchmarkMMRM(b *testing.B) {
	missing := func(i, v int) bool { return (i*7+v*11)%9 == 0 || (i%13+v) > 15 }
	for _, patients := range []int{1000, 10000} {
		tr := trial{patients: patients, arms: 2, visits: 5, missing: missing}
		frame := tr.frame(30)
		d, s := tr.sums(b, "score ~ base * week + arm * week", frame)
		report := func(b *testing.B, s *Sums) {
			fit, err := FitSums(d, s, options(tr, Unstructured, REML))
			require.NoError(b, err)
			_, err = fit.Result()
			require.NoError(b, err)
		}
		b.Run(fmt.Sprintf("%d patients, from sums", patients), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				report(b, s)
			}
		})
		b.Run(fmt.Sprintf("%d patients, from rows", patients), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s, err := d.SumRows(frame, "id")
				require.NoError(b, err)
				report(b, s)
			}
		})
	}
}

// growth is a made-up data set of lines by group: so many groups of five rows at days of their own, two arms.
func growth(groups int, seed uint64) formula.Frame {
	random := rand.New(rand.NewPCG(seed, 9))
	f := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}
	for i := range groups {
		level, slope, arm := 3*random.NormFloat64(), 0.4*random.NormFloat64(), []string{"A", "B"}[i%2]
		for k := range 5 {
			day := float64(k) + 0.6*random.Float64()
			y := 20 + level + (slope-0.5*float64(i%2))*day + 2*random.NormFloat64()
			f.Numbers["y"] = append(f.Numbers["y"], stats.Of(y))
			f.Numbers["day"] = append(f.Numbers["day"], stats.Of(day))
			f.Texts["arm"] = append(f.Texts["arm"], arm)
			f.Texts["id"] = append(f.Texts["id"], fmt.Sprintf("p%d", i))
		}
	}
	return f
}

// A random intercept and slope by group, REML, with everything that is reported but predictions.
func BenchmarkLMM(b *testing.B) {
	for _, groups := range []int{10_000, 100_000} {
		frame := growth(groups, 31)
		b.Run(fmt.Sprintf("%d groups of 5", groups), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fit, err := FitRandom(RandomModel{Formula: "y ~ day * arm + (1 + day | id)", Factors: map[string][]string{"arm": {"A", "B"}},
					Method: REML, Level: 0.95}, frame)
				require.NoError(b, err)
				_, err = fit.Result(nil, nil, nil)
				require.NoError(b, err)
			}
		})
	}
}

// One more scan over 10,000 patients at the fit, for both sandwiches.
func BenchmarkScan(b *testing.B) {
	tr := trial{patients: 10_000, arms: 2, visits: 5, missing: gaps}
	frame := tr.frame(32)
	d, s := tr.sums(b, "score ~ base * week + arm * week", frame)
	fit, err := FitSums(d, s, options(tr, Unstructured, REML))
	require.NoError(b, err)
	patients, _, err := d.patients(Rows{Data: frame, Subject: "id"})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		scan, err := fit.NewScan()
		require.NoError(b, err)
		for _, one := range patients {
			require.NoError(b, scan.Add(one.x, one.y, one.observed, one.weight))
		}
		_, err = scan.Robust()
		require.NoError(b, err)
	}
}
