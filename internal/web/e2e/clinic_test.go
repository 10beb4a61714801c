package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"afterglow/internal/testkit/sitetest"
)

func TestTwentyPatientsFitOnADesk(t *testing.T) {
	t.Parallel()
	server, _ := serveGallery(t)
	ctx := tab(t)
	watch(t, ctx, server.URL)
	do(t, ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(server.URL+"/clinic-patients"))
	require.LessOrEqual(t, eval[float64](t, ctx, `document.querySelectorAll(".caseload tbody tr")[19].getBoundingClientRect().bottom`), 900.0)
	require.LessOrEqual(t, eval[int](t, ctx, "document.scrollingElement.scrollWidth"), 1280)
	require.Equal(t, 2, eval[int](t, ctx, `document.querySelectorAll(".caseload .waits").length`), "only what needs a person today is red")

	do(t, ctx, chromedp.EmulateViewport(360, 800))
	require.Equal(t, "block", eval[string](t, ctx, `getComputedStyle(document.querySelector(".caseload tbody tr")).display`), "a card each on a phone")
	require.LessOrEqual(t, eval[int](t, ctx, "document.scrollingElement.scrollWidth"), 360)
}

func TestCoursesThatEndedAreOnePressAway(t *testing.T) {
	t.Parallel()
	server, _ := serveGallery(t)
	ctx := tab(t)
	watch(t, ctx, server.URL)
	for _, width := range []int64{390, 1280} {
		do(t, ctx, chromedp.EmulateViewport(width, 844), chromedp.Navigate(server.URL+"/clinic-patients-ended"))
		require.Equal(t, "Ended 112", eval[string](t, ctx, `document.querySelector(".chips [aria-current]").textContent`))
		require.Zero(t, eval[int](t, ctx, `document.querySelectorAll(".caseload thead a").length`), "they come by their last contact")
		require.Equal(t, 50, eval[int](t, ctx, `document.querySelectorAll(".caseload tbody tr").length`))
		require.LessOrEqual(t, eval[int64](t, ctx, "document.scrollingElement.scrollWidth"), width)
	}
}

func TestTheTrendIsDrawnAlignedAndAboveTheFold(t *testing.T) {
	t.Parallel()
	server, _ := serveGallery(t)
	ctx := tab(t)
	watch(t, ctx, server.URL)
	for _, size := range [][2]int64{{320, 800}, {820, 900}, {1440, 900}} {
		do(t, ctx, chromedp.EmulateViewport(size[0], size[1]), chromedp.Navigate(server.URL+"/clinic-patient"))
		charts := eval[[]drawing](t, ctx, drawn)
		require.Len(t, charts, 4, "the sessions and three scales")
		for _, c := range charts {
			require.GreaterOrEqual(t, c.Paths, 2)
			require.True(t, c.Inside, "at %d px", size[0])
		}
		require.Subset(t, charts[1].Texts, []string{"PHQ-9, 0 to 27 points, ↓ lower is better", "Severe", "Mild", "*", "35", "8"})
		// Day 10 of each panel is the same pixel.
		places := eval[[]float64](t, ctx, `[...document.querySelectorAll("[data-chart-place]")].map(p => Math.round(
			echarts.getInstanceByDom(p).convertToPixel({xAxisIndex: 0}, 10) + p.getBoundingClientRect().left))`)
		for _, x := range places {
			require.InDelta(t, places[0], x, 1, "at %d px", size[0])
		}
	}
	require.LessOrEqual(t, eval[float64](t, ctx, `Math.max(...[...document.querySelectorAll("[data-chart-place], aside")].map(e => e.getBoundingClientRect().bottom))`), 900.0)
}

func TestWithoutScriptsTheTrendIsWordsAndTables(t *testing.T) {
	t.Parallel()
	server, _ := serveGallery(t)
	ctx := tab(t)
	_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	do(t, ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(server.URL+"/clinic-patient"), chromedp.WaitVisible("figcaption"),
		chromedp.WaitNotVisible("[data-chart-place]"), chromedp.Click(".trend details summary"), chromedp.WaitVisible(".trend details table"))
}

func TestAClinicianGoesFromTheListToAPatient(t *testing.T) {
	t.Parallel()
	site := serve(t, 2)
	ctx := tab(t)
	watch(t, ctx, site.Address)
	signIn(t, ctx, site)
	do(t, ctx, chromedp.EmulateViewport(360, 800), chromedp.Navigate(site.Address+"/patients"))
	follow(t, ctx, `.caseload thead th:nth-child(5) a`)
	require.Equal(t, "?sort=due", eval[string](t, ctx, "location.search"))
	require.Empty(t, eval[string](t, ctx, "document.cookie"), "the order is kept in the address")
	require.Equal(t, int64(200), follow(t, ctx, `.caseload tbody th a`))
	require.Contains(t, eval[string](t, ctx, "document.title"), "Patient")
	require.Equal(t, int64(200), follow(t, ctx, `h1 a`))
}

// An alert that comes while the list is open shows itself; a note that is being
// chosen is not taken away for it.
func TestAnOpenListOfAlertsIsRefreshed(t *testing.T) {
	t.Parallel()
	site := serve(t, 3)
	ctx := tab(t)
	watch(t, ctx, site.Address)
	signIn(t, ctx, site)
	send := func(i, answer int) {
		t.Helper()
		response := site.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/p/" + site.Tokens[i] + "/answers",
			JSON: fmt.Sprintf(`{"key":"k%d","instrument":"phq-9","version":"1.0.0","answers":{"9":%d}}`, i, answer)})
		require.Equal(t, http.StatusCreated, response.StatusCode)
	}
	alerts := func() int { return eval[int](t, ctx, `document.querySelectorAll("ol.alerts li[id]").length`) }
	ask := func() {
		t.Helper()
		eval[chromedp.Void](t, ctx, `document.querySelector("[data-alerts-mark]").ask()`)
	}
	send(0, 1)
	do(t, ctx, chromedp.Navigate(site.Address+"/alerts"))
	require.Equal(t, 1, alerts())
	ask()
	require.True(t, eval[bool](t, ctx, `document.querySelector("[data-alerts-mark]").hidden`), "nothing has changed")

	send(1, 3)
	eval[chromedp.Void](t, ctx, `document.querySelector("select").dispatchEvent(new Event("change", {bubbles: true}))`)
	ask()
	require.Equal(t, 1, alerts(), "a note is being chosen")
	do(t, ctx, chromedp.WaitVisible("[data-alerts-mark]"))
	require.Equal(t, "2", eval[string](t, ctx, `document.querySelector("[data-nav-count] b").textContent`))

	do(t, ctx, chromedp.Navigate(site.Address+"/alerts"))
	require.Equal(t, 2, alerts())
	send(2, 2)
	_, err := chromedp.RunResponse(ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector("[data-alerts-mark]").ask()`))
	require.NoError(t, err)
	require.Equal(t, 3, alerts(), "the page is read again by itself")
	require.Contains(t, eval[string](t, ctx, `document.querySelector("ol.alerts li").className`), "red")
}
