package analyze

import (
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/survival"
)

var survivalKinds = []kind{
	as("km", "Kaplan-Meier curves, quantiles and restricted means", kaplanMeier),
	as("logrank", "log-rank and Peto-Peto tests", logRank),
	as("coxph", "Cox's proportional hazards model", coxph),
	as("discrete_hazard", "grouped proportional hazards by visit intervals", discreteHazard),
	as("competing_risks", "cumulative incidence, Gray's test, Fine-Gray model", competingRisks),
}

type kmInput struct {
	Time   string       `json:"time"`
	Status string       `json:"status"`
	Group  string       `json:"group"`
	Levels []string     `json:"levels"`
	At     []float64    `json:"at"`
	Tau    stats.Number `json:"tau"`
	Level  float64      `json:"level"`
}

type kmResult struct {
	survival.Result
	NExcluded int `json:"n_excluded"`
}

func kaplanMeier(j job, in kmInput) (kmResult, error) {
	strata, excluded, err := j.strata(in.Time, in.Status, in.Group, in.Levels, "")
	if err != nil {
		return kmResult{}, err
	}
	out, err := survival.KaplanMeier(strata[0].Groups, survival.Options{At: in.At, Tau: in.Tau, Level: in.Level})
	return kmResult{out, excluded}, err
}

type logRankInput struct {
	Time   string   `json:"time"`
	Status string   `json:"status"`
	Group  string   `json:"group"`
	Levels []string `json:"levels"`
	Strata string   `json:"strata"`
	Rho    float64  `json:"rho"`
	// Tau asks for restricted means with the test, with intervals at Level.
	Tau   stats.Number `json:"tau"`
	Level float64      `json:"level"`
}

type logRankResult struct {
	survival.LogRankTest
	NExcluded int `json:"n_excluded"`
}

func logRank(j job, in logRankInput) (logRankResult, error) {
	strata, excluded, err := j.strata(in.Time, in.Status, in.Group, in.Levels, in.Strata)
	if err != nil {
		return logRankResult{}, err
	}
	test, err := survival.LogRank(strata, in.Rho)
	out := logRankResult{test, excluded}
	if err != nil || !in.Tau.Defined {
		return out, err
	}
	return out, out.Beside(strata, in.Tau.Value, in.Level)
}

// strata counts times by group within strata; rows without a time, a status, a group or a stratum leave and are counted.
func (j job) strata(time, status, group string, levels []string, stratum string) (out []survival.Stratum, excluded int, err error) {
	rows, err := j.times(time, status)
	if err != nil {
		return nil, 0, err
	}
	levels, groups, err := j.levels(group, levels, len(rows))
	if err != nil {
		return nil, 0, err
	}
	strata := make([]string, len(rows))
	if stratum != "" {
		if strata, err = j.text(stratum); err != nil {
			return nil, 0, err
		}
	}
	var names []string
	byStratum := map[string][]survival.Observation{}
	for i, r := range rows {
		if !r.there || groups[i] < 0 || stratum != "" && strata[i] == "" {
			excluded++
			continue
		}
		if _, known := byStratum[strata[i]]; !known {
			names = append(names, strata[i])
		}
		byStratum[strata[i]] = append(byStratum[strata[i]], survival.Observation{Time: r.time, Event: r.event, Group: levels[groups[i]]})
	}
	slices.Sort(names)
	for _, name := range names {
		counted, err := survival.Tally(byStratum[name], levels)
		if err != nil {
			return nil, 0, err
		}
		out = append(out, survival.Stratum{Groups: counted})
	}
	if len(out) == 0 {
		return nil, 0, stats.Errorf(stats.TooFew, time, "no complete row")
	}
	return out, excluded, nil
}

type timed struct {
	time  float64
	event bool
	there bool
}

// times reads a time and whether the event happened (1) or not (0).
func (j job) times(time, status string) ([]timed, error) {
	columns, err := j.numbers(time, status)
	if err != nil {
		return nil, err
	}
	out := make([]timed, len(columns[0]))
	for i := range out {
		t, s := columns[0][i], columns[1][i]
		if s.Defined && s.Value != 0 && s.Value != 1 {
			return nil, stats.Errorf(stats.BadInput, status, "holds a value other than 0 and 1")
		}
		out[i] = timed{t.Value, s.Value == 1, t.Defined && s.Defined}
	}
	return out, nil
}

type coxInput struct {
	Time    string        `json:"time"`
	Status  string        `json:"status"`
	Start   string        `json:"start"`
	Stop    string        `json:"stop"`
	Formula string        `json:"formula"`
	Ties    survival.Ties `json:"ties"`
	Strata  string        `json:"strata"`
	Cluster string        `json:"cluster"`
	// Weights is a column of weights: probabilities, or with Frequency how many rows like it there are.
	Weights   string `json:"weights"`
	Frequency bool   `json:"frequency"`
	// Subject is a column of subjects whose rows may not overlap.
	Subject string              `json:"subject"`
	Factors map[string][]string `json:"factors"`
	// At asks for the baseline hazard at these times, in every stratum.
	At    []float64 `json:"at"`
	Level float64   `json:"level"`
}

// baselineTimes is where the baseline hazard is read unless a case says otherwise: days of three months, one year and
// two, in strata with enough rows left to say something; others are noted.
var baselineTimes = []float64{90, 365, 730}

const baselineAtRisk = 10

type coxResult struct {
	survival.CoxResult
	NExcluded int `json:"n_excluded"`
}

func coxph(j job, in coxInput) (coxResult, error) {
	stop := in.Stop
	if stop == "" {
		stop = in.Time
	}
	needed := []string{stop, in.Status}
	if in.Start != "" {
		needed = append(needed, in.Start)
	}
	for _, name := range []string{in.Strata, in.Cluster, in.Weights, in.Subject} {
		if name != "" {
			needed = append(needed, name)
		}
	}
	m, frame, err := j.covariates(in.Formula, in.Factors, []string{in.Strata, in.Cluster, in.Subject}, needed...)
	if err != nil {
		return coxResult{}, err
	}
	rows, err := j.times(stop, in.Status)
	if err != nil {
		return coxResult{}, err
	}
	spells := survival.Spells{Names: m.Names, X: m.X, Frequency: in.Frequency}
	for _, row := range m.Rows {
		spells.Stop = append(spells.Stop, rows[row].time)
		spells.Event = append(spells.Event, rows[row].event)
	}
	if in.Weights != "" {
		if spells.Weight, err = numberOf(frame, in.Weights, m.Rows); err != nil {
			return coxResult{}, err
		}
	}
	if in.Start != "" {
		if spells.Start, err = numberOf(frame, in.Start, m.Rows); err != nil {
			return coxResult{}, err
		}
	}
	if in.Strata != "" {
		spells.Strata = in.Factors[in.Strata]
		if spells.Strata == nil {
			spells.Strata = distinct(frame.Texts[in.Strata])
		}
		if spells.Stratum, err = coded(in.Strata, frame.Texts[in.Strata], spells.Strata, m.Rows); err != nil {
			return coxResult{}, err
		}
	}
	if in.Cluster != "" {
		if spells.Cluster, err = coded(in.Cluster, frame.Texts[in.Cluster], distinct(frame.Texts[in.Cluster]), m.Rows); err != nil {
			return coxResult{}, err
		}
	}
	if in.Subject != "" {
		if spells.Subject, err = coded(in.Subject, frame.Texts[in.Subject], distinct(frame.Texts[in.Subject]), m.Rows); err != nil {
			return coxResult{}, err
		}
	}
	at, atRisk := in.At, 0
	if at == nil {
		at, atRisk = baselineTimes, baselineAtRisk
	}
	out, err := fitCox(spells, in, neverAtRisk{in.Formula, in.Factors, frame, m.Rows}, at, atRisk)
	return coxResult{out, j.data.Length() - m.N()}, err
}

// discreteInput takes a time and a status, or the ends of an interval that holds the event.
type discreteInput struct {
	Time    string              `json:"time"`
	Status  string              `json:"status"`
	Lower   string              `json:"lower"`
	Upper   string              `json:"upper"`
	Cuts    []float64           `json:"cuts"`
	Formula string              `json:"formula"`
	Factors map[string][]string `json:"factors"`
	Level   float64             `json:"level"`
}

type discreteResult struct {
	survival.DiscreteHazard
	NExcluded int `json:"n_excluded"`
}

func discreteHazard(j job, in discreteInput) (discreteResult, error) {
	if in.Lower != "" {
		return j.discreteIntervals(in)
	}
	m, _, err := j.covariates(in.Formula, in.Factors, nil, in.Time, in.Status)
	if err != nil {
		return discreteResult{}, err
	}
	rows, err := j.times(in.Time, in.Status)
	if err != nil {
		return discreteResult{}, err
	}
	spells := survival.Spells{Names: m.Names, X: m.X}
	for _, row := range m.Rows {
		spells.Stop = append(spells.Stop, rows[row].time)
		spells.Event = append(spells.Event, rows[row].event)
	}
	out, err := survival.FitDiscreteHazard(spells, in.Cuts, in.Level)
	return discreteResult{out, j.data.Length() - m.N()}, err
}

func (j job) discreteIntervals(in discreteInput) (discreteResult, error) {
	m, err := j.covariatesOrNone(in.Formula, in.Factors)
	if err != nil {
		return discreteResult{}, err
	}
	times, there, err := j.intervals(in.Lower, in.Upper)
	if err != nil {
		return discreteResult{}, err
	}
	var kept []survival.Censored
	var x []float64
	for k, row := range m.Rows {
		if there[row] {
			kept, x = append(kept, times[row]), append(x, m.Row(k)...)
		}
	}
	out, err := survival.FitDiscreteIntervals(kept, m.Names, x, in.Cuts, in.Level)
	return discreteResult{out, j.data.Length() - len(kept)}, err
}
