package analyze_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/analyze"
	"afterglow/internal/stats/reference"
	"afterglow/internal/testkit/statstest"
)

// hearts gives the Stanford rows, and the same as one row a subject: followed to death or the end, with the day of a transplant.
func hearts(t *testing.T) analyze.Files {
	file, err := statstest.File("heart.csv")
	require.NoError(t, err)
	subjects := "subject,time,event,transplant,age48,surgery,half\n"
	lines := strings.Split(strings.TrimSpace(string(file)), "\n")[1:]
	for i, line := range lines {
		cell := strings.Split(line, ",")
		if i+1 < len(lines) && strings.Split(lines[i+1], ",")[0] == cell[0] {
			continue
		}
		transplant := ""
		if cell[7] == "1" {
			transplant = cell[1]
		}
		subjects += strings.Join([]string{cell[0], cell[2], cell[3], transplant, cell[4], cell[6], string("ab"[i%2])}, ",") + "\n"
	}
	return func(name string) ([]byte, error) {
		if name == "hearts.csv" {
			return []byte(subjects), nil
		}
		return statstest.File(name)
	}
}

func result(t *testing.T, kind, dataset, input string) map[string]any {
	t.Helper()
	got := analyze.Run([]reference.Case{{ID: "x", Kind: kind, Dataset: dataset, Input: json.RawMessage(input)}}, hearts(t))[0]
	require.Nil(t, got.Error)
	text, err := json.Marshal(got.Result)
	require.NoError(t, err)
	var out map[string]any
	require.NoError(t, json.Unmarshal(text, &out))
	return out
}

// at reads a path of names and places.
func at(from any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			from = from.(map[string]any)[step]
		case int:
			from = from.([]any)[step]
		}
	}
	return from
}

// The values are those of the room's own tests (R 4.2, survival 3.5-3; see ipcw_test.go and landmark_test.go there).
func TestTheKindsOfCensoringGiveTheirRoomsResults(t *testing.T) {
	r := result(t, "intercurrent", "hearts.csv", `{"time":"time","status":"event","intercurrent":"transplant","formula":"age48 + surgery",
		"stable":["surgery"],"model":"logistic","cuts":[15,30,60],"ties":"efron","level":0.95}`)
	require.InDelta(t, 0.0255779672057, at(r, "composite", "coefficients", 0, "estimate"), 1e-8)
	require.InDelta(t, 0.0145831967638, at(r, "hypothetical", "censored", "coefficients", 0, "estimate"), 1e-8)
	require.InDelta(t, 0.0160956052965, at(r, "time_varying", "coefficients", 2, "estimate"), 1e-8)
	require.InDelta(t, -0.576222682568, at(r, "hypothetical", "ipcw", "weighted", "cox", "coefficients", 0, "estimate"), 1e-7)
	require.EqualValues(t, 69, at(r, "n_intercurrent"))

	r = result(t, "intercurrent", "hearts.csv", `{"time":"time","status":"event","intercurrent":"transplant","formula":"age48 + surgery",
		"stable":["surgery"],"model":"cox","ties":"efron","level":0.95}`)
	require.InDelta(t, -0.611374359662, at(r, "hypothetical", "ipcw", "weighted", "cox", "coefficients", 0, "estimate"), 1e-7)

	r = result(t, "landmark", "hearts.csv", `{"time":"time","status":"event","exposure":"transplant","levels":["waiting","transplant"],
		"landmark":60,"tau":365,"formula":"age48","ties":"efron","level":0.95}`)
	require.InDelta(t, 0.378172619254, at(r, "logrank", "chisq"), 1e-8)
	require.InDelta(t, -0.5182570586034, at(r, "cox", "coefficients", 0, "estimate"), 1e-8)
	require.EqualValues(t, 36, at(r, "n_event_before"))
	require.NotNil(t, at(r, "rmst", "differences", 0, "p_value"))
}

func TestWeightedAndRestrictedKinds(t *testing.T) {
	r := result(t, "rmst", "lung.csv", `{"time":"time","status":"status","group":"sex","levels":["male","female"],"tau":600,"level":0.95}`)
	km := result(t, "km", "lung.csv", `{"time":"time","status":"status","group":"sex","levels":["male","female"],"tau":600,"level":0.95}`)
	test := result(t, "logrank", "lung.csv", `{"time":"time","status":"status","group":"sex","levels":["male","female"],"tau":600,"level":0.95}`)
	require.Equal(t, at(km, "rmst_difference"), at(r, "differences", 0))
	require.Equal(t, at(r, "ratios", 0), at(test, "rmst", "ratios", 0))

	weighted := result(t, "km_weighted", "lung.csv", `{"time":"time","status":"status","group":"sex","levels":["male","female"],"cluster":"inst","tau":600,"level":0.95}`)
	require.EqualValues(t, 1, at(weighted, "n_excluded"), "one row has no institution")
	exact := result(t, "turnbull", "hearts.csv", `{"lower":"time","upper":"time","group":"half","levels":["a","b"],"tau":100}`)
	require.Len(t, at(exact, "groups"), 2)
	require.Zero(t, at(exact, "groups", 0, "n_interval"))

	entered := result(t, "rmst", "hearts.csv", `{"enter":"time","entered":"event","time":"time","status":"event","group":"half","levels":["a","b"],"tau":100,"level":0.95}`)
	require.Zero(t, at(entered, "groups", 0, "estimate"), "who enters and leaves at once spends no time there")

	discrete := result(t, "discrete_hazard", "hearts.csv", `{"lower":"time","upper":"time","cuts":[0,30,90,365],"formula":"age48","level":0.95}`)
	require.Len(t, at(discrete, "coefficients"), 4)

	frequency := result(t, "coxph", "lung.csv", `{"time":"time","status":"status","formula":"ph_ecog","weights":"age","frequency":true,"ties":"efron","level":0.95}`)
	require.NotNil(t, frequency)
}

// SR-121: what an input of these kinds lacks is named.
func TestSR121_WhatTheKindsOfCensoringLackIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		kind, input, where string
		failure            stats.Kind
	}{
		"no exposure and no group": {"landmark", `{"time":"time","status":"event","landmark":5,"level":0.95}`, "group", stats.BadInput},
		"an exposure of one name":  {"landmark", `{"time":"time","status":"event","exposure":"transplant","levels":["a"],"landmark":5,"level":0.95}`, "levels", stats.BadInput},
		"no such column":           {"turnbull", `{"lower":"nowhere","upper":"time"}`, "nowhere", stats.BadInput},
		"a text for a time":        {"rmst", `{"time":"half","status":"event","tau":3,"level":0.95}`, "half", stats.BadInput},
		"no such design column":    {"intercurrent", `{"time":"time","status":"event","intercurrent":"transplant","formula":"age48","stable":["x"],"model":"logistic","ties":"efron","level":0.95}`, "x", stats.BadInput},
		"no model of censoring":    {"intercurrent", `{"time":"time","status":"event","intercurrent":"transplant","formula":"age48","ties":"efron","level":0.95}`, "model", stats.BadInput},
		"nobody of a level":        {"km_weighted", `{"time":"time","status":"event","group":"half","levels":["a","c"],"level":0.95}`, "c", stats.EmptyCell},
		"no subject":               {"ipcw", `{"start":"time","stop":"time","status":"event","censored":"surgery","subject":"nobody","formula":"age48","level":0.95}`, "nobody", stats.BadInput},
	} {
		t.Run(name, func(t *testing.T) {
			got := analyze.Run([]reference.Case{{ID: "x", Kind: c.kind, Dataset: "hearts.csv", Input: json.RawMessage(c.input)}}, hearts(t))[0]
			require.NotNil(t, got.Error)
			require.Equal(t, c.where, got.Error.Where, got.Error.Message)
			require.Equal(t, c.failure, got.Error.Kind)
		})
	}
}

// A plain file of rows, the censoring of some of which is to be weighted.
func TestTheKindIPCWReadsRows(t *testing.T) {
	csv := "id,from,to,event,left,score,arm\n"
	for i := range 60 {
		id := string(rune('A'+i/26)) + string(rune('a'+i%26))
		score := string(rune('0' + i*7%10))
		second := "0,0"
		switch {
		case i%4 == 0:
			second = "1,0"
		case i%3 == 0:
			second = "0,1"
		}
		arm := string("xy"[i/3%2])
		if i%5 == 0 {
			csv += id + ",0,1,0,1," + score + "," + arm + "\n"
			continue
		}
		csv += id + ",0,1,0,0," + score + "," + arm + "\n" + id + ",1," + string(rune('2'+i%3)) + "," + second + "," + score + "," + arm + "\n"
	}
	input := json.RawMessage(`{"subject":"id","start":"from","stop":"to","status":"event","censored":"left","formula":"arm + score","numerator":"arm",
		"factors":{"arm":["x","y"]},"group":"arm","levels":["x","y"],"model":"logistic","truncate":0.95,"ties":"efron","tau":2,"level":0.95}`)
	got := analyze.Run([]reference.Case{{ID: "x", Kind: "ipcw", Dataset: "rows.csv", Input: input}}, func(string) ([]byte, error) { return []byte(csv), nil })[0]
	require.Nil(t, got.Error)
	text, err := json.Marshal(got.Result)
	require.NoError(t, err)
	var r map[string]any
	require.NoError(t, json.Unmarshal(text, &r))
	require.EqualValues(t, 60, at(r, "weights", "n_subjects"))
	require.Zero(t, at(r, "n_excluded_rows"))
	require.Len(t, at(r, "weighted", "curves"), 2)
	require.NotNil(t, at(r, "weighted", "cox", "coefficients", 0, "robust_se"))
	require.Len(t, at(r, "weights", "denominator"), 4)
}
