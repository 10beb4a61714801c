package registry

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"afterglow/internal/fault"
)

// SQLite's primary result codes that mean: not now, and nobody's input is wrong.
var environmentCodes = map[int]string{
	5:  "the registry is locked by another process",
	6:  "the registry is locked",
	7:  "the registry has no memory",
	8:  "the registry cannot be written",
	10: "the registry's disk reports an error",
	11: "the registry file is damaged; restore a backup",
	13: "the registry's disk is full",
	14: "the registry file cannot be opened",
	15: "the registry is locked by another process",
}

const (
	interruptedCode = 9
	corruptCode     = 11
	constraintCode  = 19
)

// resultCode gives SQLite's primary result code, or 0.
func resultCode(err error) int {
	var coded interface{ Code() int }
	if errors.As(err, &coded) {
		return coded.Code() & 0xff
	}
	return 0
}

// storageFault turns what the environment does to the database into a
// fault.Unavailable (SR-6), and what the caller gave up into a fault.Canceled;
// other errors stay as they are.
func storageFault(err error) error {
	if err == nil || fault.Is(err, fault.KindUnavailable) || fault.Is(err, fault.KindCanceled) {
		return err
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Unavailable("registry", err, "the registry did not answer in time")
	case errors.Is(err, context.Canceled) || resultCode(err) == interruptedCode:
		return fault.Canceled("registry", err, "the request was cancelled before the registry answered")
	}
	if message, known := environmentCodes[resultCode(err)]; known {
		return fault.Unavailable("registry", err, "%s", message)
	}
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return fault.Unavailable("registry", err, "the connection to the registry was lost")
	}
	return err
}

func isConstraint(err error) bool { return resultCode(err) == constraintCode }

func isEnvironment(err error) bool { return fault.Is(err, fault.KindUnavailable) }
