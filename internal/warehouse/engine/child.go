package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// childVariable is the wire between a parent and the child it starts. It is no setting of the
// program: nobody but Start writes it, and it holds no secret.
const childVariable = "AFTERGLOW_ENGINE_CHILD"

// childEnvironment is the whole environment of a child. The parent's, which may hold secrets, is not
// passed on. ClickHouse takes its time zone from TZ.
func childEnvironment(config ServeConfig) ([]string, error) {
	encoded, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("encode the child's configuration: %w", err)
	}
	return []string{childVariable + "=" + string(encoded), "TZ=UTC", "LC_ALL=C"}, nil
}

// ErrNotAsked is returned by RunChild in a process that Start did not start.
var ErrNotAsked = errors.New("this process was not started as an engine: the engine is started by the program that needs it")

// RunChild serves as the child that Start asked this process to be.
func RunChild(ctx context.Context) error {
	encoded, asked := os.LookupEnv(childVariable)
	if !asked {
		return ErrNotAsked
	}
	var config ServeConfig
	if err := json.Unmarshal([]byte(encoded), &config); err != nil {
		return fmt.Errorf("decode the child's configuration: %w", err)
	}
	return Serve(ctx, config)
}

// RunChildIfAsked is for the first line of a TestMain: in a process that Start started it serves and
// exits, in any other it returns.
func RunChildIfAsked(ctx context.Context) {
	err := RunChild(ctx)
	if errors.Is(err, ErrNotAsked) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
