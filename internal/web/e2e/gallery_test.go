package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// axe runs the checker on the page and lists what it found, one line a finding.
// Its rules are those of WCAG 2.2 AA and its own best practices.
const axe = `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
	.then(r => r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.html + " | " + n.failureSummary)))`

func TestSR118_TheCheckerFindsNothingOnAnyPage(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../../node_modules/axe-core/axe.min.js")
	require.NoError(t, err, "run npm ci")
	server, states := serveGallery(t)
	ctx := tab(t)
	watch(t, ctx, server.URL)
	for _, state := range states {
		t.Run(state.Name, func(t *testing.T) {
			do(t, ctx, chromedp.EmulateViewport(320, 800), chromedp.Navigate(server.URL+state.Path()))
			eval[chromedp.Void](t, ctx, string(source))
			require.Empty(t, eval[[]string](t, ctx, axe))
			require.LessOrEqual(t, eval[int](t, ctx, "document.scrollingElement.scrollWidth"), 320, "no scrolling sideways at 320 px")
			require.Empty(t, eval[[]string](t, ctx, smallTargets), "targets of at least 24 px")
			require.Equal(t, 1, eval[int](t, ctx, `document.querySelectorAll("h1").length`))
		})
	}
}

// smallTargets lists buttons, fields and links outside running text that are
// smaller than 24 by 24 px; a radio button counts with its label.
const smallTargets = `[...document.querySelectorAll("button, select, input:not([type=hidden]), [role=button], nav a, .contact, .help")]
	.filter(e => e.checkVisibility()).map(e => e.closest("label") ?? e)
	.filter(e => { const b = e.getBoundingClientRect(); return b.width < 24 || b.height < 24 }).map(e => e.outerHTML)`

func TestSR63_ChartsDrawUnderThePolicyAndNothingEscapes(t *testing.T) {
	t.Parallel()
	server, _ := serveGallery(t)
	ctx := tab(t)
	watch(t, ctx, server.URL)
	for _, name := range []string{"/research-study-hostile-name", "/clinic-alerts", "/clinic-patients-hostile-name", "/clinic-patient-hostile-name"} {
		do(t, ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(server.URL+name))
		require.Equal(t, "undefined", eval[string](t, ctx, "typeof window.escaped"))
		figures := eval[int](t, ctx, `document.querySelectorAll("figure[data-chart]").length`)
		require.Equal(t, figures, eval[int](t, ctx, `document.querySelectorAll("[data-chart-place] svg").length`), "every chart is drawn")
		eval[chromedp.Void](t, ctx, `document.querySelectorAll("[data-chart-place]").forEach(p => echarts.getInstanceByDom(p).dispatchAction({type: "showTip", seriesIndex: 0, dataIndex: 0}))`)
		require.Equal(t, "undefined", eval[string](t, ctx, "typeof window.escaped"))
	}
}

func TestSR50_TheWarningComesInTimeAndOnePressExtends(t *testing.T) {
	t.Parallel()
	site := serve(t, 1)
	ctx := tab(t)
	signIn(t, ctx, site)
	require.True(t, eval[bool](t, ctx, `document.querySelector(".session").hidden`), "not at the start")

	server, _ := serveGallery(t)
	do(t, ctx, chromedp.Navigate(server.URL+"/session-ending"), chromedp.WaitVisible(".session"))
	require.Contains(t, eval[string](t, ctx, `document.querySelector(".session").innerText`), "signed out in a minute")

	do(t, ctx, chromedp.Navigate(site.Address+"/alerts"))
	eval[chromedp.Void](t, ctx, `document.querySelector(".session").hidden = false`)
	do(t, ctx, chromedp.Click(".session button"), chromedp.WaitNotVisible(".session"))
	require.True(t, strings.HasSuffix(eval[string](t, ctx, "location.pathname"), "/alerts"), "without leaving the page")
}

func TestEveryStateHasANameOfItsOwn(t *testing.T) {
	_, states := serveGallery(t)
	names := map[string]bool{}
	for _, state := range states {
		require.False(t, names[state.Name], "%s is there twice", state.Name)
		names[state.Name] = true
	}
}
