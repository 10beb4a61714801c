package tabular_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/interop/tabular"
)

const itemsMap = `
study: answers
layout: long
missing: ["", "NA"]
subject: id
visit: {column: visit, anchor: course-start, baseline: pre, levels: [{value: w4, day: 28}]}
measures: [{instrument: phq-9, total: phq, items: "q{item}"}]
`

const itemsHeader = "id,visit,q1,q2,q3,q4,q5,q6,q7,q8,q9"

func readItems(t *testing.T, study, data string) (tabular.Import, tabular.Report, error) {
	t.Helper()
	m := mustMap(t, study)
	instruments, err := m.Resolve(library(t))
	require.NoError(t, err)
	return m.Read([]byte(data), instruments.Check)
}

// The answers to the items are stored as they were given and scored by the
// instrument's own definition, prorating included.
func TestAnswersToItemsAreScoredByTheInstrument(t *testing.T) {
	data := itemsHeader + "\n1,pre,3,3,3,3,3,3,3,3,0\n1,w4,1,1,1,1,1,1,1,,\n2,pre,1,1,1,1,1,1,,,\n2,w4,,NA,,,,,,,\n3,w4,0,1.0,0,0,0,0,0,0,2\n"
	m := mustMap(t, itemsMap)
	instruments, err := m.Resolve(library(t))
	require.NoError(t, err)
	imp, report, err := m.Read([]byte(data), instruments.Check)
	require.NoError(t, err)
	require.Equal(t, 4, report.Responses)
	require.Equal(t, []tabular.OccasionCount{
		{Measure: "phq", Visit: "baseline", Expected: 3, Answered: 1, Missing: 2},
		{Measure: "phq", Visit: "w4", Expected: 3, Answered: 2, Missing: 1},
	}, report.Occasions, "answers that are too few for a score do not count as answered")

	request, err := instruments.Request(imp, "")
	require.NoError(t, err)
	first := request.Subjects[0].Responses
	require.Equal(t, 24.0, *first[0].Score.Score)
	require.Len(t, first[0].Answers, 9)
	require.Equal(t, 9.0, *first[1].Score.Score, "seven of nine answers, prorated")
	require.True(t, first[1].Score.Prorated)
	require.Equal(t, "unknown", string(first[1].Score.Flags[0].Level), "item 9 was not answered")
	require.Nil(t, request.Subjects[1].Responses[0].Score.Score)
	require.Len(t, request.Subjects[1].Empty, 1, "a visit without any answer is an empty field")
	require.Equal(t, 3.0, *request.Subjects[2].Responses[0].Score.Score)
	require.Equal(t, 2, *request.Subjects[2].Responses[0].Score.Flags[0].Value)
}

func TestColumnsOfItemsMayBeNamedOneByOne(t *testing.T) {
	var each []string
	for i := 1; i <= 9; i++ {
		each = append(each, fmt.Sprintf(`"%d": q%d`, i, i))
	}
	named := strings.Replace(itemsMap, `"q{item}"`, "{"+strings.Join(each, ", ")+"}", 1)
	data := itemsHeader + "\n1,pre,3,3,3,3,3,3,3,3,0\n"
	byName, _, err := readItems(t, named, data)
	require.NoError(t, err)
	byPattern, _, err := readItems(t, itemsMap, data)
	require.NoError(t, err)
	require.Equal(t, byPattern, byName)

	var wide []string
	for _, visit := range []string{"pre", "w4"} {
		for i := 1; i <= 9; i++ {
			wide = append(wide, fmt.Sprintf("%s_%d", visit, i))
		}
	}
	wideMap := strings.Replace(strings.Replace(itemsMap, "layout: long", "layout: wide", 1), "q{item}", "{visit}_{item}", 1)
	asWide, _, err := readItems(t, wideMap, "id,"+strings.Join(wide, ",")+"\n1,3,3,3,3,3,3,3,3,0,,,,,,,,,\n")
	require.NoError(t, err)
	require.Equal(t, byPattern.Subjects[0].Responses, asWide.Subjects[0].Responses)
}

// A total beside the answers is compared with the instrument's own and never
// stored.
func TestATotalBesideTheAnswersIsComparedAndNotStored(t *testing.T) {
	data := itemsHeader + ",phq\n1,pre,3,3,3,3,3,3,3,3,0,24\n1,w4,1,1,1,1,1,1,1,1,1,10\n2,pre,1,1,,,,,,,,2\n2,w4,1,1,1,1,1,1,1,1,1,\n"
	imp, report, err := readItems(t, itemsMap, data)
	require.NoError(t, err)
	require.Equal(t, []string{"column phq: the total is not the one that the answers give by the instrument's own rule, in rows 3, 4; the answers are taken and scored, the total is not stored"}, report.Warnings)
	require.Empty(t, report.Ignored)
	without, _, err := readItems(t, itemsMap, itemsHeader+"\n1,pre,3,3,3,3,3,3,3,3,0\n1,w4,1,1,1,1,1,1,1,1,1\n2,pre,1,1,,,,,,,\n2,w4,1,1,1,1,1,1,1,1,1\n")
	require.NoError(t, err)
	require.Equal(t, without, imp)
}

func TestAnswersThatAreNotRight(t *testing.T) {
	for _, c := range []struct{ name, row, place, message string }{
		{"no option", "1,pre,4,0,0,0,0,0,0,0,0", "row 2, column q1", "the answer is not one of the item's options (phq-9)"},
		{"half an answer", "1,pre,0,0.5,0,0,0,0,0,0,0", "row 2, column q2", "has a decimal fraction"},
		{"words", "1,pre,0,0,often,0,0,0,0,0,0", "row 2, column q3", "is not a whole number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, report, err := readItems(t, itemsMap, itemsHeader+"\n"+c.row+"\n")
			require.True(t, fault.Is(err, fault.KindInvalid), "%v", err)
			require.Equal(t, 1, report.FaultCount)
			require.Equal(t, c.place, report.Faults[0].Place())
			require.Contains(t, report.Faults[0].Message, c.message)
		})
	}
}

func TestMapsOfItemsThatDoNotFit(t *testing.T) {
	for _, c := range []struct{ name, from, to, message string }{
		{"a pattern without its place", `"q{item}"`, `"q_item"`, "measures/0/items"},
		{"an item that is none", `"q{item}"`, `{"1": a, "17": b}`, `has no item "17"`},
		{"an item without a column", `"q{item}"`, `{"1": a}`, "names no column for item 2"},
		{"an item's number as a number", `"q{item}"`, `{1: a}`, "the key 1 is not text; put it in quotes"},
		{"an instrument that is a total", "phq-9", "bdi-ii", "is recorded as its total alone; leave items out"},
		{"visits in the long layout", `"q{item}"`, `"{visit}_{item}"`, "belongs to the wide layout"},
		{"no visits in the wide layout", "layout: long", "layout: wide", "each column's name holds {visit}"},
		{"a baseline that is a column", "baseline: pre, levels", "levels", ""},
		{"a column twice", `"q{item}"`, `{"1": a, "2": a, "3": c, "4": d, "5": e, "6": f, "7": g, "8": h, "9": i}`, `column "a" is read as an answer already`},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Contains(t, itemsMap, c.from)
			source := strings.Replace(itemsMap, c.from, c.to, 1)
			if c.message == "" {
				source, c.message = strings.Replace(source, "total: phq", "total: phq, baseline: phq0", 1), "has its baseline as a visit"
			}
			m, err := tabular.ParseMap([]byte(source))
			if err == nil {
				_, err = m.Resolve(library(t))
			}
			require.True(t, fault.Is(err, fault.KindInvalid), "%v", err)
			require.ErrorContains(t, err, c.message)
		})
	}
}

const tallMap = `
study: tall
layout: tall
missing: ["", "NA"]
subject: id
test: test
value: value
arm: {column: arm, levels: [a, b]}
visit: {column: visit, anchor: course-start, baseline: pre, levels: [{value: w4, day: 28}]}
measures: [{instrument: bdi-ii, total: bdi, test: BDI-2}, {instrument: nrs-mood, total: mood}]
`

// One row a subject, visit and test gives the same import as one row a visit.
func TestTallGivesTheSameImportAsLong(t *testing.T) {
	longMap := strings.NewReplacer("layout: tall", "layout: long", "test: test\n", "", "value: value\n", "", ", test: BDI-2", "").Replace(tallMap)
	tall, report, err := readUpTo63(t, tallMap, "id,arm,visit,test,value\n1,a,pre,BDI-2,30\n1,,pre,mood,3\n1,,w4,BDI-2,12\n1,,w4,mood,\n1,,w4,SWL,20\n2,b,w4,mood,7\n")
	require.NoError(t, err)
	require.Equal(t, []string{`test "SWL" is not read, in 1 row: no measure of the map names it`}, report.Warnings)
	long, longReport, err := readUpTo63(t, longMap, "id,arm,visit,bdi,mood\n1,a,pre,30,3\n1,a,w4,12,\n2,b,w4,,7\n")
	require.NoError(t, err)
	require.Equal(t, longReport.Occasions, report.Occasions)
	a, b := withoutRows(tall), withoutRows(long)
	b.Subjects[1].Empty = nil // a test without a row is absent, a field without a value is empty
	require.Equal(t, b, a)

	for _, c := range []struct{ name, row, message string }{
		{"a test twice", "1,a,pre,BDI-2,30\n1,a,pre,BDI-2,31\n", "is the visit of row 2 of the same subject again"},
		{"no test", "1,a,pre,,30\n", "names no test"},
		{"a test in other case", "1,a,pre,bdi-2,30\n", `is not the test "BDI-2"`},
		{"a score out of range", "1,a,pre,BDI-2,64\n", "is outside the range of bdi-ii, 0 to 63"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, report, err := readUpTo63(t, tallMap, "id,arm,visit,test,value\n"+c.row)
			require.Error(t, err)
			require.Equal(t, 1, report.FaultCount)
			require.Contains(t, report.Faults[0].Message, c.message)
		})
	}
}

func readUpTo63(t *testing.T, study, data string) (tabular.Import, tabular.Report, error) {
	t.Helper()
	return mustMap(t, study).Read([]byte(data), upTo(63))
}

func TestANumberThatStandsForMissingIsToldSo(t *testing.T) {
	study := strings.Replace(smallMap, "phq-9", "bdi-ii", 1)
	for value, told := range map[string]bool{"-9": true, "99": true, "999": true, "88": true, "64": false, "100": false} {
		_, report, err := readItems(t, study, "id,arm,sex,phq0,visit,phq\n1,a,f,12,w1,"+value+"\n")
		require.Error(t, err)
		require.Equal(t, told, strings.Contains(report.Faults[0].Message, "belongs among the map's missing texts"), value)
		require.NotContains(t, report.Faults[0].Message, value+" ")
	}
}
