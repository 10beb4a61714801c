package tabular

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode"

	"afterglow/internal/care"
	"afterglow/internal/instrument"
)

// Import is a study's data, checked and in a fixed order: subjects as they first
// appear in the file; in each the baselines in the order of the measures, then
// the visits in the order of the map, in each of them the measures.
type Import struct {
	Study    care.Study
	Subjects []Subject
}

// Subject is one subject under the code that the study uses for them. Row is the
// line on which they first appear.
type Subject struct {
	Code string
	Row  int
	Arm  string
	// Covariates stand in the order of the study's; an empty one is missing.
	Covariates []string
	Responses  []Response
	// Empty are the places of scores that the file has and leaves empty.
	Empty []Place
}

// Place is where a score could stand: Measure is the place in the study's
// measures, Visit a visit of the study or care.BaselineVisit, Row the line of the
// file, the header being 1.
type Place struct {
	Measure int
	Visit   string
	Row     int
}

// Response is one score, at a Place. A missing score is no Response.
type Response struct {
	Measure int
	Visit   string
	// Score is the total; 0 where Answers are given.
	Score int
	// Answers are those to the items, nil where the total alone came.
	Answers instrument.Answers
	// NoScore says that too many of the answers are missing for a score.
	NoScore bool
	Row     int
}

// CheckScoreFunc says what is wrong with a score of a measure, in words for
// people that do not repeat the score; nil when it is possible.
type CheckScoreFunc func(m care.Measure, score int) error

// subjectPattern leaves no room for a name or an address.
var subjectPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$`)

// maxScoreDigits keeps a score well inside an int on every platform.
const maxScoreDigits = 6

// Read checks the whole file against the map. Either everything is right and
// the Import holds all of it, or the error (fault.KindInvalid, or KindTooLarge)
// says what is wrong and the Import is empty; the Report stands in both cases,
// with its counts only in the first.
func (m Map) Read(data []byte, check CheckScoreFunc) (Import, Report, error) {
	log := &faultLog{}
	report := NewReport(m.Study.ID)
	report.Warnings = append(report.Warnings, m.Warnings()...)
	wanted := m.readColumns()
	table, err := readSheet(data, wanted, log)
	if err != nil {
		return Import{}, report, err
	}
	at, ignored, err := table.places(wanted, m.optionalColumns())
	if err != nil {
		return Import{}, report, err
	}
	report.Rows = len(table.rows)
	report.Ignored = append(report.Ignored, ignored...)
	g := newGatherer(m, at, check, log)
	if n := g.labelRows(table); n > 0 {
		return Import{}, report, labelFault(table, n)
	}
	for i, row := range table.rows {
		g.row(table.lines[i], row)
	}
	g.finish()
	if len(table.rows) == 0 && log.count == 0 {
		log.add(1, "", "no rows follow the header")
	}
	report.Faults = append(report.Faults, log.list()...)
	report.FaultCount = log.count
	if err := log.err(); err != nil {
		return Import{}, report, err
	}
	imp := g.build()
	report.Warnings = append(report.Warnings, g.warnings()...)
	report.count(imp)
	return imp, report, nil
}

// draft is a subject while its rows come in. line is its first row.
type draft struct {
	subject Subject
	line    int
	// baselines are texts by measure, with the line on which each first stood.
	baselines     []string
	baselineLines []int
	// broken are the factors of which a row has a wrong level.
	broken map[string]bool
	visits map[[2]string]int
}

type gatherer struct {
	m      Map
	at     map[string]int
	check  CheckScoreFunc
	log    *faultLog
	levels map[string][]string
	order  []*draft
	byCode map[string]*draft
	// differs are the columns of totals that the answers contradict, with their rows.
	differs   []string
	differing map[string][]int
	// otherTests counts rows of tests that the map does not read, by test.
	otherTests map[string]int
}

func newGatherer(m Map, at map[string]int, check CheckScoreFunc, log *faultLog) *gatherer {
	g := &gatherer{m: m, at: at, check: check, log: log, levels: map[string][]string{}, byCode: map[string]*draft{},
		differing: map[string][]int{}, otherTests: map[string]int{}}
	for _, f := range m.Study.Factors() {
		g.levels[f.Name] = f.Levels
	}
	if m.Layout != LayoutWide {
		g.levels[m.Study.VisitName] = m.fileVisits()
	}
	return g
}

func (g *gatherer) row(line int, row []string) {
	cell := func(column string) string { return row[g.at[column]] }
	code := cell(g.m.subject)
	switch {
	case g.m.isMissing(code):
		g.log.add(line, g.m.subject, "names no subject")
		return
	case !subjectPattern.MatchString(code) && strings.ContainsFunc(code, unicode.IsSpace) && subjectPattern.MatchString(strings.TrimSpace(code)):
		g.log.addOnce(line, g.m.subject, "space", "has a space before or behind the code; remove it")
		return
	case !subjectPattern.MatchString(code):
		g.log.addOnce(line, g.m.subject, "code", "is not a subject code: 1 to 64 letters, digits, dots, hyphens, underscores or slashes")
		return
	}
	seen := g.rowOf(code, line, cell)
	known, again := g.byCode[code]
	if !again {
		known = seen
		g.byCode[code] = known
		g.order = append(g.order, known)
	} else if !g.same(known, seen, line) {
		return
	}
	switch g.m.Layout {
	case LayoutWide:
		g.wideScores(known, line, cell)
	case LayoutTall:
		g.tallScore(known, line, cell)
	default:
		g.longScores(known, line, cell)
	}
}

// rowOf reads what a row says of the subject as such.
func (g *gatherer) rowOf(code string, line int, cell func(string) string) *draft {
	seen := &draft{line: line, broken: map[string]bool{}, visits: map[[2]string]int{}}
	seen.subject.Code, seen.subject.Row = code, line
	level := func(f care.Factor) string {
		value := cell(f.Name)
		if g.m.isMissing(value) {
			return ""
		}
		if !g.isLevel(line, f.Name, value) {
			seen.broken[f.Name] = true
			return ""
		}
		return value
	}
	if g.m.Study.HasArms() {
		seen.subject.Arm = level(g.m.Study.Arm)
	}
	for _, c := range g.m.Study.Covariates {
		seen.subject.Covariates = append(seen.subject.Covariates, level(c))
	}
	for i, measure := range g.m.Study.Measures {
		text := ""
		if g.m.hasBaselineColumn(i) && !g.m.isMissing(cell(measure.Baseline)) {
			text = cell(measure.Baseline)
		}
		seen.baselines = append(seen.baselines, text)
		seen.baselineLines = append(seen.baselineLines, line)
	}
	return seen
}

// isLevel compares a value with the levels of its column; one that is alike to a
// level is no level, but is told so.
func (g *gatherer) isLevel(line int, column, value string) bool {
	levels := g.levels[column]
	if slices.Contains(levels, value) {
		return true
	}
	if other := nearest(value, levels); other != "" {
		g.log.addOnce(line, column, "level "+value, "is not the level %q: they %s; write it as the map does", other, theyDiffer)
		return false
	}
	g.log.addOnce(line, column, "level "+value, "is not one of the map's levels: %s", quotedList(levels))
	return false
}

// same compares a further row of a subject with the earlier ones. A value that stands
// in one row and is empty in another counts for both: some programs write it once.
func (g *gatherer) same(known, seen *draft, line int) bool {
	if g.m.Layout == LayoutWide {
		g.log.add(line, g.m.subject, "is the subject of row %d again; the wide layout has one row a subject", known.line)
		return false
	}
	join := func(column string, before *string, now string) {
		switch {
		case *before == "":
			*before = now
		case now != "" && now != *before:
			g.log.add(line, column, "differs from row %d of the same subject", known.line)
		}
	}
	if g.m.Study.HasArms() {
		join(g.m.Study.Arm.Name, &known.subject.Arm, seen.subject.Arm)
	}
	for i, c := range g.m.Study.Covariates {
		join(c.Name, &known.subject.Covariates[i], seen.subject.Covariates[i])
	}
	for i, measure := range g.m.Study.Measures {
		if known.baselines[i] == "" && seen.baselines[i] != "" {
			known.baselineLines[i] = line
		}
		join(measure.Baseline, &known.baselines[i], seen.baselines[i])
	}
	for name := range seen.broken {
		known.broken[name] = true
	}
	return true
}

// finish looks at each subject once all rows are in.
func (g *gatherer) finish() {
	for _, d := range g.order {
		if arm := g.m.Study.Arm.Name; g.m.Study.HasArms() && d.subject.Arm == "" && !d.broken[arm] {
			g.log.add(d.line, arm, "is missing")
		}
		for i, measure := range g.m.Study.Measures {
			switch {
			case !g.m.hasBaselineColumn(i):
			case d.baselines[i] == "":
				d.subject.Empty = append(d.subject.Empty, Place{Measure: i, Visit: care.BaselineVisit, Row: d.line})
			default:
				g.score(d, Place{Measure: i, Visit: care.BaselineVisit, Row: d.baselineLines[i]}, measure.Baseline, d.baselines[i])
			}
		}
	}
}

// warnings are what a sound file probably does not mean.
func (g *gatherer) warnings() []string {
	warnings := append(alikeSubjects(g.order), g.differingTotals()...)
	tests := make([]string, 0, len(g.otherTests))
	for test := range g.otherTests {
		tests = append(tests, test)
	}
	sort.Strings(tests)
	for _, test := range tests {
		warnings = append(warnings, fmt.Sprintf("test %q is not read, in %s: no measure of the map names it", test, counted(g.otherTests[test], "row")))
	}
	return warnings
}

// build puts the responses of every subject in the order of the map, whatever
// the order of the file's rows.
func (g *gatherer) build() Import {
	rank := map[string]int{care.BaselineVisit: 0}
	for i, visit := range g.m.Study.VisitNames() {
		rank[visit] = i + 1
	}
	before := func(a, b Place) bool {
		if a.Visit != b.Visit {
			return rank[a.Visit] < rank[b.Visit]
		}
		return a.Measure < b.Measure
	}
	imp := Import{Study: g.m.Study, Subjects: make([]Subject, 0, len(g.order))}
	for _, d := range g.order {
		r, e := d.subject.Responses, d.subject.Empty
		sort.Slice(r, func(i, j int) bool { return before(r[i].place(), r[j].place()) })
		sort.Slice(e, func(i, j int) bool { return before(e[i], e[j]) })
		imp.Subjects = append(imp.Subjects, d.subject)
	}
	return imp
}

func (r Response) place() Place { return Place{Measure: r.Measure, Visit: r.Visit, Row: r.Row} }

func quotedList(levels []string) string {
	list := ""
	for i, l := range levels {
		if i > 0 {
			list += ", "
		}
		list += strconv.Quote(l)
	}
	return list
}

// occasions lists a measure's visits, the baseline first where it has one.
func occasions(s care.Study, m care.Measure) []string {
	if m.Baseline == "" {
		return s.VisitNames()
	}
	return append([]string{care.BaselineVisit}, s.VisitNames()...)
}
