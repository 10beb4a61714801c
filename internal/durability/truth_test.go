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

func (c coverage) share() float64 { return float64(c.inside) / float64(c.all) }

// Twenty simulated clinics of the demo's size, whose truth is known: the answers'
// intervals hold it as often as they claim, up to what 20 clinics can show, and
// settings compared without adjustment are wrong, because severity decided who
// got which.
func TestTheDemosAnswersHoldTheSimulatedTruth(t *testing.T) {
	const clinics, patients = 20, 500
	var adjusted, unadjusted, held coverage
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
		compare := func(factor, adjust string, into *coverage) {
			got, err := f.asker.Ask(t.Context(), "retained-benefit", simulate.StudyID, map[string]string{"group": factor, "adjust": adjust})
			require.NoError(t, err)
			require.True(t, got.Simulated)
			levels := levelsOf(clinic, factor)
			for _, level := range levels[1:] {
				for i, v := range groups[[2]string{factor, level}].Standardised {
					difference := v.Change - groups[[2]string{factor, levels[0]}].Standardised[i].Change
					into.count(named(t, got, "difference", level+" - "+levels[0], v.Visit), difference)
				}
			}
		}
		compare("protocol", "baseline", &adjusted)
		compare("setting", "baseline", &adjusted)
		compare("setting", "none", &unadjusted)
		loss, err := f.asker.Ask(t.Context(), "time-to-loss", simulate.StudyID, nil)
		require.NoError(t, err)
		for _, level := range levelsOf(clinic, "protocol") {
			for _, h := range groups[[2]string{"protocol", level}].Held {
				if h.FirstVisit == "+14 d" {
					held.count(named(t, loss, "in_response", level, h.Visit), h.Probability)
				}
			}
		}
	}
	t.Logf("adjusted %d of %d, unadjusted settings %d of %d, still in response %d of %d",
		adjusted.inside, adjusted.all, unadjusted.inside, unadjusted.all, held.inside, held.all)
	require.Equal(t, clinics*2*2*6, adjusted.all)
	require.GreaterOrEqual(t, adjusted.share(), 0.90)
	require.LessOrEqual(t, unadjusted.share(), adjusted.share()-0.10, "a raw comparison of settings misleads")
	require.GreaterOrEqual(t, held.share(), 0.85)
}

func levelsOf(s *simulate.Simulator, factor string) []string {
	for _, f := range s.Study().Factors() {
		if f.Name == factor {
			return f.Levels
		}
	}
	return nil
}
