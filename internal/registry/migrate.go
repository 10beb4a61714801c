package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/pressly/goose/v3"

	"afterglow/internal/fault"
	"afterglow/migrations"
)

// copyFirst writes the registry as it is to a file next to it, before a migration
// changes it (SR-37): PATH.version-N, N being the schema version that it has. The
// copy is taken through SQLite, so that what is still in the write-ahead log is in
// it, and gets its name only when it is whole.
func copyFirst(ctx context.Context, db *sql.DB, path string, version int64) error {
	copied := fmt.Sprintf("%s.version-%d", path, version)
	if _, err := os.Stat(copied); err == nil {
		return nil // from an attempt that was interrupted after the copy
	}
	unfinished := copied + ".unfinished"
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.Unavailable("registry copy", err, "%s cannot be removed", unfinished)
	}
	// An empty file of our own is filled, so that nobody else can ever read it.
	f, err := os.OpenFile(unfinished, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fault.Unavailable("registry copy", err, "%s cannot be written, so the registry cannot be copied before its migration", unfinished)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("make the copy of the registry: %w", err)
	}
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", unfinished); err != nil {
		return fmt.Errorf("copy the registry before its migration: %w", storageFault(err))
	}
	if err := syncFile(unfinished); err != nil {
		return fmt.Errorf("copy the registry before its migration: %w", err)
	}
	if err := os.Rename(unfinished, copied); err != nil {
		return fmt.Errorf("name the copy of the registry: %w", err)
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// migrate brings the schema up when the owner opens it; a command beside it only
// looks. Either refuses a schema that is newer than this program.
func migrate(ctx context.Context, c Config) (err error) {
	db, err := sql.Open(c.Driver, dataSource(c.Path))
	if err != nil {
		return fmt.Errorf("open for migration: %w", err)
	}
	defer func() {
		if closed := db.Close(); err == nil && closed != nil {
			err = fmt.Errorf("close after migration: %w", closed)
		}
	}()
	if err := insistOn(ctx, db); err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.SQLite())
	if err != nil {
		return fmt.Errorf("read the registry's migrations: %w", err)
	}
	sources := provider.ListSources()
	newest := sources[len(sources)-1].Version
	present, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the schema version: %w", storageFault(err))
	}
	switch {
	case present > newest:
		return fault.Invalid("registry schema", "is version %d, this program knows %d; use the newer program", present, newest)
	case present < newest && c.Beside:
		return fault.Invalid("registry schema", "is version %d, this program needs %d; start the server once to migrate it", present, newest)
	}
	if present > 0 && present < newest {
		if err := copyFirst(ctx, db, c.Path, present); err != nil {
			return err
		}
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the registry: %w", storageFault(err))
	}
	return nil
}
