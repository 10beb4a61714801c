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
