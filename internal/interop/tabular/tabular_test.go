package tabular_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/interop/tabular"
)

const smallMap = `
study: small
layout: long
missing: ["", "NA"]
subject: id
arm: {column: arm, levels: [a, b]}
visit: {column: visit, anchor: course-start, levels: [{value: w1, day: 7}, {value: w4, day: 28}]}
measures: [{instrument: phq-9, total: phq, baseline: phq0}]
covariates: [{column: sex, levels: [f, m]}]
`

const smallWideMap = `
study: small
layout: wide
missing: ["", "NA"]
subject: id
arm: {column: arm, levels: [a, b]}
visit: {column: visit, anchor: course-start, levels: [{value: w1, day: 7}, {value: w4, day: 28}]}
measures: [{instrument: phq-9, total: phq, baseline: phq0, totals: {w1: phq_w1, w4: phq_w4}}]
covariates: [{column: sex, levels: [f, m]}]
`

// upTo is an instrument that takes totals from 0 to highest.
func upTo(highest int) tabular.CheckScoreFunc {
	return func(m care.Measure, score int) error {
		if score < 0 || score > highest {
			return fmt.Errorf("is outside the range of %s, 0 to %d", m.Instrument, highest)
		}
		return nil
	}
}

func mustMap(t testing.TB, source string) tabular.Map {
	t.Helper()
	m, err := tabular.ParseMap([]byte(source))
	require.NoError(t, err)
	return m
}

func file(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

// demoMap is the demo study's map; wide rewrites it for the wide file.
func demoMap(t testing.TB, wide bool) tabular.Map {
	source := string(file(t, "../../../studies/btheb.yaml"))
	if wide {
		source = strings.Replace(source, "layout: long", "layout: wide", 1)
		source = strings.Replace(source, "total: bdi,", "total: bdi, totals: {2m: bdi_2m, 3m: bdi_3m, 5m: bdi_5m, 8m: bdi_8m},", 1)
	}
	return mustMap(t, source)
}

func TestLongAndWideGiveTheSameImport(t *testing.T) {
	long, longReport, err := demoMap(t, false).Read(file(t, "../../../testdata/btheb/btheb.csv"), upTo(63))
	require.NoError(t, err)
	wide, wideReport, err := demoMap(t, true).Read(file(t, "../../../testdata/btheb/btheb_wide.csv"), upTo(63))
	require.NoError(t, err)

	require.Equal(t, withoutRows(long), withoutRows(wide))
	require.Equal(t, longReport.Occasions, wideReport.Occasions)
	require.Equal(t, []string{"month"}, longReport.Ignored)
	require.Empty(t, wideReport.Ignored)
	require.Equal(t, 400, longReport.Rows)
	require.Equal(t, 100, wideReport.Rows)
}

// withoutRows forgets where in a file each response stood.
func withoutRows(imp tabular.Import) tabular.Import {
	for n := range imp.Subjects {
		s := &imp.Subjects[n]
		s.Row = 0
		for i := range s.Responses {
			s.Responses[i].Row = 0
		}
		for i := range s.Empty {
			s.Empty[i].Row = 0
		}
	}
	return imp
}

// The published trial: 100 patients, 48 and 52 by arm; of 400 scores after
// baseline 280 were given, fewer at every visit.
func TestTheDemoStudyIsReadWhole(t *testing.T) {
	imp, report, err := demoMap(t, false).Read(file(t, "../../../testdata/btheb/btheb.csv"), upTo(63))
	require.NoError(t, err)
	require.Equal(t, 100, report.Subjects)
	require.Equal(t, 100+280, report.Responses)
	require.Equal(t, []string{"2m", "3m", "5m", "8m"}, imp.Study.VisitNames())

	var missing []int
	expected := map[string]int{}
	for _, o := range report.Occasions {
		expected[o.Arm] = o.Expected
		missing = append(missing, o.Missing)
		require.Equal(t, o.Expected, o.Answered+o.Missing)
	}
	require.Equal(t, map[string]int{"TAU": 48, "BtheB": 52}, expected)
	require.Equal(t, []int{0, 0, 3, 0, 12, 15, 19, 23, 23, 25}, missing, "baseline, 2m, 3m, 5m, 8m; TAU, then BtheB")
	require.Equal(t, tabular.Subject{
		Code: "b001", Row: 2, Arm: "TAU", Covariates: []string{"No", "gt6m"},
		Responses: []tabular.Response{{Visit: "baseline", Score: 29, Row: 2}, {Visit: "2m", Score: 2, Row: 2}, {Visit: "3m", Score: 2, Row: 3}},
		Empty:     []tabular.Place{{Visit: "5m", Row: 4}, {Visit: "8m", Row: 5}},
	}, imp.Subjects[0])
}

// How subjects came to their level is said by the map alone, and a map need not.
func TestAMapMaySayHowGroupsCameAbout(t *testing.T) {
	require.Equal(t, care.AssignmentRandomised, demoMap(t, false).Study.Arm.Assignment, "Proudfoot et al. 2003 drew the treatment")
	require.Empty(t, demoMap(t, false).Study.Covariates[0].Assignment)
	source := string(file(t, "../../../studies/btheb.yaml"))
	silent := mustMap(t, strings.Replace(source, ", assignment: randomised", "", 1))
	require.Empty(t, silent.Study.Arm.Assignment)
	covariate := mustMap(t, strings.Replace(source, "levels: [lt6m, gt6m]", "levels: [lt6m, gt6m], assignment: not-randomised", 1))
	require.Equal(t, care.AssignmentNotRandomised, covariate.Study.Covariates[1].Assignment)
	_, err := tabular.ParseMap([]byte(strings.Replace(source, "assignment: randomised", "assignment: drawn", 1)))
	require.True(t, fault.Is(err, fault.KindInvalid), "%v", err)
	require.ErrorContains(t, err, "assignment")
}

func TestAMissingScoreIsNoResponse(t *testing.T) {
	imp, report, err := mustMap(t, smallMap).Read([]byte("id,arm,sex,phq0,visit,phq\n1,a,f,12,w1,NA\n2,b,,NA,w4,3\n"), upTo(27))
	require.NoError(t, err)
	require.Equal(t, []tabular.Response{{Visit: "baseline", Score: 12, Row: 2}}, imp.Subjects[0].Responses)
	require.Equal(t, []tabular.Response{{Visit: "w4", Score: 3, Row: 3}}, imp.Subjects[1].Responses)
	require.Equal(t, []tabular.MissingCovariate{{Covariate: "sex", Missing: 1}}, report.Covariates)
	require.Equal(t, []tabular.OccasionCount{
		{Measure: "phq", Visit: "baseline", Arm: "a", Expected: 1, Answered: 1},
		{Measure: "phq", Visit: "baseline", Arm: "b", Expected: 1, Missing: 1},
		{Measure: "phq", Visit: "w1", Arm: "a", Expected: 1, Missing: 1},
		{Measure: "phq", Visit: "w1", Arm: "b", Expected: 1, Missing: 1},
		{Measure: "phq", Visit: "w4", Arm: "a", Expected: 1, Missing: 1},
		{Measure: "phq", Visit: "w4", Arm: "b", Expected: 1, Answered: 1},
	}, report.Occasions)
}

func TestRowOrderDoesNotMatter(t *testing.T) {
	m := mustMap(t, smallMap)
	one, _, err := m.Read([]byte("id,arm,sex,phq0,visit,phq\n1,a,f,12,w1,9\n1,a,f,12,w4,4\n"), upTo(27))
	require.NoError(t, err)
	other, _, err := m.Read([]byte("visit,phq,id,arm,sex,phq0\r\nw4,4,1,a,f,12\r\nw1,\"9\",1,a,f,12\r\n"), upTo(27))
	require.NoError(t, err)
	require.Equal(t, withoutRows(one), withoutRows(other))
}

func TestSR24_EveryFaultIsReportedByRowAndColumn(t *testing.T) {
	const header = "id,arm,sex,phq0,visit,phq\n"
	for _, c := range []struct{ name, rows, place, message string }{
		{"unknown arm", "1,c,f,12,w1,9\n", "row 2, column arm", `is not one of the levels that the map gives, which are "a", "b"`},
		{"no arm", "1,,f,12,w1,9\n", "row 2, column arm", "is missing"},
		{"unknown level of a covariate", "1,a,x,12,w1,9\n", "row 2, column sex", `is not one of the levels that the map gives, which are "f", "m"`},
		{"unknown visit", "1,a,f,12,w2,9\n", "row 2, column visit", `is not one of the levels that the map gives, which are "w1", "w4"`},
		{"no visit", "1,a,f,12,NA,9\n", "row 2, column visit", "is missing"},
		{"no subject", ",a,f,12,w1,9\n", "row 2, column id", "names no subject"},
		{"a subject that could be a person's name", "Ann Lee,a,f,12,w1,9\n", "row 2, column id", "is not a subject code: 1 to 64 letters, digits, dots, hyphens, underscores or slashes"},
		{"score above the range", "1,a,f,12,w1,28\n", "row 2, column phq", "is outside the range of phq-9, 0 to 27"},
		{"score below the range", "1,a,f,12,w1,-1\n", "row 2, column phq", "is outside the range of phq-9, 0 to 27"},
		{"baseline outside the range", "1,a,f,99,w1,9\n", "row 2, column phq0", "is outside the range of phq-9, 0 to 27"},
		{"score with decimals", "1,a,f,12,w1,9.5\n", "row 2, column phq", "has a decimal fraction; a score of phq-9 here is a whole number: give it as it was recorded, it is not rounded"},
		{"score as text", "1,a,f,12,w1,nine\n", "row 2, column phq", "is not a whole number; a score that was not given is left empty or written as the map's missing value"},
		{"another word for missing", "1,a,f,12,w1,NULL\n", "row 2, column phq", "is not a whole number; a score that was not given is left empty or written as the map's missing value"},
		{"a visit twice", "1,a,f,12,w1,9\n2,a,f,12,w1,9\n1,a,f,12,w1,8\n", "row 4, column visit", "is the visit of row 2 of the same subject again"},
		{"arm that changes", "1,a,f,12,w1,9\n1,b,f,12,w4,9\n", "row 3, column arm", "differs from row 2 of the same subject"},
		{"baseline that changes", "1,a,f,12,w1,9\n1,a,f,13,w4,9\n", "row 3, column phq0", "differs from row 2 of the same subject"},
		{"covariate that changes", "1,a,f,12,w1,9\n1,a,m,12,w4,9\n", "row 3, column sex", "differs from row 2 of the same subject"},
		{"a field too many", "1,a,f,12,w1,9,\n", "row 2", "has 7 fields where the header has 6"},
		{"a field too few", "1,a,f,12,w1\n", "row 2", "has 5 fields where the header has 6"},
		{"no rows", "", "row 1", "no rows follow the header"},
	} {
		t.Run(c.name, func(t *testing.T) {
			imp, report, err := mustMap(t, smallMap).Read([]byte(header+c.rows), upTo(27))
			require.True(t, fault.Is(err, fault.KindInvalid), "%v", err)
			require.Empty(t, imp.Subjects)
			require.Equal(t, 1, report.FaultCount, "%v", report.Faults)
			require.Equal(t, c.place, report.Faults[0].Place())
			require.Equal(t, c.message, report.Faults[0].Message)
		})
	}
}

func TestSR24_AnErrorInTheLastRowLeavesNothing(t *testing.T) {
	data := file(t, "../../../testdata/btheb/btheb.csv")
	broken := append([]byte(strings.TrimSuffix(string(data), "\n")), "64\n"...)
	imp, report, err := demoMap(t, false).Read(broken, upTo(63))
	require.True(t, fault.Is(err, fault.KindInvalid))
	require.Empty(t, imp.Subjects)
	require.Zero(t, report.Subjects)
	require.Equal(t, []tabular.RowFault{{Row: 401, Column: "bdi", Message: "is outside the range of bdi-ii, 0 to 63"}}, report.Faults)
}

func TestSR24_AllFaultsAreCountedAndTheListIsBounded(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("id,arm,sex,phq0,visit,phq\n")
	for i := range 300 {
		fmt.Fprintf(&rows, "%d,a,f,12,w1,99\n", i)
	}
	_, report, err := mustMap(t, smallMap).Read([]byte(rows.String()), upTo(27))
	require.Error(t, err)
	require.Equal(t, 300, report.FaultCount)
	require.Len(t, report.Faults, tabular.MaxFaults)
	require.Contains(t, err.Error(), "and 198 more")
}

func TestFilesThatAreNotReadAtAll(t *testing.T) {
	for _, c := range []struct {
		name, data, message string
		kind                fault.Kind
	}{
		{"empty", "", "the first row must name the columns", fault.KindInvalid},
		{"not UTF-8", "id,arm\n\xff", "not UTF-8", fault.KindInvalid},
		{"a zero byte", "id,arm\n\x00", "zero byte", fault.KindInvalid},
		{"a column twice", "id,arm,arm,sex,phq0,visit,phq\n", `has the name "arm" a second time`, fault.KindInvalid},
		{"a column without a name", "id,,arm,sex,phq0,visit,phq\n1,x,a,f,12,w1,9\n", "column 2: has no name", fault.KindInvalid},
		{"a column of the map is absent", "id,arm,phq0,visit,phq\n", "column sex: is named by the map and is not in the file", fault.KindInvalid},
		{"an open quote", "id,arm,sex,phq0,visit,phq\n1,\"a,f,12,w1,9\n", "quote", fault.KindInvalid},
		{"too large", strings.Repeat("x", tabular.MaxBytes+1), "more than 10 MiB", fault.KindTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			imp, _, err := mustMap(t, smallMap).Read([]byte(c.data), upTo(27))
			require.True(t, fault.Is(err, c.kind), "%v", err)
			require.ErrorContains(t, err, c.message)
			require.Empty(t, imp.Subjects)
		})
	}
}

func TestWideTakesASubjectOnce(t *testing.T) {
	m := mustMap(t, smallWideMap)
	imp, _, err := m.Read([]byte("id,arm,sex,phq0,phq_w1,phq_w4\n1,a,f,12,9,\n"), upTo(27))
	require.NoError(t, err)
	require.Equal(t, []tabular.Response{{Visit: "baseline", Score: 12, Row: 2}, {Visit: "w1", Score: 9, Row: 2}}, imp.Subjects[0].Responses)

	_, report, err := m.Read([]byte("id,arm,sex,phq0,phq_w1,phq_w4\n1,a,f,12,9,\n1,a,f,12,9,\n"), upTo(27))
	require.Error(t, err)
	require.Equal(t, "is the subject of row 2 again; the wide layout has one row a subject", report.Faults[0].Message)
}

func TestMapsAreRefusedWithTheirPlace(t *testing.T) {
	for _, c := range []struct{ name, from, to, message string }{
		{"unknown field", "subject: id", "subject: id\ncolour: red", "colour"},
		{"unknown layout", "layout: long", "layout: deep", "layout (line 3)"},
		{"day as text", "day: 28", "day: soon", "visit/levels/1/day (line 7)"},
		{"days that do not rise", "day: 28", "day: 7", "visit.levels[1]: days must be 0 or more and rise"},
		{"a level that is also missing", `["", "NA"]`, `["", "a"]`, `"a" is also a level of arm`},
		{"a column read twice", "subject: id", "subject: sex", `column "sex" is read as the subject already`},
		{"totals in the long layout", "baseline: phq0", "baseline: phq0, totals: {w1: x, w4: y}", "belongs to the wide layout"},
		{"tests outside the tall layout", "subject: id", "subject: id\ntest: t", "test (line 6): belongs to the tall layout"},
		{"the tall layout without its columns", "layout: long", "layout: tall", "value (line 2): is missing"},
		{"another word for no arm", "arm: {column: arm, levels: [a, b]}", "arm: nothing", "arm (line 6)"},
		{"no totals in the wide layout", "layout: long", "layout: wide", `names no column for visit "w1"`},
		{"an instrument twice", "measures: [", "measures: [{instrument: phq-9, total: p2}, ", "is a measure already"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Contains(t, smallMap, c.from)
			_, err := tabular.ParseMap([]byte(strings.Replace(smallMap, c.from, c.to, 1)))
			require.True(t, fault.Is(err, fault.KindInvalid), "%v", err)
			require.ErrorContains(t, err, c.message)
		})
	}
	_, err := tabular.ParseMap([]byte(strings.Replace(smallWideMap, "w4: phq_w4", "w4: phq_w4, w9: phq_w9", 1)))
	require.ErrorContains(t, err, `"w9" is not a visit of this map`)
}

func FuzzParseMap(f *testing.F) {
	f.Add([]byte(smallMap))
	f.Add([]byte(smallWideMap))
	f.Add([]byte("study: x\nlayout: long"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := tabular.ParseMap(data)
		if err != nil {
			require.Equal(t, fault.KindInvalid, fault.KindOf(err), "%v", err)
			return
		}
		require.NoError(t, m.Study.Validate())
	})
}

// Whatever the bytes: no panic, and either a sound import or faults, never both.
func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("id,arm,sex,phq0,visit,phq\n1,a,f,12,w1,9\n"), false)
	f.Add([]byte("id,arm,sex,phq0,phq_w1,phq_w4\n1,a,f,12,9,\n"), true)
	f.Add([]byte("\xef\xbb\xbfid,\"arm\"\r\n"), false)
	long, wide := mustMap(f, smallMap), mustMap(f, smallWideMap)
	f.Fuzz(func(t *testing.T, data []byte, isWide bool) {
		m := long
		if isWide {
			m = wide
		}
		imp, report, err := m.Read(data, upTo(27))
		if err != nil {
			require.Equal(t, fault.KindInvalid, fault.KindOf(err), "%v", err)
			require.Empty(t, imp.Subjects)
			return
		}
		require.Zero(t, report.FaultCount)
		require.Equal(t, len(imp.Subjects), report.Subjects)
		responses := 0
		for _, s := range imp.Subjects {
			responses += len(s.Responses)
		}
		require.Equal(t, responses, report.Responses)
	})
}
