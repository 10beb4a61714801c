package analyze

import (
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
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

func logistic(j job, in logisticInput) (logisticResult, error) {
	m, y, _, err := j.model(in.Formula, in.Response, in.Factors, nil)
	if err != nil {
		return logisticResult{}, err
	}
	fit, err := glm.New(glm.Logit, glm.Data{Names: m.Names, X: m.X, Response: in.Response, Y: y})
	if err != nil {
		return logisticResult{}, err
	}
	report, err := fit.Logistic(in.Level)
	return logisticResult{report, j.left(m.N())}, err
}

type multinomialInput struct {
	Response string              `json:"response"`
	Levels   []string            `json:"levels"`
	Formula  string              `json:"formula"`
	Factors  map[string][]string `json:"factors"`
	Level    float64             `json:"level"`
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
	report, err := fit.Report(in.Level)
	return multinomialResult{report, g.excluded}, err
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

func iptw(j job, in iptwInput) (iptwResult, error) {
	m, treated, frame, err := j.model(in.Formula, in.Treatment, in.Factors, nil, in.Outcome)
	if err != nil {
		return iptwResult{}, err
	}
	outcome, ok := frame.Numbers[in.Outcome]
	if !ok {
		return iptwResult{}, stats.Errorf(stats.BadInput, in.Outcome, "the outcome is no column of numbers")
	}
	y := make([]float64, m.N())
	for i, row := range m.Rows {
		y[i] = outcome[row].Value
	}
	out, err := weighting.Compare(weighting.Input{Names: m.Names, X: m.X, Treatment: in.Treatment, Treated: treated, Outcome: y,
		Estimand: in.Estimand, Level: in.Level, Truncation: in.Truncation})
	return iptwResult{out, j.left(m.N())}, err
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
	g, err := j.grouped(in.Treatment, in.Levels, in.Factors, []string{in.Outcome}, optional(in.Cluster), in.Formula)
	if err != nil {
		return weighting.Weighted{}, err
	}
	target := 0
	if in.Estimand == weighting.ATT {
		if target = slices.Index(in.Levels, in.Target); target < 0 {
			return weighting.Weighted{}, stats.Errorf(stats.BadInput, "target", "%q is none of the levels of %s", in.Target, in.Treatment)
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
	family, known := families[in.Family]
	if !known {
		return weighting.Robust{}, stats.Errorf(stats.BadInput, "family", "no family %q; there are binomial and gaussian", in.Family)
	}
	g, err := j.grouped(in.Treatment, in.Levels, in.Factors, []string{in.Outcome}, optional(in.Cluster), in.Formula, in.OutcomeFormula)
	if err != nil {
		return weighting.Robust{}, err
	}
	return weighting.AIPW(weighting.Models{Names: g.names[0], X: g.x[0], OutcomeNames: g.names[1], OutcomeX: g.x[1], Treatment: in.Treatment,
		Levels: in.Levels, Group: g.group, Response: in.Outcome, Outcome: g.numbers[0], Family: family, Cluster: g.cluster, Excluded: g.excluded, Level: in.Level})
}

func optional(name string) []string {
	if name == "" {
		return nil
	}
	return []string{name}
}

// designs are formulas evaluated in the same complete rows, with each row's group, columns of numbers and cluster.
type designs struct {
	names   [][]string
	x       [][]float64
	group   []int
	numbers [][]float64
	cluster []int
	// excluded counts the rows in which something is missing or no level fits
	excluded int
}

// grouped evaluates formulas in the rows in which nothing that any of them or the further columns need is missing. A row
// whose group is none of the levels leaves; the caller's levels say which.
func (j job) grouped(group string, levels []string, factors map[string][]string, numbers, cluster []string, formulas ...string) (designs, error) {
	texts := append([]string{group}, cluster...)
	used := map[string][]string{group: levels}
	var parsed []formula.Formula
	needed := append([]string{group}, append(slices.Clone(numbers), cluster...)...)
	for _, text := range formulas {
		f, err := formula.Parse(text)
		if err != nil {
			return designs{}, stats.Errorf(stats.BadInput, "formula", "%v", err)
		}
		if slices.Contains(f.Columns(), group) {
			return designs{}, stats.Errorf(stats.BadInput, group, "is the group itself and cannot stand on the right of its model")
		}
		for _, name := range f.Columns() {
			if l, ok := factors[name]; ok {
				used[name] = l
				texts = append(texts, name)
			}
			needed = append(needed, name)
		}
		parsed = append(parsed, f)
	}
	frame := j.data.Frame(texts...)
	for _, name := range numbers {
		if _, ok := frame.Numbers[name]; !ok {
			return designs{}, stats.Errorf(stats.BadInput, name, "is no column of numbers")
		}
	}
	keep, err := inLevels(frame, used)
	if err != nil {
		return designs{}, err
	}
	frame = keep
	out := designs{}
	var rows []int
	for _, f := range parsed {
		design, err := f.Design(used)
		if err != nil {
			return designs{}, err
		}
		m, err := frame.Evaluate(design, used, needed...)
		if err != nil {
			return designs{}, err
		}
		out.names, out.x, rows = append(out.names, m.Names), append(out.x, m.X), m.Rows
	}
	out.excluded = frame.Length() - len(rows)
	return out.fill(frame, group, levels, numbers, cluster, rows)
}

func (d designs) fill(frame formula.Frame, group string, levels, numbers, cluster []string, rows []int) (designs, error) {
	var err error
	if d.group, err = coded(group, frame.Texts[group], levels, rows); err != nil {
		return d, err
	}
	for _, name := range numbers {
		values := make([]float64, len(rows))
		for i, row := range rows {
			values[i] = frame.Numbers[name][row].Value
		}
		d.numbers = append(d.numbers, values)
	}
	for _, name := range cluster {
		if d.cluster, err = coded(name, frame.Texts[name], firstSeen(frame.Texts[name], rows), rows); err != nil {
			return d, err
		}
	}
	return d, nil
}

// inLevels empties, so that the row counts as incomplete, what is none of its column's levels.
func inLevels(frame formula.Frame, levels map[string][]string) (formula.Frame, error) {
	for name, known := range levels {
		column, ok := frame.Texts[name]
		if !ok {
			return frame, stats.Errorf(stats.BadInput, name, "no such column")
		}
		kept := make([]string, len(column))
		for i, v := range column {
			if slices.Contains(known, v) {
				kept[i] = v
			}
		}
		frame.Texts[name] = kept
	}
	return frame, nil
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
