package crisis_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/instrument"
	"afterglow/schemas"
)

// words are what a patient reads above the contacts, in English.
type words struct{ heading, answered, unanswered string }

// measured is how a text does by the rules of docs/crisis-wording.md.
type measured struct {
	longest                           int
	perSentence, letters, long, grade float64
	doFirst, you                      bool
}

var (
	sentenceEnd = regexp.MustCompile(`[.!?]+(\s|$)`)
	wordIn      = regexp.MustCompile(`[A-Za-z']+(?:-[A-Za-z']+)*`)
	vowels      = regexp.MustCompile(`[aeiouy]+`)
	silentEnd   = regexp.MustCompile(`(?:[^laeiouycsxzgh]es|[^aeioudty]ed|[^l]e)$`)
)

// syllables counts groups of vowels, y and i apart, without an e that is not spoken at the end.
func syllables(word string) int {
	word = strings.ToLower(word)
	n := len(vowels.FindAllString(word, -1)) + strings.Count(word, "yi")
	if n > 1 && silentEnd.MatchString(word) {
		n--
	}
	return max(n, 1)
}

// asks is how a sentence begins, or goes on after its condition, that says what to
// do.
var asks = regexp.MustCompile(`^(If [^,.]*, )?[Pp]lease [a-z]`)

func measure(w words) measured {
	m := measured{doFirst: strings.HasPrefix(w.heading, "Please ") && asks.MatchString(w.answered) && asks.MatchString(w.unanswered), you: true}
	count, sentences, letters, long, syllablesIn := 0, 0, 0, 0, 0
	for _, text := range []string{w.answered, w.unanswered} {
		m.you = m.you && regexp.MustCompile(`(?i)\byou`).MatchString(text)
		for _, sentence := range sentenceEnd.Split(text, -1) {
			found := wordIn.FindAllString(sentence, -1)
			if len(found) == 0 {
				continue
			}
			sentences++
			m.longest = max(m.longest, len(found))
			for _, word := range found {
				n := syllables(word)
				count, letters, syllablesIn = count+1, letters+len(word), syllablesIn+n
				if n >= 3 {
					long++
				}
			}
		}
	}
	m.perSentence, m.letters = float64(count)/float64(sentences), float64(letters)/float64(count)
	m.long = 100 * float64(long) / float64(count)
	m.grade = 0.39*m.perSentence + 11.8*float64(syllablesIn)/float64(count) - 15.59
	return m
}

func (m measured) fits() bool {
	return m.longest <= 20 && m.perSentence <= 12 && m.letters <= 4.5 && m.long <= 5 && m.grade <= 5 && m.doFirst && m.you
}

func TestSyllables(t *testing.T) {
	for word, want := range map[string]int{"you": 1, "please": 1, "hurting": 2, "yourself": 2, "alone": 2, "these": 1, "question": 2, "available": 4, "thoughts": 1,
		"told": 1, "open": 2, "people": 2, "answered": 2, "dying": 2, "unsafe": 2, "services": 3} {
		require.Equal(t, want, syllables(word), word)
	}
}

// Everything that ships is measured: each rule's own words and the general ones.
func TestTheWordsAboveTheContactsAreEasyToRead(t *testing.T) {
	library, err := instrument.LoadLibrary(schemas.Instruments())
	require.NoError(t, err)
	rules := 0
	hold := func(name string, w words) {
		m := measure(w)
		require.True(t, m.fits(), "%s: %+v", name, m)
		for _, vague := range []string{"hard thoughts", "such thoughts", "self-harm", "suicidal", "should", "failed", "forgot"} {
			require.NotContains(t, strings.ToLower(w.heading+w.answered+w.unanswered), vague, name)
		}
	}
	for _, d := range library.List() {
		for _, r := range d.Safety {
			require.NotNil(t, r.Words, "%s ships with words for %s", d.ID, r.ID)
			hold(r.ID, words{r.Words.Heading.In("en"), r.Words.Answered.In("en"), r.Words.Unanswered.In("en")})
			rules++
		}
	}
	require.Positive(t, rules)
	for _, country := range shipped(t).Countries() {
		w := shipped(t).For(country).Words
		hold(country, words{w.Heading.In("en"), w.Answered.In("en"), w.Unanswered.In("en")})
	}
}

var draft = regexp.MustCompile(`### (Draft [A-Z])[^\n]*\n> heading: (.*)\n> answered: (.*)\n> unanswered: (.*)\n`)

// The page that shows the drafts tells the truth about them, and the chosen one is
// what ships.
func TestThePageOfTheDraftsTellsTheirMeasures(t *testing.T) {
	page, err := os.ReadFile("../../docs/crisis-wording.md")
	require.NoError(t, err)
	drafts := draft.FindAllStringSubmatch(string(page), -1)
	require.Len(t, drafts, 3)
	yes := map[bool]string{true: "yes", false: "no"}
	for _, d := range drafts {
		m := measure(words{d[2], d[3], d[4]})
		line := fmt.Sprintf("| %s | %d | %.1f | %.1f | %.0f | %.1f | %s | %s |", d[1], m.longest, m.perSentence, m.letters, m.long, m.grade, yes[m.doFirst], yes[m.you])
		require.Contains(t, string(page), line)
	}
	library, err := instrument.LoadLibrary(schemas.Instruments())
	require.NoError(t, err)
	d, err := library.Latest("phq-9")
	require.NoError(t, err)
	w := d.Safety[0].Words
	require.Equal(t, []string{w.Heading.In("en"), w.Answered.In("en"), w.Unanswered.In("en")}, drafts[2][2:])
}
