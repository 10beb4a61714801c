package engine_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"

	"github.com/ClickHouse/clickhouse-go/v2"

	"afterglow/internal/warehouse/engine"
)

// The engine is reached through clickhouse-go only: protocol HTTP, no compression, any address, and
// the pool's DialContext.
func Example() {
	ctx := context.Background()
	library, err := engine.FindLibrary("", repository)
	if err != nil {
		log.Fatal(err)
	}
	data, err := os.MkdirTemp("", "afterglow-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(data)
	e, err := engine.Start(ctx, engine.Config{Library: library, Data: data, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()

	conn, err := clickhouse.Open(&clickhouse.Options{
		Protocol:    clickhouse.HTTP,
		Addr:        []string{"engine"},
		Auth:        clickhouse.Auth{Database: "afterglow"},
		DialContext: e.Dial(engine.Read),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	var sum uint64
	row := conn.QueryRow(ctx, "SELECT sum(number) FROM numbers({n:UInt64})", clickhouse.Named("n", 101))
	if err := row.Scan(&sum); err != nil {
		log.Fatal(err)
	}
	fmt.Println(sum)
	// Output: 5050
}
