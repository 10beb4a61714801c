// Package migrations carries the schemas of both stores as goose files. Floor:
// store.
//
// A migration that was released is never edited: the next change is a new file.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed clickhouse/*.sql
var clickhouseFiles embed.FS

//go:embed sqlite/*.sql
var sqliteFiles embed.FS

// ClickHouse gives the warehouse's migrations.
func ClickHouse() fs.FS { return mustSub(clickhouseFiles, "clickhouse") }

// SQLite gives the registry's migrations.
func SQLite() fs.FS { return mustSub(sqliteFiles, "sqlite") }

func mustSub(files embed.FS, folder string) fs.FS {
	sub, err := fs.Sub(files, folder)
	if err != nil {
		// house:panic the folders are embedded, so this is a programming error
		panic("migrations: " + err.Error())
	}
	return sub
}
