package registry

import "time"

// maxSkew is how far the server's clock may run off before the record says so.
const maxSkew = 5 * time.Minute

// skewWatch compares the wall clock with the time that really passed. Order
// comes from sequences, so a step of the clock harms nothing; but it must be
// seen (SR-18).
type skewWatch struct {
	wall    time.Time
	running time.Time // carries the monotonic clock
}

// step gives how far the wall clock moved beyond the time that passed; 0 when it
// kept within maxSkew.
func (s *skewWatch) step(wall time.Time, last time.Time) time.Duration {
	running := time.Now()
	before := *s
	s.wall, s.running = wall, running
	var moved time.Duration
	switch {
	case !before.wall.IsZero():
		moved = wall.Sub(before.wall) - running.Sub(before.running)
	case !last.IsZero() && wall.Before(last):
		moved = wall.Sub(last)
	}
	if moved.Abs() <= maxSkew {
		return 0
	}
	return moved
}

// watchSkew leaves an audit event when the clock has been stepped.
func (w *writer) watchSkew() error {
	tx := &Tx{ctx: w.ctx, w: w, now: w.clock().UTC(), actor: System("clock")}
	moved := w.skew.step(tx.now, w.head.at)
	if moved == 0 {
		return nil
	}
	w.log.Warn("the server's clock was stepped", "seconds", int64(moved.Seconds()))
	if err := tx.Audit(Event{
		Action: "clock-stepped", SubjectKind: "clock", Subject: "server",
		Detail: map[string]any{"seconds": int64(moved.Seconds())},
	}); err != nil {
		return asUnavailable(err)
	}
	return nil
}
