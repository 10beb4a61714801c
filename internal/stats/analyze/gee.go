package analyze

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/gee"
)

var geeKinds = []kind{
	as("gee", "marginal model by generalised estimating equations", estimatingEquations),
}

type geeInput struct {
	Response string              `json:"response"`
	Formula  string              `json:"formula"`
	Subject  string              `json:"subject"`
	Wave     string              `json:"wave"`
	Family   string              `json:"family"`
	Corstr   gee.Structure       `json:"corstr"`
	Factors  map[string][]string `json:"factors"`
	Level    float64             `json:"level"`
}

type geeResult struct {
	gee.Result
	NExcluded int `json:"n_excluded"`
}

func estimatingEquations(j job, in geeInput) (geeResult, error) {
	family, err := family("family", in.Family)
	if err != nil {
		return geeResult{}, err
	}
	for _, needed := range [][2]string{{"subject", in.Subject}, {"wave", in.Wave}} {
		if needed[1] == "" {
			return geeResult{}, stats.Errorf(stats.BadInput, needed[0], "is not given: it names the column of the %s", needed[0])
		}
	}
	m, y, frame, err := j.model(in.Formula, in.Response, in.Factors, []string{in.Subject}, in.Subject, in.Wave)
	if err != nil {
		return geeResult{}, err
	}
	data := gee.Data{Names: m.Names, X: m.X, Response: responseName(in.Formula, in.Response), Y: y, Cluster: numbered(inRows(frame.Texts[in.Subject], m.Rows))}
	if data.Wave, err = waves(frame, in.Wave, in.Factors[in.Wave], m.Rows); err != nil {
		return geeResult{}, err
	}
	fit, err := gee.New(family, in.Corstr, data)
	if err != nil {
		return geeResult{}, err
	}
	out, err := fit.Report(m.Names, m.N(), in.Level)
	if in.Corstr == gee.AR1 {
		out.Notes = append(out.Notes, closedUp(frame, in.Wave, in.Factors[in.Wave], m.Rows)...)
	}
	return geeResult{out, j.data.Length() - m.N()}, err
}

// closedUp notes waves that the analysed rows do not have, or whose distances differ: a wave counts by its place among those
// seen, as in geepack.
func closedUp(frame formula.Frame, name string, levels []string, rows []int) []string {
	if numbers, ok := frame.Numbers[name]; ok {
		seen := distinctNumbers(numbers, rows)
		for i := 2; i < len(seen); i++ {
			if math.Abs(seen[i]-seen[i-1]-seen[1]+seen[0]) > 1e-9*math.Abs(seen[1]-seen[0]) {
				return []string{fmt.Sprintf("the waves of %s are not evenly spaced: the working correlation goes by their place among the waves seen (first, second, ...), not by the distance between their values", name)}
			}
		}
		return nil
	}
	var missing []string
	for _, level := range levels {
		if !slices.Contains(frame.Texts[name], level) {
			missing = append(missing, level)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("nobody has wave %s of %s: the waves before and after count as neighbours in the working correlation", strings.Join(missing, ", "), name)}
}

// distinctNumbers gives the values of a column in these rows, sorted.
func distinctNumbers(column []stats.Number, rows []int) []float64 {
	var out []float64
	for _, row := range rows {
		out = append(out, column[row].Value)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// waves numbers the values of the wave column that the rows have: of a factor in the order of its levels, else sorted.
func waves(frame formula.Frame, name string, levels []string, rows []int) ([]int, error) {
	out := make([]int, len(rows))
	if numbers, ok := frame.Numbers[name]; ok {
		distinct := distinctNumbers(numbers, rows)
		for i, row := range rows {
			out[i], _ = slices.BinarySearch(distinct, numbers[row].Value)
		}
		return out, nil
	}
	column := frame.Texts[name]
	there := distinct(column)
	if levels != nil {
		there = slices.DeleteFunc(slices.Clone(levels), func(l string) bool { return !slices.Contains(column, l) })
	}
	return coded(name, column, there, rows)
}
