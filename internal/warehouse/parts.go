package warehouse

import (
	"context"
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// BrokenPart is a part of a table of the record whose bytes are not what its own
// checksums say.
type BrokenPart struct{ Table, Name, Why string }

// BrokenParts has ClickHouse read every part of the record and compare it with its
// checksums. A question that reads a broken part fails, or runs for minutes: inside
// a block, ClickHouse looks for a single flipped bit.
func (w *Warehouse) BrokenParts(ctx context.Context) ([]BrokenPart, error) {
	var broken []BrokenPart
	for _, table := range recordTables {
		found, err := w.checkTable(ctx, table)
		if err != nil {
			return nil, fmt.Errorf("check the parts of table %s: %w", table, unavailable(err))
		}
		broken = append(broken, found...)
	}
	return broken, nil
}

func (w *Warehouse) checkTable(ctx context.Context, table string) (broken []BrokenPart, err error) {
	// The name is one of recordTables, so it can stand in the statement.
	rows, err := w.write.Query(ctx, "CHECK TABLE "+table+" SETTINGS check_query_single_value_result = 0")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var name, why string
		var passed bool
		if err := rows.Scan(&name, &passed, &why); err != nil {
			return nil, err
		}
		if !passed {
			broken = append(broken, BrokenPart{Table: table, Name: name, Why: why})
		}
	}
	return broken, rows.Err()
}

// SetAside takes a broken part out of its table. Its files stay in the table's
// folder detached; what is missing then comes back from the journal.
func (w *Warehouse) SetAside(ctx context.Context, p BrokenPart) error {
	// The name is one of recordTables, so it can stand in the statement.
	if err := w.write.Exec(ctx, "ALTER TABLE "+p.Table+" DETACH PART {part:String}", clickhouse.Named("part", p.Name)); err != nil {
		return fmt.Errorf("set part %s of table %s aside: %w", p.Name, p.Table, unavailable(err))
	}
	return nil
}
