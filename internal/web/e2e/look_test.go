package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"afterglow/internal/web/gallery"
	"afterglow/internal/web/gallery/chromium"
)

// looks are the windows in which a page is looked at.
var looks = []int64{390, 768, 1440}

func scheme(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	require.NoError(t, err)
}

// share gives the states of one of several tests that run beside each other.
func share(states []gallery.State, of, part int) []gallery.State {
	var mine []gallery.State
	for i, s := range states {
		if i%of == part {
			mine = append(mine, s)
		}
	}
	return mine
}

// axeColours runs the rules that a colour scheme can break.
const axeColours = `axe.run(document, {runOnly: {type: "rule", values: ["color-contrast", "link-in-text-block"]}})
	.then(r => r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.html + " | " + n.failureSummary)))`

// Light and dark, on phone, tablet and desk: the checker finds nothing.
func TestSR118_TheCheckerFindsNothingInAnyLook(t *testing.T) {
	source, err := os.ReadFile("../../../node_modules/axe-core/axe.min.js")
	require.NoError(t, err, "run npm ci")
	server, states := serveGallery(t)
	const parts = 2
	for part := range parts {
		t.Run(fmt.Sprint("part ", part+1), func(t *testing.T) {
			t.Parallel()
			ctx := tab(t)
			watch(t, ctx, server.URL)
			for _, state := range share(states, parts, part) {
				do(t, ctx, chromedp.EmulateViewport(looks[0], 900), chromedp.Navigate(server.URL+state.Path()))
				eval[chromedp.Void](t, ctx, string(source))
				for _, name := range []string{"light", "dark"} {
					scheme(t, ctx, name)
					for _, width := range looks {
						do(t, ctx, chromedp.EmulateViewport(width, 900))
						check := axe
						if name == "dark" {
							check = axeColours
						}
						assert.Empty(t, eval[[]string](t, ctx, check), "%s, %s, %d px", state.Name, name, width)
					}
				}
			}
		})
	}
}

// lowControls lists what a finger presses on a phone that is lower than 44 px. A
// link within a sentence is text; a radio button counts with its label.
const lowControls = `[...document.querySelectorAll("button, select, summary, input:not([type=hidden]):not(.enter), [role=button], a")]
	.filter(e => e.checkVisibility({visibilityProperty: true}) && !e.closest(".skip"))
	.filter(e => e.tagName !== "A" || getComputedStyle(e).display !== "inline")
	.map(e => e.closest("label") ?? e)
	.filter(e => e.getBoundingClientRect().height < 43.5)
	.map(e => Math.round(e.getBoundingClientRect().height) + " px: " + e.outerHTML.slice(0, 160))`

// aloneLinks lists links that are the whole of their line or cell and yet are text.
const aloneLinks = `[...document.querySelectorAll("main a")].filter(e => e.checkVisibility() && getComputedStyle(e).display === "inline")
	.filter(e => e.parentElement.textContent.trim() === e.textContent.trim() && e.getBoundingClientRect().height < 43.5).map(e => e.outerHTML.slice(0, 160))`

func TestEveryControlOfAPhoneIsEasyToHit(t *testing.T) {
	t.Parallel()
	server, states := serveGallery(t)
	ctx := tab(t)
	for _, state := range states {
		do(t, ctx, chromedp.EmulateViewport(390, 844), chromedp.Navigate(server.URL+state.Path()))
		assert.Empty(t, eval[[]string](t, ctx, lowControls), state.Name)
		assert.Empty(t, eval[[]string](t, ctx, aloneLinks), state.Name)
	}
}

// overlaps lists pairs of texts that lie on each other. The boxes of lines are as
// high as the letters can be, so a little of them may touch.
const overlaps = `(() => {
	const isHidden = e => !e.closest("thead") || getComputedStyle(e.closest("thead")).clipPath !== "none";
	const boxes = [];
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n = walk.nextNode(); n; n = walk.nextNode()) {
		const e = n.parentElement;
		if (!n.textContent.trim() || e.closest("svg, script, noscript, option, .unseen, .skip, thead") && isHidden(e) || !e.checkVisibility({visibilityProperty: true})) continue;
		const range = document.createRange();
		range.selectNodeContents(n);
		for (const r of range.getClientRects()) {
			const s = r.height * 0.22;
			const box = {left: r.left + 1, right: r.right - 1, top: r.top + s, bottom: r.bottom - s, text: n.textContent.trim().slice(0, 40)};
			for (let up = e; up !== document.body; up = up.parentElement) { // what is scrolled out of a box lies on nothing
				if (getComputedStyle(up).overflowX === "visible") continue;
				const c = up.getBoundingClientRect();
				box.left = Math.max(box.left, c.left); box.right = Math.min(box.right, c.right);
				box.top = Math.max(box.top, c.top); box.bottom = Math.min(box.bottom, c.bottom);
			}
			if (box.right - box.left > 2 && box.bottom - box.top > 2) boxes.push(box);
		}
	}
	boxes.sort((a, b) => a.top - b.top);
	const found = [];
	for (let i = 0; i < boxes.length; i++) {
		for (let j = i + 1; j < boxes.length && boxes[j].top < boxes[i].bottom; j++) {
			const a = boxes[i], b = boxes[j];
			if (a.left < b.right && b.left < a.right) found.push(a.text + " | " + b.text);
		}
	}
	return found.slice(0, 5);
})()`

func TestTextOfTwiceTheSizeDoesNotOverlap(t *testing.T) {
	t.Parallel()
	server, states := serveGallery(t)
	ctx, end, err := chromium.StartWithText(context.Background(), 2*chromium.UsualText)
	require.NoError(t, err)
	t.Cleanup(end)
	for _, state := range states {
		do(t, ctx, chromedp.Navigate(server.URL+state.Path()))
		for _, width := range looks {
			do(t, ctx, chromedp.EmulateViewport(width, 900))
			require.Equal(t, "32px", eval[string](t, ctx, "getComputedStyle(document.documentElement).fontSize"))
			assert.Empty(t, eval[[]string](t, ctx, overlaps), "%s at %d px", state.Name, width)
		}
	}
}

// A print is light whatever the screen is, begins on its first page, and says what
// it is of.
func TestAPrintIsLightAndHasAHead(t *testing.T) {
	t.Parallel()
	server, states := serveGallery(t)
	ctx := tab(t)
	for _, state := range states {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Media: "print", Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
		require.NoError(t, err)
		do(t, ctx, chromedp.EmulateViewport(794, 1123), chromedp.Navigate(server.URL+state.Path()))
		require.Equal(t, "rgb(255, 255, 255)", eval[string](t, ctx, "getComputedStyle(document.body).backgroundColor"), state.Name)
		pale := eval[[]string](t, ctx, `[...document.querySelectorAll("main *, .print-head *")].filter(e => e.checkVisibility() && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
			.filter(e => { const c = getComputedStyle(e).color.match(/\d+/g).map(Number); return (c[0] * 299 + c[1] * 587 + c[2] * 114) / 1000 > 150 && !e.closest("svg, [aria-current], button, [role=button]") })
			.map(e => e.outerHTML.slice(0, 120))`)
		require.Empty(t, pale, state.Name)
		head := eval[string](t, ctx, `document.querySelector(".print-head").innerText`)
		require.True(t, strings.Contains(head, "Harbour Clinic") && strings.Contains(head, "Printed 14 Mar 2026"), "%s: %q", state.Name, head)
		require.Empty(t, eval[[]string](t, ctx, `[...document.querySelectorAll("main form, header.site, footer.site")].filter(e => e.checkVisibility()).map(e => e.outerHTML.slice(0, 120))`), state.Name)
		require.Empty(t, eval[[]string](t, ctx, `[...document.querySelectorAll("main section, main table, main ol, main dl")].filter(e => getComputedStyle(e).breakInside === "avoid" && e.getBoundingClientRect().height > 900).map(e => e.outerHTML.slice(0, 80))`),
			"%s: what is longer than a page must be able to break", state.Name)
	}
}
