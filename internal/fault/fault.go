// Package fault names the kinds of failure and carries a message for people.
// Floor: ground.
//
// It must not know about HTTP, SQL or any outside system: a face maps a kind to
// a status, in one place.
package fault

import (
	"errors"
	"fmt"
)

// Kind says what sort of failure happened; it decides the status a caller sees
// and whether the message may be shown.
type Kind string

// The closed list of kinds. KindCanceled says that whoever asked went away before
// it was done, so that nobody waits for the answer and nothing is wrong.
// KindInternal is what an error without a kind is.
const (
	KindInvalid         Kind = "invalid"
	KindNotFound        Kind = "not_found"
	KindConflict        Kind = "conflict"
	KindForbidden       Kind = "forbidden"
	KindUnauthenticated Kind = "unauthenticated"
	KindTooLarge        Kind = "too_large"
	KindUnavailable     Kind = "unavailable"
	KindCanceled        Kind = "canceled"
	KindInternal        Kind = "internal"
)

// Detail is one thing that is wrong with an input: where it stands (an item of
// an instrument, a column, a row, a field) and what is wrong, for people.
type Detail struct {
	Item    string `json:"item"`
	Message string `json:"message"`
}

// Error is a failure with a kind. Message is for people and holds no name, no
// contact and no answer; Where names the field, row or setting.
type Error struct {
	Kind    Kind
	Message string
	Where   string
	Details []Detail
	Err     error
}

// Error joins place, message and cause, in that order.
func (e *Error) Error() string {
	s := e.Message
	if e.Where != "" {
		s = e.Where + ": " + s
	}
	for i, d := range e.Details {
		if i == 3 {
			s += fmt.Sprintf("; and %d more", len(e.Details)-i)
			break
		}
		s += fmt.Sprintf("; %s: %s", d.Item, d.Message)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause, if there is one.
func (e *Error) Unwrap() error { return e.Err }

// New makes a failure of the given kind at a place.
func New(kind Kind, where, format string, args ...any) *Error {
	return &Error{Kind: kind, Where: where, Message: fmt.Sprintf(format, args...)}
}

// Invalid is bad input: the sender must change it.
func Invalid(where, format string, args ...any) *Error {
	return New(KindInvalid, where, format, args...)
}

// InvalidDetails is bad input with every fault found, not only the first.
func InvalidDetails(where string, details []Detail) *Error {
	return &Error{Kind: KindInvalid, Where: where, Message: "some values are not right", Details: details}
}

// NotFound is something that does not exist, or must not be known to exist.
func NotFound(where, format string, args ...any) *Error {
	return New(KindNotFound, where, format, args...)
}

// Conflict is input that is right by itself but not with what is stored.
func Conflict(where, format string, args ...any) *Error {
	return New(KindConflict, where, format, args...)
}

// Forbidden is an act the caller may not do.
func Forbidden(where, format string, args ...any) *Error {
	return New(KindForbidden, where, format, args...)
}

// Unavailable is a part of the system that cannot serve now; trying later may work.
func Unavailable(where string, cause error, format string, args ...any) *Error {
	e := New(KindUnavailable, where, format, args...)
	e.Err = cause
	return e
}

// Canceled is the failure of what was given up; cause is the context's error.
func Canceled(where string, cause error, format string, args ...any) *Error {
	e := New(KindCanceled, where, format, args...)
	e.Err = cause
	return e
}

// KindOf gives the kind of the first Error in the chain, or KindInternal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindInternal
}

// Is reports whether err carries the kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }
