package instrument_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/instrument"
)

// ruled is an instrument with answers from 1 to 5, a reversed item, and a score that is prorated and then changed linearly.
const ruled = `id: ruled
version: 1.0.0
titles: {en: Test rules}
construct: Test
reporter: patient
direction: higher-is-worse
entry: items
languages: [en]
recall: {en: Last 2 weeks}
licence: {class: A, holder: Afterglow, credit: Afterglow, terms: Test data, source: Afterglow, wording_included: true}
answer_sets:
  agree:
    options:
      - {value: 1, label: {en: No}}
      - {value: 2, label: {en: Little}}
      - {value: 3, label: {en: Partly}}
      - {value: 4, label: {en: Much}}
      - {value: 5, label: {en: Yes}}
items:
  - {id: a, text: {en: One}, answers: agree}
  - {id: b, text: {en: Two}, answers: agree}
  - {id: c, text: {en: Three}, answers: agree}
  - {id: d, text: {en: Four}, answers: agree}
score:
  op: sum
  reverse: [b]
  linear: {multiply: 5, add: 0}
  minimum: 20
  maximum: 100
  missing: {rule: prorate, up_to: 1, citation: Test, confirmed: true}
bands:
  - {name: some, from: 20, labels: {en: Some}}
  - {name: much, from: 60, labels: {en: Much}}
bands_source: {citation: Test, confirmed: true}
screening:
  - {name: high, op: at-least, value: 80, citation: Test, confirmed: true}
thresholds:
  - {name: response, kind: response, percent: 50, citation: Test, confirmed: true}
  - {name: remission, kind: remission, op: at-most, value: 30, citation: Test, confirmed: true}
  - {name: reliable, kind: reliable-change, points: 20, citation: Test, confirmed: true}
  - {name: mcid, kind: minimal-important-change, points: 10, citation: Test, confirmed: true}
`

// A reversed item turns about the middle of its own answers, whatever the lowest is: 1 becomes 5, 4 becomes 2. A prorated sum is
// a whole number before it is changed linearly: 3 answers of 10 in all stand for 13.33, which is 13, and 65 points, not 67.
func TestSR120_ReversedAndProratedScoresFollowTheRules(t *testing.T) {
	d, err := instrument.Parse([]byte(ruled))
	require.NoError(t, err, "%v", detailsOf(err))
	for answers, want := range map[string]float64{
		"1,1,1,1": 5 * (1 + 5 + 1 + 1),
		"1,5,1,1": 5 * 4,
		"2,4,3,5": 5 * (2 + 2 + 3 + 5),
		"3,3,3,3": 5 * 12,
		"5,1,5,5": 100,
		"4,3,3,":  65,
		"4,2,4,":  80, // 4 + 4 + 4 stand for 16: nothing to round
		"3,2,4,":  75, // 11 stand for 14.67, which is 15
	} {
		s := score(t, d, answers)
		require.True(t, s.Valid, answers)
		require.InDelta(t, want, *s.Score, 0, answers)
	}
}
