package analyze

import (
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/glm"
	"afterglow/internal/stats/weighting"
)

var weightingKinds = []kind{
	as("logistic", "logistic regression", logistic),
	as("multinomial", "regression of a response of several levels on the log odds against the first", multinomial),
	as("iptw", "comparison weighted by the propensity of treatment", iptw),
	as("weighting", "comparison of two or more groups weighted by their propensities, with balance and overlap", weighted),
	as("aipw", "doubly robust comparison of two or more groups", aipw),
	as("evalue", "strength of unmeasured confounding that would explain an effect away", evalue),
}

type logisticInput struct {
	Response string              `json:"response"`
	Formula  string              `json:"formula"`
	Factors  map[string][]string `json:"factors"`
	Level    float64             `json:"level"`
}

type logisticResult struct {
	glm.Logistic
	NExcluded int `json:"n_excluded"`
}

func logistic(j job, in logisticInput) (logisticResult, error) {
	m, y, _, err := j.model(in.Formula, in.Response, in.Factors, nil)
	if err != nil {
		return logisticResult{}, err
	}
	fit, err := glm.New(glm.Logit, glm.Data{Names: m.Names, X: m.X, Response: responseName(in.Formula, in.Response), Y: y})
	if err != nil {
		return logisticResult{}, err
	}
	out, err := fit.Logistic(in.Level)
	return logisticResult{out, j.data.Length() - m.N()}, err
}

type multinomialInput struct {
	Response string              `json:"response"`
	Levels   []string            `json:"levels"`
	Formula  string              `json:"formula"`
	Factors  map[string][]string `json:"factors"`
	Level    float64             `json:"level"`
}

type multinomialResult struct {
	glm.Multinomial
	NExcluded int `json:"n_excluded"`
}

func multinomial(j job, in multinomialInput) (multinomialResult, error) {
	g, err := j.grouped(in.Response, in.Levels, in.Factors, nil, nil, in.Formula)
	if err != nil {
		return multinomialResult{}, err
	}
	fit, err := glm.NewMultinomial(glm.Classes{Names: g.names[0], X: g.x[0], Response: in.Response, Levels: in.Levels, Group: g.group})
	if err != nil {
		return multinomialResult{}, err
	}
	out, err := fit.Report(in.Level)
	return multinomialResult{out, g.excluded}, err
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

type iptwResult struct {
	weighting.Comparison
	NExcluded int `json:"n_excluded"`
}

func iptw(j job, in iptwInput) (iptwResult, error) {
	m, treated, frame, err := j.model(in.Formula, in.Treatment, in.Factors, nil, in.Outcome)
	if err != nil {
		return iptwResult{}, err
	}
	y, err := numberOf(frame, in.Outcome, m.Rows)
	if err != nil {
		return iptwResult{}, err
	}
	out, err := weighting.Compare(weighting.Input{Names: m.Names, X: m.X, Treatment: responseName(in.Formula, in.Treatment), Treated: treated, Outcome: y,
		Estimand: in.Estimand, Level: in.Level, Truncation: in.Truncation})
	return iptwResult{out, j.data.Length() - m.N()}, err
}

type weightedInput struct {
	Treatment       string              `json:"treatment"`
	Levels          []string            `json:"levels"`
	Formula         string              `json:"formula"`
	Outcome         string              `json:"outcome"`
	Estimand        weighting.Estimand  `json:"estimand"`
	Target          string              `json:"target"`
	Factors         map[string][]string `json:"factors"`
	TruncationLower stats.Number        `json:"truncation_lower"`
	Truncation      stats.Number        `json:"truncation"`
	Cluster         string              `json:"cluster"`
	Level           float64             `json:"level"`
}

func weighted(j job, in weightedInput) (weighting.Weighted, error) {
	g, err := j.grouped(in.Treatment, in.Levels, in.Factors, []string{in.Outcome}, named(in.Cluster), in.Formula)
	if err != nil {
		return weighting.Weighted{}, err
	}
	target := 0
	if in.Estimand == weighting.ATT {
		if target = slices.Index(in.Levels, in.Target); target < 0 {
			return weighting.Weighted{}, stats.Errorf(stats.BadInput, "target", "%q is not one of the levels of %s", in.Target, in.Treatment)
		}
	}
	return weighting.CompareGroups(weighting.Groups{Names: g.names[0], X: g.x[0], Treatment: in.Treatment, Levels: in.Levels, Group: g.group,
		Response: in.Outcome, Outcome: g.numbers[0], Estimand: in.Estimand, Target: target, TruncationLower: in.TruncationLower,
		TruncationUpper: in.Truncation, Cluster: g.cluster, Excluded: g.excluded, Level: in.Level})
}

type aipwInput struct {
	Treatment      string              `json:"treatment"`
	Levels         []string            `json:"levels"`
	Formula        string              `json:"formula"`
	Outcome        string              `json:"outcome"`
	OutcomeFormula string              `json:"outcome_formula"`
	Family         string              `json:"family"`
	Factors        map[string][]string `json:"factors"`
	Cluster        string              `json:"cluster"`
	Level          float64             `json:"level"`
}

func aipw(j job, in aipwInput) (weighting.Robust, error) {
	family, err := family("family", in.Family)
	if err != nil {
		return weighting.Robust{}, err
	}
	g, err := j.grouped(in.Treatment, in.Levels, in.Factors, []string{in.Outcome}, named(in.Cluster), in.Formula, in.OutcomeFormula)
	if err != nil {
		return weighting.Robust{}, err
	}
	return weighting.AIPW(weighting.Models{Names: g.names[0], X: g.x[0], OutcomeNames: g.names[1], OutcomeX: g.x[1], Treatment: in.Treatment,
		Levels: in.Levels, Group: g.group, Response: in.Outcome, Outcome: g.numbers[0], Family: family, Cluster: g.cluster, Excluded: g.excluded, Level: in.Level})
}

type evalueInput struct {
	Type     weighting.Scale `json:"type"`
	Estimate float64         `json:"estimate"`
	Lower    stats.Number    `json:"lower"`
	Upper    stats.Number    `json:"upper"`
	SE       stats.Number    `json:"se"`
	// of type rd: the counts of a two-by-two table, exposed with and without the event, then the others
	A     int     `json:"a"`
	B     int     `json:"b"`
	C     int     `json:"c"`
	D     int     `json:"d"`
	Level float64 `json:"level"`
}

func evalue(_ job, in evalueInput) (weighting.EValue, error) {
	if in.Type == "rd" {
		return weighting.ConfoundingOfDifference(weighting.TwoByTwo{ExposedEvent: in.A, ExposedNone: in.B, UnexposedEvent: in.C, UnexposedNone: in.D}, in.Level)
	}
	return weighting.Confounding(in.Type, in.Estimate, in.Lower, in.Upper, in.SE)
}
