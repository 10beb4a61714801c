package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"afterglow/internal/testkit/sitetest"
	"afterglow/internal/web/gallery"
	"afterglow/internal/web/gallery/chromium"
)

// browser is shared: starting one costs more than all tests in it.
var browser struct {
	once   sync.Once
	ctx    context.Context
	cancel context.CancelFunc
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if browser.cancel != nil {
		browser.cancel()
	}
	os.Exit(code)
}

// tab opens a tab with cookies and storage of its own.
func tab(t *testing.T) context.Context {
	t.Helper()
	browser.once.Do(func() { browser.ctx, browser.cancel, browser.err = chromium.Start(context.Background()) })
	require.NoError(t, browser.err)
	ctx, cancel := chromedp.NewContext(browser.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx))
	return ctx
}

// watch fails the test if the tab did anything it must not do.
func watch(t *testing.T, ctx context.Context, origin string) {
	t.Helper()
	w, err := chromium.WatchTab(ctx, origin)
	require.NoError(t, err)
	t.Cleanup(func() { require.Empty(t, w.Problems()) })
}

func eval[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	require.NoError(t, err, script)
	return value
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	require.NoError(t, chromedp.Do(ctx, steps...))
}

// follow presses something that leads to another page and waits for it.
func follow(t *testing.T, ctx context.Context, selector string) int64 {
	t.Helper()
	response, err := chromedp.RunResponse(ctx, chromedp.Click(selector))
	require.NoError(t, err, selector)
	return response.Status
}

// serve runs the whole site on a loopback port with n links.
func serve(t *testing.T, n int) *sitetest.Site {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	site := sitetest.New(t, fmt.Sprintf("http://localhost:%d", listener.Addr().(*net.TCPAddr).Port), n)
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: site.Server.Handler()}}
	server.Start()
	t.Cleanup(server.Close)
	return site
}

func serveGallery(t *testing.T) (*httptest.Server, []gallery.State) {
	t.Helper()
	handler, err := gallery.Handler()
	require.NoError(t, err)
	states, err := gallery.All()
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server, states
}
