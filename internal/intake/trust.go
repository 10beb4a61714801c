package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"afterglow/internal/fault"
	"afterglow/internal/finding"
	"afterglow/internal/registry"
	"afterglow/internal/warehouse"
)

// TrustConfig is what a Trust works with.
type TrustConfig struct {
	Store     *registry.Store
	Warehouse *warehouse.Warehouse
	Shipper   *Shipper
	Logger    *slog.Logger
	// Process names the running ClickHouse, another name after each start; nil
	// where only its uptime tells, as of a server elsewhere.
	Process func() string
	// Restart starts ClickHouse anew, or nil where that is not ours to do: at its
	// start it takes parts out that it cannot read.
	Restart func()
	// Told is called with each change of what may be believed, before anybody can
	// be answered by it; nil when nobody needs to know.
	Told func(Standing)
}

// Validate checks the configuration.
func (c TrustConfig) Validate() error {
	if c.Store == nil || c.Warehouse == nil || c.Shipper == nil || c.Logger == nil {
		return fault.Invalid("trust", "needs a registry, a warehouse, a shipper and a logger")
	}
	return nil
}

// Standing is what may be believed of the warehouse now.
type Standing struct {
	Trusted bool
	// Why says in words why not; "" when trusted.
	Why string
	// Process and Detached are those of the ClickHouse that was compared.
	Process  string
	Detached uint64
}

const (
	// lookEvery is the pause between two looks at ClickHouse.
	lookEvery = time.Second
	// countEvery and compareEvery are how often every study is counted and
	// everything compared while nothing gives a reason to.
	countEvery   = time.Minute
	compareEvery = 24 * time.Hour
	// lookLimit ends a look at a ClickHouse that hangs.
	lookLimit = 5 * time.Second
	// setAsideLimit ends the wait for a merge that holds a broken part.
	setAsideLimit = 30 * time.Second
	// mostRepairs bounds the rounds of comparing and repairing in a row.
	mostRepairs = 3
	// restartAfter is how many failed rounds in a row make ClickHouse start anew.
	restartAfter = 3
)

// Trust holds that nothing is answered from a warehouse that is not known to hold
// what was recorded. After each start of ClickHouse, after a part of a table was
// set aside, and when a count does not agree, everything is compared and repaired
// first; until then, whoever asks is refused.
//
//	          a start, a lost part, a wrong count
//	[trusted] -----------------------------------> [not trusted]
//	     ^                                               |
//	     +--- parts checked, compared, sent again, ------+
//	          compared once more without a difference
type Trust struct {
	c    TrustConfig
	wake chan struct{}
	// failed counts the rounds of settling that failed in a row; Run's alone.
	failed int

	mu       sync.Mutex
	standing Standing
	// epoch changes whenever trust is lost; an answer that spans a change is void.
	epoch    uint64
	up       time.Duration
	compared time.Time
	counted  time.Time
}

// NewTrust makes a Trust that trusts nothing yet: Run or Settle brings it to.
func NewTrust(c TrustConfig) (*Trust, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Trust{c: c, wake: make(chan struct{}, 1), standing: Standing{Why: "ClickHouse is starting"}}, nil
}

// Standing is what may be believed now.
func (t *Trust) Standing() Standing {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sameProcess()
	return t.standing
}

// Check is nil while the warehouse is trusted, else a fault.Unavailable that says
// why not.
func (t *Trust) Check() error { return t.Standing().refusal() }

func (s Standing) refusal() error {
	if s.Trusted {
		return nil
	}
	return Refusal(s.Why)
}

// WhereCompared is the place that a Refusal names.
const WhereCompared = "comparison"

// Refusal is what whoever asks is told while the warehouse is not trusted.
func Refusal(why string) error {
	return fault.Unavailable(WhereCompared, nil, "the data are being compared with the record, so no question about them is answered yet (%s); ask again in a minute", why)
}

// Begin gives a mark for an answer that is about to be worked out, or refuses.
func (t *Trust) Begin(context.Context) (uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sameProcess()
	return t.epoch, t.standing.refusal()
}

// Confirm says whether the answer on a study that Begin gave the mark for may be
// given: nothing happened meanwhile, and the warehouse holds as many rows of the
// study as were recorded. The caveats say what is not in the answer.
func (t *Trust) Confirm(ctx context.Context, study string, mark uint64) ([]finding.Caveat, error) {
	held, err := CheckStudy(ctx, t.c.Store, t.c.Warehouse, study)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sameProcess()
	switch {
	case fault.Is(err, fault.KindConflict):
		t.lose(messageOf(err))
	case err != nil:
		return nil, err
	default:
		t.look(held.Pulse)
	}
	if t.epoch != mark || !t.standing.Trusted {
		return nil, Refusal(t.standing.Why)
	}
	return held.Caveats(), nil
}

// sameProcess loses trust when ClickHouse was restarted. The caller holds mu.
func (t *Trust) sameProcess() {
	if t.c.Process != nil && t.standing.Trusted && t.c.Process() != t.standing.Process {
		t.lose("ClickHouse was restarted")
	}
}

// look loses trust when the pulse shows that ClickHouse was restarted or set a
// part aside. The caller holds mu.
func (t *Trust) look(p warehouse.Pulse) {
	switch {
	case !t.standing.Trusted:
		return
	case p.Up < t.up:
		t.lose("ClickHouse was restarted")
	case p.Detached != t.standing.Detached:
		t.lose("ClickHouse set a part of a table aside")
	default:
		t.up = p.Up
	}
}

// lose ends the trust and wakes the comparison. The caller holds mu.
func (t *Trust) lose(why string) {
	if t.standing.Trusted {
		t.c.Logger.Error("the warehouse is not trusted until it has been compared with the record", "why", why)
		t.epoch++
	}
	t.say(Standing{Why: why})
	select {
	case t.wake <- struct{}{}:
	default: // it is awake
	}
}

// say notes a standing and tells of it. The caller holds mu.
func (t *Trust) say(s Standing) {
	if s == t.standing {
		return
	}
	if t.c.Told != nil && (s.Trusted || t.standing.Trusted) {
		t.c.Told(s)
	}
	t.standing = s
}

// waits says why the warehouse is not trusted yet.
func (t *Trust) waits(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.standing.Trusted {
		t.say(Standing{Why: fmt.Sprintf(format, args...)})
	}
}

// messageOf is a fault's message for people.
func messageOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Message
	}
	return "see the log"
}
