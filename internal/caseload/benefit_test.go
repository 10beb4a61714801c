package caseload_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/care"
	"afterglow/internal/caseload"
	"afterglow/internal/instrument"
	"afterglow/internal/testkit/registrytest"
)

func definition(t *testing.T, id string) *instrument.Definition {
	t.Helper()
	d, err := registrytest.Instruments(t).Latest(id)
	require.NoError(t, err)
	return d
}

// weekly puts scores a week apart.
func weekly(scores ...float64) []caseload.Scored {
	var list []caseload.Scored
	for i, s := range scores {
		list = append(list, caseload.Scored{Day: 7 * (i + 1), Score: s})
	}
	return list
}

func TestABenefitThatWasHadAndLost(t *testing.T) {
	const none = care.BenefitState("")
	for _, tt := range []struct {
		name     string
		scale    string
		baseline float64
		scores   []float64
		state    care.BenefitState
		best     float64
		left     float64
		since    int
	}{
		{"nothing was asked since", "phq-9", 24, nil, none, 0, 0, 0},
		{"one answer confirms nothing", "phq-9", 24, []float64{10}, none, 0, 0, 0},
		{"held", "phq-9", 24, []float64{4, 3, 5}, care.BenefitKept, 4, 19, 0},
		{"the best is the worse of two", "phq-9", 24, []float64{2, 9, 9, 8}, care.BenefitKept, 9, 16, 0},
		{"a gain within error is no benefit", "phq-9", 15, []float64{10, 10, 16}, none, 0, 0, 0},
		{"one answer back", "phq-9", 24, []float64{0, 0, 13}, care.BenefitLosing, 0, 11, 21},
		{"two answers back", "phq-9", 24, []float64{0, 0, 13, 12}, care.BenefitLost, 0, 12, 21},
		{"back, and better again", "phq-9", 24, []float64{0, 0, 13, 3}, care.BenefitKept, 0, 21, 0},
		{"below the threshold by a point", "phq-9", 24, []float64{4, 4, 9}, care.BenefitKept, 4, 15, 0},
		{"at the threshold", "phq-9", 24, []float64{4, 4, 10}, care.BenefitLosing, 4, 14, 21},
		{"worse than ever", "phq-9", 18, []float64{6, 6, 20, 21}, care.BenefitLost, 6, -3, 21},
		{"a slow return", "phq-9", 22, []float64{9, 11, 14, 16, 18}, care.BenefitLosing, 11, 4, 35},
		{"a large gain and fall need no second answer", "phq-9", 24, []float64{0, 13}, care.BenefitLosing, 0, 11, 14},
		{"and stay lost", "phq-9", 20, []float64{4, 18, 18, 17}, care.BenefitLost, 4, 3, 14},
		{"a good first answer and never again", "phq-9", 22, []float64{11, 19, 18, 18, 18}, care.BenefitLost, 11, 4, 14},
		{"and once again is no loss for good", "phq-9", 22, []float64{11, 19, 16, 18, 18}, none, 0, 0, 0},
		{"a good first answer and three more may be luck", "phq-9", 22, []float64{11, 19, 18, 18}, none, 0, 0, 0},
		{"two answers confirm it before one does", "phq-9", 24, []float64{2, 1, 13}, care.BenefitLosing, 2, 11, 21},
		{"one good answer between others is luck", "phq-9", 20, []float64{18, 10, 18, 19}, none, 0, 0, 0},
		{"after many answers a point more is asked for", "phq-9", 24, []float64{4, 4, 5, 5, 5, 10}, care.BenefitKept, 4, 14, 0},
		{"and then it is lost as well", "phq-9", 24, []float64{4, 4, 5, 5, 5, 11, 11}, care.BenefitLost, 4, 13, 42},
		{"higher is better, held", "nrs-mood", 2, []float64{8, 7, 7}, care.BenefitKept, 7, 5, 0},
		{"higher is better, lost", "nrs-mood", 2, []float64{8, 7, 3, 2}, care.BenefitLost, 7, 0, 21},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := caseload.BenefitOf(definition(t, tt.scale), tt.baseline, weekly(tt.scores...))
			if tt.state == none {
				require.Nil(t, b)
				require.False(t, b.IsGoing())
				return
			}
			require.NotNil(t, b)
			require.Equal(t, []any{tt.state, tt.best, tt.left, tt.since}, []any{b.State, b.Best, b.Left, b.Since})
			require.InDelta(t, 100*tt.left/math.Abs(tt.baseline-tt.best), b.ShareLeft(), 1e-9)
			require.Equal(t, tt.state != care.BenefitKept, b.IsGoing())
		})
	}
}

func TestTheReturnLineEndsWithTheScale(t *testing.T) {
	require.Equal(t, 10.0, *caseload.BenefitOf(definition(t, "phq-9"), 24, weekly(4, 4)).ReturnLine)
	require.Equal(t, 3.0, *caseload.BenefitOf(definition(t, "nrs-mood"), 2, weekly(7, 7)).ReturnLine)
	require.Nil(t, caseload.BenefitOf(definition(t, "phq-9"), 27, weekly(21, 21, 21, 21, 21, 21)).ReturnLine, "28 is no PHQ-9")
}

// With few answers the loss is exactly the instrument's own reliable deterioration.
func TestALossIsAReliableChangeFromTheBest(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := definition(t, rapid.SampledFrom([]string{"phq-9", "gad-7", "pcl-5", "nrs-mood", "nrs-anxiety"}).Draw(r, "scale"))
		score := rapid.Map(rapid.IntRange(int(d.Total.Minimum.Float()), int(d.Total.Maximum.Float())), func(v int) float64 { return float64(v) })
		baseline, scores := score.Draw(r, "baseline"), weekly(rapid.SliceOfN(score, 2, 4).Draw(r, "scores")...)
		b := caseload.BenefitOf(d, baseline, scores)
		if b == nil {
			return
		}
		gained, err := d.Change(baseline, b.Best)
		require.NoError(r, err)
		require.Contains(r, []instrument.ChangeClass{instrument.ChangeImproved, instrument.ChangeRecovered}, gained.Reliable)
		require.Equal(r, gained.Improvement, b.Gained)
		newest := scores[len(scores)-1].Score
		left, err := d.Change(baseline, newest)
		require.NoError(r, err)
		require.Equal(r, left.Improvement, b.Left)
		fall, err := d.Change(b.Best, newest)
		require.NoError(r, err)
		require.Equal(r, fall.Reliable == instrument.ChangeDeteriorated, b.IsGoing())
	})
}

// Retest errors are SD x sqrt(1 - r) of the published test-retest figures: PHQ-9 SD
// 6.1 and 0.84 (Kroenke 2001), GAD-7 4.7 and 0.83 (Spitzer 2006), PCL-5 14.7 and
// 0.82 (Blevins 2015), BDI-II 12.75 and 0.93 (Beck 1996).
func TestStablePatientsAreNotToldToBeLosingIt(t *testing.T) {
	const patients, answers = 10_000, 12
	for _, tt := range []struct {
		scale           string
		error           float64
		baseline, after float64
	}{
		{"phq-9", 2.44, 16, 16}, {"phq-9", 2.44, 18, 8}, {"phq-9", 2.44, 20, 13}, {"phq-9", 2.44, 18, 3},
		{"gad-7", 1.94, 15, 15}, {"gad-7", 1.94, 15, 7},
		{"pcl-5", 6.24, 50, 50}, {"pcl-5", 6.24, 50, 25},
		{"bdi-ii", 3.37, 30, 30}, {"bdi-ii", 3.37, 30, 12},
	} {
		t.Run(fmt.Sprintf("%s from %v to %v", tt.scale, tt.baseline, tt.after), func(t *testing.T) {
			t.Parallel()
			d := definition(t, tt.scale)
			chance := rand.New(rand.NewPCG(9, uint64(tt.after)))
			draw := func(level float64) float64 {
				return min(max(math.Round(level+tt.error*chance.NormFloat64()), d.Total.Minimum.Float()), d.Total.Maximum.Float())
			}
			losing, lost := 0, 0
			for range patients {
				baseline, scores, ever := draw(tt.baseline), []caseload.Scored{}, false
				var b *care.Benefit
				for i := range answers - 1 {
					scores = append(scores, caseload.Scored{Day: 7 * i, Score: draw(tt.after)})
					b = caseload.BenefitOf(d, baseline, scores)
					ever = ever || b != nil && b.State == care.BenefitLost
				}
				if b.IsGoing() {
					losing++
				}
				if ever {
					lost++
				}
			}
			t.Logf("losing it on the last answer %.2f %%, ever lost %.2f %%", 100*float64(losing)/patients, 100*float64(lost)/patients)
			require.LessOrEqual(t, losing, patients*5/100)
			require.LessOrEqual(t, lost, patients*2/100)
		})
	}
}
