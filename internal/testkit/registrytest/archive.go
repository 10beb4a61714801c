package registrytest

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Kept is what was noted of an archived data folder when it was made: links,
// receipts and findings that later programs are held to.
type Kept struct {
	// Password is that of the accounts archive-ROLE.
	Password string            `json:"password"`
	Tokens   map[string]string `json:"tokens"`
	// Half is a form that was left with its first questions answered.
	Half struct {
		Cookie   http.Cookie `json:"cookie"`
		Question int         `json:"question"`
	} `json:"half"`
	Answered struct {
		Body    json.RawMessage `json:"body"`
		Receipt string          `json:"receipt"`
	} `json:"answered"`
	// Alert is the one that a clinician took on; Corrected is the journal row that
	// was corrected.
	Alert     int64 `json:"alert"`
	Corrected int64 `json:"corrected"`
	Audit     struct {
		Entries int64  `json:"entries"`
		Head    string `json:"head"`
	} `json:"audit"`
	// Journal are the lines of `journal list --json` of the answers by link.
	Journal []json.RawMessage `json:"journal"`
	// Findings are the JSON of `ask`, by "QUESTION STUDY".
	Findings map[string]json.RawMessage `json:"findings"`
}

// Archive unpacks the data folder of an earlier program from testdata/folders into
// a folder of the test's own. repository is the path of the source tree.
func Archive(t testing.TB, repository, name string) (folder string, kept Kept) {
	t.Helper()
	from := filepath.Join(repository, "testdata", "folders", name)
	notes, err := os.ReadFile(filepath.Join(from, "kept.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(notes, &kept))
	packed, err := os.Open(filepath.Join(from, "folder.tar.gz"))
	require.NoError(t, err)
	defer packed.Close()
	unzipped, err := gzip.NewReader(packed)
	require.NoError(t, err)
	folder = t.TempDir()
	require.NoError(t, os.Chmod(folder, 0o700))
	for entries := tar.NewReader(unzipped); ; {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return folder, kept
		}
		require.NoError(t, err)
		path := filepath.Join(folder, filepath.FromSlash(entry.Name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		content, err := io.ReadAll(entries)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, content, 0o600))
	}
}
