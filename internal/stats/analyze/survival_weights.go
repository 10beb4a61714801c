package analyze

import (
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/survival"
)

// censoringWeights is how weights are made, in the input of the kinds that use them. Rows are cut at Cuts; for a Cox model of
// censoring also at the censoring times.
type censoringWeights struct {
	Model        survival.CensoringModel `json:"model"`
	TimeDegree   *int                    `json:"time_degree"`
	Unstabilised bool                    `json:"unstabilised"`
	Truncate     stats.Number            `json:"truncate"`
	Cuts         []float64               `json:"cuts"`
}

// options takes a straight line in time unless another degree is named.
func (c censoringWeights) options(level float64) survival.WeightOptions {
	o := survival.WeightOptions{Model: c.Model, TimeDegree: 1, Unstabilised: c.Unstabilised, Truncate: c.Truncate, Level: level}
	if c.TimeDegree != nil {
		o.TimeDegree = *c.TimeDegree
	}
	return o
}

type ipcwInput struct {
	Subject   string              `json:"subject"`
	Start     string              `json:"start"`
	Stop      string              `json:"stop"`
	Status    string              `json:"status"`
	Censored  string              `json:"censored"`
	Formula   string              `json:"formula"`
	Numerator string              `json:"numerator"`
	Factors   map[string][]string `json:"factors"`
	Group     string              `json:"group"`
	Levels    []string            `json:"levels"`
	Ties      survival.Ties       `json:"ties"`
	Tau       stats.Number        `json:"tau"`
	Level     float64             `json:"level"`
	censoringWeights
}

type ipcwResult struct {
	survival.Reweighted
	NExcluded int `json:"n_excluded_rows"`
}

func ipcw(j job, in ipcwInput) (ipcwResult, error) {
	out := ipcwResult{}
	needed := []string{in.Start, in.Stop, in.Status, in.Censored, in.Subject}
	below, frame, err := j.covariates(in.Formula, in.Factors, []string{in.Subject}, needed...)
	if err != nil {
		return out, err
	}
	above, err := j.covariatesOrNone(in.Numerator, in.Factors)
	if err != nil {
		return out, err
	}
	outcomes, err := j.times(in.Stop, in.Status)
	if err != nil {
		return out, err
	}
	censored, err := j.times(in.Start, in.Censored)
	if err != nil {
		return out, err
	}
	levels, group, err := j.levels(in.Group, in.Levels, len(outcomes))
	if err != nil {
		return out, err
	}
	subjects := numbered(frame.Texts[in.Subject])
	rows := survival.CensoringRows{Names: below.Names, StableNames: above.Names}
	var groups []int
	for k, row := range below.Rows {
		numerator, there := slices.BinarySearch(above.Rows, row)
		if !there || group[row] < 0 {
			continue
		}
		rows.Subject, rows.Start, rows.Stop = append(rows.Subject, subjects[row]), append(rows.Start, censored[row].time), append(rows.Stop, outcomes[row].time)
		rows.Event, rows.Censored = append(rows.Event, outcomes[row].event), append(rows.Censored, censored[row].event)
		rows.X, rows.StableX = append(rows.X, below.Row(k)...), append(rows.StableX, above.Row(numerator)...)
		groups = append(groups, group[row])
	}
	out.NExcluded = len(outcomes) - len(rows.Stop)
	cuts := in.Cuts
	if in.Model == survival.CensoringCox {
		cuts = append(slices.Clone(cuts), rows.CensoringTimes()...)
	}
	cut, from := rows.Cut(cuts)
	outcome := survival.Outcome{Levels: levels, Ties: in.Ties, Tau: in.Tau}
	for _, row := range from {
		outcome.Group = append(outcome.Group, groups[row])
	}
	out.Reweighted, err = cut.Reweight(in.options(in.Level), outcome)
	return out, err
}

type intercurrentInput struct {
	Time         string              `json:"time"`
	Status       string              `json:"status"`
	Intercurrent string              `json:"intercurrent"`
	Formula      string              `json:"formula"`
	Stable       []string            `json:"stable"`
	Factors      map[string][]string `json:"factors"`
	Ties         survival.Ties       `json:"ties"`
	Level        float64             `json:"level"`
	censoringWeights
}

type intercurrentResult struct {
	survival.Intercurrent
	NExcluded int `json:"n_excluded"`
}

// intercurrent reads subjects with the time of their intercurrent event, empty where there was none. Stable names columns of
// the design that the weighted model keeps.
func intercurrent(j job, in intercurrentInput) (intercurrentResult, error) {
	out := intercurrentResult{}
	m, err := j.covariatesOrNone(in.Formula, in.Factors, in.Time, in.Status)
	if err != nil {
		return out, err
	}
	rows, err := j.times(in.Time, in.Status)
	if err != nil {
		return out, err
	}
	columns, err := j.numbers(in.Intercurrent)
	if err != nil {
		return out, err
	}
	subjects := survival.Interrupted{Names: m.Names, X: m.X}
	for _, row := range m.Rows {
		subjects.Time, subjects.Event = append(subjects.Time, rows[row].time), append(subjects.Event, rows[row].event)
		subjects.Intercurrent = append(subjects.Intercurrent, columns[0][row])
	}
	out.NExcluded = len(rows) - len(m.Rows)
	var stable []int
	for _, name := range in.Stable {
		at := slices.Index(m.Names, name)
		if at < 0 {
			return out, stats.Errorf(stats.BadInput, name, "is not a column of the design, which are %v", m.Names)
		}
		stable = append(stable, at)
	}
	cuts := in.Cuts
	if in.Model == survival.CensoringCox {
		cuts = append(slices.Clone(cuts), subjects.CensoringRows(nil, nil).CensoringTimes()...)
	}
	out.Intercurrent, err = subjects.AskThreeWays(in.Ties, in.Level, cuts, stable, in.options(in.Level))
	return out, err
}
