package registry_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"afterglow/migrations"
)

func TestMigrationsGoUpAndDownAndUp(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "empty.sqlite"))
	require.NoError(t, err)
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.SQLite())
	require.NoError(t, err)
	_, err = provider.Up(ctx)
	require.NoError(t, err)
	_, err = provider.DownTo(ctx, 0)
	require.NoError(t, err)
	var left string
	require.NoError(t, db.QueryRow(`SELECT coalesce(group_concat(name), '') FROM sqlite_schema
		WHERE name NOT LIKE 'sqlite%' AND name NOT LIKE 'goose%'`).Scan(&left))
	require.Empty(t, left, "the way down leaves nothing")
	_, err = provider.Up(ctx)
	require.NoError(t, err)
	rows, err := db.Query("SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'goose%'")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		require.Fail(t, "a table is not STRICT", name)
	}
	require.NoError(t, rows.Err())
}

// TestMigration2KeepsWhatWaits brings rows of the first release over, and back.
func TestMigration2KeepsWhatWaits(t *testing.T) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "old.sqlite")+"?_pragma=foreign_keys(1)&_pragma=recursive_triggers(1)")
	require.NoError(t, err)
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.SQLite())
	require.NoError(t, err)
	_, err = provider.UpTo(ctx, 1)
	require.NoError(t, err)
	for _, statement := range []string{
		`INSERT INTO patient (pseudonym, simulated, created_at) VALUES ('0123456789abcdef0123456789abcdef', 1, 'then')`,
		`INSERT INTO study (id, definition, created_at) VALUES ('trial', '{}', 'then')`,
		`INSERT INTO course (id, patient, study, subject, factors, created_at)
			VALUES (5, '0123456789abcdef0123456789abcdef', 'trial', 'fedcba9876543210fedcba9876543210', '{"arm":"new"}', 'then')`,
		`INSERT INTO occasion (id, course, instrument, instrument_version, visit, anchor, target_day, state, created_at)
			VALUES (6, 5, 'phq-9', '1.0.0', '2m', 'session', 61, 'answered', 'then')`,
		`INSERT INTO journal (sequence, key, body_hash, receipt, occasion, patient, subject, course, visit, target_day, instrument, instrument_version,
			definition_hash, revision, answers, score, flags, source, language, received_at)
			VALUES (7, 'key', zeroblob(32), 'a receipt of twenty-two', 6, '0123456789abcdef0123456789abcdef', 'fedcba9876543210fedcba9876543210', 5, '2m', 61,
			'phq-9', '1.0.0', 'hash', 1, '{}', '{}', '[]', 'import', '', 'then')`,
		`INSERT INTO shipment (id, token, row_count, created_at) VALUES (8, 'token', 1, 'then')`,
		`INSERT INTO outbox (id, study) VALUES (20, 'trial')`,
		`INSERT INTO outbox (id, course, shipment) VALUES (21, 5, 8)`,
		`INSERT INTO outbox (id, journal) VALUES (30, 7)`,
	} {
		_, err := db.Exec(statement)
		require.NoError(t, err, statement)
	}
	waiting := func() (found string) {
		require.NoError(t, db.QueryRow(`SELECT group_concat(concat_ws(' ', id, coalesce(study, '-'), coalesce(course, '-'), coalesce(journal, '-'),
			coalesce(shipment, '-')), '; ' ORDER BY id) FROM outbox`).Scan(&found))
		return found
	}
	const old = "20 trial - - -; 21 - 5 - 8; 30 - - 7 -"
	require.Equal(t, old, waiting())

	_, err = provider.UpTo(ctx, 2)
	require.NoError(t, err)
	require.Equal(t, old, waiting(), "what waited still waits, in the same order and shipment")
	var course, occasion string
	require.NoError(t, db.QueryRow("SELECT concat_ws(' ', factors, coalesce(protocol, '-'), coalesce(protocol_version, '-')) FROM course").Scan(&course))
	require.Equal(t, `{"arm":"new"} - -`, course)
	require.NoError(t, db.QueryRow("SELECT concat_ws(' ', visit, anchor, coalesce(session, '-'), coalesce(target_at, '-')) FROM occasion").Scan(&occasion))
	require.Equal(t, "2m session - -", occasion)
	for _, statement := range []string{
		`INSERT INTO protocol (id, version, definition, created_at) VALUES ('im', 1, '{}', 'now')`,
		`UPDATE course SET protocol = 'im', protocol_version = 1`,
		`INSERT INTO session (sequence, course, number, revision, author, protocol, protocol_version, body, recorded_at) VALUES (1, 5, 1, 1, 'a', 'im', 1, '{}', 'now')`,
		`INSERT INTO outbox (session) VALUES (1)`,
	} {
		_, err := db.Exec(statement)
		require.NoError(t, err, statement)
	}
	var next int
	require.NoError(t, db.QueryRow("SELECT max(id) FROM outbox").Scan(&next))
	require.Equal(t, 31, next, "new rows queue behind the old ones")
	for _, wrong := range []string{
		`INSERT INTO outbox (session, journal) VALUES (1, 7)`, `INSERT INTO outbox (session) VALUES (1)`, `INSERT INTO outbox (session) VALUES (99)`,
		`INSERT INTO session (course, number, revision, author, protocol, protocol_version, body, recorded_at) VALUES (5, 2, 1, 'a', 'im', 2, '{}', 'now')`,
		`INSERT INTO session (course, number, revision, author, protocol, protocol_version, body, recorded_at) VALUES (5, 1, 2, 'a', 'im', 1, '{}', 'now')`,
		`UPDATE course SET protocol_version = 2`,
		`UPDATE occasion SET anchor = 'course-start', session = 1`,
	} {
		_, err := db.Exec(wrong)
		require.Error(t, err, wrong)
	}

	_, err = provider.DownTo(ctx, 1)
	require.NoError(t, err)
	require.Equal(t, old, waiting(), "the way down drops what the first release cannot ship, and nothing else")
	_, err = provider.UpTo(ctx, 2)
	require.NoError(t, err)
	require.Equal(t, old, waiting())
}
