package intake_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/registry"
	"afterglow/internal/testkit/warehousetest"
)

// TestSR16_ClickHousesFilesHoldNoCode looks for the study's own codes of its
// subjects in every file that ClickHouse wrote; what is meant to be there is found.
func TestSR16_ClickHousesFilesHoldNoCode(t *testing.T) {
	b := setup(t, 0)
	e := warehousetest.Own(t)
	w := warehousetest.OpenConfig(t, e.Config)
	_, err := b.store.ImportStudy(ctx, registry.System("test"), clinic())
	require.NoError(t, err)
	require.NoError(t, shipper(t, b.store, w).Drain(ctx))
	require.NoError(t, e.Close())
	found := map[string]int{}
	require.NoError(t, filepath.WalkDir(e.Folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		for _, text := range []string{"canary-", "im-series", "space-quiet"} {
			found[text] += bytes.Count(content, []byte(text))
		}
		return err
	}))
	require.Zero(t, found["canary-"])
	require.Positive(t, found["im-series"], "a protocol's id is there")
	require.Positive(t, found["space-quiet"], "and so is an item of the setting")
}
