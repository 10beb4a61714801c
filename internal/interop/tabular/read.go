package tabular

import (
	"regexp"
	"slices"
	"sort"
	"strconv"

	"afterglow/internal/care"
)

// Import is a study's data, checked and in a fixed order: subjects as they first
// appear in the file; in each the baselines in the order of the measures, then
// the visits in the order of the map, in each of them the measures.
type Import struct {
	Study    care.Study
	Subjects []Subject
}

// Subject is one subject under the code that the study uses for them.
type Subject struct {
	Code string
	Arm  string
	// Covariates stand in the order of the study's; an empty one is missing.
	Covariates []string
	Responses  []Response
}

// Response is one score: Measure is the place in the study's measures, Visit a
// visit of the study or care.BaselineVisit, Row the line that it stands on, the
// header being 1. A missing score is no Response.
type Response struct {
	Measure int
	Visit   string
	Score   int
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
	table, err := readSheet(data, log)
	if err != nil {
		return Import{}, report, err
	}
	at, ignored, err := table.places(m.readColumns())
	if err != nil {
		return Import{}, report, err
	}
	report.Rows = len(table.rows)
	report.Ignored = append(report.Ignored, ignored...)
	g := gatherer{m: m, at: at, check: check, log: log, byCode: map[string]*draft{}}
	for i, row := range table.rows {
		g.row(table.lines[i], row)
	}
	if len(table.rows) == 0 && log.count == 0 {
		log.add(1, "", "no rows follow the header")
	}
	report.Faults = append(report.Faults, log.faults...)
	report.FaultCount = log.count
	if err := log.err(); err != nil {
		return Import{}, report, err
	}
	imp := g.build()
	report.count(imp)
	return imp, report, nil
}

// draft is a subject while its rows come in. line is its first row.
type draft struct {
	subject   Subject
	line      int
	baselines []string
	visits    map[string]int
}

type gatherer struct {
	m      Map
	at     map[string]int
	check  CheckScoreFunc
	log    *faultLog
	order  []*draft
	byCode map[string]*draft
}

func (g *gatherer) row(line int, row []string) {
	cell := func(column string) string { return row[g.at[column]] }
	code := cell(g.m.subject)
	switch {
	case g.m.isMissing(code):
		g.log.add(line, g.m.subject, "names no subject")
		return
	case !subjectPattern.MatchString(code):
		g.log.add(line, g.m.subject, "is not a subject code: 1 to 64 letters, digits, dots, hyphens, underscores or slashes")
		return
	}
	seen := draft{line: line, visits: map[string]int{}}
	seen.subject.Code = code
	seen.subject.Arm = g.level(line, cell(g.m.Study.Arm.Name), g.m.Study.Arm, true)
	for _, c := range g.m.Study.Covariates {
		seen.subject.Covariates = append(seen.subject.Covariates, g.level(line, cell(c.Name), c, false))
	}
	for _, measure := range g.m.Study.Measures {
		text := ""
		if measure.Baseline != "" && !g.m.isMissing(cell(measure.Baseline)) {
			text = cell(measure.Baseline)
		}
		seen.baselines = append(seen.baselines, text)
	}
	known, again := g.byCode[code]
	if !again {
		known = &seen
		g.byCode[code] = known
		g.order = append(g.order, known)
		g.scoreBaselines(known)
	} else if !g.same(known, seen, line) {
		return
	}
	if g.m.Layout == LayoutWide {
		g.wideScores(known, line, cell)
		return
	}
	g.longScores(known, line, cell)
}

// level gives the value, or "" where it is missing or wrong.
func (g *gatherer) level(line int, value string, f care.Factor, needed bool) string {
	switch {
	case g.m.isMissing(value) && needed:
		g.log.add(line, f.Name, "is missing")
	case g.m.isMissing(value):
	case !slices.Contains(f.Levels, value):
		g.log.add(line, f.Name, "is not one of the map's levels: %s", quotedList(f.Levels))
	default:
		return value
	}
	return ""
}

// same holds a further row of a subject against the first one.
func (g *gatherer) same(known *draft, seen draft, line int) bool {
	if g.m.Layout == LayoutWide {
		g.log.add(line, g.m.subject, "is the subject of row %d again; the wide layout has one row a subject", known.line)
		return false
	}
	differs := func(column string) { g.log.add(line, column, "differs from row %d of the same subject", known.line) }
	if seen.subject.Arm != known.subject.Arm {
		differs(g.m.Study.Arm.Name)
	}
	for i, c := range g.m.Study.Covariates {
		if seen.subject.Covariates[i] != known.subject.Covariates[i] {
			differs(c.Name)
		}
	}
	for i, measure := range g.m.Study.Measures {
		if seen.baselines[i] != known.baselines[i] {
			differs(measure.Baseline)
		}
	}
	return true
}

func (g *gatherer) scoreBaselines(d *draft) {
	for i, measure := range g.m.Study.Measures {
		if d.baselines[i] == "" {
			continue
		}
		g.score(d, i, care.BaselineVisit, d.line, measure.Baseline, d.baselines[i])
	}
}

func (g *gatherer) longScores(d *draft, line int, cell func(string) string) {
	name := g.m.Study.VisitName
	visit := g.level(line, cell(name), care.Factor{Name: name, Levels: g.m.Study.VisitNames()}, true)
	if visit == "" {
		return
	}
	if first, twice := d.visits[visit]; twice {
		g.log.add(line, name, "is the visit of row %d of the same subject again", first)
		return
	}
	d.visits[visit] = line
	for i, measure := range g.m.Study.Measures {
		if text := cell(measure.Total); !g.m.isMissing(text) {
			g.score(d, i, visit, line, measure.Total, text)
		}
	}
}

func (g *gatherer) wideScores(d *draft, line int, cell func(string) string) {
	for v, visit := range g.m.Study.VisitNames() {
		for i := range g.m.Study.Measures {
			column := g.m.columns[i][v]
			if text := cell(column); !g.m.isMissing(text) {
				g.score(d, i, visit, line, column, text)
			}
		}
	}
}

func (g *gatherer) score(d *draft, measure int, visit string, line int, column, text string) {
	score, ok := wholeNumber(text)
	if !ok {
		g.log.add(line, column, "is not a whole number; a score that was not given is left empty or written as the map's missing value")
		return
	}
	if err := g.check(g.m.Study.Measures[measure], score); err != nil {
		g.log.add(line, column, "%v", err)
		return
	}
	d.subject.Responses = append(d.subject.Responses, Response{Measure: measure, Visit: visit, Score: score, Row: line})
}

// wholeNumber takes digits with an optional minus sign and nothing else: no
// plus, no spaces, no leading zeros, no "-0", so that a score has one spelling.
func wholeNumber(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	if err != nil || len(text) > maxScoreDigits || strconv.Itoa(n) != text {
		return 0, false
	}
	return n, true
}

// build puts the responses of every subject in the order of the map, whatever
// the order of the file's rows.
func (g *gatherer) build() Import {
	rank := map[string]int{care.BaselineVisit: 0}
	for i, visit := range g.m.Study.VisitNames() {
		rank[visit] = i + 1
	}
	imp := Import{Study: g.m.Study, Subjects: make([]Subject, 0, len(g.order))}
	for _, d := range g.order {
		r := d.subject.Responses
		sort.Slice(r, func(i, j int) bool {
			if r[i].Visit != r[j].Visit {
				return rank[r[i].Visit] < rank[r[j].Visit]
			}
			return r[i].Measure < r[j].Measure
		})
		imp.Subjects = append(imp.Subjects, d.subject)
	}
	return imp
}

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
