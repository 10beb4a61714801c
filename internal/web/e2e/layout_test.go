package e2e

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// columnWidths are the windows in which no text may be squeezed: a phone, the tablets
// in portrait, the first desktop widths.
var columnWidths = []int64{360, 744, 768, 820, 1024, 1440}

// narrowText lists text of more than a few words that runs over more than three lines
// in less than 8 rem: a column that was squeezed. The heading of a column of numbers
// is as wide as they are.
const narrowText = `(() => {
	const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
	const inBox = e => { const s = getComputedStyle(e); return s.display !== "inline" && s.display !== "contents"; };
	return [...document.querySelectorAll("main p, main li, main td, main th, main dd, main figcaption, main h1, main h2, main h3, main legend, main label, main caption")]
		.filter(e => e.checkVisibility({visibilityProperty: true}) && !e.closest(".unseen, svg, [data-chart-place]") && !e.matches("th.num") && inBox(e))
		.map(e => {
			const s = getComputedStyle(e), box = e.getBoundingClientRect();
			const width = box.width - parseFloat(s.paddingLeft) - parseFloat(s.paddingRight);
			const range = document.createRange();
			range.selectNodeContents(e);
			const tops = new Set([...range.getClientRects()].filter(r => r.width > 1).map(r => Math.round(r.bottom / 8)));
			return {e, width, lines: tops.size, letters: e.innerText.trim().length};
		})
		.filter(x => x.width < 8 * rem && x.letters > 24 && x.lines > 3)
		.map(x => Math.round(x.width) + " px, " + x.lines + " lines: " + x.e.outerHTML.slice(0, 160));
})()`

func TestNoTextIsSqueezed(t *testing.T) {
	t.Parallel()
	server, states := serveGallery(t)
	ctx := tab(t)
	watch(t, ctx, server.URL)
	for _, state := range states {
		t.Run(state.Name, func(t *testing.T) {
			do(t, ctx, chromedp.Navigate(server.URL+state.Path()))
			for _, width := range columnWidths {
				do(t, ctx, chromedp.EmulateViewport(width, 900))
				require.Empty(t, eval[[]string](t, ctx, narrowText), "at %d px", width)
				require.LessOrEqual(t, eval[int64](t, ctx, "document.scrollingElement.scrollWidth"), width, "no scrolling sideways at %d px", width)
			}
		})
	}
}

// The check itself can fail: the column of the alerts as it once was, squeezed to
// nothing beside a long list of choices.
func TestASqueezedColumnIsFound(t *testing.T) {
	t.Parallel()
	server, _ := serveGallery(t)
	ctx := tab(t)
	do(t, ctx, chromedp.EmulateViewport(768, 900), chromedp.Navigate(server.URL+"/clinic-alerts"))
	require.Empty(t, eval[[]string](t, ctx, narrowText))
	eval[chromedp.Void](t, ctx, `document.querySelectorAll("ol.alerts li[id]").forEach(e => { e.style.gridTemplateColumns = "11rem 2rem 1fr" })`)
	require.NotEmpty(t, eval[[]string](t, ctx, narrowText))
}
