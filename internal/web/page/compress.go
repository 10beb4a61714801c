package page

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// compressFrom is the size, in bytes, from which compressing a page is worth it.
const compressFrom = 1400

// send answers with a page's HTML, compressed where that gives nothing away.
//
// The length of a compressed answer tells whether two of its parts are alike, so a
// page that holds a secret and repeats what a stranger could have put into the
// request would give the secret away, letter by letter (BREACH). Compressed are only
// whole pages that staff get: they hold no token, since forms are judged by their
// origin, and repeat no words of the request, since its parameters are read into
// closed lists; a list that was searched repeats what was typed, and says so (Repeats). A patient's pages hold the link's secret, sign-in and set-up repeat
// what was typed, errors quote the request: all of these go as they are.
func send(c echo.Context, status int, body []byte, f *Frame) error {
	if f.Patient || f.Repeats || !f.isStaff() || status != http.StatusOK || c.Request().Method != http.MethodGet || len(body) < compressFrom {
		return c.HTMLBlob(status, body)
	}
	c.Response().Header().Add("Vary", "Accept-Encoding")
	if !takesGzip(c.Request().Header.Get("Accept-Encoding")) {
		return c.HTMLBlob(status, body)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("compress a page: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("compress a page: %w", err)
	}
	c.Response().Header().Set("Content-Encoding", "gzip")
	return c.HTMLBlob(status, packed.Bytes())
}

// takesGzip reports whether a client takes gzip and did not refuse it.
func takesGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(name) == "gzip" {
			q := strings.ReplaceAll(quality, " ", "")
			return q != "q=0" && !strings.HasPrefix(q, "q=0.0")
		}
	}
	return false
}
