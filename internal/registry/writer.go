package registry

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/internal/fault"
)

// maxBatch bounds how many callers share one commit.
const maxBatch = 512

// writer is the one goroutine that writes. Callers' functions run one after the
// other, each in a savepoint of a shared transaction; one fsynced commit then
// acknowledges all of them, so many callers cost one fsync (group commit).
type writer struct {
	ctx   context.Context
	clock func() time.Time
	log   *slog.Logger
	keys  *keyring
	// corrupt is the store's.
	corrupt *atomic.Bool
	skew    skewWatch

	db       *sql.DB
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
	head     auditHead

	queue   chan *request
	closing sync.RWMutex // held for reading while a request is put into the queue
	closed  bool
	done    chan struct{}
}

const (
	requestQueued int32 = iota
	requestTaken
	requestAbandoned
)

type request struct {
	ctx    context.Context
	actor  Actor
	run    func(*Tx) error
	state  atomic.Int32
	result error
	done   chan struct{}
}

func newWriter(ctx context.Context, c Config) (*writer, error) {
	// 64 MiB of pages, so that a large import does not spill its indexes. What
	// undoes one caller's part is kept in memory: it is of no use after a crash,
	// and as a file it would cost a write for every page that a caller touches.
	db, err := sql.Open(c.Driver, dataSource(c.Path, "cache_size(-65536)", "temp_store(2)"))
	if err != nil {
		return nil, fmt.Errorf("open for writing: %w", err)
	}
	db.SetMaxOpenConns(1)
	w := &writer{
		ctx: context.WithoutCancel(ctx), clock: c.Clock, log: c.Logger, db: db,
		queue: make(chan *request, c.QueueLength), done: make(chan struct{}),
	}
	if err := w.connect(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return w, nil
}

func (w *writer) connect() error {
	conn, err := w.db.Conn(w.ctx)
	if err != nil {
		return fmt.Errorf("connect for writing: %w", storageFault(err))
	}
	if err := insistOn(w.ctx, conn); err != nil {
		return errors.Join(err, conn.Close())
	}
	w.conn, w.prepared = conn, map[string]*sql.Stmt{}
	return nil
}

// disconnect throws the connection away after a failure of the environment, so
// that nothing half-done stays on it.
func (w *writer) disconnect() {
	if w.conn == nil {
		return
	}
	for _, stmt := range w.prepared {
		_ = stmt.Close()
	}
	// The pool drops a connection that says it is bad.
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	w.conn, w.prepared = nil, nil
}

func (w *writer) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, known := w.prepared[query]; known {
		return stmt, nil
	}
	stmt, err := w.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare a statement: %w", err)
	}
	w.prepared[query] = stmt
	return stmt, nil
}

// Write runs fn in a transaction and returns once it is committed and on disk.
// When fn returns an error, nothing of it stays. fn must leave an audit event
// when it changes the record (SR-76). A fault.Unavailable says that nothing was
// written and that the same call may work later, a fault.Canceled that the caller
// gave up; ctx can end the wait only before fn has started. fn must not call the store, only the Tx.
func (s *Store) Write(ctx context.Context, actor Actor, fn func(*Tx) error) error {
	r := &request{ctx: ctx, actor: actor, run: fn, done: make(chan struct{})}
	if err := s.writer.enqueue(r); err != nil {
		return err
	}
	select {
	case <-r.done:
		return r.result
	case <-ctx.Done():
		if r.state.CompareAndSwap(requestQueued, requestAbandoned) {
			return fmt.Errorf("wait for the registry: %w", storageFault(ctx.Err()))
		}
		<-r.done
		return r.result
	}
}

func (w *writer) enqueue(r *request) error {
	w.closing.RLock()
	defer w.closing.RUnlock()
	if w.closed {
		return fault.Unavailable("registry", nil, "the registry is closed")
	}
	select {
	case w.queue <- r:
		return nil
	default:
		return fault.Unavailable("registry", nil, "too many writes are waiting already")
	}
}

// stop refuses new writes, lets the queued ones finish and closes.
func (w *writer) stop() error {
	w.closing.Lock()
	already := w.closed
	w.closed = true
	w.closing.Unlock()
	if !already {
		close(w.queue)
	}
	<-w.done
	return w.close()
}

func (w *writer) close() error {
	w.disconnect()
	return w.db.Close()
}

func (w *writer) run() {
	defer close(w.done)
	for first := range w.queue {
		batch, err := w.batch(first)
		if err != nil {
			w.log.Error("the registry did not commit", "writes", len(batch), "error", err)
			if resultCode(err) == corruptCode {
				w.corrupt.Store(true)
			}
			w.disconnect()
		}
		for _, r := range batch {
			if err != nil {
				r.result = err
			}
			close(r.done)
		}
	}
}

// batch runs the first request and whatever else waits in one transaction. An
// error means that nothing of the batch was written.
func (w *writer) batch(first *request) (batch []*request, err error) {
	began := w.begin()
	for r := first; r != nil; r = w.next(len(batch)) {
		batch = append(batch, r)
		if !r.state.CompareAndSwap(requestQueued, requestTaken) {
			continue
		}
		if err == nil && began == nil {
			r.result, err = w.runOne(r)
		}
	}
	if began != nil {
		return batch, began
	}
	if err != nil {
		return batch, err
	}
	if _, err := w.conn.ExecContext(w.ctx, "COMMIT"); err != nil {
		return batch, fmt.Errorf("commit: %w", asUnavailable(err))
	}
	return batch, nil
}

func (w *writer) next(taken int) *request {
	if taken >= maxBatch {
		return nil
	}
	select {
	case r := <-w.queue: // nil once the queue is closed and empty
		return r
	default:
		return nil
	}
}

func (w *writer) begin() error {
	if w.conn == nil {
		if err := w.connect(); err != nil {
			return asUnavailable(err)
		}
	}
	if _, err := w.conn.ExecContext(w.ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", asUnavailable(err))
	}
	if err := w.loadHead(); err != nil {
		return asUnavailable(err)
	}
	return w.watchSkew()
}

// runOne runs one caller's function. own is what the caller gets; broken ends
// the whole batch.
func (w *writer) runOne(r *request) (own, broken error) {
	tx := &Tx{ctx: w.ctx, w: w, now: w.clock().UTC().Truncate(time.Microsecond), actor: r.actor}
	head := w.head
	if _, err := tx.keep("SAVEPOINT one"); err != nil {
		return nil, asUnavailable(err)
	}
	own = call(tx, r.run)
	if own == nil && tx.changed && !tx.audited {
		own = errors.New("write to the registry: a change left no audit event")
	}
	if tx.broken != nil {
		return nil, tx.broken
	}
	if own != nil {
		w.head = head
		if _, err := tx.keep("ROLLBACK TO one"); err != nil {
			return nil, asUnavailable(err)
		}
	}
	if _, err := tx.keep("RELEASE one"); err != nil {
		return nil, asUnavailable(err)
	}
	return own, nil
}

// call turns a panic into an error, so that it undoes only its own part.
func call(tx *Tx, fn func(*Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("write to the registry: panic: %v\n%s", p, debug.Stack())
		}
	}()
	return fn(tx)
}

// asUnavailable is for failures of the transaction itself: whatever the reason,
// nothing was written and no caller's input is wrong.
func asUnavailable(err error) error {
	if err = storageFault(err); isEnvironment(err) {
		return err
	}
	return fault.Unavailable("registry", err, "the registry cannot be written")
}
