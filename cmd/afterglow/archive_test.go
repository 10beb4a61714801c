package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/testkit/registrytest"
)

// TestAnEarlierFolderGoesOn serves the folder of the program before schema version
// 3: what was open is open, what was promised is kept, and findings are those of
// before, but for what the changelog names under 'Results changed'.
func TestAnEarlierFolderGoesOn(t *testing.T) {
	folder, kept := registrytest.Archive(t, "../..", "00002-clinic")
	d := startDemo(t, folder, "--resume")

	// A link that was half filled in opens at its question, in that browser.
	request, err := http.NewRequest(http.MethodGet, d.url+"/p/"+kept.Tokens["half"], nil)
	require.NoError(t, err)
	request.AddCookie(&kept.Half.Cookie)
	require.Contains(t, d.page(request), fmt.Sprintf(`name="item" value="%d"`, kept.Half.Question))

	// The same key and body give the same receipt.
	request, err = http.NewRequest(http.MethodPost, d.url+"/p/"+kept.Tokens["answered"]+"/answers", bytes.NewReader(kept.Answered.Body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Origin", d.url)
	require.Contains(t, d.page(request), kept.Answered.Receipt)

	// The untouched link takes answers.
	status, got := d.answer(kept.Tokens["untouched"], "archive-untouched", map[string]int{"1": 0, "2": 0, "3": 0, "4": 0, "5": 0, "6": 0, "7": 0, "8": 0, "9": 0, "10": 0})
	require.Equal(t, http.StatusCreated, status, "%v", got)

	// The form with item 9 that was never sent raises its alert; the one that was
	// taken on still is.
	type alert struct {
		ID         int64  `json:"id"`
		Submission string `json:"submission"`
		State      string `json:"state"`
	}
	states := map[int64]string{}
	require.Eventually(t, func() bool {
		unsent := false
		for _, line := range lines(d.ask("alerts", "list", "--json")) {
			var a alert
			require.NoError(t, json.Unmarshal([]byte(line), &a))
			states[a.ID] = a.State
			unsent = unsent || a.Submission == ""
		}
		return unsent
	}, 30*time.Second, 200*time.Millisecond)
	require.Equal(t, "acknowledged", states[kept.Alert])

	// The journal is that of before; the batch that was under way lands once.
	journal := d.ask("journal", "list", "--json")
	for _, row := range kept.Journal {
		requireJournalRow(t, row, journal)
	}
	require.Contains(t, journal, `"archive-correction"`)
	require.Eventually(t, func() bool { return sameKeys(t, journal, d.ask("warehouse", "list", "--json")) }, time.Minute, 200*time.Millisecond,
		"every key is in the warehouse, each once")

	for asked, before := range kept.Findings {
		question, study, _ := strings.Cut(asked, " ")
		requireSameFinding(t, asked, before, d.ask("ask", question, "--study", study, "--json"))
	}
}

// page sends a request and gives the body of its answer, which must be no refusal.
func (d *demo) page(request *http.Request) string {
	d.t.Helper()
	response, err := http.DefaultClient.Do(request)
	require.NoError(d.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(d.t, err)
	require.Equal(d.t, http.StatusOK, response.StatusCode, "%s", body)
	return string(body)
}

// requireJournalRow finds a row again with everything that it had but whether it
// was shipped.
func requireJournalRow(t *testing.T, row json.RawMessage, journal string) {
	t.Helper()
	var before map[string]any
	require.NoError(t, json.Unmarshal(row, &before))
	for _, line := range lines(journal) {
		var now map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &now))
		if now["key"] != before["key"] {
			continue
		}
		for field, value := range before {
			if field != "shipped" {
				require.Equal(t, value, now[field], "%s of %s", field, before["key"])
			}
		}
		return
	}
	require.Fail(t, "a journal row is gone", "%s", row)
}

// sameKeys compares the warehouse with the journal: every key, each once.
func sameKeys(t *testing.T, journal, warehouse string) bool {
	t.Helper()
	keys := func(text string) map[string]int {
		found := map[string]int{}
		for _, line := range lines(text) {
			var row struct {
				Key string `json:"key"`
			}
			require.NoError(t, json.Unmarshal([]byte(line), &row))
			found[row.Key]++
		}
		return found
	}
	return maps.Equal(keys(journal), keys(warehouse))
}

type estimates []struct {
	Name, Group, Visit string
	Estimate           *float64
	SE                 *float64
}

// requireSameFinding compares the estimates by name, group and visit, and the
// whole fit where there is one.
func requireSameFinding(t *testing.T, asked string, before json.RawMessage, after string) {
	t.Helper()
	type finding struct {
		N         int             `json:"n"`
		Estimates estimates       `json:"estimates"`
		MMRM      json.RawMessage `json:"mmrm"`
		KM        json.RawMessage `json:"km"`
	}
	var was, is finding
	require.NoError(t, json.Unmarshal(before, &was))
	require.NoError(t, json.Unmarshal([]byte(after), &is))
	require.Equal(t, was.N, is.N, asked)
	place := func(i int, in estimates) string { return in[i].Name + "|" + in[i].Group + "|" + in[i].Visit }
	now := map[string]int{}
	for i := range is.Estimates {
		now[place(i, is.Estimates)] = i
	}
	for i, e := range was.Estimates {
		if resultsChanged[e.Name] {
			continue
		}
		at, found := now[place(i, was.Estimates)]
		require.True(t, found, "%s lost %s", asked, place(i, was.Estimates))
		requireNear(t, e.Estimate, is.Estimates[at].Estimate, asked, place(i, was.Estimates))
		requireNear(t, e.SE, is.Estimates[at].SE, asked, place(i, was.Estimates))
	}
	for _, fit := range [][2]json.RawMessage{{was.MMRM, is.MMRM}, {was.KM, is.KM}} {
		if len(fit[0]) > 0 {
			require.Equal(t, numbersOf(t, fit[0]), numbersOf(t, fit[1]), asked)
		}
	}
}

// numbersOf is a fit without its notes, which are words.
func numbersOf(t *testing.T, fit json.RawMessage) any {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal(fit, &value))
	var strip func(any)
	strip = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			delete(v, "notes")
			for _, below := range v {
				strip(below)
			}
		case []any:
			for _, below := range v {
				strip(below)
			}
		}
	}
	strip(value)
	return value
}

// resultsChanged are the estimates that the changelog names under 'Results
// changed' since the folder was made: a loss lies between two visits, for the
// share still in response and the hazards too, and the median is told as the
// visits that it lies between.
var resultsChanged = map[string]bool{"median_time": true, "in_response": true, "hazard_ratio_adjusted": true, "hazard_ratio_unadjusted": true}

func requireNear(t *testing.T, was, is *float64, where ...string) {
	t.Helper()
	if was == nil {
		require.Nil(t, is, "%v", where)
		return
	}
	require.NotNil(t, is, "%v", where)
	require.InDelta(t, *was, *is, 1e-9*max(1, math.Abs(*was)), "%v", where)
}
