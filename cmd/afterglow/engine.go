//go:build !testbuild

package main

import (
	"context"

	"afterglow/internal/warehouse/engine"
)

// engineCmd is the child process of the embedded ClickHouse.
type engineCmd struct{}

func (engineCmd) Run(ctx context.Context) error { return engine.RunChild(ctx) }
