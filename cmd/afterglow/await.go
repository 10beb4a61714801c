package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"afterglow/internal/fault"
)

// awaitShipped waits until the warehouse has everything that the registry had
// acknowledged when it was called, so that a question right after an import is
// asked of all of it. What comes in meanwhile is not waited for. After patience
// it is an unavailable fault that says how much is missing.
func (h *house) awaitShipped(ctx context.Context, patience time.Duration, progress io.Writer) error {
	const pause, saying = 100 * time.Millisecond, 2 * time.Second
	mark, err := h.store.OutboxMark(ctx)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(patience)
	for said := time.Now(); ; {
		waiting, err := h.store.WaitingUpTo(ctx, mark)
		switch {
		case err != nil || waiting == 0:
			return err
		case time.Now().After(deadline):
			return notShipped(waiting)
		case time.Since(said) > saying:
			said = time.Now()
			fmt.Fprintf(progress, "waiting: %d rows are on their way to the warehouse\n", waiting)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func notShipped(waiting int64) error {
	return fault.Unavailable("warehouse", nil, "%d received rows have not reached it yet, so an answer would cover only part of the data; ask again in a moment, or find out why with: afterglow doctor", waiting)
}
