package intake

import (
	"context"
	"encoding/hex"
	"fmt"

	"afterglow/internal/registry"
	"afterglow/internal/warehouse"
)

// SessionReconciliation counts session rows on both sides and what differs. A row
// that still waits in the outbox is not missing.
type SessionReconciliation struct {
	Registry  int `json:"registry"`
	Waiting   int `json:"waiting"`
	Warehouse int `json:"warehouse"`
	Missing   int `json:"missing"`
	Altered   int `json:"altered"`
	Foreign   int `json:"foreign"`
}

// reconcileSessions compares the sessions as Reconcile compares the journal. The
// warehouse's side is held in memory: sessions are few beside answers. The
// registry is read first, so whatever it calls shipped must be in the warehouse;
// what is there beyond its last row came meanwhile, or nobody knows it.
func reconcileSessions(ctx context.Context, store *registry.Store, w *warehouse.Warehouse) (SessionReconciliation, []registry.Damage, error) {
	var result SessionReconciliation
	var damaged []registry.Damage
	var rows []registry.SessionKey
	if err := store.EachSessionKey(ctx, func(k registry.SessionKey) error {
		rows = append(rows, k)
		return nil
	}); err != nil {
		return result, nil, err
	}
	present := map[uint64]warehouse.SessionKey{}
	if err := w.SessionKeys(ctx, func(k warehouse.SessionKey) error {
		present[k.Sequence] = k
		return nil
	}); err != nil {
		return result, nil, err
	}
	var resend []int64
	var remove []uint64
	result.Registry, result.Warehouse = len(rows), len(present)
	for _, r := range rows {
		k, there := present[uint64(r.Sequence)]
		delete(present, uint64(r.Sequence))
		switch {
		case r.Damaged:
			damaged = append(damaged, registry.Damage{Kind: "session", Sequence: r.Sequence, FoundAt: store.Now()})
		case there && k.Study == r.Study && k.ContentHash == hex.EncodeToString(r.ContentHash[:]):
		case there:
			result.Altered++
			remove = append(remove, k.Sequence)
			resend = append(resend, r.Sequence)
		case !r.Shipped:
			result.Waiting++
		default:
			result.Missing++
			resend = append(resend, r.Sequence)
		}
	}
	last, err := store.LastSession(ctx)
	if err != nil {
		return result, nil, err
	}
	for sequence := range present {
		if sequence > uint64(last) {
			result.Foreign++
			remove = append(remove, sequence)
		}
	}
	return result, damaged, repairSessions(ctx, store, w, resend, remove)
}

func repairSessions(ctx context.Context, store *registry.Store, w *warehouse.Warehouse, resend []int64, remove []uint64) error {
	if err := w.DeleteSessions(ctx, remove); err != nil {
		return fmt.Errorf("delete sessions: %w", err)
	}
	if len(resend)+len(remove) == 0 {
		return nil
	}
	return store.Write(ctx, registry.System("reconcile"), func(tx *registry.Tx) error { return tx.RequeueSessions(resend) })
}
