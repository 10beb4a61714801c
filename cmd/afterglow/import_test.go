package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
	"afterglow/schemas"
)

const (
	demoFile = "../../testdata/btheb/btheb.csv"
	demoMap  = "../../studies/btheb.yaml"
)

func importInto(t *testing.T, store *registry.Store, c importStudyCmd) (importReport, error) {
	t.Helper()
	library, err := instrument.LoadLibrary(schemas.Instruments())
	require.NoError(t, err)
	return runImportStudy(context.Background(), store, library, c)
}

func emptyRegistry(t *testing.T) *registry.Store {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, registry.CreateMasterKey(filepath.Join(folder, "key")))
	key, err := registry.ReadMasterKey(filepath.Join(folder, "key"))
	require.NoError(t, err)
	store, err := registry.Open(context.Background(), registry.Config{
		Path: filepath.Join(folder, "registry.db"), MasterKey: key, Clock: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

func TestTheDemoStudyIsImportedOnce(t *testing.T) {
	store := emptyRegistry(t)
	dry, err := importInto(t, store, importStudyCmd{File: demoFile, Map: demoMap, DryRun: true})
	require.NoError(t, err)
	require.False(t, dry.Stored)
	require.Equal(t, 380, dry.Registry.ResponsesAdded)
	studies, err := store.Studies(context.Background())
	require.NoError(t, err)
	require.Empty(t, studies, "a dry run stores nothing")

	first, err := importInto(t, store, importStudyCmd{File: demoFile, Map: demoMap})
	require.NoError(t, err)
	require.True(t, first.Stored)
	require.Equal(t, &registry.ImportReport{Study: "btheb", StudyAdded: true, SubjectsAdded: 100, ResponsesAdded: 380}, first.Registry)

	again, err := importInto(t, store, importStudyCmd{File: demoFile, Map: demoMap})
	require.NoError(t, err)
	require.Equal(t, &registry.ImportReport{Study: "btheb", SubjectsKnown: 100, ResponsesKnown: 380}, again.Registry)
}

func TestSR24_AFileWithOneWrongValueStoresNothing(t *testing.T) {
	store := emptyRegistry(t)
	data, err := os.ReadFile(demoFile)
	require.NoError(t, err)
	broken := filepath.Join(t.TempDir(), "broken.csv")
	require.NoError(t, os.WriteFile(broken, append(bytes.TrimSuffix(data, []byte("\n")), "64\n"...), 0o600))

	r, err := importInto(t, store, importStudyCmd{File: broken, Map: demoMap})
	require.True(t, fault.Is(err, fault.KindInvalid), "%v", err)
	require.Equal(t, exitBadUse, report(&bytes.Buffer{}, err))
	require.False(t, r.Stored)
	require.Equal(t, 401, r.Faults[0].Row)
	studies, err := store.Studies(context.Background())
	require.NoError(t, err)
	require.Empty(t, studies)

	printed, err := json.Marshal(r)
	require.NoError(t, err)
	require.Contains(t, string(printed), `"fault_count":1`)
	require.Contains(t, string(printed), `"stored":false,"registry":null`)
}

func TestFilesThatAreNotThereAreBadUse(t *testing.T) {
	for _, c := range []importStudyCmd{{File: "no.csv", Map: demoMap}, {File: demoFile, Map: "no.yaml"}} {
		r, err := importInto(t, nil, c)
		require.Equal(t, 1, r.FaultCount)
		require.Equal(t, exitBadUse, report(&bytes.Buffer{}, err), "%v", err)
	}
}
