package analyze

import (
	"math"

	"afterglow/internal/stats"
	"afterglow/internal/stats/survival"
)

var survivalCensoringKinds = []kind{
	as("km_weighted", "Kaplan-Meier curves of weighted, clustered rows that may start late", weightedKaplanMeier),
	as("turnbull", "curve of interval-censored times", turnbull),
	as("rmst", "restricted means of groups compared; time in a state, those who never enter with 0", restrictedMeans),
	as("landmark", "comparison from a landmark among those still at risk", landmark),
	as("ipcw", "curves and Cox model with censoring weighted away", ipcw),
	as("intercurrent", "an intercurrent event as event, as censoring and as a covariate that changes", intercurrent),
}

// placing names the columns that a weighted row may have beside its time and status.
type placing struct {
	Start   string `json:"start"`
	Cluster string `json:"cluster"`
	Weights string `json:"weights"`
	// Subject numbers people, whose rows may not overlap.
	Subject string `json:"subject"`
}

type weightedTimesInput struct {
	Time   string   `json:"time"`
	Status string   `json:"status"`
	Group  string   `json:"group"`
	Levels []string `json:"levels"`
	placing
	Tau   stats.Number `json:"tau"`
	Level float64      `json:"level"`
}

type weightedResult struct {
	Groups    []survival.WeightedCurve  `json:"groups"`
	RMST      *survival.RestrictedMeans `json:"rmst_comparisons,omitempty"`
	NExcluded int                       `json:"n_excluded"`
	Level     float64                   `json:"ci_level"`
}

func weightedKaplanMeier(j job, in weightedTimesInput) (weightedResult, error) {
	out := weightedResult{Level: in.Level}
	rows, err := j.times(in.Time, in.Status)
	if err != nil {
		return out, err
	}
	levels, group, err := j.levels(in.Group, in.Levels, len(rows))
	if err != nil {
		return out, err
	}
	start, err := j.optional(in.Start, len(rows), stats.Of(0))
	if err != nil {
		return out, err
	}
	weight, err := j.optional(in.Weights, len(rows), stats.Of(1))
	if err != nil {
		return out, err
	}
	clusters := make([]string, len(rows))
	if in.Cluster != "" {
		if clusters, err = j.text(in.Cluster); err != nil {
			return out, err
		}
	}
	subjects := make([]string, len(rows))
	if in.Subject != "" {
		if subjects, err = j.text(in.Subject); err != nil {
			return out, err
		}
	}
	numbers, people := numbered(clusters), numbered(subjects)
	spells := make([]survival.Spells, len(levels))
	for i, r := range rows {
		if !r.there || group[i] < 0 || !start[i].Defined || !weight[i].Defined || in.Cluster != "" && clusters[i] == "" || in.Subject != "" && subjects[i] == "" {
			out.NExcluded++
			continue
		}
		s := &spells[group[i]]
		s.Stop, s.Event, s.Weight = append(s.Stop, r.time), append(s.Event, r.event), append(s.Weight, weight[i].Value)
		if in.Start != "" {
			s.Start = append(s.Start, start[i].Value)
		}
		if in.Cluster != "" {
			s.Cluster = append(s.Cluster, numbers[i])
		}
		if in.Subject != "" {
			s.Subject = append(s.Subject, people[i])
		}
	}
	for g, name := range levels {
		curve, err := survival.WeightedKaplanMeier(name, spells[g], in.Level, in.Tau)
		if err != nil {
			return out, err
		}
		out.Groups = append(out.Groups, curve)
	}
	out.RMST = survival.CompareWeighted(out.Groups, in.Level)
	return out, nil
}

type turnbullInput struct {
	Lower  string       `json:"lower"`
	Upper  string       `json:"upper"`
	Group  string       `json:"group"`
	Levels []string     `json:"levels"`
	Tau    stats.Number `json:"tau"`
}

type turnbullResult struct {
	Groups    []survival.Turnbull `json:"groups"`
	NExcluded int                 `json:"n_excluded"`
}

func turnbull(j job, in turnbullInput) (turnbullResult, error) {
	out := turnbullResult{}
	times, there, err := j.intervals(in.Lower, in.Upper)
	if err != nil {
		return out, err
	}
	levels, group, err := j.levels(in.Group, in.Levels, len(times))
	if err != nil {
		return out, err
	}
	byGroup := make([][]survival.Censored, len(levels))
	for i, c := range times {
		if !there[i] || group[i] < 0 {
			out.NExcluded++
			continue
		}
		byGroup[group[i]] = append(byGroup[group[i]], c)
	}
	for g, name := range levels {
		fit, err := survival.FitTurnbull(name, byGroup[g], in.Tau)
		if err != nil {
			return out, err
		}
		out.Groups = append(out.Groups, fit)
	}
	return out, nil
}

// intervals reads the ends of intervals: without an upper end the time is after the lower one, without a lower one it is not
// after the upper one, and without both the row is not there.
func (j job) intervals(lower, upper string) ([]survival.Censored, []bool, error) {
	columns, err := j.numbers(lower, upper)
	if err != nil {
		return nil, nil, err
	}
	out, there := make([]survival.Censored, len(columns[0])), make([]bool, len(columns[0]))
	for i, l := range columns[0] {
		u := columns[1][i]
		there[i] = l.Defined || u.Defined
		out[i] = survival.Censored{Lower: l.Value, Upper: math.Inf(1)}
		if u.Defined {
			out[i].Upper = u.Value
		}
	}
	return out, there, nil
}

type rmstInput struct {
	Time    string   `json:"time"`
	Status  string   `json:"status"`
	Enter   string   `json:"enter"`
	Entered string   `json:"entered"`
	Group   string   `json:"group"`
	Levels  []string `json:"levels"`
	Tau     float64  `json:"tau"`
	Level   float64  `json:"level"`
}

type rmstResult struct {
	survival.RestrictedMeans
	NExcluded int `json:"n_excluded"`
}

func restrictedMeans(j job, in rmstInput) (rmstResult, error) {
	if in.Enter == "" {
		strata, excluded, err := j.strata(in.Time, in.Status, in.Group, in.Levels, "")
		if err != nil {
			return rmstResult{}, err
		}
		out, err := survival.CompareRestrictedMeans(strata[0].Groups, in.Tau, in.Level)
		return rmstResult{out, excluded}, err
	}
	leave, err := j.times(in.Time, in.Status)
	if err != nil {
		return rmstResult{}, err
	}
	enter, err := j.times(in.Enter, in.Entered)
	if err != nil {
		return rmstResult{}, err
	}
	levels, group, err := j.levels(in.Group, in.Levels, len(leave))
	if err != nil {
		return rmstResult{}, err
	}
	var stays []survival.Stay
	for i, l := range leave {
		if e := enter[i]; l.there && e.there && group[i] >= 0 {
			stays = append(stays, survival.Stay{Enter: e.time, Leave: l.time, Entered: e.event, Left: l.event, Group: levels[group[i]]})
		}
	}
	out, err := survival.TimeInState(stays, levels, in.Tau, in.Level)
	return rmstResult{out, j.data.Length() - len(stays)}, err
}

type landmarkInput struct {
	Time     string              `json:"time"`
	Status   string              `json:"status"`
	Group    string              `json:"group"`
	Exposure string              `json:"exposure"`
	Levels   []string            `json:"levels"`
	Landmark float64             `json:"landmark"`
	At       []float64           `json:"at"`
	Tau      stats.Number        `json:"tau"`
	Formula  string              `json:"formula"`
	Factors  map[string][]string `json:"factors"`
	Ties     survival.Ties       `json:"ties"`
	Level    float64             `json:"level"`
}

type landmarkResult struct {
	survival.Landmark
	NExcluded int `json:"n_excluded"`
}

// landmark groups by a column, or by whether a column of times (the exposure) lies at or before the landmark: then the levels
// name those not exposed, and those exposed.
func landmark(j job, in landmarkInput) (landmarkResult, error) {
	m, err := j.covariatesOrNone(in.Formula, in.Factors, in.Time, in.Status)
	if err != nil {
		return landmarkResult{}, err
	}
	rows, err := j.times(in.Time, in.Status)
	if err != nil {
		return landmarkResult{}, err
	}
	levels, group, err := j.landmarkGroups(in, len(rows))
	if err != nil {
		return landmarkResult{}, err
	}
	var subjects []survival.Observation
	var x []float64
	for k, row := range m.Rows {
		if group[row] >= 0 {
			subjects = append(subjects, survival.Observation{Time: rows[row].time, Event: rows[row].event, Group: levels[group[row]]})
			x = append(x, m.Row(k)...)
		}
	}
	compared, err := survival.CompareFromLandmark(subjects, levels, in.Landmark, survival.Options{At: in.At, Tau: in.Tau, Level: in.Level})
	out := landmarkResult{compared, j.data.Length() - len(subjects)}
	if err != nil || in.Ties == "" {
		return out, err
	}
	out.Cox, err = survival.CoxFromLandmark(subjects, levels, in.Landmark, m.Names, x, in.Ties, in.Level)
	return out, err
}

func (j job) landmarkGroups(in landmarkInput, n int) ([]string, []int, error) {
	if in.Exposure == "" {
		if in.Group == "" {
			return nil, nil, stats.Errorf(stats.BadInput, "group", "a comparison needs a group or an exposure")
		}
		return j.levels(in.Group, in.Levels, n)
	}
	if len(in.Levels) != 2 {
		return nil, nil, stats.Errorf(stats.BadInput, "levels", "an exposure makes two groups: name those not exposed, and those exposed")
	}
	columns, err := j.numbers(in.Exposure)
	if err != nil {
		return nil, nil, err
	}
	group := make([]int, n)
	for i, exposed := range survival.ExposedBy(columns[0], in.Landmark) {
		if exposed {
			group[i] = 1
		}
	}
	return in.Levels, group, nil
}
