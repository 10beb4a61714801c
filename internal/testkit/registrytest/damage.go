package registrytest

import (
	"bytes"
	"database/sql"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// SpoilRoot writes noise over the first page of a table of a registry that nobody
// has open.
func SpoilRoot(t testing.TB, path, table string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	var root, size int64
	// house:sql a test looks for the page that it breaks
	require.NoError(t, db.QueryRow("SELECT rootpage FROM sqlite_schema WHERE name = ?", table).Scan(&root))
	require.NoError(t, db.QueryRow("PRAGMA page_size").Scan(&size))
	require.NoError(t, db.Close())
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = file.WriteAt(bytes.Repeat([]byte{0xde, 0xad, 0xbe, 0xef}, int(size)/4), (root-1)*size)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}
