package instrument_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/instrument"
)

// An answer that is not scored is stored and never counted: the score, the bands
// and the flags are those of the same answers without it.
func TestAnAnswerThatIsNotScoredCountsAsNone(t *testing.T) {
	d := testDefinition(t, "declined")
	rapid.Check(t, func(t *rapid.T) {
		given, without := instrument.Answers{}, instrument.Answers{}
		for i := range d.Items {
			it := &d.Items[i]
			v := drawValue(t, it)
			given[it.ID] = instrument.Answer(v)
			if it.Scores(v) {
				without[it.ID] = instrument.Answer(v)
			}
			if len(d.Check(given)) > 0 {
				delete(given, it.ID)
				delete(without, it.ID)
			}
		}
		a, err := d.Score(given, instrument.ScoreOptions{})
		require.NoError(t, err, "a declined answer is an answer that may be given")
		b, err := d.Score(without, instrument.ScoreOptions{})
		require.NoError(t, err)
		require.Equal(t, b, a)
		require.Equal(t, d.Flags(without), d.Flags(given))
	})
}

func TestADeclinedSafetyItemIsUnknown(t *testing.T) {
	d := testDefinition(t, "declined")
	for _, c := range []struct {
		answers string
		level   instrument.Level
	}{
		{"1,3,1,0", ""}, {"1,3,1,2", instrument.LevelAmber}, {"1,3,1,99", instrument.LevelUnknown}, {"1,3,1,-1", instrument.LevelUnknown}, {"1,3,1,", instrument.LevelUnknown},
	} {
		flags := score(t, d, c.answers).Flags
		if c.level == "" {
			require.Empty(t, flags, c.answers)
			continue
		}
		require.Len(t, flags, 1, c.answers)
		require.Equal(t, c.level, flags[0].Level, c.answers)
	}
	declined, err := d.ParseAnswerList("1,3,1,99")
	require.NoError(t, err)
	require.Empty(t, d.Unanswered(declined), "who declines is not asked again")
}

func TestDefinitionsWithAnswersThatAreNotScored(t *testing.T) {
	source, err := os.ReadFile("testdata/declined.yaml")
	require.NoError(t, err)
	for _, c := range []struct{ name, from, to, place, message string }{
		{"forgotten mark", "{value: 99, scored: false}]\nitems", "{value: 99}]\nitems", "score/missing", "scored: false"},
		{"an item without a scale", "{value: 0}, {value: 1}, {value: 2}, {value: 3}, {value: 99, scored: false}]\nitems", "{value: 0}, {value: 98, scored: false}, {value: 99, scored: false}]\nitems", "items/0/options", "at least two options must be scored"},
		{"a skip that counts as declined", "otherwise: 0", "otherwise: 99", "items/2/ask_when/otherwise", "that are scored"},
		{"a safety level that only a declined answer meets", "op: at-least, value: 1, level", "op: equals, value: 99, level", "safety/0/when/0", "no answer to item d can meet this"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Contains(t, string(source), c.from)
			_, err := instrument.Parse([]byte(strings.Replace(string(source), c.from, c.to, 1)))
			details := detailsOf(err)
			require.NotEmpty(t, details)
			require.Contains(t, details[0].Item, c.place)
			require.Contains(t, details[0].Message, c.message)
		})
	}
	_, err = instrument.Parse([]byte(strings.ReplaceAll(string(source), "{value: 99, scored: false}", "{value: 99}")))
	for _, d := range detailsOf(err) {
		require.NotContains(t, d.Message, "widen")
		require.NotContains(t, d.Message, "maximum must")
	}
}

func TestVectorsMustShowAnAnswerThatIsNotScored(t *testing.T) {
	d := testDefinition(t, "declined")
	require.Contains(t, d.Uncovered(nil), "an answer that is not scored")
	require.Empty(t, d.Uncovered([]instrument.Vector{
		{Answers: "0,3,,0", Score: "0", Valid: true}, {Answers: "3,0,3,3", Score: "12", Valid: true, Flags: []string{"risk:amber"}},
		{Answers: "1,99,1,99", Flags: []string{"risk:unknown"}},
	}))
}
