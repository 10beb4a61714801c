package mixed

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
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
