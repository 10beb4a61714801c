package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/registry"
	"afterglow/internal/testkit/sitetest"
)

const callCard = `<a class="contact" href="tel:988">`

// The contacts come with the very next page, whichever way the person goes on,
// and by whichever address the browser gets it.
func TestSR109_TheItemItselfBringsTheContacts(t *testing.T) {
	for _, c := range []struct {
		name  string
		form  url.Values
		words string
	}{
		{"one, next", url.Values{"value": {"1"}, "go": {"next"}}, "You told us about thoughts"},
		{"two, next", url.Values{"value": {"2"}, "go": {"next"}}, "You told us about thoughts"},
		{"three, back", url.Values{"value": {"3"}, "go": {"back"}}, "You told us about thoughts"},
		{"passed", url.Values{"go": {"skip"}}, "You left that question open"},
		{"passed with a choice", url.Values{"value": {"2"}, "go": {"skip"}}, "You left that question open"},
		{"zero", url.Values{"value": {"0"}, "go": {"next"}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sitetest.New(t, local, 1)
			b := open(s, s.Tokens[0])
			b.accept(t)
			b.answer(t, "0", "0", "0", "0", "0", "0", "0", "0")
			c.form.Set("item", "9")
			response, inPost := b.post(t, "/page", c.form)
			require.Equal(t, http.StatusSeeOther, response.StatusCode)
			_, followed := b.do(t, sitetest.Request{Path: response.Header.Get("Location")})
			_, review := b.get(t, "?q=11")
			if c.words == "" {
				for _, body := range []string{inPost, followed} {
					require.NotContains(t, body, callCard)
				}
				return
			}
			for place, body := range map[string]string{"the response itself": inPost, "the next page": followed, "the review": review} {
				require.Contains(t, body, callCard, place)
				require.Contains(t, body, c.words, place)
				require.NotContains(t, body, "<script", place)
			}
			require.NotContains(t, followed, "<details", "not folded away on the first page")
			require.Less(t, strings.Index(followed, callCard), strings.Index(followed, "<form"), "before the next question")
			if c.form.Get("go") != "back" {
				_, resumed := b.get(t, "")
				require.Contains(t, resumed, c.words, "the bare link resumes on that page")
			}
			_, elsewhere := b.get(t, "?q=3")
			require.Contains(t, elsewhere, "<details", "later they are one tap away")
			require.Contains(t, elsewhere, callCard)
		})
	}
}

func TestSR109_PositiveAnswersSentTwiceShowTheContactsBothTimes(t *testing.T) {
	s := sitetest.New(t, local, 1)
	b := open(s, s.Tokens[0])
	b.accept(t)
	b.answer(t, "0", "0", "0", "0", "0", "0", "0", "0", "1", "0")
	_, review := b.get(t, "")
	first, _ := b.send(t, review)
	for range 2 {
		again, body := b.send(t, review)
		require.Equal(t, first.Header.Get("Location"), again.Header.Get("Location"))
		require.Contains(t, body, callCard)
		require.Contains(t, body, "You told us about thoughts")
		_, body = b.do(t, sitetest.Request{Path: again.Header.Get("Location")})
		require.Contains(t, body, "You told us about thoughts")
	}
	alerts, err := s.Safety.Alerts(t.Context())
	require.NoError(t, err)
	require.Len(t, alerts, 1)
}

func TestTheSupportPageIsShortAndSaysWhoSees(t *testing.T) {
	s := sitetest.New(t, local, 1)
	b := open(s, s.Tokens[0])
	b.accept(t)
	b.answer(t, "0", "0", "0", "0", "0", "0", "0", "0", "3", "0")
	_, review := b.get(t, "")
	response, body := b.send(t, review)
	require.Less(t, strings.Index(body, "I am safe, go on"), strings.Index(body, "More ways to get help"), "within the first screen")
	require.Less(t, strings.Index(body, "I am safe, go on"), strings.Index(body, "Receipt"))
	require.Contains(t, body, "Somebody is on call there at all hours.", "the roster of the test covers the whole week")

	lines, err := s.Store.Roster(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Store.Write(t.Context(), registry.System("test"), func(tx *registry.Tx) error { return tx.RemoveRosterLine(lines[0].ID) }))
	_, body = b.do(t, sitetest.Request{Path: response.Header.Get("Location")})
	require.NotContains(t, body, "on call there", "nothing is said of hours that no roster holds")
	require.Contains(t, body, "the person on call at Harbour Clinic")

	s.Clock.Advance(11 * time.Minute)
	_, body = b.do(t, sitetest.Request{Path: response.Header.Get("Location")})
	require.NotContains(t, body, "You told us", "a phone passes through other hands")
	require.Contains(t, body, "Received at")
	require.Contains(t, body, callCard)
}
