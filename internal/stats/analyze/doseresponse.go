package analyze

import (
	"slices"

	"afterglow/internal/stats/doseresponse"
	"afterglow/internal/stats/formula"
)

var doseResponseKinds = []kind{
	as("dose_response", "the shape of an outcome's relation to an amount: straight, quadratic, restricted cubic spline", doseResponse),
	as("nested_models", "models each within the next compared by likelihood ratio", nestedModels),
}

type doseInput struct {
	Response   string               `json:"response"`
	Exposure   string               `json:"exposure"`
	Covariates string               `json:"covariates"`
	Family     doseresponse.Family  `json:"family"`
	Factors    map[string][]string  `json:"factors"`
	Shapes     []doseresponse.Shape `json:"shapes"`
	At         []float64            `json:"at"`
	Points     int                  `json:"points"`
	Level      float64              `json:"level"`
}

func doseResponse(j job, in doseInput) (doseresponse.Result, error) {
	right := in.Covariates
	if right == "" {
		right = "1"
	}
	if _, err := j.numbers(in.Exposure, in.Response); err != nil {
		return doseresponse.Result{}, err
	}
	m, frame, err := j.covariates(right, in.Factors, nil, in.Exposure, in.Response)
	if err != nil {
		return doseresponse.Result{}, err
	}
	d := doseresponse.Data{Exposure: in.Exposure, Response: in.Response, Names: m.Names, X: m.X, Family: in.Family}
	if d.Dose, err = numberOf(frame, in.Exposure, m.Rows); err != nil {
		return doseresponse.Result{}, err
	}
	if d.Y, err = numberOf(frame, in.Response, m.Rows); err != nil {
		return doseresponse.Result{}, err
	}
	out, err := doseresponse.Compare(d, doseresponse.Options{Shapes: in.Shapes, At: in.At, Points: in.Points, Level: in.Level})
	out.NExcluded = frame.Length() - m.N()
	return out, err
}

type nestedInput struct {
	Response string              `json:"response"`
	Formulas []string            `json:"formulas"`
	Family   doseresponse.Family `json:"family"`
	Factors  map[string][]string `json:"factors"`
	Level    float64             `json:"level"`
}

// nestedModels fits every formula to the rows that are complete in all of them.
func nestedModels(j job, in nestedInput) (doseresponse.NestedResult, error) {
	var matrices []formula.Matrix
	var rows []int
	var frame formula.Frame
	for i, text := range in.Formulas {
		m, _, f, err := j.model(text, in.Response, in.Factors, nil)
		if err != nil {
			return doseresponse.NestedResult{}, err
		}
		if i == 0 {
			rows, frame = m.Rows, f
		}
		rows = slices.DeleteFunc(slices.Clone(rows), func(row int) bool { _, found := slices.BinarySearch(m.Rows, row); return !found })
		matrices = append(matrices, m)
	}
	response := in.Response
	if response == "" && len(in.Formulas) > 0 {
		first, err := parsed(in.Formulas[0])
		if err != nil {
			return doseresponse.NestedResult{}, err
		}
		response = first.Response
	}
	y := make([]float64, len(rows))
	for i, row := range rows {
		y[i] = frame.Numbers[response][row].Value
	}
	var candidates []doseresponse.Candidate
	for i, m := range matrices {
		c := doseresponse.Candidate{Formula: in.Formulas[i], Names: m.Names}
		for at, row := range m.Rows {
			if _, kept := slices.BinarySearch(rows, row); kept {
				c.X = append(c.X, m.Row(at)...)
			}
		}
		candidates = append(candidates, c)
	}
	out, err := doseresponse.Nested(candidates, response, y, in.Family, in.Level)
	out.NExcluded = frame.Length() - len(rows)
	return out, err
}
