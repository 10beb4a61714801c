// Command shoot renders every state of the gallery at phone, tablet and desktop
// width, light, dark and with text of twice the size, and as a print, into a folder.
// Given the address of a running demo, it renders the README's pictures instead.
// Floor: wiring.
package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"afterglow/internal/web/gallery"
	"afterglow/internal/web/gallery/chromium"
)

var widths = []int64{390, 768, 1440}

// view is one way of looking at a page: its name in the file, the colour scheme, and
// the browser, one whose text is as it was or of twice the size.
type view struct {
	name   string
	scheme string
	tab    context.Context
}

const height = 900

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "use: shoot FOLDER [NAME...], or shoot http://localhost:8080 with a demo there")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if strings.HasPrefix(os.Args[1], "http://") {
		err = shootCovers(ctx, strings.TrimSuffix(os.Args[1], "/"))
	} else {
		err = shoot(ctx, os.Args[1], os.Args[2:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		stop()
		os.Exit(1)
	}
}

func shoot(ctx context.Context, folder string, only []string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	handler, err := gallery.Handler()
	if err != nil {
		return err
	}
	states, err := gallery.All()
	if err != nil {
		return err
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	tab, cancel, err := chromium.Start(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	large, cancelLarge, err := chromium.StartWithText(ctx, 2*chromium.UsualText)
	if err != nil {
		return err
	}
	defer cancelLarge()
	for _, state := range states {
		if !wanted(state.Name, only) {
			continue
		}
		if err := shootState(tab, large, server.URL+state.Path(), filepath.Join(folder, state.Name)); err != nil {
			return fmt.Errorf("render %s: %w", state.Name, err)
		}
		fmt.Fprintln(os.Stderr, "rendered", state.Name)
	}
	return nil
}

// charted settles once every chart of the page is as wide as its place, or after ten
// seconds: a chart takes its place's size a moment after the page is there.
const charted = `new Promise((done) => {
	const start = Date.now();
	const sized = (place) => {
		const drawn = place.querySelector("svg");
		return place.clientWidth === 0 || (drawn && Math.abs(drawn.getBoundingClientRect().width - place.clientWidth) < 2);
	};
	const look = () => [...document.querySelectorAll("[data-chart-place]")].every(sized) || Date.now() - start > 10000
		? requestAnimationFrame(() => requestAnimationFrame(() => done(true))) : setTimeout(look, 30);
	look();
})`

// open navigates to a page and waits until its charts have their size.
func open(tab context.Context, url string) error {
	if err := chromedp.Do(tab, chromedp.Navigate(url)); err != nil {
		return err
	}
	_, err := chromedp.Run(tab, chromedp.Evaluate[bool](charted, chromedp.EvalAwaitPromise))
	return err
}

// prepare sets the colour scheme and the window; nothing moves.
func prepare(tab context.Context, scheme string, width, height int64) error {
	_, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	if err != nil {
		return err
	}
	return chromedp.Do(tab, chromedp.EmulateViewport(width, height))
}

// wanted reports whether a state's name starts with one of those asked for.
func wanted(name string, only []string) bool {
	for _, prefix := range only {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return len(only) == 0
}

func shootState(tab, large context.Context, url, base string) error {
	for _, v := range []view{{"light", "light", tab}, {"dark", "dark", tab}, {"text200", "light", large}} {
		for _, width := range widths {
			if err := prepare(v.tab, v.scheme, width, height); err != nil {
				return err
			}
			if err := open(v.tab, url); err != nil {
				return err
			}
			picture, err := chromedp.Run(v.tab, chromedp.FullScreenshot(100))
			if err != nil {
				return err
			}
			if err := os.WriteFile(fmt.Sprintf("%s-%d-%s.png", base, width, v.name), picture, 0o644); err != nil {
				return err
			}
		}
	}
	return shootPrint(tab, url, base)
}

// shootPrint prints the page on A4 from a dark screen: paper is light all the same.
func shootPrint(tab context.Context, url, base string) error {
	if err := prepare(tab, "dark", widths[2], height); err != nil {
		return err
	}
	if err := open(tab, url); err != nil {
		return err
	}
	printed, err := chromedp.Call(tab, page.PrintToPDF, page.PrintToPDFParams{PreferCSSPageSize: new(true), PaperWidth: 8.27, PaperHeight: 11.69, PrintBackground: new(true)})
	if err != nil {
		return err
	}
	return os.WriteFile(base+"-print.pdf", printed.Data, 0o644)
}
