package analyze

import (
	"errors"
	"maps"

	"afterglow/internal/stats"
	"afterglow/internal/stats/survival"
)

type competingInput struct {
	Time     string    `json:"time"`
	Event    string    `json:"event"`
	Causes   []string  `json:"causes"`
	Group    string    `json:"group"`
	Levels   []string  `json:"levels"`
	At       []float64 `json:"at"`
	FineGray *struct {
		Right string `json:"rhs"`
		Cause int    `json:"cause"`
	} `json:"fine_gray"`
	Factors map[string][]string `json:"factors"`
	Level   float64             `json:"level"`
}

type competingResult struct {
	survival.CompetingRisks
	NExcluded int      `json:"n_excluded"`
	Notes     []string `json:"notes,omitempty"`
}

func competingRisks(j job, in competingInput) (competingResult, error) {
	columns, err := j.numbers(in.Time, in.Event)
	if err != nil {
		return competingResult{}, err
	}
	levels, groups, err := j.levels(in.Group, in.Levels, len(columns[0]))
	if err != nil {
		return competingResult{}, err
	}
	var rows []survival.CompetingRow
	for i, t := range columns[0] {
		if !t.Defined || !columns[1][i].Defined || groups[i] < 0 {
			continue
		}
		cause := int(columns[1][i].Value)
		if float64(cause) != columns[1][i].Value {
			return competingResult{}, stats.Errorf(stats.BadInput, in.Event, "holds a value that is not a whole number")
		}
		rows = append(rows, survival.CompetingRow{Time: t.Value, Cause: cause, Group: groups[i]})
	}
	risks, err := survival.Incidences(rows, in.Causes, levels, in.At, in.Level)
	out := competingResult{CompetingRisks: risks, NExcluded: j.data.Length() - len(rows)}
	if err != nil || in.FineGray == nil {
		return out, err
	}
	fit, err := j.fineGray(in, columns)
	var failure *stats.Failure
	if errors.As(err, &failure) && failure.Kind != stats.BadInput && failure.Kind != stats.NotFinite { // the incidences and their test stand without it
		out.Notes = append(out.Notes, "no Fine-Gray model of "+in.FineGray.Right+": "+failure.Error())
		return out, nil
	}
	out.FineGray = &fit
	return out, err
}

func (j job) fineGray(in competingInput, columns [][]stats.Number) (survival.FineGray, error) {
	if in.FineGray.Cause < 1 || in.FineGray.Cause > len(in.Causes) {
		return survival.FineGray{}, stats.Errorf(stats.BadInput, "fine_gray", "there is no cause %d", in.FineGray.Cause)
	}
	factors := map[string][]string{}
	maps.Copy(factors, in.Factors)
	if in.Group != "" {
		factors[in.Group] = in.Levels
	}
	m, _, err := j.covariates(in.FineGray.Right, factors, nil, in.Time, in.Event)
	if err != nil {
		return survival.FineGray{}, err
	}
	time, cause := make([]float64, len(m.Rows)), make([]int, len(m.Rows))
	for i, row := range m.Rows {
		time[i] = columns[0][row].Value
		switch int(columns[1][row].Value) {
		case 0:
		case in.FineGray.Cause:
			cause[i] = 1
		default:
			cause[i] = 2
		}
	}
	out, err := survival.FitFineGray(time, cause, m.Names, m.X, in.Level)
	out.Cause, out.Formula = in.Causes[in.FineGray.Cause-1], in.FineGray.Right
	return out, err
}
