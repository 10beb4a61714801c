package warehouse

import (
	"context"
	"embed"
	"fmt"
	"strings"
	"text/template" // house:template the number of columns in a query; values are parameters

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

//go:embed queries/*.sql queries/*.sql.tmpl
var queryFiles embed.FS

var queryTemplates = template.Must(template.ParseFS(queryFiles, "queries/*.sql.tmpl"))

// statement gives the text of one question; the files are part of the binary,
// so a missing one is a programming error.
func statement(name string) string {
	text, err := queryFiles.ReadFile("queries/" + name + ".sql")
	if err != nil {
		// house:panic the files are embedded, so this is a programming error
		panic("warehouse: no statement " + name)
	}
	return string(text)
}

// query runs a question on the reading pool and hands each row to scan.
func (w *Warehouse) query(ctx context.Context, name string, parameters map[string]any, scan func(driver.Rows) error) error {
	return w.ask(ctx, name, statement(name), parameters, scan)
}

// queryShaped is query for a text whose number of columns depends on the question.
// shape holds numbers only; values are parameters.
func (w *Warehouse) queryShaped(ctx context.Context, name string, shape any, parameters map[string]any, scan func(driver.Rows) error) error {
	var text strings.Builder
	if err := queryTemplates.ExecuteTemplate(&text, name+".sql.tmpl", shape); err != nil {
		return fmt.Errorf("write the text of %s: %w", name, err)
	}
	return w.ask(ctx, name, text.String(), parameters, scan)
}

func (w *Warehouse) ask(ctx context.Context, name, text string, parameters map[string]any, scan func(driver.Rows) error) error {
	rows, err := w.read.Query(ctx, text, named(parameters)...)
	if err != nil {
		return fmt.Errorf("ask the warehouse for %s: %w", name, unavailable(err))
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("read a row of %s: %w", name, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the rows of %s: %w", name, unavailable(err))
	}
	return nil
}

// exec runs a statement that changes the record, on the writing pool.
func (w *Warehouse) exec(ctx context.Context, name string, parameters map[string]any) error {
	if err := w.write.Exec(ctx, statement(name), named(parameters)...); err != nil {
		return fmt.Errorf("run %s in the warehouse: %w", name, unavailable(err))
	}
	return nil
}

func named(parameters map[string]any) []any {
	args := make([]any, 0, len(parameters))
	for name, value := range parameters {
		args = append(args, clickhouse.Named(name, value))
	}
	return args
}
