package instrument_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/instrument"
)

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// Item 9 with each answer and with none, under every pattern of the other eight
// items missing: the flag depends on item 9 alone.
func TestSR108_PHQ9Item9TruthTable(t *testing.T) {
	d := shipped(t, "phq-9")
	for _, c := range []struct {
		name   string
		answer *int
		want   []instrument.Flag
	}{
		{"0 raises nothing", instrument.Answer(0), []instrument.Flag{}},
		{"1 is amber", instrument.Answer(1), item9Flag(instrument.LevelAmber, instrument.Answer(1))},
		{"2 is red", instrument.Answer(2), item9Flag(instrument.LevelRed, instrument.Answer(2))},
		{"3 is red", instrument.Answer(3), item9Flag(instrument.LevelRed, instrument.Answer(3))},
		{"no answer is unknown, never 0", nil, item9Flag(instrument.LevelUnknown, nil)},
	} {
		t.Run(c.name, func(t *testing.T) {
			for pattern := range 1 << 8 {
				for _, rest := range []int{0, 3} {
					a := instrument.Answers{}
					for i := range 8 {
						if pattern&(1<<i) == 0 {
							a[d.Items[i].ID] = instrument.Answer(rest)
						}
					}
					if c.answer != nil {
						a["9"] = c.answer
					}
					s, err := d.Score(a, instrument.ScoreOptions{})
					require.NoError(t, err)
					require.Equal(t, c.want, s.Flags, "missing pattern %08b", pattern)
				}
			}
		})
	}
}

func item9Flag(level instrument.Level, value *int) []instrument.Flag {
	return []instrument.Flag{{Rule: "phq-9-item-9", Level: level, Item: "9", Value: value}}
}

// All 27 states of a screen whose third question is asked only after a yes.
func TestSR108_ScreenTruthTable(t *testing.T) {
	d := testDefinition(t, "screen")
	for _, c := range []struct{ answers, flags string }{
		{"0,0,", ""},
		{"1,0,0", "screen-1:red screen-now:red"},
		{"1,0,1", "screen-1:red screen-now:critical"},
		{"1,0,", "screen-1:red screen-now:unknown"},
		{"0,1,0", "screen-2:red screen-now:red"},
		{"0,1,1", "screen-2:red screen-now:critical"},
		{"0,1,", "screen-2:red screen-now:unknown"},
		{"1,1,0", "screen-1:red screen-2:red screen-now:red"},
		{"1,1,1", "screen-1:red screen-2:red screen-now:critical"},
		{"1,1,", "screen-1:red screen-2:red screen-now:unknown"},
		{",0,", "screen-1:unknown screen-now:unknown"},
		{",0,0", "screen-1:unknown screen-now:red"},
		{",0,1", "screen-1:unknown screen-now:critical"},
		{",1,", "screen-1:unknown screen-2:red screen-now:unknown"},
		{",1,0", "screen-1:unknown screen-2:red screen-now:red"},
		{",1,1", "screen-1:unknown screen-2:red screen-now:critical"},
		{"0,,", "screen-2:unknown screen-now:unknown"},
		{"0,,0", "screen-2:unknown screen-now:red"},
		{"0,,1", "screen-2:unknown screen-now:critical"},
		{"1,,", "screen-1:red screen-2:unknown screen-now:unknown"},
		{"1,,0", "screen-1:red screen-2:unknown screen-now:red"},
		{"1,,1", "screen-1:red screen-2:unknown screen-now:critical"},
		{",,", "screen-1:unknown screen-2:unknown screen-now:unknown"},
		{",,0", "screen-1:unknown screen-2:unknown screen-now:red"},
		{",,1", "screen-1:unknown screen-2:unknown screen-now:critical"},
	} {
		t.Run(c.answers, func(t *testing.T) {
			var got []string
			for _, f := range score(t, d, c.answers).Flags {
				got = append(got, f.Rule+":"+string(f.Level))
			}
			require.Equal(t, c.flags, strings.Join(got, " "))
		})
	}
	for _, answers := range []string{"0,0,0", "0,0,1"} {
		t.Run("refused "+answers, func(t *testing.T) {
			a, err := d.ParseAnswerList(answers)
			require.NoError(t, err)
			faults := d.Check(a)
			require.Len(t, faults, 1)
			require.Equal(t, "now", faults[0].Item)
		})
	}
}

// The wording is the published one, letter for letter, as the reference file has it.
func TestSR108_PHQ9WordingIsUnchanged(t *testing.T) {
	d := shipped(t, "phq-9")
	require.Equal(t, "Over the last 2 weeks, how often have you been bothered by any of the following problems?", d.Stem["en"])
	want := []struct{ text, loinc string }{
		{"Little interest or pleasure in doing things", "44250-9"},
		{"Feeling down, depressed, or hopeless", "44255-8"},
		{"Trouble falling or staying asleep, or sleeping too much", "44259-0"},
		{"Feeling tired or having little energy", "44254-1"},
		{"Poor appetite or overeating", "44251-7"},
		{"Feeling bad about yourself — or that you are a failure or have let yourself or your family down", "44258-2"},
		{"Trouble concentrating on things, such as reading the newspaper or watching television", "44252-5"},
		{"Moving or speaking so slowly that other people could have noticed. Or the opposite — being so fidgety or restless that you have been moving around a lot more than usual", "44253-3"},
		{"Thoughts that you would be better off dead, or of hurting yourself in some way", "44260-8"},
		{"If you checked off any problems, how difficult have these problems made it for you to do your work, take care of things at home, or get along with other people?", "69722-7"},
	}
	require.Len(t, d.Items, len(want))
	for i, w := range want {
		require.Equal(t, w.text, d.Items[i].Text["en"])
		require.Equal(t, w.loinc, d.Items[i].LOINC.Code)
		require.Equal(t, i == 9, !d.Items[i].IsScored(), "only item 10 is not scored")
		require.Equal(t, i == 9, d.Items[i].Optional)
		labels, codes := []string{}, []string{}
		for v, o := range d.Items[i].Options {
			require.Equal(t, v, o.Value)
			labels, codes = append(labels, o.Label["en"]), append(codes, o.LOINC.Code)
		}
		if i < 9 {
			require.Equal(t, []string{"Not at all", "Several days", "More than half the days", "Nearly every day"}, labels)
			require.Equal(t, []string{"LA6568-5", "LA6569-3", "LA6570-1", "LA6571-9"}, codes)
		} else {
			require.Equal(t, []string{"Not difficult at all", "Somewhat difficult", "Very difficult", "Extremely difficult"}, labels)
			require.Equal(t, []string{"LA6572-7", "LA6573-5", "LA6575-0", "LA6574-3"}, codes)
		}
	}
	require.Equal(t, "44249-1", d.LOINC.Panel.Code)
	require.Equal(t, "44261-6", d.LOINC.Total.Code)
}

func TestLicensedWordingIsNotShipped(t *testing.T) {
	for _, d := range everyDefinition(t) {
		if d.Licence.Class != "C" {
			continue
		}
		require.False(t, d.Licence.WordingIncluded, d.ID)
		require.False(t, d.CanBeShown(), d.ID)
		require.Empty(t, d.Stem, d.ID)
		for i := range d.Items {
			require.Empty(t, d.Items[i].Text, d.ID)
		}
	}
	require.True(t, shipped(t, "phq-9").CanBeShown())
	require.True(t, shipped(t, "phq-9").IsSafetyItem("9"))
	require.False(t, shipped(t, "phq-9").IsSafetyItem("8"))
}
