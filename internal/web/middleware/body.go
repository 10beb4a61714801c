package middleware

import (
	"errors"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"afterglow/internal/fault"
)

// MaxFormBytes is the largest body of a form or a JSON document.
const MaxFormBytes = 256 << 10

// ReadBody reads a whole body of at most MaxFormBytes. A compressed body is
// refused: none of our pages sends one, and its size cannot be known before.
func ReadBody(c echo.Context) ([]byte, error) {
	r := c.Request()
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, echo.NewHTTPError(http.StatusUnsupportedMediaType)
	}
	if r.ContentLength > MaxFormBytes {
		return nil, tooLarge()
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), r.Body, MaxFormBytes))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge()
	case err != nil:
		return nil, fault.Invalid("body", "the message ended before it was complete; send it again")
	}
	return body, nil
}

func tooLarge() error {
	return fault.New(fault.KindTooLarge, "body", "the message is larger than %d KiB", MaxFormBytes>>10)
}
