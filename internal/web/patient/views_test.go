package patient

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/crisis"
	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/web/page"
	"afterglow/schemas"
)

// TestTheInstructionStandsBeforeTheFirstQuestion: what an instrument asks to be read once is shown once, whole.
func TestTheInstructionStandsBeforeTheFirstQuestion(t *testing.T) {
	library, err := instrument.LoadLibrary(schemas.Instruments())
	require.NoError(t, err)
	d, err := library.Get("pcl-5", "1.0.0")
	require.NoError(t, err)
	p := &Pages{}
	first := p.question("t", d, intake.DraftPage{}, 1, asking{})
	require.Contains(t, first.Instruction, "in response to a very stressful experience")
	require.Equal(t, "In the past month, how much were you bothered by:", first.Stem)
	require.Empty(t, p.question("t", d, intake.DraftPage{}, 2, asking{}).Instruction)
	require.Equal(t, first.Instruction, p.whole(reviewInput{definition: d}).Instruction)
}

const ownRule = `id: own
version: 1.0.0
titles: {en: A scale of a site}
construct: Test
reporter: patient
direction: higher-is-worse
entry: items
languages: [en]
recall: {en: Today}
licence: {class: A, holder: Site, credit: Site, terms: Test data, source: Site, wording_included: true}
items:
  - {id: a, text: {en: How is the weather}, options: [{value: 0, label: {en: Fine}}, {value: 1, label: {en: Wet}}]}
  - {id: b, text: {en: Do you hear the sea calling}, options: [{value: 0, label: {en: "No"}}, {value: 1, label: {en: "Yes"}}]}
score: {op: sum, minimum: 0, maximum: 2, missing: {rule: all-items, citation: Test, confirmed: true}}
safety:
  - id: own-b
    item: b
    when: [{op: equals, value: 1, level: red, action: Call}]
    WORDS
    citation: Test
    confirmed: true
`

// The words come from the rule, whatever the scale is about: none of another
// questionnaire's is ever shown.
func TestTheWordsAreThoseOfTheRule(t *testing.T) {
	directories, err := crisis.Load(schemas.Crisis())
	require.NoError(t, err)
	p := &Pages{general: directories.For("us").Words, contacts: page.NewContacts(directories.For("us"), "en")}
	parse := func(words string) *instrument.Definition {
		d, err := instrument.Parse([]byte(strings.Replace(ownRule, "WORDS", words, 1)))
		require.NoError(t, err)
		return d
	}
	yes, open := instrument.Answers{"b": instrument.Answer(1)}, instrument.Answers{"b": nil}

	own := parse("words: {heading: {en: Stay on land}, answered: {en: You hear the sea. Please sit down.}, unanswered: {en: You passed the sea by. Please sit down.}}")
	for answers, want := range map[*instrument.Answers]string{&yes: "You hear the sea. Please sit down.", &open: "You passed the sea by. Please sit down."} {
		shown := p.supportFor(own, told(own, *answers))
		require.Equal(t, "Stay on land", shown.Heading)
		require.Equal(t, want, shown.Words)
		require.Empty(t, shown.Question)
	}
	require.Nil(t, p.supportFor(own, told(own, instrument.Answers{})), "an item that was not reached says nothing yet")
	require.Nil(t, p.supportFor(own, told(own, instrument.Answers{"b": instrument.Answer(0)})))

	without := parse("")
	shown := p.supportFor(without, told(without, yes))
	require.Equal(t, p.general.Answered.In("en"), shown.Words)
	require.Equal(t, "Do you hear the sea calling", shown.Question, "general words name the question")
	require.NotContains(t, shown.Words, "thoughts")
	require.Equal(t, parse("").Hash(), own.Hash(), "words change no result, so no hash")
}

// What a cookie says of one link is nothing for another.
func TestASealedReceiptIsOfItsLinkAndProcess(t *testing.T) {
	s, err := newSealer()
	require.NoError(t, err)
	sealed, err := s.seal(acceptance{Token: "mine", Receipt: "r", Concern: concernAnswered})
	require.NoError(t, err)
	a, ok := s.open(sealed, "mine")
	require.True(t, ok)
	require.Equal(t, "r", a.Receipt)
	_, ok = s.open(sealed, "another")
	require.False(t, ok)
	other, err := newSealer()
	require.NoError(t, err)
	_, ok = other.open(sealed, "mine")
	require.False(t, ok)
}
