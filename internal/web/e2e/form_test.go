package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
	"afterglow/internal/testkit/sitetest"
)

func journal(t *testing.T, site *sitetest.Site) (rows []registry.JournalRow) {
	t.Helper()
	require.NoError(t, site.Store.EachJournalRow(t.Context(), 0, func(r registry.JournalRow) error { rows = append(rows, r); return nil }))
	return rows
}

func heading(t *testing.T, ctx context.Context) string {
	t.Helper()
	text, err := chromedp.Run(ctx, chromedp.TextContent("h1"))
	require.NoError(t, err)
	return text
}

func TestSR118_TheFormWorksWithoutJavaScript(t *testing.T) {
	t.Parallel()
	site := serve(t, 1)
	ctx := tab(t)
	watch(t, ctx, site.Address)
	_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	do(t, ctx, chromedp.EmulateViewport(360, 740), chromedp.Navigate(site.Address+"/p/"+site.Tokens[0]))
	require.Contains(t, heading(t, ctx), "Before you start")
	follow(t, ctx, "main form button")
	for item := 1; item <= 10; item++ {
		if item == 4 {
			follow(t, ctx, "button[value=skip]")
			continue
		}
		value := 1
		if item == 9 {
			value = 2
		}
		do(t, ctx, chromedp.Click(fmt.Sprintf("label[for=answer-%d]", value)))
		follow(t, ctx, "button[value=next]")
	}
	require.Contains(t, heading(t, ctx), "Check your answers")
	follow(t, ctx, ".steps button")
	require.Contains(t, heading(t, ctx), "Please talk to someone now")
	links, err := chromedp.Run(ctx, chromedp.AttributesAll("a.contact"))
	require.NoError(t, err)
	require.Equal(t, "tel:911", links[0]["href"], "the first line is a phone link")
	follow(t, ctx, "a[role=button]")
	require.Contains(t, heading(t, ctx), "Thank you")

	rows := journal(t, site)
	require.Len(t, rows, 1)
	require.Nil(t, rows[0].Answers["4"])
	require.Equal(t, 2, *rows[0].Answers["9"])
	require.NotEmpty(t, rows[0].Score.Flags)
}

// press sends a key and gives what has the focus then: its name, value or text.
func press(t *testing.T, ctx context.Context, key string) string {
	t.Helper()
	do(t, ctx, chromedp.KeyEvent(key))
	return focused(t, ctx)
}

func focused(t *testing.T, ctx context.Context) string {
	t.Helper()
	return eval[string](t, ctx, `(e => e.id || e.value || e.innerText || e.tagName)(document.activeElement)`)
}

// tabTo presses Tab until the focus is where it should be.
func tabTo(t *testing.T, ctx context.Context, want string) {
	t.Helper()
	var seen []string
	for range 15 {
		seen = append(seen, press(t, ctx, kb.Tab))
		if seen[len(seen)-1] == want {
			require.NotEqual(t, "none", eval[string](t, ctx, `(e => getComputedStyle(e.closest("label") ?? e).outlineStyle)(document.activeElement)`), "the focus is visible on %s", want)
			return
		}
	}
	t.Fatalf("Tab never came to %q: %q", want, seen)
}

// enter presses Enter on what has the focus and waits for the next page.
func enter(t *testing.T, ctx context.Context) {
	t.Helper()
	_, err := chromedp.RunResponse(ctx, chromedp.KeyEvent(kb.Enter))
	require.NoError(t, err)
}

func TestSR118_TheFormWorksByKeyboardAlone(t *testing.T) {
	t.Parallel()
	site := serve(t, 1)
	ctx := tab(t)
	watch(t, ctx, site.Address)
	do(t, ctx, chromedp.EmulateViewport(360, 740), chromedp.Navigate(site.Address+"/p/"+site.Tokens[0]))
	require.Equal(t, "Skip to content", press(t, ctx, kb.Tab), "the first stop")
	tabTo(t, ctx, "I have read this, start")
	enter(t, ctx)
	for item := 1; item <= 10; item++ {
		tabTo(t, ctx, "answer-0")
		do(t, ctx, chromedp.KeyEvent(" "))
		require.Equal(t, "answer-1", press(t, ctx, kb.ArrowDown))
		tabTo(t, ctx, "next")
		enter(t, ctx)
	}
	require.Contains(t, heading(t, ctx), "Check your answers")
	for range 40 {
		if press(t, ctx, kb.Tab) == "Send" {
			break
		}
	}
	enter(t, ctx)
	rows := journal(t, site)
	require.Len(t, rows, 1)
	require.InDelta(t, 9, *rows[0].Score.Score, 0, "nine items of 1")
}

func TestSR7_AfterAFailedSendThePageKeepsAnswersAndKey(t *testing.T) {
	t.Parallel()
	site := serve(t, 1)
	ctx := tab(t)
	watch(t, ctx, site.Address)
	do(t, ctx, chromedp.Navigate(site.Address+"/p/"+site.Tokens[0]))
	follow(t, ctx, "main form button")
	for range 10 {
		do(t, ctx, chromedp.Click("label[for=answer-0]"))
		follow(t, ctx, "button[value=next]")
	}
	const fields = `JSON.stringify([...document.querySelectorAll("input[type=hidden]")].map(i => [i.name, i.value]))`
	before := eval[string](t, ctx, fields)
	site.Faults.FailAt(1, registrytest.CodeFull)
	require.EqualValues(t, 503, follow(t, ctx, ".steps button"))
	require.Equal(t, before, eval[string](t, ctx, fields))
	require.Contains(t, eval[string](t, ctx, "document.body.innerText"), "could not be received")
	require.EqualValues(t, 200, follow(t, ctx, ".steps button"))
	require.Contains(t, heading(t, ctx), "Thank you")
	require.Len(t, journal(t, site), 1)
	requireEmptyStorage(t, ctx)
}

// requireEmptyStorage holds that the browser keeps nothing of the page.
func requireEmptyStorage(t *testing.T, ctx context.Context) {
	t.Helper()
	require.Equal(t, "0 0 0 0", eval[string](t, ctx, `Promise.all([indexedDB.databases(), caches.keys()])
		.then(([d, c]) => [localStorage.length, sessionStorage.length, d.length, c.length].join(" "))`))
	require.Empty(t, eval[string](t, ctx, "document.cookie"), "no cookie is readable by scripts")
}

func signIn(t *testing.T, ctx context.Context, site *sitetest.Site) {
	t.Helper()
	do(t, ctx, chromedp.Navigate(site.Address+"/sign-in"), chromedp.SendKeys("#name", "clinician"))
	// As a password manager does: the value is set at once, not typed.
	do(t, ctx, chromedp.SetValue("#password", sitetest.Password))
	require.EqualValues(t, 200, follow(t, ctx, "main form button"))
}

func TestSR119_SignInWithAFilledPasswordAndNothingAfterSignOut(t *testing.T) {
	t.Parallel()
	site := serve(t, 1)
	ctx := tab(t)
	watch(t, ctx, site.Address)
	signIn(t, ctx, site)
	require.Equal(t, "Patients", heading(t, ctx), "a browser keeps the cookie of http://localhost, and a clinician begins with the patients")
	requireEmptyStorage(t, ctx)
	follow(t, ctx, "header form button")
	require.Equal(t, "Sign in", heading(t, ctx))
	// The browser may have kept the page: what it shows then is hidden and asked for anew.
	eval[chromedp.Void](t, ctx, "history.back()")
	do(t, ctx, chromedp.WaitVisible(`a[href="/sign-in"][role=button]`))
	require.Equal(t, "Please sign in", heading(t, ctx), "Back shows nothing")
	require.False(t, strings.Contains(eval[string](t, ctx, "document.body.innerText"), "waits for"))
}
