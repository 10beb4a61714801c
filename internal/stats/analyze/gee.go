package analyze

import (
	"slices"

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
	m, y, frame, err := j.model(in.Formula, in.Response, in.Factors, []string{in.Subject}, in.Subject, in.Wave)
	if err != nil {
		return geeResult{}, err
	}
	data := gee.Data{Names: m.Names, X: m.X, Response: in.Response, Y: y, Cluster: numbered(inRows(frame.Texts[in.Subject], m.Rows))}
	if data.Wave, err = waves(frame, in.Wave, in.Factors[in.Wave], m.Rows); err != nil {
		return geeResult{}, err
	}
	fit, err := gee.New(family, in.Corstr, data)
	if err != nil {
		return geeResult{}, err
	}
	out, err := fit.Report(m.Names, m.N(), in.Level)
	return geeResult{out, j.data.Length() - m.N()}, err
}

// waves numbers the values of the wave column: of a factor in the order of its levels, else sorted.
func waves(frame formula.Frame, name string, levels []string, rows []int) ([]int, error) {
	out := make([]int, len(rows))
	if numbers, ok := frame.Numbers[name]; ok {
		var distinct []float64
		for _, row := range rows {
			distinct = append(distinct, numbers[row].Value)
		}
		slices.Sort(distinct)
		distinct = slices.Compact(distinct)
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
