package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"afterglow/internal/web/gallery/chromium"
)

// TestTheTourIsWalkedWithoutTyping goes from the address that the demo prints
// through all seven stops, by clicks alone, and ends with the demo as it was.
func TestTheTourIsWalkedWithoutTyping(t *testing.T) {
	d := startDemo(t, t.TempDir())
	browser, end, err := chromium.Start(context.Background())
	require.NoError(t, err)
	t.Cleanup(end)
	w := walk{t: t, tab: browser, at: d.url}
	w.see("/")

	w.stop("form")
	require.Contains(t, w.path(), "/p/")
	first := w.path()
	w.fillForm()
	w.stop("alert")
	require.Equal(t, "/alerts", w.path())
	require.NotZero(t, w.count("ol.alerts li"), "the form raised an alert")

	w.stop("lost")
	require.True(t, strings.HasPrefix(w.path(), "/patients/"), "one patient is shown: %s", w.path())

	w.stop("setting")
	require.Equal(t, "/research/studies/simulated-clinic", w.path())
	require.NotZero(t, w.count("[data-chart]"))
	w.stop("trial")
	require.Equal(t, "/research/studies/btheb", w.path())
	w.stop("method")
	require.NotZero(t, w.count("#method"), "the page has the place that the link names")

	w.stop("put-back")
	require.Eventually(t, func() bool { return w.path() == "/" && w.count("[data-stop]") == 7 }, 90*time.Second, 200*time.Millisecond)
	require.LessOrEqual(t, w.clicks, 20)

	// What was entered is gone: the link of before opens nothing.
	response, err := http.Get(d.url + first)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusNotFound, response.StatusCode)
	// The accounts that were printed at the start still work.
	require.NotEmpty(t, d.lines["clinician"])
	status := d.signIn(d.lines["clinician"][1], d.lines["clinician"][2])
	require.Equal(t, http.StatusSeeOther, status)
}

// walk is a person with a mouse; the clicks that the tour needs are counted.
type walk struct {
	t      *testing.T
	tab    context.Context
	at     string
	clicks int
}

func (w *walk) see(path string) {
	w.t.Helper()
	require.NoError(w.t, chromedp.Do(w.tab, chromedp.Navigate(w.at+path)))
}

// click presses what leads to another page and waits for it.
func (w *walk) click(selector string) {
	w.t.Helper()
	_, err := chromedp.RunResponse(w.tab, chromedp.Click(selector))
	require.NoError(w.t, err, selector)
}

// stop goes back to the start page, if need be, and opens a stop.
func (w *walk) stop(name string) {
	w.t.Helper()
	if w.path() != "/" {
		w.click(`.strip a[href="/"]`)
		w.clicks++
	}
	w.click(`button[data-stop="` + name + `"]`)
	w.clicks++
}

// fillForm answers every question, the ninth with something to act on, and sends.
func (w *walk) fillForm() {
	w.t.Helper()
	w.click(`main form button`)
	for page := 0; page < 30 && w.count(`fieldset.question`) == 1; page++ {
		require.NoError(w.t, chromedp.Do(w.tab, chromedp.Click(`input[name="value"][value="1"]`)))
		w.click(`button[value="next"]`)
	}
	w.click(`form[action$="/answers"] button`)
}

func (w *walk) path() string { return eval[string](w, "location.pathname") }

func (w *walk) count(selector string) int {
	return eval[int](w, "document.querySelectorAll('"+selector+"').length")
}

func eval[T any](w *walk, script string) T {
	w.t.Helper()
	value, err := chromedp.Run(w.tab, chromedp.Evaluate[T](script))
	require.NoError(w.t, err, script)
	return value
}

// signIn gives the status of a sign-in with a password.
func (d *demo) signIn(name, password string) int {
	d.t.Helper()
	form := strings.NewReader("name=" + name + "&password=" + password)
	request, err := http.NewRequest(http.MethodPost, d.url+"/sign-in", form)
	require.NoError(d.t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", d.url)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	require.NoError(d.t, err)
	require.NoError(d.t, response.Body.Close())
	return response.StatusCode
}
