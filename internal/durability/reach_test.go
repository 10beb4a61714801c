package durability

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/care"
	"afterglow/internal/finding"
	"afterglow/internal/warehouse"
)

// cellFrame is a frame that knows nothing but how many scores each group has at
// each visit; the reference visit is the one given.
func cellFrame(counts [][]int, reference int) *frame {
	f := &frame{study: care.Study{VisitName: "visit", Arm: care.Factor{Name: "arm"}}}
	for v := range counts[0] {
		f.study.Visits = append(f.study.Visits, care.Visit{Name: fmt.Sprintf("v%d", v+1), Day: 7 * (v + 1)})
	}
	for g, row := range counts {
		level := fmt.Sprintf("group-%c", 'A'+g)
		f.study.Arm.Levels = append(f.study.Arm.Levels, level)
		for v, n := range row {
			f.completion.rows = append(f.completion.rows, warehouse.CompletionRow{Group: level, Visit: f.study.Visits[v].Name, Expected: 50, Answered: n, WithBaseline: n})
		}
		f.completion.rows = append(f.completion.rows, warehouse.CompletionRow{Group: level, Visit: care.BaselineVisit, Expected: 50, Answered: 50, WithBaseline: 50})
	}
	f.firstVisit, f.reference = reference, f.study.Visits[reference]
	f.describeGroups()
	return f
}

func keptVisits(r *reach) string {
	names := []string{}
	for _, v := range r.visits {
		names = append(names, v.Name)
	}
	return strings.Join(names, " ")
}

func TestWhatCostsFewerScoresIsLeftOut(t *testing.T) {
	for name, c := range map[string]struct {
		counts         [][]int
		reference      int
		groups, visits string
	}{
		"all there":                              {[][]int{{9, 9, 9}, {9, 9, 9}}, 0, "AB", "v1 v2 v3"},
		"nobody at the last":                     {[][]int{{9, 9, 0}, {9, 9, 0}}, 0, "AB", "v1 v2"},
		"nobody in the middle":                   {[][]int{{9, 0, 9}, {9, 0, 9}}, 0, "AB", "v1 v3"},
		"one group at the last":                  {[][]int{{9, 9, 0}, {9, 9, 4}}, 0, "AB", "v1 v2"},
		"one group in the middle":                {[][]int{{9, 4, 9}, {9, 0, 9}}, 0, "AB", "v1 v3"},
		"one patient of a third group":           {[][]int{{9, 9, 9}, {9, 9, 9}, {1, 0, 0}}, 0, "AB", "v1 v2 v3"},
		"a third group of many that is young":    {[][]int{{9, 9, 5}, {9, 9, 4}, {30, 0, 0}}, 0, "ABC", "v1"},
		"a third group of many, late visit rare": {[][]int{{9, 9, 5}, {9, 9, 4}, {30, 20, 0}}, 0, "ABC", "v1 v2"},
		"the reference stays":                    {[][]int{{9, 9, 9}, {0, 90, 90}}, 0, "A", "v1 v2 v3"},
		"a reference that nobody reached":        {[][]int{{9, 0, 0}, {9, 0, 0}}, 1, "AB", "v1"},
		"as many as parameters":                  {[][]int{{9, 2}, {9, 1}}, 0, "AB", "v1"},
		"one more than parameters":               {[][]int{{9, 2}, {9, 2}}, 0, "AB", "v1 v2"},
		"one patient":                            {[][]int{{1, 1}, {0, 0}}, 0, "A", ""},
		"equal costs let the visit go":           {[][]int{{9, 9}, {9, 0}}, 0, "AB", "v1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := cellFrame(c.counts, c.reference).reached(true)
			require.Equal(t, c.groups, strings.ReplaceAll(strings.Join(r.groups, ""), "group-", ""))
			require.Equal(t, c.visits, keptVisits(r))
		})
	}
}

// Whatever the pattern: what is kept has a score in every cell and more than its
// parameters, everything else is named once, with a reason, and no visit goes
// without need.
func TestEveryPatternIsKeptOrNamed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		groups, visits := rapid.IntRange(1, 4).Draw(t, "groups"), rapid.IntRange(1, 5).Draw(t, "visits")
		counts := make([][]int, groups)
		for g := range counts {
			counts[g] = rapid.SliceOfN(rapid.SampledFrom([]int{0, 0, 1, 2, 5, 20}), visits, visits).Draw(t, "counts")
		}
		f := cellFrame(counts, rapid.IntRange(0, visits-1).Draw(t, "reference"))
		r := f.reached(true)
		if len(r.groups) > 0 {
			for _, v := range r.visits {
				require.Greater(t, r.atVisit(v), r.parameters())
				for _, g := range r.groups {
					require.Positive(t, r.count(g, v))
				}
			}
		}
		named := map[string]int{}
		for _, o := range r.out {
			named[o.visit+o.group]++
			require.NotEmpty(t, o.why)
		}
		for _, v := range f.study.Visits {
			kept := strings.Contains(" "+keptVisits(r)+" ", " "+v.Name+" ")
			require.Equal(t, !kept, named[v.Name] == 1, v.Name)
		}
		require.Equal(t, groups-len(r.groups)+visits-len(r.visits), len(r.out))
		full := true
		for _, row := range counts {
			for _, n := range row {
				full = full && n > groups+1
			}
		}
		if full {
			require.Empty(t, r.out)
		}
	})
}

// grid makes a trial of so many patients a group; keep says whether patient i of a
// group answered at a visit, score what.
func grid(groups, patients, visits int, keep func(g, i, v int) bool, score func(g, i, v int) int) trial {
	c := trial{}
	for v := range visits {
		c.visits = append(c.visits, care.Visit{Name: fmt.Sprintf("v%d", v+1), Day: 28 * (v + 1)})
	}
	for g := range groups {
		arm := fmt.Sprintf("arm-%c", 'A'+g)
		c.arms = append(c.arms, arm)
		for i := range patients {
			who := fmt.Sprintf("%d-%d", g, i)
			for v := range visits {
				line := []string{who, arm, c.visits[v].Name, "", fmt.Sprint(25 + (7*i+3*g)%9)}
				if keep(g, i, v) {
					line[3] = fmt.Sprint(score(g, i, v))
				}
				c.lines = append(c.lines, line)
			}
		}
	}
	return c
}

func scores(g, i, v int) int { return 6 + (5*i+3*v*v+11*g+i*i*v*7)%13 + v }

// Odd patterns end in an answer for what can be answered, or in a refusal with its
// numbers; never in an error, a number that is not one, or a silent gap.
func TestOddPatternsAreAnsweredAsFarAsTheyCan(t *testing.T) {
	for name, c := range map[string]struct {
		trial   trial
		visits  string
		groups  int
		refused bool
		says    string
	}{
		"an empty cell in the middle":         {grid(2, 10, 4, func(g, i, v int) bool { return g == 0 || v != 1 }, scores), "v1 v3 v4", 2, false, "visit-left-out"},
		"an arm that never reached the end":   {grid(3, 8, 4, func(g, i, v int) bool { return g < 2 || v < 2 }, scores), "v1 v2 v3 v4", 2, false, "group-left-out"},
		"one patient of a third arm":          {grid(3, 12, 3, func(g, i, v int) bool { return g < 2 || i == 0 && v == 0 }, scores), "v1 v2 v3", 2, false, "group-left-out"},
		"a few at the last visit":             {grid(1, 20, 4, func(g, i, v int) bool { return v < 3 || i < 3 }, scores), "v1 v2 v3", 1, false, "visit-left-out"},
		"more visits than patients":           {grid(1, 5, 6, func(g, i, v int) bool { return true }, scores), "v1 v2 v3 v4 v5 v6", 1, false, "covariance-simplified"},
		"only the first visit":                {grid(2, 8, 3, func(g, i, v int) bool { return v == 0 }, scores), "v1", 2, false, "visit-left-out"},
		"the reference is what nobody has":    {grid(2, 8, 3, func(g, i, v int) bool { return v > 0 }, scores), "v2 v3", 2, false, "visit-left-out"},
		"equal answers at one visit of many":  {grid(2, 10, 3, func(g, i, v int) bool { return true }, func(g, i, v int) int { return map[bool]int{true: 12, false: scores(g, i, v)}[v == 1] }), "v1 v3", 2, false, "visit-left-out"},
		"equal answers everywhere":            {grid(2, 10, 3, func(g, i, v int) bool { return true }, func(g, i, v int) int { return 12 }), "", 0, true, "not-estimable"},
		"nobody answered":                     {grid(2, 10, 3, func(g, i, v int) bool { return false }, scores), "", 0, true, "not-estimable"},
		"one patient":                         {grid(1, 1, 3, func(g, i, v int) bool { return true }, scores), "", 0, true, "not-estimable"},
		"one patient an arm":                  {grid(2, 1, 3, func(g, i, v int) bool { return true }, scores), "", 0, true, "not-estimable"},
		"two visits, each half of the people": {grid(2, 10, 2, func(g, i, v int) bool { return i%2 == v }, scores), "v1", 2, false, "visit-left-out"},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.trial.ask(t, nil)
			raw, err := json.Marshal(got)
			require.NoError(t, err)
			require.NotContains(t, string(raw), "NaN")
			require.Equal(t, c.refused, got.Refused != nil, got.Answer)
			if c.says != "" {
				require.Contains(t, codes(got), c.says)
			}
			if c.refused {
				require.Empty(t, got.Estimates)
				require.NotEmpty(t, got.Refused.Numbers)
				return
			}
			require.NotEmpty(t, got.Named("ls_mean"))
			if c.visits == "" {
				return
			}
			seen := []string{}
			for _, e := range got.Named("ls_mean") {
				if e.Group == got.Groups[0].Name {
					seen = append(seen, e.Visit)
				}
			}
			require.Equal(t, c.visits, strings.Join(seen, " "))
			require.Len(t, got.Groups, c.groups)
			table, _ := got.Table("visits")
			require.Len(t, table.Rows, len(c.trial.arms)*len(c.trial.visits), "what is left out is listed")
			for _, v := range c.trial.visits {
				left := !strings.Contains(c.visits, v.Name)
				require.Equal(t, left, mentions(got, "visit-left-out", v.Name+" is left out"))
			}
		})
	}
}

func mentions(f finding.Finding, code, words string) bool {
	for _, c := range f.Caveats {
		if c.Code == code && strings.Contains(c.Text, words) {
			return true
		}
	}
	return false
}
