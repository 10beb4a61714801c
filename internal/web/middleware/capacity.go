package middleware

import (
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"afterglow/internal/fault"
)

// Capacity bounds the requests being worked on and those waiting for their
// turn; one more is refused at once with 503, so an overload costs refusals and
// not memory.
type Capacity struct {
	slots    chan struct{}
	queued   atomic.Int64
	waiting  int64
	patience time.Duration
}

// NewCapacity lets `working` requests run and `waiting` wait, each for at most
// the given time.
func NewCapacity(working, waiting int, patience time.Duration) *Capacity {
	return &Capacity{slots: make(chan struct{}, working), waiting: int64(waiting), patience: patience}
}

// Guard holds a slot while the handler runs.
func (q *Capacity) Guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !q.enter(c) {
			return fault.Unavailable("server", nil, "too many people are using this site right now; try again in a few seconds")
		}
		defer func() { <-q.slots }()
		return next(c)
	}
}

func (q *Capacity) enter(c echo.Context) bool {
	select {
	case q.slots <- struct{}{}:
		return true
	default:
	}
	if q.queued.Add(1) > q.waiting {
		q.queued.Add(-1)
		return false
	}
	defer q.queued.Add(-1)
	timer := time.NewTimer(q.patience)
	defer timer.Stop()
	select {
	case q.slots <- struct{}{}:
		return true
	case <-timer.C:
		return false
	case <-c.Request().Context().Done():
		return false
	}
}
