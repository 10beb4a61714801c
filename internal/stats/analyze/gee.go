package analyze

import (
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/gee"
	"afterglow/internal/stats/glm"
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

var families = map[string]glm.Family{"binomial": glm.Logit, "gaussian": glm.Gaussian}

func estimatingEquations(j job, in geeInput) (geeResult, error) {
	family, known := families[in.Family]
	if !known {
		return geeResult{}, stats.Errorf(stats.BadInput, "family", "no family %q; there are binomial and gaussian", in.Family)
	}
	m, y, frame, err := j.model(in.Formula, in.Response, in.Factors, []string{in.Subject}, in.Subject, in.Wave)
	if err != nil {
		return geeResult{}, err
	}
	data := gee.Data{Names: m.Names, X: m.X, Response: in.Response, Y: y}
	if data.Cluster, err = coded(in.Subject, frame.Texts[in.Subject], firstSeen(frame.Texts[in.Subject], m.Rows), m.Rows); err != nil {
		return geeResult{}, err
	}
	if data.Wave, err = waves(frame, in.Wave, in.Factors[in.Wave], m.Rows); err != nil {
		return geeResult{}, err
	}
	fit, err := gee.New(family, in.Corstr, data)
	if err != nil {
		return geeResult{}, err
	}
	report, err := fit.Report(m.Names, m.N(), in.Level)
	return geeResult{report, j.left(m.N())}, err
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

func firstSeen(column []string, rows []int) []string {
	var out []string
	seen := map[string]bool{}
	for _, row := range rows {
		if !seen[column[row]] {
			seen[column[row]] = true
			out = append(out, column[row])
		}
	}
	return out
}

// model evaluates a formula with its intercept, and its response, in the complete rows.
func (j job) model(text, response string, levels map[string][]string, texts []string, needed ...string) (formula.Matrix, []float64, formula.Frame, error) {
	parsed, err := formula.Parse(text)
	if err != nil {
		return formula.Matrix{}, nil, formula.Frame{}, stats.Errorf(stats.BadInput, "formula", "%v", err)
	}
	if response == "" {
		response = parsed.Response
	}
	factors := map[string][]string{}
	for _, name := range parsed.Columns() {
		if names, ok := levels[name]; ok {
			factors[name] = names
			texts = append(texts, name)
		}
	}
	design, err := parsed.Design(factors)
	if err != nil {
		return formula.Matrix{}, nil, formula.Frame{}, err
	}
	frame := j.data.Frame(texts...)
	if _, ok := frame.Numbers[response]; !ok {
		return formula.Matrix{}, nil, frame, stats.Errorf(stats.BadInput, response, "the response is no column of numbers")
	}
	m, err := frame.Evaluate(design, factors, append(needed, response)...)
	if err != nil {
		return m, nil, frame, err
	}
	y := make([]float64, m.N())
	for i, row := range m.Rows {
		y[i] = frame.Numbers[response][row].Value
	}
	return m, y, frame, nil
}
