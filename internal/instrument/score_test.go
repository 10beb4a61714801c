package instrument_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/instrument"
)

// phq9 scores the nine items a second time, by the published rules and without
// the engine: answers are 0 to 3, or -1 for none.
func phq9(items [9]int) (score int, valid, prorated bool, band string) {
	sum, given := 0, 0
	for _, v := range items {
		if v >= 0 {
			sum += v
			given++
		}
	}
	if given < 7 {
		return 0, false, false, ""
	}
	// Half up in whole numbers: (2*9*sum/given + 1) / 2, rounded down.
	score = (18*sum + given) / (2 * given)
	switch {
	case score >= 20:
		band = "severe"
	case score >= 15:
		band = "moderately severe"
	case score >= 10:
		band = "moderate"
	case score >= 5:
		band = "mild"
	default:
		band = "minimal"
	}
	return score, true, given < 9, band
}

func TestSR120_PHQ9AgreesWithASecondImplementation(t *testing.T) {
	d := shipped(t, "phq-9")
	rapid.Check(t, func(t *rapid.T) {
		var items [9]int
		a := instrument.Answers{}
		for i := range items {
			// Missing in one of eight cases: most draws are near the rule's edge of two.
			items[i] = rapid.SampledFrom([]int{-1, 0, 0, 1, 1, 2, 2, 3}).Draw(t, "item")
			if items[i] >= 0 {
				a[fmt.Sprint(i+1)] = instrument.Answer(items[i])
			}
		}
		s, err := d.Score(a, instrument.ScoreOptions{})
		require.NoError(t, err)
		score, valid, prorated, band := phq9(items)
		require.Equal(t, valid, s.Valid)
		require.Equal(t, prorated, s.Prorated)
		require.Equal(t, band, s.Band)
		if valid {
			require.Equal(t, float64(score), *s.Score)
		} else {
			require.Nil(t, s.Score)
		}
	})
}

func TestSR120_ScoresStayInBounds(t *testing.T) {
	for _, d := range everyDefinition(t) {
		t.Run(d.ID, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				s, err := d.Score(drawAnswers(t, d), instrument.ScoreOptions{})
				require.NoError(t, err)
				require.Equal(t, s.Valid, s.Score != nil)
				if s.Valid {
					require.GreaterOrEqual(t, *s.Score, d.Total.Minimum.Float())
					require.LessOrEqual(t, *s.Score, d.Total.Maximum.Float())
				}
				for i := range d.Subscales {
					sub := s.Subscales[d.Subscales[i].ID]
					if sub.Valid {
						require.GreaterOrEqual(t, *sub.Score, d.Subscales[i].Scale.Minimum.Float())
						require.LessOrEqual(t, *sub.Score, d.Subscales[i].Scale.Maximum.Float())
					}
				}
			})
		})
	}
}

// A higher answer never lowers the score, and never raises it where the item is
// reversed.
func TestSR120_ScoresAreMonotoneInEachItem(t *testing.T) {
	for _, d := range everyDefinition(t) {
		reversed := slices.Clone(d.Total.Reverse)
		for i := range d.Subscales {
			reversed = append(reversed, d.Subscales[i].Scale.Reverse...)
		}
		t.Run(d.ID, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				a := drawAnswers(t, d)
				it := &d.Items[rapid.IntRange(0, len(d.Items)-1).Draw(t, "item")]
				if a[it.ID] == nil {
					return
				}
				b := maps.Clone(a)
				b[it.ID] = instrument.Answer(drawValue(t, it))
				if len(d.Check(b)) > 0 || len(d.Unanswered(a)) != len(d.Unanswered(b)) {
					return // the other answer changes which items are asked
				}
				if !it.Scores(*a[it.ID]) || !it.Scores(*b[it.ID]) {
					return // an answer that is no value of the scale is neither higher nor lower
				}
				low, high := a, b
				if *a[it.ID] > *b[it.ID] {
					low, high = b, a
				}
				before, err := d.Score(low, instrument.ScoreOptions{})
				require.NoError(t, err)
				after, err := d.Score(high, instrument.ScoreOptions{})
				require.NoError(t, err)
				require.Equal(t, before.Valid, after.Valid)
				if !before.Valid {
					return
				}
				if slices.Contains(reversed, it.ID) {
					require.LessOrEqual(t, *after.Score, *before.Score)
				} else {
					require.GreaterOrEqual(t, *after.Score, *before.Score)
				}
			})
		})
	}
}

// The answers of PHQ-9's nine items may be given in any order: same score.
func TestSR120_ScoreIsFreeOfItemOrder(t *testing.T) {
	d := shipped(t, "phq-9")
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.IntRange(-1, 3), 9, 9).Draw(t, "answers")
		shuffled := rapid.Permutation(values).Draw(t, "shuffled")
		first, second := scoreOf(t, d, values), scoreOf(t, d, shuffled)
		require.Equal(t, first.Score, second.Score)
		require.Equal(t, first.Prorated, second.Prorated)
		require.Equal(t, first.Band, second.Band)
	})
}

func scoreOf(t require.TestingT, d *instrument.Definition, values []int) instrument.Score {
	a := instrument.Answers{}
	for i, v := range values {
		if v >= 0 {
			a[d.Items[i].ID] = instrument.Answer(v)
		}
	}
	s, err := d.Score(a, instrument.ScoreOptions{})
	require.NoError(t, err)
	return s
}

// Every one of the 512 patterns of missing items: two may be missing, three may
// not, and a site may ask for all.
func TestSR120_MissingItemRuleIsExact(t *testing.T) {
	d := shipped(t, "phq-9")
	for pattern := range 1 << 9 {
		a, missing := instrument.Answers{}, 0
		for i := range 9 {
			if pattern&(1<<i) != 0 {
				a[d.Items[i].ID], missing = nil, missing+1
			} else {
				a[d.Items[i].ID] = instrument.Answer(2)
			}
		}
		s, err := d.Score(a, instrument.ScoreOptions{})
		require.NoError(t, err)
		require.Equal(t, missing <= 2, s.Valid, "pattern %09b", pattern)
		require.Equal(t, missing > 0 && missing <= 2, s.Prorated, "pattern %09b", pattern)
		if s.Valid {
			require.Equal(t, 18.0, *s.Score, "items that agree stand in for the missing one")
		}
		all, err := d.Score(a, instrument.ScoreOptions{AllItems: true})
		require.NoError(t, err)
		require.Equal(t, missing == 0, all.Valid, "pattern %09b, all items wanted", pattern)
		require.Equal(t, s.Flags, all.Flags, "the site's rule for scores does not touch safety")
	}
}

func TestSR121_RecomputationIsByteEqual(t *testing.T) {
	for _, d := range everyDefinition(t) {
		rapid.Check(t, func(t *rapid.T) {
			a := drawAnswers(t, d)
			first, err := d.Score(a, instrument.ScoreOptions{})
			require.NoError(t, err)
			second, err := d.Score(maps.Clone(a), instrument.ScoreOptions{})
			require.NoError(t, err)
			one, err := json.Marshal(first)
			require.NoError(t, err)
			two, err := json.Marshal(second)
			require.NoError(t, err)
			require.Equal(t, string(one), string(two))
		})
	}
}

func TestScoringOperations(t *testing.T) {
	for _, c := range []struct {
		name, id, answers string
		want              string
	}{
		{"linear: 13 times 4", "wellbeing", "3,2,3,2,3", `52 not low`},
		{"linear: the lower edge of a band", "wellbeing", "3,2,2,2,3", `48 low`},
		{"linear: 28 is still very low", "wellbeing", "1,1,2,1,2", `28 very low`},
		{"all items: one missing gives no score", "wellbeing", "3,2,,2,3", `- `},
		{"lookup: lowest raw", "tscore", "1,1", `41 `},
		{"lookup: between", "tscore", "2,2", `53.9 `},
		{"lookup: highest raw", "tscore", "3,3", `65.7 `},
		{"lookup: one missing gives no score", "tscore", "3,", `- `},
		{"subscales: reversed item, count, mean", "clusters", "4,1,0,2,3", `14 average=1.67 b=9 c=5 present=3`},
		{"subscales: one of B missing, prorated", "clusters", "4,,0,2,3", `17~ average=2~ b=12~ c=5 present=-`},
		{"subscales: a mean with decimals", "clusters", "2,1,0,0,0", `7 average=1 b=7 c=0 present=1`},
		{"subscales: one of C missing, no total", "clusters", "0,0,4,,3", `-  average=1.33 b=0 c=- present=-`},
		{"skip logic: a skipped item counts as its otherwise", "screen", "0,0,", `0 `},
		{"skip logic: an asked item without an answer is missing", "screen", "1,0,", `- `},
		{"skip logic: nobody knows whether it is asked", "screen", "0,,", `- `},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := testDefinition(t, c.id)
			s := score(t, d, c.answers)
			write := func(v *float64, prorated bool) string {
				if v == nil {
					return "-"
				}
				if prorated {
					return fmt.Sprint(*v) + "~"
				}
				return fmt.Sprint(*v)
			}
			got := write(s.Score, s.Prorated) + " " + s.Band
			for _, name := range slices.Sorted(maps.Keys(s.Subscales)) {
				sub := s.Subscales[name]
				got += " " + name + "=" + write(sub.Score, sub.Prorated)
			}
			require.Equal(t, squeeze(c.want), squeeze(got))
		})
	}
}
