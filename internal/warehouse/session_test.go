package warehouse_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/testkit/warehousetest"
	"afterglow/internal/warehouse"
)

func given[T any](v T) *T { return &v }

// session makes one revision of a session of subject 1.
func session(sequence uint64, number int, revision uint32) warehouse.Session {
	return warehouse.Session{
		Study: "trial", Subject: pseudonym(1), Course: 4, Revision: revision, Sequence: sequence, ContentHash: hash,
		Session: care.Session{
			Number: number, Protocol: care.ProtocolRef{ID: "im-series", Version: 2}, StartedAt: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), Day: 7,
			Route: care.RouteIntramuscular, DoseMg: given(62.5), Depth: given(3), Mode: care.ModeInPerson,
			Setting:       care.Setting{"space-quiet": true, "sound-tested": false},
			AdverseEvents: []care.AdverseEvent{{Term: "nausea", Grade: 2, Elicited: true}, {Term: "headache", Grade: 1}},
		},
	}
}

func TestASessionArrivesAsItWasGiven(t *testing.T) {
	config := warehousetest.Config(t)
	w, ctx := warehousetest.OpenConfig(t, config), t.Context()
	full := session(2, 2, 1)
	full.Session.Setting = care.Setting{}
	for i, item := range care.SettingItems {
		full.Session.Setting[item.Code] = i < 20
	}
	full.Session.PreparationDone, full.Session.Booster, full.Session.AdverseEvents = given(false), true, nil
	for range 2 {
		require.NoError(t, w.InsertSessions(ctx, "batch", []warehouse.Session{session(1, 1, 1), full}))
	}
	require.NoError(t, w.InsertSessions(ctx, "none", nil))

	rows, err := warehousetest.Direct(t, config).Query(ctx, `SELECT concat(toString(number), ' ', toString(revision), ' ', protocol, ' ',
		toString(protocol_version), ' day ', toString(day), ' ', route, ' ', toString(dose_mg), ' ', ifNull(toString(dose_mg_per_kg), 'unknown'), ' ',
		toString(depth), ' ', mode, ' ', toString(booster), ' ', ifNull(toString(preparation_done), 'unknown'), ' ', ifNull(toString(setting_index), 'unknown'),
		' ', toString(length(setting_items)), ' ', toString(arrayZip(adverse_events, adverse_grades, adverse_elicited))) FROM session ORDER BY number`)
	require.NoError(t, err)
	defer rows.Close()
	var found []string
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		found = append(found, line)
	}
	require.NoError(t, rows.Err())
	require.Equal(t, []string{
		"1 1 im-series 2 day 7 intramuscular 62.5 unknown 3 in-person false unknown unknown 2 [('nausea',2,true),('headache',1,false)]",
		"2 1 im-series 2 day 7 intramuscular 62.5 unknown 3 in-person true false 80 25 []",
	}, found)
}

func TestTheChecksumSeesSessions(t *testing.T) {
	ctx := t.Context()
	snapshot := func(batches ...[]warehouse.Session) warehouse.Snapshot {
		w := warehousetest.Open(t)
		require.NoError(t, w.InsertResponses(ctx, "responses", []warehouse.Response{response(1, 1, "2m", 61, score(12))}))
		for i, rows := range batches {
			require.NoError(t, w.InsertSessions(ctx, string(rune('a'+i)), rows))
		}
		s, err := w.Snapshot(ctx, "trial")
		require.NoError(t, err)
		return s
	}
	one, two := session(8, 1, 1), session(9, 2, 1)
	reference := snapshot([]warehouse.Session{one, two})
	require.EqualValues(t, 1, reference.Sequence, "a session's sequence is not the journal's")
	require.Equal(t, reference, snapshot([]warehouse.Session{two, one}), "order does not matter")
	require.Equal(t, reference, snapshot([]warehouse.Session{two, one}, []warehouse.Session{one}), "SR-12: nor does a replay")
	require.NotEqual(t, reference, snapshot([]warehouse.Session{one}), "a missing session")
	require.NotEqual(t, reference, snapshot([]warehouse.Session{one, two, session(10, 2, 2)}), "a correction")
	two.ContentHash = "cd" + hash[2:]
	require.NotEqual(t, reference, snapshot([]warehouse.Session{one, two}), "a changed session")
}
