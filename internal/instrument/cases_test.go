package instrument_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/instrument"
)

// The vectors beside each definition hold the right score of every pattern.
func TestDefinitionsOfOthersScoreAsTheirVectorsSay(t *testing.T) {
	for folder, name := range map[string]string{
		"09-gate-says-no":        "gate-four.yaml",
		"10-turned-and-prorated": "mood-fifteen.yaml",
	} {
		_, faults := instrument.Lint(os.DirFS("../../testdata/cases/"+folder), name)
		require.Empty(t, faults, name)
	}
}

func TestFollowUpsBehindAGate(t *testing.T) {
	data, err := os.ReadFile("../../testdata/cases/09-gate-says-no/gate-four.yaml")
	require.NoError(t, err)
	d, err := instrument.Parse(data)
	require.NoError(t, err)
	open, no, yes := -1, 0, 1
	for _, c := range []struct {
		name    string
		answers [4]int
		score   int // -1 is no score
		refused bool
	}{
		{"the gate says no", [4]int{no, open, open, open}, 0, false},
		{"the gate says no and a follow-up is answered", [4]int{no, yes, open, open}, 0, true},
		{"all are answered", [4]int{yes, yes, no, yes}, 2, false},
		{"a follow-up is open", [4]int{yes, yes, open, yes}, -1, false},
		{"the gate is open", [4]int{open, open, open, open}, -1, false},
		{"the gate is open and every follow-up is answered", [4]int{open, yes, yes, yes}, -1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			answers := instrument.Answers{}
			for i, id := range []string{"gate", "f1", "f2", "f3"} {
				if c.answers[i] != open {
					answers[id] = &c.answers[i]
				}
			}
			got, err := d.Score(answers, instrument.ScoreOptions{})
			if c.refused {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.score >= 0, got.Valid)
			if c.score >= 0 {
				require.InDelta(t, float64(c.score), *got.Score, 0)
			}
		})
	}
}
