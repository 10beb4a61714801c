package intake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"sync"
	"time"

	"afterglow/internal/fault"
	"afterglow/internal/registry"
	"afterglow/internal/warehouse"
)

// Difference is a study's day on which the warehouse is not what the journal
// says. Journal and Warehouse count rows; a row that still waits in the outbox is
// counted only where it is.
type Difference struct {
	Study     string `json:"study"`
	Day       string `json:"day"`
	Journal   int    `json:"journal"`
	Warehouse int    `json:"warehouse"`
	Missing   int    `json:"missing"`
	Altered   int    `json:"altered"`
	Foreign   int    `json:"foreign"`
}

// Reconciliation is the result of a comparison; Differences is empty when all is
// well. Requeued rows were put back into the outbox, Deleted ones taken out of the
// warehouse.
type Reconciliation struct {
	Journal     int          `json:"journal"`
	Waiting     int          `json:"waiting"`
	Warehouse   int          `json:"warehouse"`
	Differences []Difference `json:"differences"`
	Requeued    int          `json:"requeued"`
	Deleted     int          `json:"deleted"`
	// Sessions are compared by themselves and repaired in the same way.
	Sessions SessionReconciliation `json:"sessions"`
	// Studies and Subjects are those that were missing, altered or foreign; what the
	// registry knows of them is sent again.
	Studies  int `json:"studies"`
	Subjects int `json:"subjects"`
	// Damaged are rows of the registry that are not as they were written. They are
	// compared with nothing, and what the warehouse has of them stays.
	Damaged []registry.Damage `json:"damaged"`
}

// Differs reports whether anything was not as the registry says. Damaged rows are
// no difference: nobody knows what they said.
func (r Reconciliation) Differs() bool {
	return len(r.Differences)+r.Studies+r.Subjects+r.Sessions.Missing+r.Sessions.Altered+r.Sessions.Foreign > 0
}

// Reconcile compares the warehouse with the journal row by row and content by
// content and repairs what differs: rows that are missing or altered are put back
// into the outbox, altered and foreign ones are deleted from the warehouse first
// (SR-11). The repair is done once the outbox has been shipped. A row of the
// registry that does not fit its seal neither replaces nor deletes anything: the
// warehouse's copy may be the only good one.
func Reconcile(ctx context.Context, store *registry.Store, w *warehouse.Warehouse) (Reconciliation, error) {
	c := comparison{days: map[dayName]*Difference{}, result: Reconciliation{Damaged: []registry.Damage{}}}
	if err := c.run(ctx, store, w); err != nil {
		return Reconciliation{}, fmt.Errorf("reconcile the warehouse: %w", err)
	}
	frame, err := compareFrame(ctx, store, w)
	if err != nil {
		return Reconciliation{}, fmt.Errorf("reconcile the warehouse: %w", err)
	}
	if err := repairFrame(ctx, store, w, frame); err != nil {
		return Reconciliation{}, fmt.Errorf("reconcile the warehouse: %w", err)
	}
	if err := w.DeleteJournalRows(ctx, c.remove); err != nil {
		return Reconciliation{}, fmt.Errorf("reconcile the warehouse: delete rows: %w", err)
	}
	if len(c.resend)+len(c.remove) > 0 {
		repair := func(tx *registry.Tx) error { return tx.Requeue(c.resend) }
		if err := store.Write(ctx, registry.System("reconcile"), repair); err != nil {
			return Reconciliation{}, fmt.Errorf("reconcile the warehouse: %w", err)
		}
	}
	c.result.Requeued, c.result.Deleted = len(c.resend), len(c.remove)
	c.result.Studies, c.result.Subjects = frame.studyCount(), frame.subjectCount()
	c.result.Differences = c.differences()
	var damaged []registry.Damage
	if c.result.Sessions, damaged, err = reconcileSessions(ctx, store, w); err != nil {
		return Reconciliation{}, fmt.Errorf("reconcile the warehouse's sessions: %w", err)
	}
	c.result.Damaged = append(c.result.Damaged, damaged...)
	if err := store.SetDamage(ctx, c.result.Damaged); err != nil {
		return Reconciliation{}, fmt.Errorf("reconcile the warehouse: %w", err)
	}
	return c.result, nil
}

// Rebuild empties the warehouse and puts the whole record back into the outbox
// (SR-14). The warehouse is emptied first: a shipment that is under way may land
// before or after, and rows that come twice collapse. While rows of the record are
// damaged, the warehouse may hold the only good copy of them: a fault.Conflict.
func Rebuild(ctx context.Context, store *registry.Store, w *warehouse.Warehouse) error {
	damaged, err := store.FindDamage(ctx)
	if err != nil {
		return fmt.Errorf("rebuild the warehouse: %w", err)
	}
	if len(damaged) > 0 {
		return fault.Conflict("warehouse", "was not emptied, because it may hold the only good copy of what is damaged in the registry (%s); restore the registry from a backup first", registry.NameDamage(damaged))
	}
	if err := w.Clear(ctx); err != nil {
		return fmt.Errorf("rebuild the warehouse: %w", err)
	}
	err = store.Write(ctx, registry.System("rebuild"), func(tx *registry.Tx) error { return tx.RequeueAll() })
	if err != nil {
		return fmt.Errorf("rebuild the warehouse: %w", err)
	}
	return nil
}

// sameResponse compares what ClickHouse holds with what the journal would send,
// column by column: a stored hash would not notice a changed score.
func sameResponse(a, b warehouse.Response) bool {
	if !a.ReceivedAt.Equal(b.ReceivedAt) || len(a.Items) != len(b.Items) {
		return false
	}
	a.ReceivedAt = b.ReceivedAt
	if len(a.Items) == 0 {
		a.Items, a.Values, b.Items, b.Values = nil, nil, nil, nil
	}
	return reflect.DeepEqual(a, b)
}

type dayName struct{ study, day string }

type comparison struct {
	result Reconciliation
	days   map[dayName]*Difference
	resend []int64
	remove []uint64
}

var errEnough = errors.New("enough")

// run walks both sides in the order of their sequences. The journal's reading
// begins first, so whatever it calls shipped must be in the warehouse; rows after
// its last one were journaled meanwhile, or nobody knows them.
func (c *comparison) run(ctx context.Context, store *registry.Store, w *warehouse.Warehouse) error {
	var streaming error
	next, stop := iter.Pull(func(yield func(warehouse.JournalRow) bool) {
		streaming = w.JournalRows(ctx, func(k warehouse.JournalRow) error {
			if !yield(k) {
				return errEnough
			}
			return nil
		})
	})
	defer stop()
	var known warehouse.JournalRow
	var more bool
	first := sync.OnceFunc(func() { known, more = next() })
	err := store.EachJournalRow(ctx, 0, func(r registry.JournalRow) error {
		first()
		for ; more && known.Sequence < uint64(r.Sequence); known, more = next() {
			c.foreign(known)
		}
		if r.Damaged {
			c.result.Journal++
			c.result.Damaged = append(c.result.Damaged, registry.Damage{Kind: "journal", Sequence: r.Sequence, FoundAt: store.Now()})
			if more && known.Sequence == uint64(r.Sequence) {
				c.result.Warehouse++
				known, more = next()
			}
			return nil
		}
		if !more || known.Sequence != uint64(r.Sequence) {
			c.missing(r)
			return nil
		}
		c.both(r, known)
		known, more = next()
		return nil
	})
	if err != nil {
		return err
	}
	first()
	counts, err := store.JournalCounts(ctx)
	if err != nil {
		return err
	}
	for ; more; known, more = next() {
		if known.Sequence > uint64(counts.Last) {
			c.foreign(known)
		}
	}
	return streaming
}

func (c *comparison) day(study string, at time.Time) *Difference {
	name := dayName{study, at.UTC().Format(time.DateOnly)}
	if c.days[name] == nil {
		c.days[name] = &Difference{Study: name.study, Day: name.day}
	}
	return c.days[name]
}

func (c *comparison) both(r registry.JournalRow, k warehouse.JournalRow) {
	c.result.Journal++
	c.result.Warehouse++
	d := c.day(r.Study, r.ReceivedAt)
	d.Journal++
	d.Warehouse++
	if k.Contents != 1 || !sameResponse(k.Response, response(r)) {
		d.Altered++
		c.remove = append(c.remove, k.Sequence)
		c.resend = append(c.resend, r.Sequence)
	}
}

func (c *comparison) missing(r registry.JournalRow) {
	c.result.Journal++
	if !r.Shipped {
		c.result.Waiting++
		return
	}
	d := c.day(r.Study, r.ReceivedAt)
	d.Journal++
	d.Missing++
	c.resend = append(c.resend, r.Sequence)
}

func (c *comparison) foreign(k warehouse.JournalRow) {
	c.result.Warehouse++
	d := c.day(k.Study, k.ReceivedAt)
	d.Warehouse++
	d.Foreign++
	c.remove = append(c.remove, k.Sequence)
}

func (c *comparison) differences() []Difference {
	list := []Difference{}
	for _, d := range c.days {
		if d.Missing+d.Altered+d.Foreign > 0 {
			list = append(list, *d)
		}
	}
	slices.SortFunc(list, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Study, b.Study), cmp.Compare(a.Day, b.Day))
	})
	return list
}
