package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/durability"
	"afterglow/internal/fault"
	"afterglow/internal/finding"
	"afterglow/internal/testkit/registrytest"
)

// A question right after an import is asked of all of it, beside a running server
// and without one.
func TestAQuestionRightAfterAnImportIsOfAllOfIt(t *testing.T) {
	files := filepath.Join(clone(t), "testdata/cases/03-visit-nobody-reached")
	d := startDemo(t, t.TempDir())
	alone := t.TempDir()
	for name, folder := range map[string]string{"beside a server": d.folder, "without a server": alone} {
		t.Run(name, func(t *testing.T) {
			_, errs, code := runProgram(t, nil, "import", "study", filepath.Join(files, "data.csv"), "--map", filepath.Join(files, "map.yaml"), "--data", folder)
			require.Equal(t, exitDone, code, errs)
			out, errs, code := runProgram(t, nil, "ask", "retained-benefit", "--study", "future", "--json", "--data", folder)
			require.Equal(t, exitDone, code, errs)
			var f finding.Finding
			require.NoError(t, json.Unmarshal([]byte(out), &f), "one JSON value on standard output")
			require.Equal(t, 8, f.N)
			require.Zero(t, f.NMissing)
			require.NotEmpty(t, f.Estimates)

			out, errs, code = runProgram(t, nil, "ask", "retained-benefit", "--study", "future", "--data", folder)
			require.Equal(t, exitDone, code, errs)
			require.Contains(t, out, "\u2212", "a real minus sign, as the finding's own words have it")
			require.NotRegexp(t, `\s-\d`, out)
			require.Contains(t, out, "\u2013", "a dash where nothing is defined")
			require.Contains(t, out, "w26 is left out of the answer")
		})
	}
}

// What has not reached the warehouse in time is said with its number, and exit 3.
func TestWhatHasNotReachedTheWarehouseIsSaid(t *testing.T) {
	store := registrytest.NewFolder(t).Open(t)
	h := &house{store: store}
	var progress bytes.Buffer
	require.NoError(t, h.awaitShipped(t.Context(), 0, &progress), "nothing waits")

	registrytest.Demo(t, store, 3)
	err := h.awaitShipped(t.Context(), 0, &progress)
	require.True(t, fault.Is(err, fault.KindUnavailable), "%v", err)
	require.ErrorContains(t, err, "3 received rows have not reached it yet")
	require.Equal(t, exitMissing, report(&progress, err))

	shipment, found, err := store.NextShipment(t.Context(), 100)
	require.NoError(t, err)
	require.True(t, found)
	require.NoError(t, store.ConfirmShipment(t.Context(), shipment.ID))
	require.NoError(t, h.awaitShipped(t.Context(), time.Minute, &progress))
}

// A refusal is a finding: exit 0, with the reason and the numbers, and no estimate.
func TestARefusedQuestionIsAFinding(t *testing.T) {
	folder, dir := t.TempDir(), t.TempDir()
	file := filepath.Join(dir, "one.csv")
	require.NoError(t, os.WriteFile(file, []byte("subject,treatment,visit,bdi,bdi_pre,sex\ns01,usual,w4,20,30,f\n"), 0o600))
	files := filepath.Join(clone(t), "testdata/cases/03-visit-nobody-reached")
	_, errs, code := runProgram(t, nil, "import", "study", file, "--map", filepath.Join(files, "map.yaml"), "--data", folder)
	require.Equal(t, exitDone, code, errs)
	out, errs, code := runProgram(t, nil, "ask", "retained-benefit", "--study", "future", "--json", "--data", folder)
	require.Equal(t, exitDone, code, errs)
	var raw struct {
		N         int               `json:"n"`
		NMissing  int               `json:"n_missing"`
		Estimates []json.RawMessage `json:"estimates"`
		Caveats   []json.RawMessage `json:"caveats"`
		Refused   struct {
			Reason  string         `json:"reason"`
			Numbers map[string]any `json:"numbers"`
		} `json:"refused"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &raw))
	require.NotNil(t, raw.Estimates)
	require.Empty(t, raw.Estimates)
	require.Equal(t, []int{0, 1}, []int{raw.N, raw.NMissing})
	require.NotEmpty(t, raw.Caveats)
	require.Contains(t, raw.Refused.Reason, "at no visit are there more scores")
	require.NotEmpty(t, raw.Refused.Numbers)
}

// The list needs no data folder and no engine.
func TestTheQuestionsAreListed(t *testing.T) {
	nowhere := []string{"AFTERGLOW_LIBCHDB=/nowhere/libchdb.so"}
	out, errs, code := runProgram(t, nowhere, "ask", "--list", "--json", "--data", filepath.Join(t.TempDir(), "none"))
	require.Equal(t, exitDone, code, errs)
	var listed []durability.Question
	require.NoError(t, json.Unmarshal([]byte(out), &listed))
	require.Equal(t, durability.Describe(), listed)
	out, errs, code = runProgram(t, nowhere, "ask", "--list")
	require.Equal(t, exitDone, code, errs)
	require.Contains(t, out, "retained-benefit: ")
	require.Contains(t, out, "one of REML, ML; default REML")

	for _, args := range [][]string{{"ask"}, {"ask", "retained-benefit"}} {
		_, errs, code = runProgram(t, nil, args...)
		require.Equal(t, exitBadUse, code)
		require.Contains(t, strings.ToLower(errs), "is not given")
	}
}
