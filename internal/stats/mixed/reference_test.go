package mixed_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/mixed"
	"afterglow/internal/stats/reference"
	"afterglow/internal/testkit/statstest"
)

type input struct {
	Formula     string              `json:"formula"`
	Subject     string              `json:"subject"`
	Visit       string              `json:"visit"`
	VisitLevels []string            `json:"visit_levels"`
	Arm         string              `json:"arm"`
	Factors     map[string][]string `json:"factors"`
	Covariance  mixed.Structure     `json:"covariance"`
	Method      mixed.Method        `json:"method"`
	Times       []float64           `json:"times"`
	Level       float64             `json:"level"`
}

// prepare gives design, sums and options of a case.
func prepare(t testing.TB, c reference.Case) (*mixed.Design, *mixed.Sums, mixed.Options, formula.Frame, input) {
	var in input
	require.NoError(t, json.Unmarshal(c.Input, &in))
	data, err := statstest.Data(t, c.Dataset).Keep(c.Rows)
	require.NoError(t, err)
	frame := data.Frame(in.Subject, in.Visit)
	model := mixed.Model{Formula: in.Formula, Visit: in.Visit, Visits: in.VisitLevels, Arm: in.Arm, Factors: in.Factors}
	model, err = model.Classify(frame, in.Subject)
	require.NoError(t, err)
	design, err := model.Design()
	require.NoError(t, err)
	sums, err := design.SumRows(frame, in.Subject)
	require.NoError(t, err)
	return design, sums, mixed.Options{Covariance: in.Covariance, Method: in.Method, Times: in.Times, Level: in.Level}, frame, in
}

// The references are R's (mmrm, nlme, emmeans), polished to the exact optimum; see their README.
func TestEveryReferenceCaseHolds(t *testing.T) {
	for _, c := range statstest.Cases(t, "reference/07-mmrm.json") {
		t.Run(c.ID, func(t *testing.T) {
			design, sums, options, _, _ := prepare(t, c)
			fit, err := mixed.FitSums(design, sums, options)
			require.NoError(t, err)
			result, err := fit.Result()
			require.NoError(t, err)
			differences, fields, err := c.Compare(result)
			require.NoError(t, err)
			require.Greater(t, fields, 800)
			for _, d := range differences {
				t.Error(d)
			}
		})
	}
}
