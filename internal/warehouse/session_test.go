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

// Events are counted from the newest revision of each session: boosters after time
// zero and up to the last day asked about, courses by their protocol and the length
// of their series, deaths as adverse events of grade 5.
func TestEventsCountBoostersAndTheLengthOfSeries(t *testing.T) {
	w, ctx := warehousetest.Open(t), t.Context()
	var rows []warehouse.Session
	give := func(subject, number, day int, booster bool, revision uint32, grades ...int) {
		one := session(uint64(len(rows)+1), number, revision)
		one.Subject, one.Course = pseudonym(subject), uint64(subject)
		one.Session.Day, one.Session.Booster, one.Session.AdverseEvents = day, booster, nil
		for _, g := range grades {
			one.Session.AdverseEvents = append(one.Session.AdverseEvents, care.AdverseEvent{Term: "event", Grade: g})
		}
		rows = append(rows, one)
	}
	// Subject 1: a series of two, the last on day 7; boosters 3, 30 and 200 days later.
	give(1, 1, 0, false, 1)
	give(1, 2, 7, false, 1)
	give(1, 3, 10, true, 1, 1, 2)
	give(1, 4, 37, true, 1)
	give(1, 5, 207, true, 1)
	// Subject 2: what was a booster is by a correction the last session of the series.
	give(2, 1, 0, false, 1)
	give(2, 2, 9, true, 1)
	give(2, 2, 9, false, 2)
	// Subject 3: one session, in which the patient died.
	give(3, 1, 0, false, 1, 5)
	for range 2 { // shipped twice
		require.NoError(t, w.InsertSessions(ctx, "batch", rows))
	}
	count := func(fromLast bool, until int) []warehouse.EventRow {
		found, err := w.Events(ctx, warehouse.EventParams{Study: "trial", FromLastSession: fromLast, Until: until})
		require.NoError(t, err)
		return found
	}
	of := care.ProtocolRef{ID: "im-series", Version: 2}
	one := warehouse.EventRow{Protocol: of, InSeries: 1, Courses: 1, Died: 1}
	require.Equal(t, []warehouse.EventRow{one, {Protocol: of, InSeries: 2, Courses: 2, Boosters: 2, Boosted: 1}}, count(true, 168))
	require.Equal(t, []warehouse.EventRow{one, {Protocol: of, InSeries: 2, Courses: 2, Boosters: 3, Boosted: 1}}, count(true, 200), "the last day counts")
	require.Equal(t, []warehouse.EventRow{one, {Protocol: of, InSeries: 2, Courses: 2, Boosters: 1, Boosted: 1}}, count(false, 10), "from the start of the course")
	none, err := w.Events(ctx, warehouse.EventParams{Study: "another", Until: 100})
	require.NoError(t, err)
	require.Empty(t, none)
}
