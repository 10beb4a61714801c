package analyze

import (
	"math/rand/v2"

	"afterglow/internal/stats"
	"afterglow/internal/stats/gformula"
)

var gformulaKinds = []kind{
	as("gformula", "effect of an exposure through a mediator and not through it, exploratory", mediated),
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
	mediatorFamily, err := family("mediator_family", in.MediatorFamily)
	if err != nil {
		return gformula.Result{}, err
	}
	outcomeFamily, err := family("outcome_family", in.OutcomeFamily)
	if err != nil {
		return gformula.Result{}, err
	}
	m, y, frame, err := j.model(in.Covariates, in.Outcome, in.Factors, named(in.Cluster), append(named(in.Cluster), in.Exposure, in.Mediator)...)
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
	if d.A, err = numberOf(frame, in.Exposure, m.Rows); err != nil {
		return gformula.Result{}, err
	}
	if d.M, err = numberOf(frame, in.Mediator, m.Rows); err != nil {
		return gformula.Result{}, err
	}
	if in.Cluster != "" {
		d.Cluster = numbered(inRows(frame.Texts[in.Cluster], m.Rows))
	}
	return gformula.Mediate(d, gformula.Options{From: in.From, To: in.To, Draws: in.Draws, Random: rand.New(rand.NewPCG(in.Seed, in.Seed)), Level: in.Level})
}
