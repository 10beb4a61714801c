package instrument_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
)

func TestChange(t *testing.T) {
	const (
		recovered, improved      = instrument.ChangeRecovered, instrument.ChangeImproved
		unchanged, deteriorated  = instrument.ChangeUnchanged, instrument.ChangeDeteriorated
		yes, no, undefined, none = "yes", "no", "undefined", instrument.ChangeClass("")
	)
	for _, c := range []struct {
		name          string
		id            string
		from, to      float64
		response      string
		remission     string
		reliable, mid instrument.ChangeClass
	}{
		{"half is a response, 5 is no remission", "phq-9", 10, 5, yes, no, unchanged, improved},
		{"below 5 is remission, a fall of 6 is reliable and leaves caseness", "phq-9", 10, 4, yes, yes, recovered, improved},
		{"a reliable fall that stays a case", "phq-9", 20, 14, no, no, improved, improved},
		{"a fall of 5 is important but not reliable", "phq-9", 20, 15, no, no, unchanged, improved},
		{"a fall of 4 is neither", "phq-9", 20, 16, no, no, unchanged, unchanged},
		{"a reliable fall of one who was no case is not a recovery", "phq-9", 9, 3, yes, yes, improved, improved},
		{"a rise of 6", "phq-9", 4, 10, no, no, deteriorated, deteriorated},
		{"no change at baseline 0: a percentage is not defined", "phq-9", 0, 0, undefined, yes, unchanged, unchanged},
		{"BDI-II worked example: 40 to 33 is exactly 17.5 %", "bdi-ii", 40, 33, no, no, unchanged, improved},
		{"BDI-II: 40 to 34 is less", "bdi-ii", 40, 34, no, no, unchanged, unchanged},
		{"BDI-II: a fall of 10 is reliable", "bdi-ii", 40, 30, no, no, improved, improved},
		{"BDI-II at baseline 0: 17.5 % of 0 is not defined", "bdi-ii", 0, 5, undefined, yes, unchanged, none},
		{"better upward: 36 to 54", "wellbeing", 36, 54, yes, yes, unchanged, improved},
		{"better upward: a fall is worse", "wellbeing", 60, 36, no, no, deteriorated, deteriorated},
		{"no thresholds at all", "tscore", 49, 41, undefined, undefined, none, none},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := anyDefinition(t, c.id).Change(c.from, c.to)
			require.NoError(t, err)
			write := func(b *bool) string {
				switch {
				case b == nil:
					return undefined
				case *b:
					return yes
				}
				return no
			}
			require.Equal(t, c.response, write(got.Response), "response")
			require.Equal(t, c.remission, write(got.Remission), "remission")
			require.Equal(t, c.reliable, got.Reliable, "reliable change")
			require.Equal(t, c.mid, got.MinimalImportant, "minimal important change")
			require.Equal(t, c.from == 0, got.ImprovementPercent == nil)
		})
	}
}

func anyDefinition(t testing.TB, id string) *instrument.Definition {
	t.Helper()
	for _, d := range everyDefinition(t) {
		if d.ID == id {
			return d
		}
	}
	t.Fatalf("no definition %s", id)
	return nil
}

func TestChangeTellsDirection(t *testing.T) {
	c, err := anyDefinition(t, "phq-9").Change(16, 10)
	require.NoError(t, err)
	require.Equal(t, 6.0, c.Improvement)
	require.Equal(t, 37.5, *c.ImprovementPercent)
	c, err = anyDefinition(t, "wellbeing").Change(16, 10)
	require.NoError(t, err)
	require.Equal(t, -6.0, c.Improvement)
}

func TestSR121_ChangeOfDegenerateScoresIsRefused(t *testing.T) {
	d := anyDefinition(t, "phq-9")
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 28, math.MaxFloat64, math.SmallestNonzeroFloat64 * -1} {
		_, err := d.Change(v, 5)
		require.Equal(t, fault.KindInvalid, fault.KindOf(err), "baseline %v", v)
		require.ErrorContains(t, err, "baseline: outside 0 to 27, the range of phq-9 1.0.0")
		_, err = d.Change(5, v)
		require.ErrorContains(t, err, "score: outside 0 to 27", "score %v", v)
	}
}

// Change from a to b is the opposite of change from b to a.
func TestChangeIsSymmetric(t *testing.T) {
	d := anyDefinition(t, "phq-9")
	opposite := map[instrument.ChangeClass]instrument.ChangeClass{
		instrument.ChangeRecovered: instrument.ChangeDeteriorated, instrument.ChangeImproved: instrument.ChangeDeteriorated,
		instrument.ChangeUnchanged: instrument.ChangeUnchanged,
	}
	rapid.Check(t, func(t *rapid.T) {
		from, to := rapid.IntRange(0, 27).Draw(t, "from"), rapid.IntRange(0, 27).Draw(t, "to")
		there, err := d.Change(float64(from), float64(to))
		require.NoError(t, err)
		back, err := d.Change(float64(to), float64(from))
		require.NoError(t, err)
		require.Equal(t, there.Improvement, -back.Improvement)
		if there.Reliable != instrument.ChangeDeteriorated {
			require.Equal(t, opposite[there.Reliable], back.Reliable)
		}
	})
}

func TestDecimalIsExact(t *testing.T) {
	for text, want := range map[string]string{"0": "0", "-0.5": "-0.5", "17.5": "17.5", "0.0001": "0.0001", "41.0": "41", "-100000": "-100000"} {
		var d instrument.Decimal
		require.NoError(t, d.UnmarshalJSON([]byte(text)))
		require.Equal(t, want, d.String())
	}
	for _, text := range []string{"0.00001", "1e30", `"1"`, "x", ""} {
		var d instrument.Decimal
		require.Error(t, d.UnmarshalJSON([]byte(text)), "%q", text)
	}
}
