package warehouse

import (
	"context"
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"afterglow/internal/fault"
)

var recordTables = []string{"response", "session", "study", "subject"}

// settings that a table must have for 'confirmed' to mean 'on disk, once'
// (SR-10): ClickHouse's own defaults are off.
var durableSettings = []string{"fsync_after_insert", "fsync_part_directory", "non_replicated_deduplication_window"}

// CheckDurable reads the settings back that shipping relies on, and names each
// one that is wrong.
func (w *Warehouse) CheckDurable(ctx context.Context) error {
	wrong, err := w.tableSettings(ctx)
	if err != nil {
		return err
	}
	session, err := w.sessionSettings(ctx)
	if err != nil {
		return err
	}
	wrong = append(wrong, session...)
	if len(wrong) > 0 {
		sort.Strings(wrong)
		return fault.New(fault.KindUnavailable, "warehouse", "shipping is stopped until these ClickHouse settings are right: %s", strings.Join(wrong, "; "))
	}
	return nil
}

func (w *Warehouse) tableSettings(ctx context.Context) ([]string, error) {
	found := map[string]string{}
	err := w.writeRows(ctx, "table_settings", map[string]any{"tables": recordTables}, func(name, engine string) { found[name] = engine })
	if err != nil {
		return nil, err
	}
	var wrong []string
	for _, table := range recordTables {
		engine, exists := found[table]
		if !exists {
			wrong = append(wrong, fmt.Sprintf("table %s is missing", table))
			continue
		}
		if strings.Contains(engine, "Replicated") {
			continue // replicas deduplicate by themselves
		}
		for _, name := range durableSettings {
			match := regexp.MustCompile(name + ` = (\d+)`).FindStringSubmatch(engine)
			if match == nil || match[1] == "0" {
				wrong = append(wrong, fmt.Sprintf("%s of table %s must be above 0", name, table))
			}
		}
	}
	return wrong, nil
}

func (w *Warehouse) sessionSettings(ctx context.Context) ([]string, error) {
	values := map[string]int{}
	err := w.writeRows(ctx, "session_settings", nil, func(name, value string) { values[name], _ = strconv.Atoi(value) })
	if err != nil {
		return nil, err
	}
	var wrong []string
	if values["async_insert"] != 0 && values["wait_for_async_insert"] == 0 {
		wrong = append(wrong, "async_insert must be 0, or wait_for_async_insert 1")
	}
	if values["insert_deduplicate"] == 0 {
		wrong = append(wrong, "insert_deduplicate must be 1")
	}
	return wrong, nil
}

// writeRows reads pairs of text on the writing pool, whose settings are the ones
// that count.
func (w *Warehouse) writeRows(ctx context.Context, name string, parameters map[string]any, each func(a, b string)) error {
	rows, err := w.write.Query(ctx, statement(name), named(parameters)...)
	if err != nil {
		return fmt.Errorf("read %s of the warehouse: %w", name, unavailable(err))
	}
	defer rows.Close()
	for rows.Next() {
		var a, b string
		if err := rows.Scan(&a, &b); err != nil {
			return fmt.Errorf("read a row of %s: %w", name, err)
		}
		each(a, b)
	}
	return unavailable(rows.Err())
}

// Columns lists every column of the record as 'table.column type', for the
// review that keeps identifiers and free text out (SR-16).
func (w *Warehouse) Columns(ctx context.Context) ([]string, error) {
	var found []string
	err := w.writeRows(ctx, "columns", nil, func(column, kind string) { found = append(found, column+" "+kind) })
	return found, err
}
