package analyze

import (
	"afterglow/internal/stats"
	"afterglow/internal/stats/glm"
	"afterglow/internal/stats/weighting"
)

var weightingKinds = []kind{
	as("logistic", "logistic regression", logistic),
	as("iptw", "comparison weighted by the propensity of treatment", iptw),
	as("evalue", "strength of unmeasured confounding that would explain an effect away", evalue),
}

type logisticInput struct {
	Response string              `json:"response"`
	Formula  string              `json:"formula"`
	Factors  map[string][]string `json:"factors"`
	Level    float64             `json:"level"`
}

func logistic(j job, in logisticInput) (glm.Logistic, error) {
	m, y, _, err := j.model(in.Formula, in.Response, in.Factors, nil)
	if err != nil {
		return glm.Logistic{}, err
	}
	fit, err := glm.New(glm.Logit, glm.Data{Names: m.Names, X: m.X, Response: in.Response, Y: y})
	if err != nil {
		return glm.Logistic{}, err
	}
	return fit.Logistic(in.Level)
}

type iptwInput struct {
	Treatment  string              `json:"treatment"`
	Formula    string              `json:"formula"`
	Outcome    string              `json:"outcome"`
	Estimand   weighting.Estimand  `json:"estimand"`
	Factors    map[string][]string `json:"factors"`
	Truncation stats.Number        `json:"truncation"`
	Level      float64             `json:"level"`
}

func iptw(j job, in iptwInput) (weighting.Comparison, error) {
	m, treated, frame, err := j.model(in.Formula, in.Treatment, in.Factors, nil, in.Outcome)
	if err != nil {
		return weighting.Comparison{}, err
	}
	outcome, ok := frame.Numbers[in.Outcome]
	if !ok {
		return weighting.Comparison{}, stats.Errorf(stats.BadInput, in.Outcome, "the outcome is no column of numbers")
	}
	y := make([]float64, m.N())
	for i, row := range m.Rows {
		y[i] = outcome[row].Value
	}
	return weighting.Compare(weighting.Input{Names: m.Names, X: m.X, Treatment: in.Treatment, Treated: treated, Outcome: y,
		Estimand: in.Estimand, Level: in.Level, Truncation: in.Truncation})
}

type evalueInput struct {
	Type     weighting.Scale `json:"type"`
	Estimate float64         `json:"estimate"`
	Lower    stats.Number    `json:"lower"`
	Upper    stats.Number    `json:"upper"`
	SE       stats.Number    `json:"se"`
}

func evalue(_ job, in evalueInput) (weighting.EValue, error) {
	return weighting.Confounding(in.Type, in.Estimate, in.Lower, in.Upper, in.SE)
}
