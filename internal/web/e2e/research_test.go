package e2e

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

const studyPage = "/research-study"

// drawn counts, for each chart of the page, the paths that are really visible
// and whether the drawing stays within the window.
const drawn = `[...document.querySelectorAll("[data-chart-place] svg")].map(svg => ({
	paths: [...svg.querySelectorAll("path")].filter(p => { const b = p.getBBox(); return b.width > 1 && b.height > 1 }).length,
	inside: svg.getBoundingClientRect().right <= innerWidth,
	texts: [...svg.querySelectorAll("text")].map(t => t.textContent)}))`

type drawing struct {
	Paths  int
	Inside bool
	Texts  []string
}

func TestEveryChartIsDrawnFromPhoneToDesk(t *testing.T) {
	t.Parallel()
	server, _ := serveGallery(t)
	ctx := tab(t)
	watch(t, ctx, server.URL)
	for _, width := range []int64{320, 820, 1440} {
		do(t, ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(server.URL+studyPage))
		charts := eval[[]drawing](t, ctx, drawn)
		require.Len(t, charts, 5, "shares, scores, differences, time to loss, who is missing")
		for _, c := range charts {
			require.GreaterOrEqual(t, c.Paths, 2, "a curve and its band at least")
			require.True(t, c.Inside, "at %d px", width)
		}
		require.Subset(t, charts[0].Texts, []string{"benefit that is left", "half is left", "TAU 239\u00a0%", "BtheB 140\u00a0%", "243"})
		require.Subset(t, charts[1].Texts, []string{"BDI-II, 0 to 63 points, lower is better", "TAU", "BtheB", "baseline", "243"})
		require.Contains(t, charts[2].Texts, "BtheB − TAU, points; below 0 is better")
		require.Contains(t, charts[2].Texts, "−3", "a real minus sign")
	}
}

func TestChartsFollowTheSurroundingsAndPaperIsLight(t *testing.T) {
	t.Parallel()
	server, _ := serveGallery(t)
	ctx := tab(t)
	watch(t, ctx, server.URL)
	has := func(colour string) bool {
		return eval[bool](t, ctx, `document.querySelector("[data-chart-place] svg").outerHTML.toLowerCase().includes("`+colour+`")`)
	}
	const lightBlue, darkBlue = "#0072b2", "#56b4e9" // Okabe and Ito's blue and sky blue
	for _, c := range []struct {
		media, scheme, colour string
	}{{"screen", "light", lightBlue}, {"screen", "dark", darkBlue}, {"print", "dark", lightBlue}} {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Media: c.media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: c.scheme}}})
		require.NoError(t, err)
		do(t, ctx, chromedp.Navigate(server.URL+studyPage))
		require.True(t, has(c.colour), "%s, %s", c.media, c.scheme)
	}
}

func TestWithoutScriptsTheSentencesAndTablesStand(t *testing.T) {
	t.Parallel()
	server, _ := serveGallery(t)
	ctx := tab(t)
	_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	do(t, ctx, chromedp.Navigate(server.URL+studyPage), chromedp.WaitVisible("figcaption"), chromedp.WaitVisible("section table"),
		chromedp.WaitVisible("noscript p"), chromedp.WaitNotVisible("[data-chart-place]"))
}

// A wide table scrolls on a phone; what it shows is said above it, whole, and stays.
func TestTheCaptionOfAWideTableStaysOnAPhone(t *testing.T) {
	t.Parallel()
	server, _ := serveGallery(t)
	ctx := tab(t)
	watch(t, ctx, server.URL)
	do(t, ctx, chromedp.EmulateViewport(390, 844), chromedp.Navigate(server.URL+"/research-study"))
	type place struct{ Left, Right, Scrolled float64 }
	for _, p := range eval[[]place](t, ctx, `[...document.querySelectorAll("section.panel .tablebox")].filter(b => b.offsetParent).map(b => {
		b.scrollLeft = 60;
		const c = b.querySelector("caption > span").getBoundingClientRect();
		return {Left: c.left, Right: c.right, Scrolled: b.scrollLeft};
	})`) {
		require.GreaterOrEqual(t, p.Left, 0.0)
		require.LessOrEqual(t, p.Right, 390.0)
	}
	require.Positive(t, eval[float64](t, ctx, `Math.max(...[...document.querySelectorAll("section.panel .tablebox")].map(b => b.scrollLeft))`), "one is wider than the phone")
}
