package durability

import (
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/instrument"
	"afterglow/internal/testkit/warehousetest"
	"afterglow/schemas"
)

// BenchmarkAsk times a whole question of simulated patients: the sums in
// ClickHouse, the fit, the finding. Two arms, a baseline and five visits a
// patient, a fifth of the visits after the second missing, patients who differ.
func BenchmarkAsk(b *testing.B) {
	for _, patients := range []int{10_000, 100_000, 1_000_000} {
		asker := simulated(b, patients)
		for _, question := range Questions() {
			b.Run(fmt.Sprintf("%s/patients=%d", question, patients), func(b *testing.B) {
				for b.Loop() {
					found, err := asker.Ask(b.Context(), question, "trial", nil)
					require.NoError(b, err)
					require.NotEmpty(b, found.Estimates)
				}
			})
		}
	}
}

func simulated(b *testing.B, patients int) *Asker {
	b.Helper()
	library, err := instrument.LoadLibrary(schemas.Instruments())
	require.NoError(b, err)
	config := warehousetest.Config(b)
	w := warehousetest.OpenConfig(b, config)
	asker := New(Config{Warehouse: w, Library: library, Software: "bench", Now: time.Now})
	study := care.Study{ID: "trial", Title: "Simulated", Anchor: care.AnchorCourseStart, VisitName: "visit",
		Arm:      care.Factor{Name: "arm", Levels: []string{"A", "B"}},
		Measures: []care.Measure{{Instrument: "bdi-ii", Version: bdi(b, asker).Version, Total: "bdi", Baseline: "bdi_pre"}}}
	for v := 1; v <= 5; v++ {
		study.Visits = append(study.Visits, care.Visit{Name: fmt.Sprintf("v%d", v), Day: 30 * v})
	}
	require.NoError(b, w.InsertStudy(b.Context(), "study", study, 1))
	direct := warehousetest.Direct(b, config)
	for _, statement := range []string{
		`INSERT INTO subject SELECT 'trial', toFixedString(leftPad(lower(hex(number)), 32, '0'), 32), map('arm', if(number % 2 = 0, 'A', 'B')), true, 1
			FROM numbers({patients:UInt64})`,
		`INSERT INTO response SELECT 'trial', 'bdi-ii', toFixedString(leftPad(lower(hex(patient)), 32, '0'), 32), number, 1, number + 1,
			toString(number), toString(number), if(visit = 0, 'baseline', concat('v', toString(visit))), 30 * visit, '1.0.0', repeat('a', 64),
			toFloat64(if(visit = 0, 22, 2 * visit + 2 * (patient % 2)) + cityHash64(patient) % 24 + cityHash64(number) % 16), false,
			['total'], [1], 'simulation', now64(6), repeat('a', 64)
			FROM (SELECT number, intDiv(number, 6) AS patient, number % 6 AS visit FROM numbers({patients:UInt64} * 6))
			WHERE visit < 3 OR cityHash64(number, 7) % 5 > 0`,
	} {
		require.NoError(b, direct.Exec(b.Context(), statement, clickhouse.Named("patients", uint64(patients))))
	}
	return asker
}
