package warehouse_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/testkit/warehousetest"
	"afterglow/internal/warehouse"
)

func TestMain(m *testing.M) { warehousetest.Main(m) }

func pseudonym(n int) care.Pseudonym { return care.Pseudonym(fmt.Sprintf("%032x", n)) }

func score(v float64) *float64 { return &v }

var hash = strings.Repeat("ab", 32)

// response makes one journal row of a small study.
func response(sequence, subject int, visit string, day int32, points *float64) warehouse.Response {
	return warehouse.Response{
		Study: "trial", Instrument: "bdi-ii", Subject: pseudonym(subject), Occasion: uint64(sequence), Revision: 1,
		Sequence: uint64(sequence), Key: fmt.Sprintf("key-%d", sequence), Visit: visit, Day: day,
		InstrumentVersion: "1.0.0", DefinitionHash: hash, Score: points, Items: []string{"total"}, Values: []*int32{nil},
		Source: care.SourceImport, ReceivedAt: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), ContentHash: hash,
	}
}

func subject(n int, arm string) warehouse.Subject {
	return warehouse.Subject{Study: "trial", Subject: pseudonym(n), Factors: map[string]string{"arm": arm}, Sequence: 1}
}

func TestStudyComesBackAsItWasWritten(t *testing.T) {
	w, ctx := warehousetest.Open(t), t.Context()
	first := care.Study{ID: "trial", Anchor: care.AnchorCourseStart, VisitName: "visit",
		Visits: []care.Visit{{Name: "2m", Day: 61}}, Arm: care.Factor{Name: "arm", Levels: []string{"A", "B"}},
		Measures: []care.Measure{{Instrument: "bdi-ii", Version: "1.0.0", Total: "bdi"}}}
	second := first
	second.Title = "It's a trial with \"quotes\" \\ and\nlines"
	require.NoError(t, w.InsertStudy(ctx, "t1", first, 1))
	require.NoError(t, w.InsertStudy(ctx, "t2", second, 2))
	got, err := w.Study(ctx, "trial")
	require.NoError(t, err)
	require.Equal(t, second, got, "the newest definition counts")
	all, err := w.Studies(ctx)
	require.NoError(t, err)
	require.Equal(t, []care.Study{second}, all)

	_, err = w.Study(ctx, "other' OR 1=1 --")
	require.True(t, fault.Is(err, fault.KindNotFound), "%v", err)
}

func TestABatchIsThereOnceHoweverOftenItIsSent(t *testing.T) {
	w, ctx := warehousetest.Open(t), t.Context()
	rows := []warehouse.Response{response(1, 1, "2m", 61, score(12)), response(2, 2, "2m", 61, nil)}
	for range 3 {
		require.NoError(t, w.InsertResponses(ctx, "batch-1", rows))
	}
	require.Equal(t, []uint64{1, 2}, sequences(t, w))
	before, err := w.Snapshot(ctx, "trial")
	require.NoError(t, err)
	require.EqualValues(t, 2, before.Sequence)

	// Outside the deduplication window (another token) nothing changes for a reader either.
	require.NoError(t, w.InsertResponses(ctx, "batch-2", rows))
	after, err := w.Snapshot(ctx, "trial")
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.Equal(t, []uint64{1, 2}, sequences(t, w))
}

func sequences(t *testing.T, w *warehouse.Warehouse) []uint64 {
	t.Helper()
	found := []uint64{}
	require.NoError(t, w.JournalRows(t.Context(), func(k warehouse.JournalRow) error {
		found = append(found, k.Sequence)
		require.Equal(t, fmt.Sprintf("key-%d", k.Sequence), k.Key)
		return nil
	}))
	return found
}

func TestTheChecksumSeesEveryDifference(t *testing.T) {
	ctx := t.Context()
	base := []warehouse.Response{response(1, 1, "2m", 61, score(12)), response(2, 2, "2m", 61, score(13))}
	checksum := func(change func(rows []warehouse.Response) []warehouse.Response, arm string) string {
		w := warehousetest.Open(t)
		rows := append([]warehouse.Response{}, base...)
		require.NoError(t, w.InsertResponses(ctx, "batch", change(rows)))
		require.NoError(t, w.InsertSubjects(ctx, "subjects", []warehouse.Subject{subject(1, arm)}))
		s, err := w.Snapshot(ctx, "trial")
		require.NoError(t, err)
		return s.Checksum
	}
	same := func(rows []warehouse.Response) []warehouse.Response { return rows }
	reference := checksum(same, "A")
	require.Equal(t, reference, checksum(func(r []warehouse.Response) []warehouse.Response { return []warehouse.Response{r[1], r[0]} }, "A"), "order does not matter")
	require.NotEqual(t, reference, checksum(same, "B"), "a subject's factor")
	require.NotEqual(t, reference, checksum(func(r []warehouse.Response) []warehouse.Response { return r[:1] }, "A"), "a missing row")
	require.NotEqual(t, reference, checksum(func(r []warehouse.Response) []warehouse.Response {
		r[0].ContentHash = strings.Repeat("cd", 32)
		return r
	}, "A"), "a changed row")
}

func TestPatternSums(t *testing.T) {
	w, ctx := warehousetest.Open(t), t.Context()
	rows := []warehouse.Response{
		response(1, 1, care.BaselineVisit, 0, score(30)), response(2, 1, "2m", 61, score(20)), response(3, 1, "8m", 243, score(10)),
		response(4, 2, care.BaselineVisit, 0, score(40)), response(5, 2, "8m", 243, score(22)),
		response(6, 3, "2m", 61, score(15)),              // no baseline
		response(7, 4, care.BaselineVisit, 0, score(20)), // never answered again
	}
	// A correction counts instead of what it corrects, also when it takes the score away.
	corrected := response(8, 1, "8m", 243, nil)
	corrected.Occasion, corrected.Revision = 3, 2
	rows = append(rows, corrected)
	require.NoError(t, w.InsertResponses(ctx, "batch", rows))
	require.NoError(t, w.InsertSubjects(ctx, "subjects", []warehouse.Subject{subject(1, "A"), subject(2, "B"), subject(3, "A"), subject(4, "B")}))

	got, err := w.PatternSums(ctx, warehouse.PatternParams{
		Study: "trial", Instrument: "bdi-ii", Sequence: 8, Visits: []string{"2m", "8m"},
		Atoms:   []warehouse.Atom{{}, {Factor: "arm", Level: "B"}},
		Columns: [][]int{{}, {0}, {1}}, // intercept, baseline, arm B
		XShift:  []float64{0, 30, 0}, XScale: []float64{1, 10, 1}, YShift: 20, YScale: 2,
	})
	require.NoError(t, err)
	require.Equal(t, []warehouse.PatternRow{
		{Complete: false, Observed: 1, N: 1, Products: make([]float64, 15)},
		{Complete: true, Observed: 0, N: 1, Products: []float64{1, -1, 1, 0, 0, 1, -1, 0, 0, 1, 0, 0, 0, 0, 0}},
		{Complete: true, Observed: 1, N: 1, Products: []float64{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{Complete: true, Observed: 2, N: 1, Products: []float64{1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 0, 0, 1}},
	}, got)

	// A snapshot before the correction gives what was known then.
	before, err := w.PatternSums(ctx, warehouse.PatternParams{Study: "trial", Instrument: "bdi-ii", Sequence: 7,
		Visits: []string{"2m", "8m"}, Columns: [][]int{{}}, XShift: []float64{0}, XScale: []float64{1}, YScale: 1})
	require.NoError(t, err)
	require.Equal(t, uint64(3), before[len(before)-1].Observed, "subject 1 still has both visits")
}

// TestPatternSumsOfAWideModel: the largest model that is taken is one that ClickHouse reads, and the next
// is refused in words.
func TestPatternSumsOfAWideModel(t *testing.T) {
	w, ctx := warehousetest.Open(t), t.Context()
	require.NoError(t, w.InsertResponses(ctx, "batch", []warehouse.Response{
		response(1, 1, care.BaselineVisit, 0, score(30)), response(2, 1, "2m", 61, score(20)),
	}))
	require.NoError(t, w.InsertSubjects(ctx, "subjects", []warehouse.Subject{subject(1, "A")}))
	wide := func(columns int) warehouse.PatternParams {
		p := warehouse.PatternParams{Study: "trial", Instrument: "bdi-ii", Sequence: 2, Visits: []string{"2m"}, Atoms: []warehouse.Atom{{}}, YScale: 1}
		for i := range columns {
			p.Columns = append(p.Columns, make([]int, i%3)) // 1, the baseline, its square
			p.XShift, p.XScale = append(p.XShift, 0), append(p.XScale, 1)
		}
		return p
	}
	got, err := w.PatternSums(ctx, wide(119))
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, []float64{1, 30, 900, 1}, got[0].Products[:4])
	require.Equal(t, 400., got[0].Products[120*121/2-1])
	_, err = w.PatternSums(ctx, wide(120))
	require.ErrorContains(t, err, "120 columns and 1 visits")
}

func TestCompletionCountsEveryoneOfTheArm(t *testing.T) {
	w, ctx := warehousetest.Open(t), t.Context()
	require.NoError(t, w.InsertResponses(ctx, "batch", []warehouse.Response{
		response(1, 1, care.BaselineVisit, 0, score(30)), response(2, 1, "2m", 61, score(20)), response(3, 2, "2m", 61, nil),
	}))
	require.NoError(t, w.InsertSubjects(ctx, "subjects", []warehouse.Subject{subject(1, "A"), subject(2, "A"), subject(3, "B")}))
	got, err := w.Completion(ctx, warehouse.CompletionParams{Study: "trial", Instrument: "bdi-ii", Sequence: 9, Group: "arm", Visits: []string{"2m"}})
	require.NoError(t, err)
	require.Equal(t, []warehouse.CompletionRow{
		{Group: "A", Visit: care.BaselineVisit, Expected: 2, Answered: 1, WithBaseline: 1},
		{Group: "A", Visit: "2m", Expected: 2, Answered: 1, WithBaseline: 1},
		{Group: "B", Visit: care.BaselineVisit, Expected: 1},
		{Group: "B", Visit: "2m", Expected: 1},
	}, got)
}

// responders is a small trial with every way in which a course can go.
func responders(t *testing.T) *warehouse.Warehouse {
	t.Helper()
	w, ctx := warehousetest.Open(t), t.Context()
	var rows []warehouse.Response
	course := func(subject int, baseline float64, visits ...float64) {
		rows = append(rows, response(len(rows)+1, subject, care.BaselineVisit, 0, score(baseline)))
		for i, v := range visits {
			if v < 0 {
				continue // not answered
			}
			rows = append(rows, response(len(rows)+1, subject, []string{"2m", "3m", "8m"}[i], []int32{61, 91, 243}[i], score(v)))
		}
	}
	course(1, 30, 15, 15, 16) // half is a response; lost at 8m
	course(2, 30, 15, -1, 15) // held to the last assessment
	course(3, 30, 10)         // no later assessment: censored at once
	course(4, 30, 16, 10, 10) // not in response at t*
	course(5, 30, -1, 10, 10) // not assessed at t*
	course(6, 30, 5, 20, 5)   // the first loss counts
	course(8, 0, 0, 0)        // a share of a baseline of 0 is not defined
	rows = append(rows, response(99, 7, "2m", 61, score(3)))
	require.NoError(t, w.InsertResponses(ctx, "batch", rows))
	subjects := []warehouse.Subject{}
	for n := 1; n <= 9; n++ {
		subjects = append(subjects, subject(n, "A"))
	}
	require.NoError(t, w.InsertSubjects(ctx, "subjects", subjects))
	return w
}

func halved(group string) warehouse.LossParams {
	return warehouse.LossParams{Study: "trial", Instrument: "bdi-ii", Sequence: 99, Group: group, FirstVisit: "2m", Fraction: 0.5,
		Later: []care.Visit{{Name: "3m", Day: 30}, {Name: "8m", Day: 182}}}
}

// A loss lies between two assessments that follow each other, however many visits
// lie between them.
func TestTimeToLoss(t *testing.T) {
	got, err := responders(t).TimeToLoss(t.Context(), halved("arm"))
	require.NoError(t, err)
	require.Equal(t, []warehouse.LossRow{
		{Group: "A", Status: warehouse.LossNoBaseline, To: warehouse.NotFound, N: 3}, // subject 7, 8 with a baseline of 0, and 9 who never answered
		{Group: "A", Status: warehouse.LossNotAssessed, To: warehouse.NotFound, N: 1},
		{Group: "A", Status: warehouse.LossNoResponse, To: warehouse.NotFound, N: 1, Change: -14},
		{Group: "A", Status: warehouse.LossHeld, To: warehouse.NotFound, Baseline: 30, N: 1, Change: -20},
		{Group: "A", Status: warehouse.LossHeld, Days: 182, From: 182, To: warehouse.NotFound, Baseline: 30, N: 1, Change: -15},
		{Group: "A", Status: warehouse.LossLost, Days: 30, To: 30, Baseline: 30, N: 1, Change: -25},
		{Group: "A", Status: warehouse.LossLost, Days: 182, From: 30, To: 182, Baseline: 30, N: 1, Change: -15},
	}, got)
}

// A correction counts, a score that is taken back does not; the baseline is told
// apart by whole points. Planned days stand for the days of an answer, which may
// come early or late; an answer outside the planned visits stands at its own.
func TestTimeToLossGoesByTheNewestAnswerAndThePlannedDay(t *testing.T) {
	w := responders(t)
	more := []warehouse.Response{
		response(101, 10, care.BaselineVisit, 0, score(20.4)), response(102, 10, "2m", 63, score(9)), response(103, 10, "3m", 88, score(19)),
	}
	corrected, withdrawn := more[2], response(104, 10, "8m", 243, score(19))
	corrected.Sequence, corrected.Revision, corrected.Key, corrected.Score = 105, 2, "key-105", score(9)
	taken := withdrawn
	taken.Sequence, taken.Revision, taken.Key, taken.Score = 106, 2, "key-106", nil
	require.NoError(t, w.InsertResponses(t.Context(), "more", append(more, withdrawn, corrected, taken, response(107, 10, "between", 163, score(19)))))
	require.NoError(t, w.InsertSubjects(t.Context(), "one more", []warehouse.Subject{subject(10, "B")}))
	for sequence, want := range map[uint64]warehouse.LossRow{
		104: {Status: warehouse.LossLost, Days: 25, From: 0, To: 30, Baseline: 20},
		106: {Status: warehouse.LossHeld, Days: 25, From: 30, To: warehouse.NotFound, Baseline: 20},
		107: {Status: warehouse.LossLost, Days: 100, From: 30, To: 100, Baseline: 20},
	} {
		p := halved("arm")
		p.Sequence = sequence
		got, err := w.TimeToLoss(t.Context(), p)
		require.NoError(t, err)
		last := got[len(got)-1]
		require.InDelta(t, -11.4, last.Change, 1e-9)
		want.Group, want.N, want.Change = "B", 1, last.Change
		require.Equal(t, want, last, "as of %d", sequence)
		p.Group = ""
		got, err = w.TimeToLoss(t.Context(), p)
		require.NoError(t, err)
		total := 0
		for _, row := range got {
			require.Empty(t, row.Group)
			total += row.N
		}
		require.Equal(t, 10, total)
	}
}

// Where higher is better a response is a rise by the fraction; in points it needs no
// baseline above 0.
func TestTimeToLossGoesBothWays(t *testing.T) {
	w, ctx := warehousetest.Open(t), t.Context()
	require.NoError(t, w.InsertResponses(ctx, "batch", []warehouse.Response{
		response(1, 1, care.BaselineVisit, 0, score(4)), response(2, 1, "2m", 61, score(6)), response(3, 1, "8m", 243, score(5.9)),
		response(4, 2, care.BaselineVisit, 0, score(0)), response(5, 2, "2m", 61, score(2)), response(6, 2, "8m", 243, score(2)),
		response(7, 3, care.BaselineVisit, 0, score(4)), response(8, 3, "2m", 61, score(3)),
	}))
	require.NoError(t, w.InsertSubjects(ctx, "subjects", []warehouse.Subject{subject(1, "A"), subject(2, "A"), subject(3, "A")}))
	states := func(p warehouse.LossParams) map[warehouse.LossStatus]int {
		got, err := w.TimeToLoss(ctx, p)
		require.NoError(t, err)
		out := map[warehouse.LossStatus]int{}
		for _, row := range got {
			out[row.Status] += row.N
			require.Equal(t, map[bool]int{true: 1}[row.Status == warehouse.LossNoResponse && p.HigherIsBetter], row.Worse, "only the fall from 4 to 3 is worse")
		}
		return out
	}
	p := halved("")
	p.HigherIsBetter = true
	require.Equal(t, map[warehouse.LossStatus]int{warehouse.LossLost: 1, warehouse.LossNoBaseline: 1, warehouse.LossNoResponse: 1}, states(p))
	p.Fraction, p.Points = 0, 2
	require.Equal(t, map[warehouse.LossStatus]int{warehouse.LossLost: 1, warehouse.LossHeld: 1, warehouse.LossNoResponse: 1}, states(p))
}

// What was answered after a course's first booster does not count where it ends the
// course. Days of sessions count from the start of the course, those of answers from
// the last session of the series.
func TestTimeToLossEndsAtTheFirstBooster(t *testing.T) {
	w := responders(t)
	given := func(sequence, number, day int, booster bool) warehouse.Session {
		return warehouse.Session{Study: "trial", Subject: subject(1, "A").Subject, Course: 1, Revision: 1, Sequence: uint64(sequence), ContentHash: hash,
			Session: care.Session{Number: number, Day: day, Booster: booster, Protocol: care.ProtocolRef{ID: "iv-series", Version: 1}}}
	}
	require.NoError(t, w.InsertSessions(t.Context(), "sessions", []warehouse.Session{given(1, 1, 0, false), given(2, 2, 10, false), given(3, 4, 200, true), given(4, 3, 110, true)}))
	one := func(change func(*warehouse.LossParams)) warehouse.LossRow {
		p := halved("arm")
		p.FromLastSession = true
		change(&p)
		got, err := w.TimeToLoss(t.Context(), p)
		require.NoError(t, err)
		return got[len(got)-1]
	}
	require.Equal(t, int64(182), one(func(*warehouse.LossParams) {}).To, "observed: subject 1 loses the response at 8m")
	ended := one(func(p *warehouse.LossParams) { p.UntilBooster = true })
	require.Equal(t, int64(30), ended.To, "only subject 6's loss is left; subject 1 was boosted on day 100 after the last session")
	w2, err := w.TimeToLoss(t.Context(), func() warehouse.LossParams {
		p := halved("arm")
		p.UntilBooster, p.FromLastSession = true, true
		return p
	}())
	require.NoError(t, err)
	held := 0
	for _, row := range w2 {
		if row.Status == warehouse.LossHeld && row.From == 30 && row.Days == 30 {
			held += row.N
		}
	}
	require.Equal(t, 1, held, "censored at the last assessment before the booster, day 91")
}

func TestDeleteAndClear(t *testing.T) {
	w, ctx := warehousetest.Open(t), t.Context()
	rows := []warehouse.Response{response(1, 1, "2m", 61, score(1)), response(2, 1, "8m", 243, score(2))}
	require.NoError(t, w.InsertResponses(ctx, "batch", rows))
	require.NoError(t, w.DeleteJournalRows(ctx, []uint64{1}))
	require.Equal(t, []uint64{2}, sequences(t, w))
	require.NoError(t, w.InsertResponses(ctx, "repair", rows[:1]))
	require.Equal(t, []uint64{1, 2}, sequences(t, w))
	require.NoError(t, w.Clear(ctx))
	require.Empty(t, sequences(t, w))
	require.NoError(t, w.InsertResponses(ctx, "rebuild", rows))
	require.Equal(t, []uint64{1, 2}, sequences(t, w))
}

func TestTheReadingPoolWritesNothing(t *testing.T) {
	w := warehousetest.Open(t)
	require.NoError(t, w.Ping(t.Context()))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.Snapshot(cancelled, "trial")
	require.ErrorIs(t, err, context.Canceled)
}
