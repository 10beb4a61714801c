package page

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"afterglow/internal/fault"
	"afterglow/internal/web/middleware"
)

// RetryAfterSeconds is what a client is told to wait when a part of the system
// cannot serve now.
const RetryAfterSeconds = "5"

// StatusClientGone is for a request whose sender went away: nobody reads the
// answer, and nothing is wrong on our side.
const StatusClientGone = 499

// Status maps the kind of a failure to its HTTP status: the only place that
// does. Bad input is 422 when it names the fields that are wrong and 400 when
// the message as a whole could not be read.
func Status(err error) int {
	var framework *echo.HTTPError
	var known *fault.Error
	switch {
	case errors.As(err, &known):
	case errors.As(err, &framework):
		return framework.Code
	case errors.Is(err, context.Canceled):
		return StatusClientGone
	default:
		return http.StatusInternalServerError
	}
	switch known.Kind {
	case fault.KindInvalid:
		if len(known.Details) > 0 {
			return http.StatusUnprocessableEntity
		}
		return http.StatusBadRequest
	case fault.KindNotFound:
		return http.StatusNotFound
	case fault.KindConflict:
		return http.StatusConflict
	case fault.KindForbidden:
		return http.StatusForbidden
	case fault.KindUnauthenticated:
		return http.StatusUnauthorized
	case fault.KindTooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.KindUnavailable:
		return http.StatusServiceUnavailable
	case fault.KindCanceled:
		return StatusClientGone
	default:
		return http.StatusInternalServerError
	}
}

// Problem is the JSON form of an error.
type Problem struct {
	Kind      string         `json:"kind"`
	Message   string         `json:"message"`
	Where     string         `json:"where"`
	Reference string         `json:"reference"`
	Errors    []fault.Detail `json:"errors,omitempty"`
}

// ErrorPage is the page of any failure: what happened, what is safe, what to
// do, and the reference to quote.
type ErrorPage struct {
	Frame
	Heading   string
	Message   string
	Safe      string
	Next      string
	Reference string
	Contacts  Contacts
	SignIn    bool
}

// HandleError answers a request that failed. What the person reads comes from
// the error only where its kind says that the message is for people; anything
// else is a plain sentence with the reference under which the log has the rest.
func (r *Renderer) HandleError(log *slog.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		if c.Response().Committed {
			return
		}
		status := Status(err)
		if status == http.StatusServiceUnavailable {
			c.Response().Header().Set("Retry-After", RetryAfterSeconds)
		}
		var answerErr error
		switch {
		case c.Request().Method == http.MethodHead:
			answerErr = c.NoContent(status)
		case middleware.WantsJSON(c):
			answerErr = c.JSON(status, Describe(err, status, middleware.Reference(c)))
		default:
			answerErr = r.HTML(c, status, "page/errorpages/error", r.errorPage(c, err, status))
		}
		if answerErr != nil {
			log.Error("answer an error", "reference", middleware.Reference(c), "error", answerErr)
		}
	}
}

// Describe puts into JSON what may be said of an error: its own words only where
// its kind says that they are for people.
func Describe(err error, status int, reference string) Problem {
	p := Problem{Kind: string(fault.KindOf(err)), Message: plainMessage(status), Reference: reference}
	var framework *echo.HTTPError
	var known *fault.Error
	switch {
	case errors.As(err, &known) && known.Kind != fault.KindInternal:
		p.Message, p.Where, p.Errors = known.Message, known.Where, known.Details
	case errors.As(err, &framework):
		p.Kind = strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_")
	}
	return p
}

func (r *Renderer) errorPage(c echo.Context, err error, status int) *ErrorPage {
	p := &ErrorPage{Heading: heading(status), Message: plainMessage(status), Reference: middleware.Reference(c)}
	p.Title = p.Heading
	var known *fault.Error
	if errors.As(err, &known) && known.Kind != fault.KindInternal && known.Kind != fault.KindUnavailable {
		p.Message = sentence(known)
	}
	switch {
	case status >= http.StatusInternalServerError:
		p.Safe = "Nothing that was already confirmed to you is lost."
		p.Next = "Wait a moment, then try again. If it happens again, give your clinic the reference below."
	case status == http.StatusUnauthorized:
		p.SignIn = true
	}
	if strings.HasPrefix(c.Request().URL.Path, "/p/") {
		p.Patient = true
		p.Contacts = r.site.Contacts
	}
	return p
}

// sentence makes the message of a known failure a sentence.
func sentence(e *fault.Error) string {
	message := e.Message
	if e.Kind == fault.KindInvalid {
		message = e.Where + " " + message
	}
	if message == "" {
		return ""
	}
	return strings.ToUpper(message[:1]) + strings.TrimSuffix(message[1:], ".") + "."
}

func heading(status int) string {
	switch status {
	case http.StatusNotFound:
		return "This page does not exist"
	case http.StatusForbidden:
		return "You do not have access to this page"
	case http.StatusUnauthorized:
		return "Please sign in"
	case http.StatusTooManyRequests:
		return "Too many requests"
	case http.StatusConflict:
		return "This conflicts with what is stored"
	case http.StatusServiceUnavailable:
		return "Not available just now"
	}
	if status >= http.StatusInternalServerError {
		return "Something went wrong on our side"
	}
	return "This could not be read"
}

func plainMessage(status int) string {
	switch status {
	case http.StatusNotFound:
		return "The address may be mistyped, or the page may be gone."
	case http.StatusMethodNotAllowed:
		return "This address does not accept requests of that kind."
	case http.StatusTooManyRequests:
		return "There were many requests in a short time. Wait a little, then try again."
	case http.StatusRequestTimeout:
		return "The message took too long to arrive. Nothing of it was kept; send it again."
	case http.StatusUnsupportedMediaType:
		return "The message has a format that this address does not accept."
	case http.StatusServiceUnavailable:
		return "A part of the system cannot answer at the moment."
	}
	if status >= http.StatusInternalServerError {
		return "The page could not be created. The failure has been recorded."
	}
	return "The request was not in a form that this address accepts."
}
