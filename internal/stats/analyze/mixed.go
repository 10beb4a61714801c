package analyze

import (
	"afterglow/internal/stats/mixed"
)

var mixedKinds = []kind{
	as("mmrm", "mixed model for repeated measures", mmrm),
}

type mmrmInput struct {
	Formula    string              `json:"formula"`
	Subject    string              `json:"subject"`
	Visit      string              `json:"visit"`
	Visits     []string            `json:"visit_levels"`
	Arm        string              `json:"arm"`
	Factors    map[string][]string `json:"factors"`
	Covariance mixed.Structure     `json:"covariance"`
	Method     mixed.Method        `json:"method"`
	Times      []float64           `json:"times"`
	Level      float64             `json:"level"`
}

func mmrm(j job, in mmrmInput) (mixed.Result, error) {
	frame := j.data.Frame(in.Subject, in.Visit)
	model := mixed.Model{Formula: in.Formula, Visit: in.Visit, Visits: in.Visits, Arm: in.Arm, Factors: in.Factors}
	model, err := model.Classify(frame, in.Subject)
	if err != nil {
		return mixed.Result{}, err
	}
	design, err := model.Design()
	if err != nil {
		return mixed.Result{}, err
	}
	sums, err := design.SumRows(frame, in.Subject)
	if err != nil {
		return mixed.Result{}, err
	}
	fit, err := mixed.FitSums(design, sums, mixed.Options{Covariance: in.Covariance, Method: in.Method, Times: in.Times, Level: in.Level})
	if err != nil {
		return mixed.Result{}, err
	}
	return fit.Result()
}
