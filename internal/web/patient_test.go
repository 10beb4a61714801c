package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
	"afterglow/internal/testkit/sitetest"
	"afterglow/internal/web/patient"
)

// browser keeps cookies between requests, as a phone does.
type browser struct {
	site    *sitetest.Site
	token   string
	cookies map[string]*http.Cookie
	// forgets is true for a browser that keeps no cookie.
	forgets bool
}

func open(s *sitetest.Site, token string) *browser {
	return &browser{site: s, token: token, cookies: map[string]*http.Cookie{}}
}

func (b *browser) do(t *testing.T, r sitetest.Request) (*http.Response, string) {
	t.Helper()
	for _, c := range b.cookies {
		r.Cookies = append(r.Cookies, c)
	}
	response := b.site.Do(t, r)
	for _, c := range response.Cookies() {
		if b.forgets {
			break
		}
		b.cookies[c.Name] = c
	}
	return response, sitetest.Text(t, response)
}

func (b *browser) get(t *testing.T, rest string) (*http.Response, string) {
	t.Helper()
	return b.do(t, sitetest.Request{Path: "/p/" + b.token + rest})
}

func (b *browser) post(t *testing.T, rest string, form url.Values) (*http.Response, string) {
	t.Helper()
	return b.do(t, sitetest.Request{Method: http.MethodPost, Path: "/p/" + b.token + rest, Form: form})
}

func (b *browser) accept(t *testing.T) {
	t.Helper()
	response, _ := b.post(t, "/notice", url.Values{"version": {patient.NoticeVersion}})
	require.Equal(t, http.StatusSeeOther, response.StatusCode)
}

// answer goes through the form; an empty value skips the item.
func (b *browser) answer(t *testing.T, values ...string) {
	t.Helper()
	for i, v := range values {
		form := url.Values{"item": {fmt.Sprint(i + 1)}, "value": {v}, "go": {"next"}}
		if v == "" {
			form = url.Values{"item": {fmt.Sprint(i + 1)}, "go": {"skip"}}
		}
		response, body := b.post(t, "/page", form)
		require.Equal(t, http.StatusSeeOther, response.StatusCode, body)
	}
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// send presses Send on the review page.
func (b *browser) send(t *testing.T, review string) (*http.Response, string) {
	t.Helper()
	form := url.Values{}
	for _, field := range hidden.FindAllStringSubmatch(review, -1) {
		form.Set(field[1], field[2])
	}
	return b.post(t, "/answers", form)
}

func TestAFormFromNoticeToReceipt(t *testing.T) {
	s := sitetest.New(t, local, 1)
	b := open(s, s.Tokens[0])
	_, body := b.get(t, "")
	require.Contains(t, body, "Before you start")
	b.accept(t)
	_, body = b.get(t, "")
	require.Contains(t, body, "Question 1 of 10")
	require.Contains(t, body, "Over the last 2 weeks", "the recall text is in sight")

	b.answer(t, "1", "2", "", "0")
	_, body = b.get(t, "")
	require.Contains(t, body, "Question 5 of 10", "the link resumes where this browser left off")
	_, body = b.get(t, "?q=3")
	require.Contains(t, body, "Chosen before", "a skipped question is marked as skipped")
	require.NotContains(t, body, `" checked>`)
	_, body = b.get(t, "?q=2")
	require.Contains(t, body, `value="2" checked`)

	response, body := b.post(t, "/page", url.Values{"item": {"5"}, "go": {"next"}})
	require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
	require.Contains(t, body, patient.ChooseFirst[:10])
	response, _ = b.post(t, "/page", url.Values{"item": {"5"}, "value": {"3"}, "go": {"back"}})
	require.Equal(t, "/p/"+b.token+"?q=4", response.Header.Get("Location"))
	_, body = b.get(t, "?q=5")
	require.Contains(t, body, `value="3" checked`, "going back keeps what was chosen")

	for item := 5; item <= 10; item++ {
		b.post(t, "/page", url.Values{"item": {fmt.Sprint(item)}, "value": {"0"}, "go": {"next"}})
	}
	_, review := b.get(t, "")
	require.Contains(t, review, "Check your answers")
	require.Equal(t, 1, strings.Count(review, "<dd>Not answered</dd>"))
	require.NotContains(t, review, "value=\"\x00\"")

	response, body = b.send(t, review)
	require.Equal(t, http.StatusSeeOther, response.StatusCode, body)
	location := response.Header.Get("Location")
	require.Regexp(t, `^/p/`+b.token+`/receipt/[A-Za-z0-9_-]{22,}$`, location)
	_, body = b.do(t, sitetest.Request{Path: location})
	require.Contains(t, body, "Received at")
	require.NotContains(t, body, "You do not have to be alone", "item 9 was answered with 0")
	for _, reassurance := range []string{"low risk", "no risk", "safe", "score"} {
		require.NotContains(t, strings.ToLower(body), reassurance)
	}

	var rows []registry.JournalRow
	require.NoError(t, s.Store.EachJournalRow(t.Context(), 0, func(r registry.JournalRow) error { rows = append(rows, r); return nil }))
	require.Len(t, rows, 1)
	require.Nil(t, rows[0].Answers["3"], "not answered is not zero")
	require.Equal(t, 1, *rows[0].Answers["1"])
	require.Empty(t, rows[0].Score.Flags)

	response, again := b.send(t, review)
	require.Equal(t, http.StatusSeeOther, response.StatusCode)
	require.Equal(t, location, response.Header.Get("Location"), "sending twice gives the same receipt")
	require.NotEmpty(t, again)
	response, body = b.get(t, "")
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Contains(t, body, "You sent your answers on")
	require.NotContains(t, body, "This link is not open")
}

func TestSR109_ASafetyItemShowsCrisisContactsInTheSameResponse(t *testing.T) {
	const call = `href="tel:988"`
	for _, test := range []struct {
		name, item9, level, words string
	}{
		{"one", "1", "amber", "You told us about thoughts"},
		{"three", "3", "red", "You told us about thoughts"},
		{"left open", "", "unknown", "You left that question open"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := sitetest.New(t, local, 1)
			b := open(s, s.Tokens[0])
			b.accept(t)
			b.answer(t, "0", "0", "0", "0", "0", "0", "0", "0", test.item9, "")
			_, review := b.get(t, "")
			response, body := b.send(t, review)
			require.Equal(t, http.StatusSeeOther, response.StatusCode)
			require.Contains(t, body, call, "the response to the POST itself")
			require.Contains(t, body, test.words)
			require.NotContains(t, body, "<script", "no JavaScript is needed")

			alerts, err := s.Safety.Alerts(t.Context())
			require.NoError(t, err)
			require.Len(t, alerts, 1)
			require.EqualValues(t, test.level, alerts[0].Level)

			require.NoError(t, s.Store.Close(), "the registry goes away right after the commit")
			location := response.Header.Get("Location")
			after, body := b.do(t, sitetest.Request{Path: location})
			require.Equal(t, http.StatusOK, after.StatusCode)
			require.Contains(t, body, call)
			_, body = b.do(t, sitetest.Request{Path: location + "?go=on"})
			require.Contains(t, body, "Received at")
			require.NotContains(t, body, "You told us")
			_, body = b.do(t, sitetest.Request{Path: "/crisis"})
			require.Contains(t, body, call)
		})
	}
}

func TestSR41_OnlyTheBrowserThatSentSeesThatARuleWasMet(t *testing.T) {
	s := sitetest.New(t, local, 1)
	b := open(s, s.Tokens[0])
	b.accept(t)
	b.answer(t, "3", "3", "3", "3", "3", "3", "3", "3", "3", "3")
	stranger := open(s, b.token)
	_, body := stranger.get(t, "")
	require.Contains(t, body, "Question 1 of 10")
	for n := 1; n <= 11; n++ {
		_, body = stranger.get(t, fmt.Sprintf("?q=%d", n))
		require.NotContains(t, body, `" checked>`, "another browser sees nothing of the draft")
	}
	_, review := b.get(t, "")
	response, _ := b.send(t, review)
	_, body = stranger.do(t, sitetest.Request{Path: response.Header.Get("Location")})
	require.Contains(t, body, "Received at")
	require.NotContains(t, body, "You told us")
	require.Contains(t, body, `href="tel:988"`, "a browser without cookies has the contacts after the redirect too")
	_, body = stranger.do(t, sitetest.Request{Path: response.Header.Get("Location"), Cookies: []*http.Cookie{{Name: "afterglow-receipt", Value: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}})
	require.Contains(t, body, "Received at")
}

func TestSR114_NoFormOpensBeforeTheNoticeIsAccepted(t *testing.T) {
	s := sitetest.New(t, local, 1)
	b := open(s, s.Tokens[0])
	for _, rest := range []string{"", "?q=1", "?q=9", "?q=11", "?q=-1", "?q=x"} {
		_, body := b.get(t, rest)
		require.Contains(t, body, "Before you start", rest)
	}
	response, _ := b.post(t, "/page", url.Values{"item": {"1"}, "value": {"1"}, "go": {"next"}})
	require.Equal(t, "/p/"+b.token, response.Header.Get("Location"))
	b.post(t, "/notice", url.Values{"version": {"an-older-one"}})
	_, body := b.get(t, "")
	require.Contains(t, body, "Before you start", "changed text asks again")
	b.accept(t)
	_, body = b.get(t, "?q=9")
	require.Contains(t, body, patient.SafetyNotice, "and it is repeated at the item that asks about risk")
}

func TestSR113_WithoutAConfirmedRosterTheInstrumentIsNotOffered(t *testing.T) {
	s := sitetest.New(t, local, 1)
	lines, err := s.Store.Roster(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Store.Write(t.Context(), registry.System("test"), func(tx *registry.Tx) error { return tx.RemoveRosterLine(lines[0].ID) }))
	response, body := open(s, s.Tokens[0]).get(t, "")
	require.Equal(t, http.StatusNotFound, response.StatusCode)
	require.Contains(t, body, "This link is not open")
}

func TestSR40_OpeningALinkChangesNothing(t *testing.T) {
	s := sitetest.New(t, local, 1)
	audited := func() (n int) {
		require.NoError(t, s.Store.EachAuditEntry(t.Context(), 0, func(registry.AuditEntry) error { n++; return nil }))
		return n
	}
	before := audited()
	for i := range 20 {
		method := []string{http.MethodGet, http.MethodHead}[i%2]
		for _, path := range []string{"", "?q=9", "/answers", "/notice", "/page", "/receipt/x"} {
			response := s.Do(t, sitetest.Request{Method: method, Path: "/p/" + s.Tokens[0] + path})
			require.Empty(t, response.Header.Get("Set-Cookie"))
		}
	}
	require.Equal(t, before, audited())
	b := open(s, s.Tokens[0])
	b.accept(t)
	b.answer(t, "0")
}

func TestSR7_AFailedSendKeepsAnswersAndKey(t *testing.T) {
	s := sitetest.New(t, local, 1)
	b := open(s, s.Tokens[0])
	b.accept(t)
	b.answer(t, "1", "1", "1", "1", "1", "1", "1", "1", "2", "1")
	_, review := b.get(t, "")
	s.Faults.FailAt(1, registrytest.CodeFull)
	response, failed := b.send(t, review)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.NotEmpty(t, response.Header.Get("Retry-After"))
	require.Contains(t, failed, "could not be received")
	require.Contains(t, failed, `href="tel:988"`, "contacts are shown although nothing was received")
	require.Equal(t, hidden.FindAllString(review, -1), hidden.FindAllString(failed, -1), "every answer and the key are still there")
	response, _ = b.send(t, failed)
	require.Equal(t, http.StatusSeeOther, response.StatusCode)
	require.Equal(t, 1, journalCount(t, s))
}

func TestSR7_APageThatCannotBeSavedKeepsItsAnswer(t *testing.T) {
	s := sitetest.New(t, local, 1)
	b := open(s, s.Tokens[0])
	b.accept(t)
	b.answer(t, "1")
	failures := 0
	for k := 1; k <= 12; k++ {
		s.Faults.FailAt(k, registrytest.CodeReadOnly)
		response, body := b.post(t, "/page", url.Values{"item": {"2"}, "value": {"3"}, "go": {"next"}})
		s.Faults.FailAt(0, 0)
		if response.StatusCode != http.StatusServiceUnavailable {
			continue
		}
		failures++
		require.NotEmpty(t, response.Header.Get("Retry-After"))
		if strings.Contains(body, "could not be saved") {
			require.Contains(t, body, `value="3" checked`)
		}
	}
	require.NotZero(t, failures)
	response, _ := b.post(t, "/page", url.Values{"item": {"2"}, "value": {"3"}, "go": {"next"}})
	require.Equal(t, http.StatusSeeOther, response.StatusCode)
}

func TestABrowserWithoutCookiesAnswersOnOnePage(t *testing.T) {
	drafts := func(s *sitetest.Site) int {
		s.Clock.Advance(time.Hour)
		n, err := s.Intake.Sweep(t.Context())
		require.NoError(t, err)
		return n
	}
	// accepted is a browser that forgets every cookie and has accepted the notice.
	accepted := func(t *testing.T) (*sitetest.Site, *browser) {
		s := sitetest.New(t, local, 1)
		b := open(s, s.Tokens[0])
		b.forgets = true
		b.accept(t)
		_, body := b.get(t, "")
		require.Contains(t, body, "Question 1 of 10")
		return s, b
	}
	t.Run("nothing typed is lost", func(t *testing.T) {
		s, b := accepted(t)
		response, body := b.post(t, "/page", url.Values{"item": {"1"}, "value": {"2"}, "go": {"next"}})
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Contains(t, body, "did not return the cookie")
		require.Contains(t, body, `name="1" id="answer-1-2" value="2" checked`)
		require.Contains(t, body, `name="10" id="answer-10-0"`, "all questions are there")
		require.Contains(t, body, patient.SafetyNotice)
		require.Zero(t, drafts(s), "no draft that nobody can open again")

		form := url.Values{"1": {"2"}, "2": {"1"}, "3": {""}, "9": {"1"}}
		for _, field := range hidden.FindAllStringSubmatch(body, -1) {
			form.Set(field[1], field[2])
		}
		s.Faults.FailAt(1, registrytest.CodeFull)
		response, body = b.post(t, "/answers", form)
		s.Faults.FailAt(0, 0)
		require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
		require.Contains(t, body, `name="2" id="answer-2-1" value="1" checked`)
		require.Contains(t, body, form.Get("key"), "the key is the same")

		for range 2 {
			response, body = b.post(t, "/answers", form)
			require.Equal(t, http.StatusSeeOther, response.StatusCode)
			require.Contains(t, body, `href="tel:988"`)
		}
		require.Equal(t, 1, journalCount(t, s))
	})
	t.Run("answers that do not fit come back on the same page", func(t *testing.T) {
		_, b := accepted(t)
		response, body := b.post(t, "/answers", url.Values{"key": {"k"}, "instrument": {"phq-9"}, "version": {"1.0.0"}, "1": {"1"}, "2": {"7"}})
		require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
		require.Contains(t, body, `name="1" id="answer-1-1" value="1" checked`)
		require.Contains(t, body, `href="tel:988"`, "item 9 is open")
	})
	t.Run("an answer that a safety rule watches reaches the clinic", func(t *testing.T) {
		s, b := accepted(t)
		_, body := b.post(t, "/page", url.Values{"item": {"9"}, "value": {"3"}, "go": {"next"}})
		require.Contains(t, body, `name="9" id="answer-9-3" value="3" checked`)
		require.Equal(t, 1, drafts(s))
		alerts, err := s.Safety.Alerts(t.Context())
		require.NoError(t, err)
		require.Len(t, alerts, 1)
	})
	t.Run("a second browser that keeps cookies goes on page by page", func(t *testing.T) {
		s, _ := accepted(t)
		b := open(s, s.Tokens[0])
		b.get(t, "")
		b.answer(t, "1", "1")
		_, body := b.get(t, "")
		require.Contains(t, body, "Question 3 of 10")
	})
}

func TestSR109_AnswersThatWereNotRecordedSayTheTruth(t *testing.T) {
	const call = `href="tel:988"`
	set := func(key, item9 string) url.Values {
		return url.Values{"key": {key}, "instrument": {"phq-9"}, "version": {"1.0.0"}, "1": {"1"}, "9": {item9}}
	}
	s := sitetest.New(t, local, 1)
	b := open(s, s.Tokens[0])
	response, _ := b.post(t, "/answers", set("first", "0"))
	require.Equal(t, http.StatusSeeOther, response.StatusCode)

	response, body := b.post(t, "/answers", set("first", ""))
	require.Equal(t, http.StatusConflict, response.StatusCode)
	require.Contains(t, body, "These answers were not recorded")
	require.Contains(t, body, "received earlier. Those count and were not changed")
	require.Contains(t, body, "tell Harbour Clinic")
	require.NotContains(t, body, "Nothing you sent is lost")

	response, body = b.post(t, "/answers", set("second", "2"))
	require.Equal(t, http.StatusConflict, response.StatusCode)
	require.Contains(t, body, "You told us about thoughts")
	require.Less(t, strings.Index(body, call), strings.Index(body, "Those count and were not changed"), "the contacts come first")
	require.Contains(t, body, "The person on call at Harbour Clinic is told to look at what you sent, although it was not recorded.")
	alerts, err := s.Safety.Alerts(t.Context())
	require.NoError(t, err)
	require.Len(t, alerts, 2, "the item left open, and the thoughts")

	problem := map[string]any{}
	asJSON := s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/p/" + b.token + "/answers", JSON: submission("third", map[string]any{"9": 1})})
	require.Equal(t, http.StatusConflict, asJSON.StatusCode)
	require.NoError(t, json.Unmarshal([]byte(sitetest.Text(t, asJSON)), &problem))
	require.Equal(t, "conflict", problem["kind"])
	require.NotEmpty(t, problem["crisis"])

	response, body = b.post(t, "/answers", set("third", "0"))
	require.Equal(t, http.StatusConflict, response.StatusCode)
	require.Contains(t, body, "The same answers were received")

	response, body = b.post(t, "/page", url.Values{"item": {"1"}, "value": {"1"}, "go": {"next"}})
	require.Equal(t, http.StatusNotFound, response.StatusCode)
	require.Contains(t, body, "What you just entered was not recorded")
	require.Equal(t, 1, journalCount(t, s))
}

// submission is a whole PHQ-9 in JSON.
func submission(key string, answers map[string]any) string {
	body, err := json.Marshal(map[string]any{"key": key, "instrument": "phq-9", "version": "1.0.0", "answers": answers})
	if err != nil {
		panic(err)
	}
	return string(body)
}

func TestTheAnswersContract(t *testing.T) {
	s := sitetest.New(t, local, 3)
	send := func(token, body string) (*http.Response, map[string]any) {
		response := s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/p/" + token + "/answers", JSON: body})
		var answer map[string]any
		require.NoError(t, json.Unmarshal([]byte(sitetest.Text(t, response)), &answer))
		return response, answer
	}
	calm := map[string]any{"1": 1, "2": 0, "9": 0}
	first, receipt := send(s.Tokens[0], submission("k1", calm))
	require.Equal(t, http.StatusCreated, first.StatusCode)
	require.ElementsMatch(t, []string{"receipt", "sequence", "received_at", "flags"}, keys(receipt))
	require.Empty(t, receipt["flags"])
	_, err := time.Parse(time.RFC3339, receipt["received_at"].(string))
	require.NoError(t, err)

	second, same := send(s.Tokens[0], submission("k1", calm))
	require.Equal(t, http.StatusOK, second.StatusCode)
	require.Equal(t, receipt, same)

	changed, problem := send(s.Tokens[0], submission("k1", map[string]any{"1": 2, "9": 0}))
	require.Equal(t, http.StatusConflict, changed.StatusCode)
	require.Equal(t, "conflict", problem["kind"])

	for name, answers := range map[string]map[string]any{
		"out of range": {"1": 4}, "unknown item": {"11": 0}, "a fraction": {"1": 1.5}, "text": {"1": "1"}, "nested": {"1": []int{1}}, "true": {"1": true},
	} {
		response, problem := send(s.Tokens[1], submission("k2", answers))
		require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode, name)
		require.NotEmpty(t, problem["errors"], name)
		require.Contains(t, problem["errors"].([]any)[0], "item")
		require.Contains(t, problem["errors"].([]any)[0], "message")
	}
	for name, body := range map[string]string{
		"an unknown member": `{"key":"k","instrument":"phq-9","version":"1.0.0","answers":{},"role":"administrator"}`,
		"wrong case":        `{"Key":"k","instrument":"phq-9","version":"1.0.0","answers":{}}`,
		"a key twice":       `{"key":"k","key":"l","instrument":"phq-9","version":"1.0.0","answers":{}}`,
	} {
		response, _ := send(s.Tokens[1], body)
		require.Equal(t, http.StatusBadRequest, response.StatusCode, name)
	}

	alerts := func() int {
		list, err := s.Safety.Alerts(t.Context())
		require.NoError(t, err)
		return len(list)
	}
	for range 2 {
		mixed, problem := send(s.Tokens[1], submission("k2", map[string]any{"1": 9, "2": "often", "9": 2, "11": 0}))
		require.Equal(t, http.StatusUnprocessableEntity, mixed.StatusCode)
		require.Len(t, problem["errors"], 3, "everything that is wrong is said at once")
		require.NotEmpty(t, problem["crisis"], "item 9 has told of something, whatever the rest is")
		require.Equal(t, 1, alerts(), "and the clinic hears of it, once")
	}
	_, problem = send(s.Tokens[1], submission("k2", map[string]any{"1": 9, "9": 0}))
	require.Nil(t, problem["crisis"])

	flagged, body := send(s.Tokens[1], submission("k2", map[string]any{"1": 1, "9": 2}))
	require.Equal(t, http.StatusCreated, flagged.StatusCode)
	require.NotEmpty(t, body["flags"])
	require.NotEmpty(t, body["crisis"], "the contacts are in the same response")

	s.Faults.FailAt(1, registrytest.CodeFull)
	down, problem := send(s.Tokens[2], submission("k3", calm))
	require.Equal(t, http.StatusServiceUnavailable, down.StatusCode)
	require.NotEmpty(t, down.Header.Get("Retry-After"))
	require.Equal(t, "unavailable", problem["kind"])
	require.Nil(t, problem["crisis"])
	s.Faults.FailAt(1, registrytest.CodeFull)
	down, problem = send(s.Tokens[2], submission("k3", map[string]any{"1": 1, "9": 1}))
	require.Equal(t, http.StatusServiceUnavailable, down.StatusCode)
	require.NotEmpty(t, down.Header.Get("Retry-After"))
	require.NotEmpty(t, problem["crisis"], "contacts need no registry")
	up, _ := send(s.Tokens[2], submission("k3", calm))
	require.Equal(t, http.StatusCreated, up.StatusCode)

	unknown, _ := send("unknown-link", submission("k4", calm))
	require.Equal(t, http.StatusNotFound, unknown.StatusCode)
}

func keys(m map[string]any) (list []string) {
	for k := range m {
		list = append(list, k)
	}
	return list
}
