package registry

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pressly/goose/v3"

	"afterglow/internal/fault"
	"afterglow/migrations"
)

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
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the registry: %w", storageFault(err))
	}
	return nil
}
