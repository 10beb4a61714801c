package durability

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/finding"
	"afterglow/internal/simulate"
)

// coverage counts intervals that hold the truth.
type coverage struct{ inside, all int }

func (c *coverage) count(e finding.Estimate, truth float64) {
	if e.CILower == nil || e.CIUpper == nil {
		return
	}
	c.all++
	if *e.CILower <= truth && truth <= *e.CIUpper {
		c.inside++
	}
}

func (c coverage) String() string { return fmt.Sprintf("%d of %d", c.inside, c.all) }

func (c coverage) share() float64 { return float64(c.inside) / float64(c.all) }

// Twenty simulated clinics of the demo's size, whose truth is known: the answers'
// intervals hold it as often as they claim, up to what 20 clinics can show, and
// settings compared without adjustment are wrong, because severity decided who
// got which.
func TestTheDemosAnswersHoldTheSimulatedTruth(t *testing.T) {
	const clinics, patients = 20, 500
	large := largeClinic(t)
	adjusted, held, retained := map[string]*coverage{}, map[string]*coverage{}, map[string]*coverage{}
	hazards := map[string]*coverage{}
	var unadjusted coverage
	for seed := range clinics {
		f := newFixture(t)
		clinic, err := simulate.New(f.asker.library, simulate.Config{Patients: patients, Seed: uint64(seed + 1)})
		require.NoError(t, err)
		truth, err := clinic.Fill(t.Context(), f.w, fmt.Sprint(seed))
		require.NoError(t, err)
		groups := map[[2]string]simulate.Group{}
		for _, g := range truth.Groups {
			groups[[2]string{g.Factor, g.Level}] = g
		}
		benefit := func(factor, adjust string) finding.Finding {
			got, err := f.asker.Ask(t.Context(), "retained-benefit", simulate.StudyID, map[string]string{"group": factor, "adjust": adjust, "first-visit": "+7 d"})
			require.NoError(t, err)
			require.True(t, got.Simulated)
			return got
		}
		compare := func(got finding.Finding, factor string, into *coverage) {
			levels := levelsOf(clinic, factor)
			for _, level := range levels[1:] {
				for i, v := range groups[[2]string{factor, level}].Standardised {
					difference := v.Change - groups[[2]string{factor, levels[0]}].Standardised[i].Change
					into.count(named(t, got, "difference", level+" - "+levels[0], v.Visit), difference)
				}
			}
		}
		for _, factor := range []string{"protocol", "mode", "setting"} {
			got, levels := benefit(factor, "baseline"), levelsOf(clinic, factor)
			compare(got, factor, of(adjusted, factor))
			for _, level := range levels {
				for _, v := range groups[[2]string{factor, level}].Standardised[1:] {
					of(retained, factor).count(named(t, got, "retained_share", level, v.Visit), v.RetainedShare)
				}
			}
			loss, err := f.asker.Ask(t.Context(), "time-to-loss", simulate.StudyID, map[string]string{"group": factor})
			require.NoError(t, err)
			for _, level := range levels {
				for _, h := range groups[[2]string{factor, level}].Held {
					if h.FirstVisit == "+14 d" {
						of(held, factor).count(named(t, loss, "in_response", level, h.Visit), h.Probability)
					}
				}
			}
			for _, level := range levels[1:] {
				contrast := level + " / " + levels[0]
				same := *named(t, large[factor], "hazard_ratio_adjusted", contrast, "").Estimate
				of(hazards, factor).count(named(t, loss, "hazard_ratio_adjusted", contrast, ""), same)
			}
		}
		compare(benefit("setting", "none"), "setting", &unadjusted)
	}
	for _, factor := range []string{"protocol", "mode", "setting"} {
		t.Logf("%s: adjusted differences %v, shares retained %v, still in response %v, adjusted hazard ratios %v",
			factor, adjusted[factor], retained[factor], held[factor], hazards[factor])
	}
	t.Logf("unadjusted differences of settings %v", unadjusted)
	for factor, comparisons := range map[string]int{"protocol": 2, "mode": 1, "setting": 2} {
		require.Equal(t, clinics*comparisons*6, adjusted[factor].all)
		require.Equal(t, clinics*comparisons, hazards[factor].all)
		require.Greater(t, float64(held[factor].all), 0.95*float64(clinics*(comparisons+1)*4), "few curves end before the last visit")
		require.Equal(t, clinics*(comparisons+1)*5, retained[factor].all)
		require.GreaterOrEqual(t, adjusted[factor].share(), 0.90)
		require.GreaterOrEqual(t, retained[factor].share(), 0.90)
		require.GreaterOrEqual(t, held[factor].share(), 0.85)
		require.GreaterOrEqual(t, hazards[factor].share(), 0.90)
	}
	require.LessOrEqual(t, unadjusted.share(), adjusted["setting"].share()-0.10, "a raw comparison of settings misleads")
}

// of finds a factor's count, beginning it where there is none.
func of(counts map[string]*coverage, factor string) *coverage {
	if counts[factor] == nil {
		counts[factor] = &coverage{}
	}
	return counts[factor]
}

// largeClinic is the time to loss of a clinic so large that its ratios hardly have
// an error: truth.json has no hazard ratio at the same baseline. The fit itself is held
// against R and against counts whose ratio is known in loss_test.go.
func largeClinic(t *testing.T) map[string]finding.Finding {
	t.Helper()
	f := newFixture(t)
	clinic, err := simulate.New(f.asker.library, simulate.Config{Patients: 20_000, Seed: 1_000})
	require.NoError(t, err)
	_, err = clinic.Fill(t.Context(), f.w, "large")
	require.NoError(t, err)
	out := map[string]finding.Finding{}
	for _, factor := range []string{"protocol", "mode", "setting"} {
		out[factor], err = f.asker.Ask(t.Context(), "time-to-loss", simulate.StudyID, map[string]string{"group": factor})
		require.NoError(t, err)
		for _, name := range []string{"hazard_ratio_adjusted", "hazard_ratio_unadjusted"} {
			for _, e := range out[factor].Named(name) {
				t.Logf("20,000 patients, %s %s: %.3f (%.3f to %.3f)", name, e.Group, *e.Estimate, *e.CILower, *e.CIUpper)
			}
		}
	}
	return out
}

func levelsOf(s *simulate.Simulator, factor string) []string {
	for _, f := range s.Study().Factors() {
		if f.Name == factor {
			return f.Levels
		}
	}
	return nil
}
