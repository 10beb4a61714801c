package registry

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"afterglow/internal/fault"
)

// lowestSQLite is the first version whose write-ahead log has no known way to
// corrupt a database.
var lowestSQLite = [3]int{3, 51, 3}

const lowestBusyTimeoutMs = 5000

type wantedSetting struct {
	name  string
	query string
	ok    func(value string) bool
	want  string
}

func is(want string) func(string) bool { return func(got string) bool { return got == want } }

var wantedSettings = []wantedSetting{
	{"SQLite version", "SELECT sqlite_version()", isNewEnough, "3.51.3 or later"},
	{"journal_mode", "PRAGMA journal_mode", is("wal"), "wal"},
	{"synchronous", "PRAGMA synchronous", is("2"), "2 (FULL)"},
	{"foreign_keys", "PRAGMA foreign_keys", is("1"), "1"},
	// REPLACE deletes rows without firing DELETE triggers unless this is on.
	{"recursive_triggers", "PRAGMA recursive_triggers", is("1"), "1"},
	{"busy_timeout", "PRAGMA busy_timeout", isLongEnough, "5000 ms or more"},
}

// insistOn reads the settings back and names the first that is wrong (SR-3).
func insistOn(ctx context.Context, db interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}) error {
	for _, s := range wantedSettings {
		var got string
		if err := db.QueryRowContext(ctx, s.query).Scan(&got); err != nil {
			return fmt.Errorf("read the setting %s: %w", s.name, storageFault(err))
		}
		if !s.ok(got) {
			return fault.Invalid("registry setting "+s.name, "is %s, must be %s", got, s.want)
		}
	}
	return nil
}

func isLongEnough(got string) bool {
	ms, err := strconv.Atoi(got)
	return err == nil && ms >= lowestBusyTimeoutMs
}

func isNewEnough(got string) bool {
	parts := strings.Split(got, ".")
	if len(parts) < len(lowestSQLite) {
		return false
	}
	for i, lowest := range lowestSQLite {
		n, err := strconv.Atoi(parts[i])
		if err != nil || n < lowest {
			return false
		}
		if n > lowest {
			return true
		}
	}
	return true
}
