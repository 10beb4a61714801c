package warehouse_test

import (
	"fmt"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"afterglow/internal/testkit/warehousetest"
	"afterglow/internal/warehouse"
)

// BenchmarkPatternSums times the MMRM's one GROUP BY: two arms, a baseline and
// five visits a patient, a fifth of the later visits missing.
func BenchmarkPatternSums(b *testing.B) {
	for _, patients := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("patients=%d", patients), func(b *testing.B) {
			w := filled(b, patients)
			params := warehouse.PatternParams{Study: "trial", Instrument: "bdi-ii", Sequence: 1 << 40,
				Visits: []string{"v1", "v2", "v3", "v4", "v5"},
				Atoms:  []warehouse.Atom{{}, {Factor: "arm", Level: "B"}}, Columns: [][]int{{}, {0}, {1}},
				XShift: []float64{0, 31.5, 0}, XScale: []float64{1, 31.5, 1}, YShift: 31.5, YScale: 31.5}
			for b.Loop() {
				rows, err := w.PatternSums(b.Context(), params)
				require.NoError(b, err)
				require.NotEmpty(b, rows)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(patients), "ns/patient")
		})
	}
}

func filled(b *testing.B, patients int) *warehouse.Warehouse {
	b.Helper()
	config := warehousetest.Config(b)
	w := warehousetest.OpenConfig(b, config)
	direct := warehousetest.Direct(b, config)
	for _, statement := range []string{
		`INSERT INTO subject SELECT 'trial', toFixedString(leftPad(lower(hex(number)), 32, '0'), 32), map('arm', if(number % 2 = 0, 'A', 'B')), true, 1
			FROM numbers({patients:UInt64})`,
		`INSERT INTO response SELECT 'trial', 'bdi-ii', toFixedString(leftPad(lower(hex(intDiv(number, 6))), 32, '0'), 32), number, 1, number + 1,
			toString(number), toString(number), if(number % 6 = 0, 'baseline', concat('v', toString(number % 6))), 30 * (number % 6), '1.0.0', repeat('a', 64),
			toFloat64(cityHash64(number) % 64), false, ['total'], [1], 'simulation', now64(6), repeat('a', 64)
			FROM numbers({patients:UInt64} * 6) WHERE number % 6 < 3 OR cityHash64(number, 7) % 5 > 0`,
	} {
		require.NoError(b, direct.Exec(b.Context(), statement, clickhouse.Named("patients", uint64(patients))))
	}
	b.ResetTimer()
	return w
}
