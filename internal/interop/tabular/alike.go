package tabular

import (
	"fmt"

	"afterglow/internal/care"
)

const theyDiffer = "differ only in case, spaces or leading zeros"

func alikeLevels(what string, levels []string) []string {
	var warnings []string
	first := map[string]string{}
	for _, level := range levels {
		key := care.Alike(level)
		if other, known := first[key]; known {
			warnings = append(warnings, fmt.Sprintf("%s: %q and %q are alike: they %s and are read as two", what, other, level, theyDiffer))
			continue
		}
		first[key] = level
	}
	return warnings
}

const namedAlike = 20

// alikeSubjects warns of codes of one file that are alike.
func alikeSubjects(order []*draft) []string {
	var warnings []string
	first, more := map[string]*draft{}, 0
	for _, d := range order {
		key := care.Alike(d.subject.Code)
		other, known := first[key]
		switch {
		case !known:
			first[key] = d
		case len(warnings) == namedAlike:
			more++
		default:
			warnings = append(warnings, fmt.Sprintf("subjects %q (row %d) and %q (row %d) are alike: they %s and are read as two persons",
				other.subject.Code, other.line, d.subject.Code, d.line, theyDiffer))
		}
	}
	if more > 0 {
		warnings = append(warnings, fmt.Sprintf("and %d more subjects with a code like another's", more))
	}
	return warnings
}

// nearest gives the level that a value is alike to; "" when none is.
func nearest(value string, levels []string) string {
	for _, level := range levels {
		if care.Alike(level) == care.Alike(value) {
			return level
		}
	}
	return ""
}
