package middleware

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"afterglow/internal/fault"
)

// MaxFormBytes is the largest body of a form or a JSON document.
const MaxFormBytes = 256 << 10

// bodyStep is how much of a body is read, and counted, at a time.
const bodyStep = 8 << 10

// Bodies reads each request's body before the request takes a place among those
// worked on: a sender who is slow keeps a connection and what it has sent so
// far, and no place. What all bodies hold together is bounded in bytes.
type Bodies struct {
	held     atomic.Int64
	most     int64
	patience time.Duration
}

// NewBodies lets all bodies together hold at most `most` bytes and gives each
// sender the given time for the whole of one.
func NewBodies(most int64, patience time.Duration) *Bodies {
	return &Bodies{most: most, patience: patience}
}

// Guard reads the body and hands it on; what it holds counts until the handler
// is done.
func (b *Bodies) Guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.Body == nil || r.Body == http.NoBody {
			return next(c)
		}
		if err := readable(r); err != nil {
			return err
		}
		body, err := b.receive(c)
		defer b.held.Add(-int64(len(body)))
		if err != nil {
			c.Response().Header().Set("Connection", "close")
			return err
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		return next(c)
	}
}

// receive reads the body; the caller gives back what it holds, also beside an
// error.
func (b *Bodies) receive(c echo.Context) (body []byte, err error) {
	connection := http.NewResponseController(c.Response())
	if err := deadline(connection, time.Now().Add(b.patience)); err != nil {
		return nil, err
	}
	from := http.MaxBytesReader(c.Response(), c.Request().Body, MaxFormBytes)
	step := make([]byte, bodyStep)
	for {
		n, err := from.Read(step)
		if b.held.Add(int64(n)) > b.most {
			b.held.Add(-int64(n))
			return body, fault.Unavailable("server", nil, "too many people are using this site right now; try again in a few seconds")
		}
		body = append(body, step[:n]...)
		if errors.Is(err, io.EOF) {
			return body, deadline(connection, time.Time{})
		}
		if err != nil {
			return body, bodyFault(err)
		}
	}
}

// deadline bounds reading from the connection; a response without one, as in a
// test, has nothing to bound.
func deadline(connection *http.ResponseController, at time.Time) error {
	if err := connection.SetReadDeadline(at); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fault.Invalid("body", "the message ended before it was complete; send it again")
	}
	return nil
}

// ReadBody reads a whole body of at most MaxFormBytes. A compressed body is
// refused: none of our pages sends one, and its size cannot be known before.
func ReadBody(c echo.Context) ([]byte, error) {
	r := c.Request()
	if err := readable(r); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), r.Body, MaxFormBytes))
	if err != nil {
		return nil, bodyFault(err)
	}
	return body, nil
}

// readable refuses by its header what would not be read to its end.
func readable(r *http.Request) error {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return echo.NewHTTPError(http.StatusUnsupportedMediaType)
	}
	if r.ContentLength > MaxFormBytes {
		return tooLarge()
	}
	return nil
}

func bodyFault(err error) error {
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return echo.NewHTTPError(http.StatusRequestTimeout)
	}
	return fault.Invalid("body", "the message ended before it was complete; send it again")
}

func tooLarge() error {
	return fault.New(fault.KindTooLarge, "body", "the message is larger than %d KiB", MaxFormBytes>>10)
}
