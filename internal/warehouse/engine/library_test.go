package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/warehouse/engine"
)

func TestFindLibrary(t *testing.T) {
	folder := t.TempDir()
	_, err := engine.FindLibrary("", folder)
	require.ErrorIs(t, err, engine.ErrNoLibrary)
	require.ErrorContains(t, err, "npm ci")
	require.NotContains(t, err.Error(), "\n", "one line")

	_, err = engine.FindLibrary(filepath.Join(folder, "libchdb.so"))
	require.ErrorIs(t, err, engine.ErrNoLibrary)
	require.ErrorContains(t, err, "npm ci")

	given := filepath.Join(folder, "given.so")
	require.NoError(t, os.WriteFile(given, nil, 0o600))
	link := filepath.Join(folder, "link.so")
	require.NoError(t, os.Symlink(given, link))
	found, err := engine.FindLibrary(link)
	require.NoError(t, err)
	require.Equal(t, "given.so", filepath.Base(found), "links are followed")
	require.True(t, filepath.IsAbs(found))

	carried, err := engine.FindLibrary("", folder, repository)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(carried, "libchdb.so"), carried)
}
