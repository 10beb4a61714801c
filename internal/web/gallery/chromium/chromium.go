// Package chromium starts a Chromium without a window to look at our own pages:
// for screenshots and browser tests. Floor: face.
//
// It must not be part of the served site.
package chromium

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"afterglow/internal/fault"
)

// startTimeout bounds how long the browser may take to start.
const startTimeout = 60 * time.Second

// Start starts the browser; cancel ends it and removes what it wrote. A machine
// without Chromium is a fault.Unavailable that says what to install.
func Start(ctx context.Context) (context.Context, context.CancelFunc, error) {
	return StartWithText(ctx, UsualText)
}

// UsualText is the size of text, in px, that a browser has unless its reader
// changes it.
const UsualText = 16

// StartWithText is Start with text of another size, as a reader sets it in the
// browser: rem, em and media queries in em follow.
func StartWithText(ctx context.Context, size int) (context.Context, context.CancelFunc, error) {
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		return nil, nil, fault.Unavailable("chromium", nil, "is not installed: run 'apt-get install chromium'")
	}
	profile, err := os.MkdirTemp("", "afterglow-chromium-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a browser profile: %w", err)
	}
	if err := writeTextSize(profile, size); err != nil {
		return nil, nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.WSURLReadTimeout(startTimeout),
		chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("disable-dev-shm-usage", true),
	)
	allocator, endAllocator := chromedp.NewExecAllocator(ctx, options...)
	browser, endBrowser := chromedp.NewContext(allocator)
	cancel := func() {
		endBrowser()
		endAllocator()
		_ = os.RemoveAll(profile)
	}
	if err := chromedp.Do(browser); err != nil {
		cancel()
		return nil, nil, fmt.Errorf("start the browser: %w", err)
	}
	return browser, cancel, nil
}

// writeTextSize puts the size into the settings that a new profile begins with.
func writeTextSize(profile string, size int) error {
	folder := filepath.Join(profile, "Default")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return fmt.Errorf("make a browser profile: %w", err)
	}
	settings := fmt.Sprintf(`{"webkit":{"webprefs":{"default_font_size":%d,"default_fixed_font_size":%d}}}`, size, size*13/16)
	if err := os.WriteFile(filepath.Join(folder, "Preferences"), []byte(settings), 0o600); err != nil {
		return fmt.Errorf("write the settings of a browser profile: %w", err)
	}
	return nil
}

// Watch notes what a tab did that it must not do.
type Watch struct {
	own string

	mu       sync.Mutex
	problems []string
}

// WatchTab starts noting, for a tab on pages of the given origin: violations of
// the content-security policy (which also covers data: addresses), exceptions,
// errors on the console, and requests to any other host.
func WatchTab(tab context.Context, origin string) (*Watch, error) {
	w := &Watch{own: origin}
	if err := chromedp.Listen(tab, w.see); err != nil {
		return nil, fmt.Errorf("watch a tab: %w", err)
	}
	if _, err := chromedp.Call(tab, network.Enable, network.EnableParams{}); err != nil {
		return nil, fmt.Errorf("watch a tab's requests: %w", err)
	}
	if _, err := chromedp.Call(tab, log.Enable, cdp.Empty{}); err != nil {
		return nil, fmt.Errorf("watch a tab's log: %w", err)
	}
	return w, nil
}

func (w *Watch) see(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if url := e.Request.URL; !strings.HasPrefix(url, w.own+"/") && url != w.own && !strings.HasPrefix(url, "data:") {
			w.note("request to a foreign address: " + url)
		}
	case *log.EventEntryAdded:
		if e.Entry.Source == log.EntrySourceSecurity || strings.Contains(e.Entry.Text, "Content Security Policy") {
			w.note("security: " + e.Entry.Text)
		}
	case *runtime.EventExceptionThrown:
		w.note(fmt.Sprintf("exception: %s at %s:%d", e.ExceptionDetails.Text, e.ExceptionDetails.URL, e.ExceptionDetails.LineNumber))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			w.note("an error on the console")
		}
	}
}

func (w *Watch) note(problem string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problems = append(w.problems, problem)
}

// Problems gives what was noted so far.
func (w *Watch) Problems() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.problems...)
}
