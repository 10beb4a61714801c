package analyze

import (
	"math/rand/v2"

	"afterglow/internal/stats"
	"afterglow/internal/stats/gformula"
)

var gformulaKinds = []kind{
	as("gformula", "effect of an exposure through a mediator and beside it, exploratory", mediated),
}

type gformulaInput struct {
	Exposure       string              `json:"exposure"`
	From           float64             `json:"from"`
	To             float64             `json:"to"`
	Mediator       string              `json:"mediator"`
	MediatorFamily string              `json:"mediator_family"`
	Outcome        string              `json:"outcome"`
	OutcomeFamily  string              `json:"outcome_family"`
	Interaction    bool                `json:"interaction"`
	Covariates     string              `json:"covariates"`
	Factors        map[string][]string `json:"factors"`
	Cluster        string              `json:"cluster"`
	Draws          int                 `json:"draws"`
	Seed           uint64              `json:"seed"`
	Level          float64             `json:"level"`
}

func mediated(j job, in gformulaInput) (gformula.Result, error) {
	mediatorFamily, known := families[in.MediatorFamily]
	outcomeFamily, known2 := families[in.OutcomeFamily]
	if !known || !known2 {
		return gformula.Result{}, stats.Errorf(stats.BadInput, "family", "no family %q with %q; there are binomial and gaussian", in.MediatorFamily, in.OutcomeFamily)
	}
	m, y, frame, err := j.model(in.Covariates, in.Outcome, in.Factors, optional(in.Cluster), append(optional(in.Cluster), in.Exposure, in.Mediator)...)
	if err != nil {
		return gformula.Result{}, err
	}
	if len(m.Names) == 0 || m.Names[0] != "(Intercept)" {
		return gformula.Result{}, stats.Errorf(stats.BadInput, "covariates", "the formula must keep its intercept, which both models have")
	}
	d := gformula.Data{Exposure: in.Exposure, Mediator: in.Mediator, MediatorFamily: mediatorFamily, Outcome: in.Outcome, Y: y, OutcomeFamily: outcomeFamily,
		Names: m.Names[1:], Interaction: in.Interaction, Excluded: frame.Length() - m.N()}
	for i := range m.N() {
		d.X = append(d.X, m.Row(i)[1:]...)
	}
	for _, column := range []struct {
		name string
		to   *[]float64
	}{{in.Exposure, &d.A}, {in.Mediator, &d.M}} {
		values, ok := frame.Numbers[column.name]
		if !ok {
			return gformula.Result{}, stats.Errorf(stats.BadInput, column.name, "is no column of numbers")
		}
		for _, row := range m.Rows {
			*column.to = append(*column.to, values[row].Value)
		}
	}
	if in.Cluster != "" {
		if d.Cluster, err = coded(in.Cluster, frame.Texts[in.Cluster], firstSeen(frame.Texts[in.Cluster], m.Rows), m.Rows); err != nil {
			return gformula.Result{}, err
		}
	}
	return gformula.Mediate(d, gformula.Options{From: in.From, To: in.To, Draws: in.Draws, Random: rand.New(rand.NewPCG(in.Seed, in.Seed)), Level: in.Level})
}
