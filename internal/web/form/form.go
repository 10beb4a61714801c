// Package form reads what a browser or a program sends, strictly: one meaning a
// message, nothing extra. Floor: face.
//
// It must not know what the fields mean; each handler turns them into its own
// input type.
package form

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"afterglow/internal/fault"
	"afterglow/internal/web/middleware"
)

// maxFields bounds how many fields or members one message may have; the longest
// instrument has under a hundred items.
const maxFields = 500

// Fields is a form with each field given once.
type Fields map[string]string

// Read reads a form of at most middleware.MaxFormBytes that holds no field but
// the named ones, each at most once. With no name given any field is taken, for
// forms whose fields are the items of an instrument.
func Read(c echo.Context, names ...string) (Fields, error) {
	if !isType(c.Request(), "application/x-www-form-urlencoded") {
		return nil, echo.NewHTTPError(http.StatusUnsupportedMediaType)
	}
	body, err := middleware.ReadBody(c)
	if err != nil {
		return nil, err
	}
	return Parse(body, names...)
}

// Parse is Read for a body that has been read.
func Parse(body []byte, names ...string) (Fields, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fault.Invalid("form", "is not encoded as a form")
	}
	if len(values) > maxFields {
		return nil, fault.Invalid("form", "has more than %d fields", maxFields)
	}
	fields := Fields{}
	for name, given := range values {
		switch {
		case !cleanText(name) || len(names) > 0 && !slices.Contains(names, name):
			return nil, fault.Invalid("form", "has a field that does not belong here")
		case len(given) > 1:
			return nil, fault.Invalid("form", "gives a field more than once")
		case !cleanText(given[0]):
			return nil, fault.Invalid("form", "holds characters that are not text")
		}
		fields[name] = given[0]
	}
	return fields, nil
}

// IsJSON reports whether the request's body says it is JSON.
func IsJSON(r *http.Request) bool { return isType(r, "application/json") }

func isType(r *http.Request, want string) bool {
	got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && got == want
}

// cleanText refuses what is not UTF-8 and NUL, which the stores cannot hold.
func cleanText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
