package analyze

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"afterglow/internal/stats"
	"afterglow/internal/stats/mixed"
)

// The words in which means are asked for, as in R's emmeans: "~ arm | visit, at = list(age = c(20, 40))", and for comparisons
// the method after a semicolon.
var (
	gridWords = regexp.MustCompile(`^\s*~([^|,;]+)(?:\|([^|,;]+))?(?:,\s*at\s*=\s*list\((.*)\)\s*)?(?:;\s*"?([\w.]+)"?)?\s*$`)
	gridAt    = regexp.MustCompile(`^\s*(\w[\w.]*)\s*=\s*(?:c\(([^()]*)\)|([^(),]+))\s*(?:,|$)`)
)

// grids gives what is asked for: the grids, named by the words where both are given, then the words without a grid, read.
func grids(field string, given []mixed.Grid, words []string, compared bool) ([]mixed.Grid, error) {
	out := slices.Clone(given)
	for i, text := range words {
		if i < len(out) {
			out[i].Spec = text
			continue
		}
		g, ok := readGrid(text)
		if !ok || compared != (g.Method != "") {
			return nil, stats.Errorf(stats.BadInput, field, "%q cannot be read; write as in \"~ arm | visit, at = list(age = c(20, 40))\", "+
				"a comparison with its method at the end (; \"pairwise\"), or give %s_grid", text, field)
		}
		out = append(out, g)
	}
	return out, nil
}

func readGrid(text string) (mixed.Grid, bool) {
	parts := gridWords.FindStringSubmatch(text)
	if parts == nil {
		return mixed.Grid{}, false
	}
	g := mixed.Grid{Spec: text, Over: columnsOf(parts[1]), By: columnsOf(parts[2]), At: map[string][]float64{}, Method: parts[4]}
	for rest := strings.TrimSpace(parts[3]); rest != ""; {
		one := gridAt.FindStringSubmatch(rest)
		if one == nil {
			return g, false
		}
		for value := range strings.SplitSeq(one[2]+one[3], ",") {
			x, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				return g, false
			}
			g.At[one[1]] = append(g.At[one[1]], x)
		}
		rest = strings.TrimSpace(rest[len(one[0]):])
	}
	return g, !slices.Contains(slices.Concat(g.Over, g.By), "")
}

// columnsOf are the columns of a sum or a product.
func columnsOf(text string) []string {
	if text == "" {
		return nil
	}
	var out []string
	for name := range strings.SplitSeq(strings.ReplaceAll(text, "*", "+"), "+") {
		out = append(out, strings.Trim(strings.TrimSpace(name), "`"))
	}
	return out
}
