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

func (r row) count(column string) int {
	if i := r.table.Column(column); i >= 0 && r.cells[i].Number != nil {
		return int(*r.cells[i].Number)
	}
	return 0
}

// studyWords says who is in the study and how many answered at each visit.
func studyWords(s care.Study, f finding.Finding) string {
	var groups []string
	answered := map[string]int{}
	total := 0
	for _, level := range s.Arm.Levels {
		n := 0
		for _, r := range rows(f, "visits") {
			if r.words("group") != level {
				continue
			}
			n = r.count("n_expected")
			answered[r.words("visit")] += r.count("n_answered")
		}
		total += n
		groups = append(groups, fmt.Sprintf("%d %s", n, level))
	}
	if total == 0 {
		return ""
	}
	var visits []string
	for _, v := range s.Visits {
		visits = append(visits, fmt.Sprintf("%d at %s (day %d)", answered[v.Name], chart.VisitWords(v.Name), v.Day))
	}
	return fmt.Sprintf("%s: %s. Answered: %s. Days count from %s.",
		people(total), join(groups), join(visits), anchorWords(s.Anchor))
}

// differenceWords is the sentence above the differences: the last visit's.
func differenceWords(f finding.Finding, scale chart.Scale) string {
	var words []string
	all := f.Named("difference")
	for _, e := range all {
		if e.Visit != all[len(all)-1].Visit {
			continue
		}
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
	last := s.Visits[len(s.Visits)-1]
	var groups []string
	for _, r := range rows(f, "visits") {
		if r.words("visit") == last.Name {
			groups = append(groups, fmt.Sprintf("%s of %s in %s", r.words("n_missing"), r.words("n_expected"), r.words("group")))
		}
	}
	if len(groups) == 0 {
		return ""
	}
	return fmt.Sprintf("At the last visit (%s, day %d) the answer is missing from %s.", last.Name, last.Day, join(groups))
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
