package warehouse_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/testkit/warehousetest"
	"afterglow/internal/warehouse"
	"afterglow/internal/warehouse/engine"
)

// A byte of a part is turned around while the engine runs: the part is found by
// ClickHouse's own checksums, set aside, and its rows are gone until they are sent
// again.
func TestABrokenPartIsFoundAndSetAside(t *testing.T) {
	e := warehousetest.Own(t)
	w, ctx := warehousetest.OpenConfig(t, e.Config), t.Context()
	require.NoError(t, w.InsertResponses(ctx, "one", []warehouse.Response{response(1, 1, "2m", 61, score(12))}))
	require.NoError(t, w.InsertResponses(ctx, "two", []warehouse.Response{response(2, 2, "2m", 61, score(13))}))
	broken, err := w.BrokenParts(ctx)
	require.NoError(t, err)
	require.Empty(t, broken)

	parts := warehousetest.Parts(t, e.Config, "response")
	require.Len(t, parts, 2)
	warehousetest.Flip(t, filepath.Join(parts[1], "data.bin"))

	broken, err = w.BrokenParts(ctx)
	require.NoError(t, err)
	require.Len(t, broken, 1)
	require.Equal(t, "response", broken[0].Table)
	require.Equal(t, filepath.Base(parts[1]), broken[0].Name)
	before, err := w.Pulse(ctx)
	require.NoError(t, err)
	require.NoError(t, w.SetAside(ctx, broken[0]))
	after, err := w.Pulse(ctx)
	require.NoError(t, err)
	require.Equal(t, before.Detached+1, after.Detached, "what was set aside can be counted")
	require.GreaterOrEqual(t, after.Up, before.Up)
	require.Equal(t, []uint64{1}, sequences(t, w))
	require.NoError(t, w.InsertResponses(ctx, "two", []warehouse.Response{response(2, 2, "2m", 61, score(13))}), "the same batch again")
	require.Equal(t, []uint64{1, 2}, sequences(t, w), "its token went with the part")
}

// What is counted of a study is what a finding rests on.
func TestHoldingCountsEachRowOnce(t *testing.T) {
	w, ctx := warehousetest.Open(t), t.Context()
	rows := []warehouse.Response{response(1, 1, "2m", 61, score(12)), response(2, 2, "2m", 61, nil), response(5, 2, "3m", 91, nil)}
	for _, token := range []string{"a", "b"} {
		require.NoError(t, w.InsertResponses(ctx, token, rows))
		require.NoError(t, w.InsertSubjects(ctx, token+"s", []warehouse.Subject{subject(1, "A"), subject(2, "B")}))
	}
	other := response(3, 9, "2m", 61, nil)
	other.Study = "other"
	require.NoError(t, w.InsertResponses(ctx, "c", []warehouse.Response{other}))
	h, err := w.Holding(ctx, warehouse.HoldingParams{Study: "trial", JournalBelow: 5, SessionBelow: 1})
	require.NoError(t, err)
	require.Equal(t, [3]uint64{2, 0, 2}, [3]uint64{h.Journal, h.Sessions, h.Subjects})
	h, err = w.Holding(ctx, warehouse.HoldingParams{Study: "trial", JournalBelow: 9, SessionBelow: 1, JournalExcept: []uint64{2}})
	require.NoError(t, err)
	require.EqualValues(t, 2, h.Journal)
	require.NoError(t, w.DeleteSubjects(ctx, []warehouse.SubjectName{{Study: "trial", Subject: pseudonym(1)}, {Study: "other", Subject: pseudonym(2)}}))
	h, err = w.Holding(ctx, warehouse.HoldingParams{Study: "trial", JournalBelow: 9, SessionBelow: 1})
	require.NoError(t, err)
	require.EqualValues(t, 1, h.Subjects)
}

// TestSR10_AFullDiskRefusesTheInsert: an insert that would leave less free than is
// kept for merges is refused, and reading goes on.
func TestSR10_AFullDiskRefusesTheInsert(t *testing.T) {
	folder := t.TempDir()
	rows := []warehouse.Response{response(1, 1, "2m", 61, score(12))}
	first := warehousetest.OwnIn(t, folder)
	require.NoError(t, warehousetest.OpenConfig(t, first.Config).InsertResponses(t.Context(), "one", rows))
	require.NoError(t, first.Close())
	e := warehousetest.OwnIn(t, folder, func(c *engine.Config) { c.FreeDiskBytes = 1 << 60 })
	w, err := warehouse.New(e.Config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	require.ErrorContains(t, w.InsertResponses(t.Context(), "two", []warehouse.Response{response(2, 2, "2m", 61, nil)}), "NOT_ENOUGH_SPACE")
	require.Equal(t, []uint64{1}, sequences(t, w))
}
