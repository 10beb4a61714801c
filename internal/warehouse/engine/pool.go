package engine

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Limits bounds one pool of sessions and what a statement in it may use. Zero means ClickHouse's own
// default, which is no limit for time, memory and rows.
type Limits struct {
	// Sessions is how many statements run at once.
	Sessions int
	// Queue is how many more may wait; the next one is refused with TOO_MANY_SIMULTANEOUS_QUERIES.
	Queue int
	// Time is how long one statement may run.
	Time time.Duration
	// MemoryBytes is what one statement may hold.
	MemoryBytes int64
	// ResultRows is how many rows a result may have; a larger one is an error, never cut.
	ResultRows int64
	// ReadRows is how many rows a statement may read from its tables.
	ReadRows int64
}

// pool opens a session for each statement and bounds how many there are.
type pool struct {
	name     string
	readOnly bool
	limits   Limits
	args     []string
	lib      *library
	running  chan struct{}
	waiting  atomic.Int64
	tags     *atomic.Uint64
	// patience is how long a cancelled statement may take to end; stuck counts those that have
	// taken longer and still run.
	patience time.Duration
	stuck    atomic.Int64
}

// killEvery is how often a cancelled statement is asked to stop until it has: it may have been
// cancelled before ClickHouse listed it as running.
const killEvery = 50 * time.Millisecond

// with runs fn in a session of its own. When ctx ends first, the statement in it is killed, and fn
// returns ClickHouse's error for that.
func (p *pool) with(ctx context.Context, req request, fn func(*session) error) error {
	release, err := p.enter(ctx)
	if err != nil {
		return err
	}
	defer release()
	if p.limits.Time > 0 {
		// ClickHouse enforces its own limit between blocks; this one ends what does not reach
		// the end of a block.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.limits.Time+2*time.Second)
		defer cancel()
	}
	tag := p.name + "-" + strconv.FormatUint(p.tags.Add(1), 10)
	s, err := p.open(tag, req)
	if err != nil {
		return err
	}
	defer s.close()
	done := make(chan struct{})
	defer close(done)
	stopKiller := context.AfterFunc(ctx, func() { p.kill(tag, done) })
	defer stopKiller()
	if err := ctx.Err(); err != nil {
		return newException(codeCancelled, "QUERY_WAS_CANCELLED", "the client had disconnected before the query began")
	}
	return fn(s)
}

// enter waits for a free place.
func (p *pool) enter(ctx context.Context) (release func(), err error) {
	release = func() { <-p.running }
	select {
	case p.running <- struct{}{}:
		return release, nil
	default:
	}
	if waiting := p.waiting.Add(1); waiting > int64(p.limits.Queue) {
		p.waiting.Add(-1)
		return nil, newException(codeTooMany, "TOO_MANY_SIMULTANEOUS_QUERIES", fmt.Sprintf(
			"the %s pool runs %d queries and %d wait: try again", p.name, p.limits.Sessions, p.limits.Queue))
	}
	defer p.waiting.Add(-1)
	select {
	case p.running <- struct{}{}:
		return release, nil
	case <-ctx.Done():
		return nil, newException(codeCancelled, "QUERY_WAS_CANCELLED", "the client disconnected while the query waited for a free session")
	}
}

// open begins a session with the pool's limits, the request's database and its settings.
func (p *pool) open(tag string, req request) (*session, error) {
	args := append([]string{"--log_comment=" + tag}, p.args...)
	if limit := p.timeLimit(req); limit > 0 {
		args = append(args, "--max_execution_time="+strconv.Itoa(limit))
	}
	if p.readOnly {
		args = append(args, "--readonly=1")
	}
	s, err := p.lib.open(args)
	if err != nil {
		return nil, err
	}
	if err := p.prepare(s, req); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// timeLimit is the smaller of the pool's limit and the request's, in seconds; 0 is none.
func (p *pool) timeLimit(req request) int {
	limit := int((p.limits.Time + time.Second - 1) / time.Second)
	if req.maxSeconds > 0 && (limit == 0 || req.maxSeconds < limit) {
		return req.maxSeconds
	}
	return limit
}

func (p *pool) prepare(s *session, req request) error {
	if req.database != "" && req.database != "default" {
		if _, err := s.run(statement{sql: "USE " + quoteIdentifier(req.database), format: "TSV"}); err != nil {
			return err
		}
	}
	if len(req.settings) == 0 {
		return nil
	}
	if p.readOnly {
		return newException(codeReadonly, "READONLY", fmt.Sprintf(
			"the read pool takes no settings but max_execution_time, and was sent %s", req.settings[0].name))
	}
	set := make([]string, len(req.settings))
	for i, setting := range req.settings {
		set[i] = setting.name + " = " + quoteText(setting.value)
	}
	_, err := s.run(statement{sql: "SET " + strings.Join(set, ", "), format: "TSV"})
	return err
}

// kill asks ClickHouse to end the statement of a session until done says that it has ended. One that
// does not end in time counts as stuck; only the end of the process ends it.
func (p *pool) kill(tag string, done <-chan struct{}) {
	late := time.AfterFunc(p.patience, func() { p.stuck.Add(1) })
	defer func() {
		if !late.Stop() {
			p.stuck.Add(-1)
		}
	}()
	for {
		if s, err := p.lib.open(append([]string{"--log_comment=kill-" + tag}, p.args...)); err == nil {
			// An error leaves the statement running: the next round asks again.
			_, _ = s.run(statement{
				sql:    "KILL QUERY WHERE Settings['log_comment'] = {tag:String}",
				format: "TSV",
				params: []param{{"tag", tag}},
			})
			s.close()
		}
		select {
		case <-done:
			return
		case <-time.After(killEvery):
		}
	}
}

var (
	identifierQuoter = strings.NewReplacer("\\", "\\\\", "`", "\\`")
	textQuoter       = strings.NewReplacer(`\`, `\\`, `'`, `\'`)
)

func quoteIdentifier(name string) string { return "`" + identifierQuoter.Replace(name) + "`" }

func quoteText(value string) string { return "'" + textQuoter.Replace(value) + "'" }
