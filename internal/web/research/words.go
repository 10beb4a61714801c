package research

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"afterglow/internal/care"
	"afterglow/internal/chart"
	"afterglow/internal/finding"
)

// row reads the cells of a table's row by column name.
type row struct {
	table finding.Table
	cells []finding.Cell
}

func rows(f finding.Finding, table string) []row {
	t, _ := f.Table(table)
	out := make([]row, 0, len(t.Rows))
	for _, cells := range t.Rows {
		out = append(out, row{t, cells})
	}
	return out
}

func (r row) words(column string) string {
	if i := r.table.Column(column); i >= 0 {
		return r.table.Columns[i].Words(r.cells[i])
	}
	return ""
}

// text is the cell's text as it is stored.
func (r row) text(column string) string {
	if i := r.table.Column(column); i >= 0 {
		return r.cells[i].Text
	}
	return ""
}

// value is the cell's number; nil where there is none.
func (r row) value(column string) *float64 {
	if i := r.table.Column(column); i >= 0 {
		return r.cells[i].Number
	}
	return nil
}

func (r row) count(column string) int {
	if i := r.table.Column(column); i >= 0 && r.cells[i].Number != nil {
		return int(*r.cells[i].Number)
	}
	return 0
}

// studyWords says who is in the study and how many answered at each visit.
func studyWords(s care.Study, f finding.Finding) string {
	var visits []string
	answered, expected, first := map[string]int{}, 0, ""
	for _, r := range rows(f, "visits") {
		visit := r.text("visit")
		if first == "" {
			first = visit
		}
		if !has(visits, visit) {
			visits = append(visits, visit)
		}
		answered[visit] += r.count("n_answered")
		if visit == first {
			expected += r.count("n_expected")
		}
	}
	if expected == 0 {
		return ""
	}
	var groups, said []string
	for _, g := range f.Groups {
		groups = append(groups, fmt.Sprintf("%d %s", g.N, g.Label))
	}
	for _, v := range s.Visits {
		if has(visits, v.Name) {
			when := chart.VisitWords(v.Name)
			if v.Name != fmt.Sprintf("+%d d", v.Day) { // which says its day already
				when += fmt.Sprintf(" (day %d)", v.Day)
			}
			said = append(said, fmt.Sprintf("%d at %s", answered[v.Name], when))
		}
	}
	who := people(expected)
	if len(groups) > 1 {
		who += ": " + join(groups)
	}
	return fmt.Sprintf("%s. Answered: %s. Days count from %s.", who, join(said), anchorWords(s.Anchor))
}

// lastRows are the rows of a table at its last visit that has a value.
func lastRows(f finding.Finding, table, column string) []row {
	var found []row
	for _, r := range rows(f, table) {
		switch {
		case r.value(column) == nil || r.value("ci_lower") == nil:
		case len(found) > 0 && found[0].text("visit") == r.text("visit"):
			found = append(found, r)
		case len(found) == 0 || r.count("day") > found[0].count("day"):
			found = []row{r}
		}
	}
	return found
}

// shareWords is the sentence above the picture of the shares: the last visit's.
func shareWords(f finding.Finding) string {
	shares := lastRows(f, "retained", "estimate")
	if len(shares) == 0 {
		return "No share of a benefit can be given: the table says why for each group."
	}
	names := labels(f)
	var said []string
	for _, r := range shares {
		said = append(said, fmt.Sprintf("%s %% (%s to %s) in %s", r.words("estimate"), r.words("ci_lower"), r.words("ci_upper"), names.within(r.text("group"))))
	}
	return fmt.Sprintf("At %s, the share of the benefit at the reference visit that is left is %s (%s).", shares[0].text("visit"), join(said), intervalLabel(f))
}

// scoresWords is the sentence above the scores: the last visit's means.
func scoresWords(f finding.Finding) string {
	means := lastRows(f, "visits", "ls_mean")
	if len(means) == 0 {
		return ""
	}
	names := labels(f)
	var said []string
	for _, r := range means {
		said = append(said, fmt.Sprintf("%s points (%s to %s) in %s", r.words("ls_mean"), r.words("ci_lower"), r.words("ci_upper"), names.within(r.text("group"))))
	}
	return fmt.Sprintf("At %s the model mean is %s.", means[0].text("visit"), join(said))
}

// differenceWords is the sentence above the differences: the last visit's.
func differenceWords(f finding.Finding, scale chart.Scale) string {
	var words []string
	all, names := f.Named("difference"), labels(f)
	for _, e := range all {
		if e.Visit != all[len(all)-1].Visit {
			continue
		}
		e.Group = names.within(e.Group)
		words = append(words, differenceSentence(e, scale))
	}
	return strings.Join(words, " ")
}

func differenceSentence(e finding.Estimate, scale chart.Scale) string {
	contrast := chart.ContrastWords(e.Group)
	if e.Estimate == nil || e.CILower == nil || e.CIUpper == nil {
		return fmt.Sprintf("At %s the difference %s cannot be estimated%s.", e.Visit, contrast, because(e.Note))
	}
	verdict := "so these data do not tell the groups apart"
	switch better := *e.Estimate < 0 == scale.LowerIsBetter; {
	case *e.CILower <= 0 && *e.CIUpper >= 0:
	case better:
		verdict = "in favour of the first named"
	default:
		verdict = "in favour of the second named"
	}
	return fmt.Sprintf("At %s the difference %s was %s points (%s %s to %s; %d answered), %s.",
		e.Visit, contrast, finding.NumberWords(*e.Estimate, 1), levelWords(e.Level),
		finding.NumberWords(*e.CILower, 1), finding.NumberWords(*e.CIUpper, 1), e.N, verdict)
}

// missingWords is the sentence above the completion chart: the last visit's.
func missingWords(s care.Study, f finding.Finding) string {
	var last care.Visit
	for _, v := range s.Visits {
		for _, r := range rows(f, "visits") {
			if r.text("visit") == v.Name {
				last = v
			}
		}
	}
	names := labels(f)
	var groups []string
	for _, r := range rows(f, "visits") {
		if r.text("visit") == last.Name {
			groups = append(groups, fmt.Sprintf("%s of %s in %s", r.words("n_missing"), r.words("n_expected"), names.within(r.text("group"))))
		}
	}
	if len(groups) == 0 {
		return ""
	}
	return fmt.Sprintf("At the last visit that was analysed (%s, day %d) the answer is missing from %s.", last.Name, last.Day, join(groups))
}

func because(note string) string {
	if note == "" {
		return ""
	}
	return ": " + strings.TrimSuffix(note, ".")
}

func levelWords(level float64) string {
	return finding.NumberWords(100*level, 0) + " % CI"
}

func people(n int) string {
	if n == 1 {
		return "1 patient"
	}
	return fmt.Sprintf("%d patients", n)
}

func anchorWords(a care.Anchor) string {
	if a == care.AnchorLastSession {
		return "the last session of the series"
	}
	return "the start of the course"
}

func join(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	return strings.Join(items[:len(items)-1], ", ") + " and " + items[len(items)-1]
}

// capital makes the first letter a capital.
func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + s[size:]
}

// sentence makes a message a sentence.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return capital(strings.TrimSuffix(s, ".")) + "."
}
