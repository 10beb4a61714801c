package durability

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/finding"
	"afterglow/internal/warehouse"
)

// trial is a small study in long form: a line a subject and visit, with the columns
// subject, visit, bdi, bdi_pre and, where there are arms, treatment.
type trial struct {
	visits     []care.Visit
	arms       []string
	assignment care.Assignment
	title      string
	// instrument is the measure's; bdi-ii where it is empty.
	instrument string
	items      []string   // of each answer
	lines      [][]string // of subject, treatment, visit, bdi, bdi_pre
}

func readTrial(t testing.TB, path string) [][]string {
	t.Helper()
	file, err := os.Open(filepath.Join("../../testdata/cases", path))
	require.NoError(t, err)
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	at := map[string]int{}
	for i, name := range records[0] {
		at[name] = i
	}
	var out [][]string
	for _, record := range records[1:] {
		line := []string{record[at["subject"]], "", record[at["visit"]], record[at["bdi"]], record[at["bdi_pre"]]}
		if i, ok := at["treatment"]; ok {
			line[1] = record[i]
		}
		out = append(out, line)
	}
	return out
}

var w4w12 = []care.Visit{{Name: "w4", Day: 28}, {Name: "w12", Day: 84}}

// load ships the trial under the instrument's scores of a measure called bdi.
func (c trial) load(t testing.TB) *fixture {
	t.Helper()
	f := newFixture(t)
	study := care.Study{ID: "trial", Title: c.title, Anchor: care.AnchorCourseStart, VisitName: "visit", Visits: c.visits,
		Measures: []care.Measure{{Instrument: "bdi-ii", Version: bdi(t, f.asker).Version, Total: "bdi", Baseline: "bdi_pre"}}}
	if c.instrument != "" {
		d, err := f.asker.library.Latest(c.instrument)
		require.NoError(t, err)
		study.Measures[0].Instrument, study.Measures[0].Version = d.ID, d.Version
	}
	if c.arms != nil {
		study.Arm = care.Factor{Name: "treatment", Levels: c.arms, Assignment: c.assignment}
	}
	day := map[string]int{}
	for _, v := range c.visits {
		day[v.Name] = v.Day
	}
	subjects, seen := []warehouse.Subject{}, map[string]int{}
	for _, line := range c.lines {
		n, known := seen[line[0]]
		if !known {
			n = len(seen) + 1
			seen[line[0]] = n
			factors := map[string]string{}
			if line[1] != "" {
				factors["treatment"] = line[1]
			}
			subjects = append(subjects, warehouse.Subject{Study: "trial", Subject: pseudonym(n), Sequence: 1, Factors: factors})
			if line[4] != "" {
				f.answer("trial", n, care.BaselineVisit, 0, number(t, line[4]))
			}
		}
		if line[3] != "" {
			f.answer("trial", n, line[2], day[line[2]], number(t, line[3]))
		}
	}
	for i := range f.rows {
		if c.items != nil {
			f.rows[i].Items, f.rows[i].Values = c.items, make([]*int32, len(c.items))
		}
		f.rows[i].Instrument, f.rows[i].InstrumentVersion = study.Measures[0].Instrument, study.Measures[0].Version
	}
	f.ship(study, subjects)
	return f
}

func (c trial) ask(t testing.TB, settings map[string]string) finding.Finding {
	t.Helper()
	got, err := c.load(t).asker.Ask(t.Context(), "retained-benefit", "trial", settings)
	require.NoError(t, err)
	t.Log(got.Answer)
	return got
}

func visitRow(t testing.TB, f finding.Finding, group, visit string) map[string]string {
	t.Helper()
	table, ok := f.Table("visits")
	require.True(t, ok)
	for _, row := range table.Rows {
		if row[0].Text == group && row[1].Text == visit {
			out := map[string]string{}
			for i, c := range table.Columns {
				out[c.Name] = c.Words(row[i])
			}
			return out
		}
	}
	t.Fatalf("no row of %s at %s", group, visit)
	return nil
}

// A visit that nobody, one patient or one arm has reached leaves the rest as it
// would be without it.
func TestAVisitThatFewHaveReachedLeavesTheRestAnswered(t *testing.T) {
	lines := readTrial(t, "03-visit-nobody-reached/data.csv")
	visits := append([]care.Visit(nil), w4w12...)
	without := trial{visits: visits, arms: []string{"usual", "new"}, lines: lines}.ask(t, nil)
	difference := named(t, without, "difference", "new - usual", "w12")
	require.InDelta(t, -4.6, *difference.Estimate, 0.05)
	require.InDelta(t, 4.84, *difference.SE, 0.005)

	planned := append(visits, care.Visit{Name: "w26", Day: 182})
	for name, c := range map[string]struct {
		more     [][]string
		answered string
		why      string
	}{
		"nobody":      {nil, "0", "nobody has answered there"},
		"one patient": {[][]string{{"s05", "new", "w26", "14", "30"}}, "1", "nobody in usual was seen there"},
		"one arm":     {[][]string{{"s05", "new", "w26", "14", "30"}, {"s06", "new", "w26", "19", "29"}, {"s08", "new", "w26", "21", "26"}, {"s07", "new", "w26", "9", "31"}}, "4", "nobody in usual was seen there"},
		"one of each": {[][]string{{"s05", "new", "w26", "14", "30"}, {"s01", "usual", "w26", "21", "30"}}, "1", "2 scores there are not more than the 3 numbers"},
	} {
		t.Run(name, func(t *testing.T) {
			got := trial{visits: planned, arms: []string{"usual", "new"}, lines: append(append([][]string(nil), lines...), c.more...)}.ask(t, nil)
			require.Equal(t, without.Estimates, got.Estimates)
			require.Equal(t, without.Answer, got.Answer)
			row := visitRow(t, got, "new", "w26")
			require.Equal(t, c.answered, row["n_answered"])
			require.Equal(t, "4", row["n_expected"])
			require.Equal(t, "\u2013", row["ls_mean"])
			require.Contains(t, caveat(t, got, "visit-left-out"), "w26 is left out of the answer: ")
			require.Contains(t, caveat(t, got, "visit-left-out"), c.why)
			require.Nil(t, got.Refused)
			require.Equal(t, 8, got.N)
		})
	}
}

// Everybody has the same treatment: no arm, or a column with one level.
func TestWithoutArmsEverybodyIsAnsweredForTogether(t *testing.T) {
	for name, c := range map[string]struct {
		trial trial
		group string
		code  string
	}{
		"no arm":       {trial{visits: w4w12, lines: readTrial(t, "06-one-arm/data.csv")}, "all", "no-comparison"},
		"constant arm": {trial{visits: w4w12, arms: []string{"new"}, lines: readTrial(t, "06-one-arm/data-constant-arm.csv")}, "new", "one-group"},
		"empty arms":   {trial{visits: w4w12, arms: []string{"usual", "new", "other"}, lines: readTrial(t, "06-one-arm/data-constant-arm.csv")}, "new", "one-group"},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.trial.ask(t, nil)
			require.Nil(t, got.Refused)
			require.Equal(t, 4, got.N)
			require.Zero(t, got.NMissing)
			// lm in R 4.2 at w4, where nobody is missing: the mean of 10, 9, 14, 12.
			mean := named(t, got, "ls_mean", c.group, "w4")
			require.InDelta(t, 11.25, *mean.Estimate, 0.5)
			for _, visit := range []string{"w4", "w12"} {
				for _, name := range []string{"ls_mean", "change"} {
					e := named(t, got, name, c.group, visit)
					require.NotNil(t, e.Estimate)
					require.Less(t, *e.CILower, *e.Estimate)
					require.Greater(t, *e.CIUpper, *e.Estimate)
				}
			}
			left := named(t, got, "retained_share", c.group, "w12")
			require.NotNil(t, left.Estimate)
			require.Empty(t, got.Named("difference"))
			_, ok := got.Table("differences")
			require.False(t, ok)
			require.Contains(t, codes(got), c.code)
			require.Len(t, got.Groups, 1)
			require.Equal(t, 4, got.Groups[0].N)
			require.NotEmpty(t, got.Groups[0].Definition)
			require.NotContains(t, codes(got), "assignment")
		})
	}
}

// Where everybody is worse than before there is no benefit to retain.
func TestWorseIsNoBenefit(t *testing.T) {
	got := trial{visits: w4w12, arms: []string{"usual", "new"}, lines: readTrial(t, "12-worse-is-no-benefit/data.csv")}.ask(t, nil)
	for _, group := range []string{"usual", "new"} {
		share := named(t, got, "retained_share", group, "w12")
		require.Nil(t, share.Estimate)
		require.Nil(t, share.CILower)
		require.Nil(t, share.CIUpper)
		require.Equal(t, "no benefit at w4: patients were worse than before", share.Note)
	}
	first := strings.SplitAfter(got.Answer, "new.")[0]
	require.Contains(t, first, "atients were worse than before treatment at w4: +8.0 points (95 % CI ")
	require.Contains(t, first, "in usual and +5.0 points (")
	require.Contains(t, got.Answer, "At w12 the change from before treatment was +4.9 points")
	require.NotContains(t, got.Answer, " % of")
	require.NotContains(t, got.Answer, "is left")
	require.NotContains(t, got.Method, "Shares left")
	for _, g := range got.Groups {
		require.Equal(t, "no benefit: worse than before", g.Verdict)
	}
	table, ok := got.Table("retained")
	require.True(t, ok)
	require.Len(t, table.Rows, 2, "no row says 100 % of nothing")
}

// mood is a trial on a scale from 0 to 10 on which higher is better; by is how far
// each arm's scores move at the two visits.
func mood(by map[string][2]int) trial {
	c := trial{visits: w4w12, arms: []string{"usual", "new"}, instrument: "nrs-mood"}
	for n := range 24 {
		arm := c.arms[n%2]
		before := 4 + n%3
		for v, visit := range c.visits {
			score := before + by[arm][v] + (7*n+3*(n/4)+v*(n/5))%5/2
			c.lines = append(c.lines, []string{fmt.Sprint(n), arm, visit.Name, fmt.Sprint(max(0, min(10, score))), fmt.Sprint(before)})
		}
	}
	return c
}

// Which way is better is the instrument's: on a scale on which higher is better a
// rise is the benefit, and a fall is worse.
func TestABenefitFollowsTheInstrumentsDirection(t *testing.T) {
	better := mood(map[string][2]int{"usual": {2, 1}, "new": {3, 2}}).ask(t, nil)
	for _, group := range []string{"usual", "new"} {
		e := named(t, better, "retained_share", group, "w12")
		require.NotNil(t, e.Estimate, e.Note)
		require.Positive(t, *e.Estimate)
		require.Less(t, *e.Estimate, 1.0)
		require.Positive(t, *named(t, better, "change", group, "w4").Estimate)
	}
	table, _ := better.Table("retained")
	require.Contains(t, table.Notes[0], "Benefit is the rise from baseline")
	require.NotContains(t, strings.Join(append(sentences(better), better.Method), " "), "fall")

	worse := mood(map[string][2]int{"usual": {-3, -2}, "new": {-2, -1}}).ask(t, nil)
	require.Contains(t, worse.Answer, "There is no benefit to keep: patients were worse than before treatment at w4: \u22122.2 points")
	for _, e := range worse.Named("retained_share") {
		require.Nil(t, e.Estimate)
		require.Equal(t, "no benefit at w4: patients were worse than before", e.Note)
	}

	// Each group for itself: one better, one worse, one neither.
	mixed := mood(map[string][2]int{"usual": {-3, -2}, "new": {3, 2}}).ask(t, nil)
	require.NotNil(t, named(t, mixed, "retained_share", "new", "w12").Estimate)
	require.Nil(t, named(t, mixed, "retained_share", "usual", "w12").Estimate)
	require.Contains(t, mixed.Answer, "benefit is left in new.")
	require.Contains(t, mixed.Answer, "Patients were worse than before treatment at w4: \u22122.2 points (")
	require.Equal(t, "no benefit: worse than before", mixed.Groups[0].Verdict)
	require.NotContains(t, mixed.Groups[1].Verdict, "no benefit")

	// A change that may be none is no benefit either.
	none := mood(map[string][2]int{"usual": {-1, 0}, "new": {3, 2}})
	for i := range none.lines { // as many a point up as down
		if none.lines[i][1] == "usual" && none.lines[i][2] == "w4" {
			none.lines[i][3] = fmt.Sprint(number(t, none.lines[i][4]) + float64(1-2*(i/4%2)))
		}
	}
	unclear := none.ask(t, nil)
	require.Equal(t, "not estimable: the change at w4 does not differ from 0", named(t, unclear, "retained_share", "usual", "w12").Note)
	require.Contains(t, unclear.Answer, "No benefit is shown at w4: the change from before treatment was ")
	require.Equal(t, "cannot be said: no benefit is shown", unclear.Groups[0].Verdict)
}
