package web_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/sitetest"
)

var (
	regexpChoose = regexp.MustCompile("Choose an answer")
	sentOn       = regexp.MustCompile(`datetime="[^"]*"`)
)

// at sends several requests of one browser at the same moment and gives their
// statuses. The cookies are those that the browser has now.
func (b *browser) at(t *testing.T, requests ...sitetest.Request) []int {
	t.Helper()
	var cookies []*http.Cookie
	for _, c := range b.cookies {
		cookies = append(cookies, c)
	}
	statuses := make([]int, len(requests))
	var group sync.WaitGroup
	for i, r := range requests {
		r.Cookies = cookies
		group.Go(func() { statuses[i] = b.site.Do(t, r).StatusCode })
	}
	group.Wait()
	return statuses
}

func (b *browser) page(item, value, way string) sitetest.Request {
	return sitetest.Request{Method: http.MethodPost, Path: "/p/" + b.token + "/page", Form: url.Values{"item": {item}, "value": {value}, "go": {way}}}
}

// saved is what the review shows, by item.
func (b *browser) saved(t *testing.T) map[string]string {
	t.Helper()
	_, review := b.get(t, "?q=11")
	values := map[string]string{}
	for _, field := range hidden.FindAllStringSubmatch(review, -1) {
		values[field[1]] = field[2]
	}
	return values
}

func filled(t *testing.T) (*sitetest.Site, *browser) {
	t.Helper()
	s := sitetest.New(t, local, 1)
	b := open(s, s.Tokens[0])
	b.accept(t)
	b.get(t, "")
	b.answer(t, "0", "0", "0", "0", "0", "0", "0", "0", "0", "0")
	return s, b
}

// Two saves of one browser that overlap, as two windows, an impatient finger or a
// slow line make them: what was answered 303 stands.
func TestTwoSavesAtOnceLoseNothing(t *testing.T) {
	_, b := filled(t)
	for _, ways := range [][2]string{{"next", "next"}, {"back", "next"}} {
		for k := range 40 {
			value := fmt.Sprint(1 + k%3)
			statuses := b.at(t, b.page("3", value, ways[0]), b.page("4", value, ways[1]))
			require.Equal(t, []int{http.StatusSeeOther, http.StatusSeeOther}, statuses)
			got := b.saved(t)
			require.Equal(t, value, got["3"], "%v, round %d", ways, k)
			require.Equal(t, value, got["4"], "%v, round %d", ways, k)
		}
	}
}

func TestManyWindowsOfOneBrowserLoseNothing(t *testing.T) {
	_, b := filled(t)
	for k := range 10 {
		value := fmt.Sprint(1 + k%3)
		var requests []sitetest.Request
		for item := 1; item <= 8; item++ {
			requests = append(requests, b.page(fmt.Sprint(item), value, "next"))
		}
		b.at(t, requests...)
		got := b.saved(t)
		for item := 1; item <= 8; item++ {
			require.Equal(t, value, got[fmt.Sprint(item)])
		}
	}
}

// A save and Send at the same moment: whatever was confirmed stands in the record,
// and nothing is confirmed that does not.
func TestASaveAndSendAtOnceNeverLoseAConfirmedAnswer(t *testing.T) {
	for range 20 {
		s, b := filled(t)
		form := url.Values{}
		for name, value := range b.saved(t) {
			form.Set(name, value)
		}
		statuses := b.at(t, b.page("3", "2", "next"), sitetest.Request{Method: http.MethodPost, Path: "/p/" + b.token + "/answers", Form: form})
		var rows []registry.JournalRow
		require.NoError(t, s.Store.EachJournalRow(t.Context(), 0, func(r registry.JournalRow) error { rows = append(rows, r); return nil }))
		switch {
		case statuses[0] == http.StatusSeeOther && statuses[1] == http.StatusConflict:
			require.Empty(t, rows, "Send asks to look again")
			require.Equal(t, "2", b.saved(t)["3"])
		case statuses[0] == http.StatusNotFound && statuses[1] == http.StatusSeeOther:
			require.Len(t, rows, 1, "the save came too late and was told so")
			require.Equal(t, 0, *rows[0].Answers["3"])
		default:
			require.Fail(t, "a confirmed answer is lost", "%v", statuses)
		}
	}
}

func TestSendFromAnOldReviewShowsWhatChanged(t *testing.T) {
	s, b := filled(t)
	_, old := b.get(t, "?q=11")
	b.post(t, "/page", url.Values{"item": {"9"}, "value": {"2"}, "go": {"next"}})
	response, again := b.send(t, old)
	require.Equal(t, http.StatusConflict, response.StatusCode)
	require.Contains(t, again, "changed in another window")
	require.Contains(t, again, callCard)
	require.Zero(t, journalCount(t, s))
	response, _ = b.send(t, again)
	require.Equal(t, http.StatusSeeOther, response.StatusCode)
	require.Equal(t, 1, journalCount(t, s))
}

func TestAChangeFromTheReviewReturnsToIt(t *testing.T) {
	_, b := filled(t)
	_, review := b.get(t, "?q=11")
	require.Contains(t, review, `?q=3&amp;from=review`)
	_, question := b.get(t, "?q=3&from=review")
	require.Contains(t, question, "Back to the review")
	require.NotContains(t, question, `value="back"`)
	response, _ := b.post(t, "/page", url.Values{"item": {"3"}, "go": {"next"}, "from": {"review"}})
	require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
	response, _ = b.post(t, "/page", url.Values{"item": {"3"}, "value": {"2"}, "go": {"next"}, "from": {"review"}})
	_, review = b.do(t, sitetest.Request{Path: response.Header.Get("Location")})
	require.Contains(t, review, "Check your answers")
	require.Equal(t, "2", b.saved(t)["3"])
	_, resumed := b.get(t, "")
	require.Contains(t, resumed, "Check your answers")
}

func TestASkippedQuestionStaysMarkedAfterBack(t *testing.T) {
	s := sitetest.New(t, local, 1)
	b := open(s, s.Tokens[0])
	b.accept(t)
	b.get(t, "")
	b.answer(t, "0", "", "0")
	b.post(t, "/page", url.Values{"item": {"4"}, "go": {"back"}})
	b.post(t, "/page", url.Values{"item": {"3"}, "go": {"back"}})
	_, body := b.get(t, "")
	require.Contains(t, body, "Question 2 of 10")
	require.Contains(t, body, "Chosen before")
	_, body = b.get(t, "?q=5")
	require.NotContains(t, body, "Chosen before", "what was not reached was not chosen")
}

func TestAMissingChoiceIsSaidOnceAndInTheTitle(t *testing.T) {
	s := sitetest.New(t, local, 1)
	b := open(s, s.Tokens[0])
	b.accept(t)
	b.get(t, "")
	_, body := b.get(t, "")
	require.Contains(t, body, "<title>Question 1 of 10 · Harbour Clinic</title>")
	_, body = b.post(t, "/page", url.Values{"item": {"1"}, "go": {"next"}})
	require.Contains(t, body, "<title>Error: Question 1 of 10 · Harbour Clinic</title>")
	require.Len(t, regexpChoose.FindAllString(body, -1), 1)
}

func TestAUsedLinkSaysWhenItWasSentToTheBrowserThatSent(t *testing.T) {
	s, b := filled(t)
	_, review := b.get(t, "")
	response, _ := b.send(t, review)
	_, receipt := b.do(t, sitetest.Request{Path: response.Header.Get("Location")})
	when := sentOn.FindString(receipt)
	require.NotEmpty(t, when)
	sealed := maps.Clone(b.cookies)
	for name, cookies := range map[string]map[string]*http.Cookie{
		"the sealed cookie alone":                  {"afterglow-receipt": sealed["afterglow-receipt"]},
		"the form's cookie alone, after a restart": {"afterglow-form": sealed["afterglow-form"]},
	} {
		b.cookies = cookies
		response, body := b.get(t, "")
		require.Equal(t, http.StatusOK, response.StatusCode, name)
		require.Contains(t, body, "You sent your answers on", name)
		require.Equal(t, when, sentOn.FindString(body), name)
	}
	_, stranger := open(s, b.token).get(t, "")
	require.NotContains(t, stranger, "You sent")
	_, unknown := open(s, strings.Repeat("x", 32)).get(t, "")
	require.Equal(t, strings.ReplaceAll(unknown, strings.Repeat("x", 32), b.token), stranger, "a used link is like one that never was")
}

func TestTheReceiptSaysWhatComesNext(t *testing.T) {
	s, b := filled(t)
	_, review := b.get(t, "")
	response, _ := b.send(t, review)
	location := response.Header.Get("Location")
	_, body := b.do(t, sitetest.Request{Path: location})
	require.Contains(t, body, "Nothing else is planned here.")
	require.Regexp(t, `Received at <time[^>]*>\d\d:\d\d UTC on `, body, "the zone stands beside the time")

	var rows []registry.JournalRow
	require.NoError(t, s.Store.EachJournalRow(t.Context(), 0, func(r registry.JournalRow) error { rows = append(rows, r); return nil }))
	plan := func(visit string, days int) {
		opens := s.Clock.Now().AddDate(0, 0, days)
		require.NoError(t, s.Store.Write(t.Context(), registry.System("test"), func(tx *registry.Tx) error {
			_, _, err := tx.CreateOccasion(registry.NewOccasion{Course: rows[0].Course, Instrument: "phq-9", Version: "1.0.0", Visit: visit, Anchor: "course-start", TargetDay: 30 + days, OpensAt: &opens})
			return errors.Join(err, tx.Audit(registry.Event{Action: "occasion-created", SubjectKind: "occasion", Subject: visit}))
		}))
	}
	plan("later", 40)
	plan("next", 12)
	_, body = b.do(t, sitetest.Request{Path: location})
	require.Contains(t, body, "The next questions open on")
	require.Contains(t, body, s.Clock.Now().AddDate(0, 0, 12).Format("2 Jan 2006"))
}

// The mark of one link says nothing about another, even for the same browser.
func TestTheSealedCookieOpensItsOwnLinkOnly(t *testing.T) {
	s := sitetest.New(t, local, 2)
	b := open(s, s.Tokens[0])
	b.accept(t)
	b.get(t, "")
	b.answer(t, "0", "0", "0", "0", "0", "0", "0", "0", "3", "0")
	_, review := b.get(t, "")
	response, _ := b.send(t, review)
	receipt := response.Header.Get("Location")[len("/p/"+b.token):]
	other := open(s, s.Tokens[1])
	other.cookies = b.cookies
	response, body := other.get(t, receipt)
	require.Equal(t, http.StatusNotFound, response.StatusCode)
	require.NotContains(t, body, "You told us")
	_, body = other.get(t, "")
	require.Contains(t, body, "Before you start")
}

func TestSR68_ALinkLeavesNoAddressBehind(t *testing.T) {
	s := sitetest.New(t, local, 1)
	response, _ := open(s, s.Tokens[0]).get(t, "")
	require.Equal(t, "strict-origin", response.Header.Get("Referrer-Policy"), "assets are asked for without the path")
	require.Equal(t, "same-origin", s.Do(t, sitetest.Request{Path: "/sign-in"}).Header.Get("Referrer-Policy"))
}

// A form begun in time is finished in the day after its window; the clinician sees
// that it was.
func TestALateAnswerIsTakenAndMarkedForTheClinician(t *testing.T) {
	s := sitetest.New(t, local, 1)
	have := s.Patients[0]
	occasions, err := s.Store.Occasions(t.Context(), have.Patient)
	require.NoError(t, err)
	closes := s.Clock.Now().Add(time.Hour)
	opens := closes.AddDate(0, 0, -1)
	var token string
	require.NoError(t, s.Store.Write(t.Context(), registry.System("test"), func(tx *registry.Tx) error {
		_, made, err := tx.CreateOccasion(registry.NewOccasion{Course: occasions[0].Course, Instrument: "phq-9", Version: "1.0.0", Visit: "+1 d",
			Anchor: "course-start", TargetDay: 1, OpensAt: &opens, TargetAt: &opens, ClosesAt: &closes, Link: true})
		token = made
		return errors.Join(err, tx.Audit(registry.Event{Action: "occasion-created", SubjectKind: "occasion", Subject: "+1 d"}))
	}))
	b := open(s, token)
	b.accept(t)
	b.get(t, "")
	b.answer(t, "1")
	s.Clock.Advance(time.Hour)
	for item := 2; item <= 10; item++ {
		b.post(t, "/page", url.Values{"item": {fmt.Sprint(item)}, "value": {"0"}, "go": {"next"}})
	}
	_, review := b.get(t, "")
	response, _ := b.send(t, review)
	require.Equal(t, http.StatusSeeOther, response.StatusCode)
	page := sitetest.Text(t, s.Do(t, sitetest.Request{Path: "/patients/" + string(have.Patient), Session: s.SignIn(t, access.RoleClinician)}))
	require.Contains(t, page, "after its window")
}
