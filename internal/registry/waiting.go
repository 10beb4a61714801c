package registry

import (
	"context"
	"fmt"
)

// OutboxMark is a place in the outbox: what was put there up to it was recorded
// before the mark was taken.
type OutboxMark int64

// OutboxMark marks everything that waits for the warehouse now.
func (s *Store) OutboxMark(ctx context.Context) (OutboxMark, error) {
	var last int64
	if err := s.queryRow(ctx, "SELECT coalesce(max(id), 0) FROM outbox").Scan(&last); err != nil {
		return 0, fmt.Errorf("mark the end of the outbox: %w", err)
	}
	return OutboxMark(last), nil
}

// WaitingUpTo counts the rows up to the mark that are on their way to the
// warehouse: studies, courses, sessions and journal rows. What an import brings is
// on its way from its completion on, and a damaged row is not sent.
func (s *Store) WaitingUpTo(ctx context.Context, mark OutboxMark) (int64, error) {
	var n int64
	if err := s.queryRow(ctx, "SELECT count(*) FROM outbox w WHERE id <= ? AND "+outboxIsOpen+" AND "+notDamaged, int64(mark)).Scan(&n); err != nil {
		return 0, fmt.Errorf("count what waits in the outbox: %w", err)
	}
	return n, nil
}
