package engine_test

import (
	"afterglow/internal/warehouse/engine"
	"context"
	"fmt"
	"log/slog"
	"os"
)

// holdVariable names a data folder for holdIfAsked.
const holdVariable = "AFTERGLOW_ENGINE_TEST_HOLD"

// holdIfAsked makes this process a second owner of a data folder: it starts an engine there, says so,
// and stays until it is killed.
func holdIfAsked() {
	data := os.Getenv(holdVariable)
	if data == "" {
		return
	}
	path, err := engine.FindLibrary("", repository)
	if err == nil {
		var e *engine.Engine
		e, err = engine.Start(context.Background(), engine.Config{Library: path, Data: data, Log: slog.New(slog.DiscardHandler)})
		if err == nil {
			fmt.Printf("engine %d\n", e.Pid())
			select {}
		}
	}
	fmt.Println(err)
	os.Exit(1)
}
