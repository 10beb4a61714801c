package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"afterglow/internal/fault"
)

// The exit codes of every command.
const (
	exitDone    = 0
	exitFailed  = 1
	exitBadUse  = 2
	exitMissing = 3
)

// checkFailed is what a command returns when it ran well and what it checked
// was not right; the details were printed already.
type checkFailed struct{ summary string }

func (e checkFailed) Error() string { return e.summary }

func usageCode(code int) int {
	if code == exitDone {
		return exitDone
	}
	return exitBadUse
}

// report prints an error for people and gives the exit code for it.
func report(w io.Writer, err error) int {
	var failed checkFailed
	if errors.As(err, &failed) {
		fmt.Fprintln(w, "afterglow:", failed.summary)
		return exitFailed
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		fmt.Fprintln(w, "afterglow:", err)
		return exitFailed
	}
	// The cause is for the log: it may name sockets and drivers.
	slog.Debug("command", "error", err)
	fmt.Fprintf(w, "afterglow: %s: %s\n", f.Where, f.Message)
	for _, d := range f.Details {
		fmt.Fprintf(w, "  %s: %s\n", d.Item, d.Message)
	}
	switch f.Kind {
	case fault.KindInvalid, fault.KindNotFound, fault.KindConflict, fault.KindTooLarge, fault.KindForbidden:
		return exitBadUse
	case fault.KindUnavailable:
		return exitMissing
	default:
		return exitFailed
	}
}
