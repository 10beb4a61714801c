package survival

import (
	"math"
	"slices"

	"afterglow/internal/stats"
)

// Landmark is a comparison from a landmark on, among those still at risk there (Anderson, Cain & Gelber 1983, J Clin Oncol
// 1:710).
type Landmark struct {
	LandmarkCut
	Groups      []LandmarkGroup  `json:"groups,omitempty"`
	KaplanMeier Result           `json:"km"`
	LogRank     LogRankTest      `json:"logrank"`
	RMST        *RestrictedMeans `json:"rmst,omitempty"`
	Cox         *CoxResult       `json:"cox,omitempty"`
}

// LandmarkCut counts the subjects that the landmark leaves out: those who had the event, or were censored, by then.
type LandmarkCut struct {
	At             float64 `json:"landmark"`
	N              int     `json:"n"`
	Kept           int     `json:"n_kept"`
	EventBefore    int     `json:"n_event_before"`
	CensoredBefore int     `json:"n_censored_before"`
}

// LandmarkGroup is the same count in one group, as far as its members are known by the landmark.
type LandmarkGroup struct {
	Level string `json:"level"`
	LandmarkCut
}

// fromLandmark gives the places of those still at risk after the landmark, and their times from it. An event or a
// censoring at the landmark itself is before it: nothing is left to be seen.
func fromLandmark(time []float64, event []bool, at float64) (rows []int, moved []float64, cut LandmarkCut, err error) {
	cut = LandmarkCut{At: at, N: len(time)}
	if !stats.Finite(at) || at < 0 {
		return nil, nil, cut, stats.Errorf(stats.BadInput, "landmark", "is negative or not finite")
	}
	if err := checkTimes(Spells{Stop: time, Event: event}, time); err != nil {
		return nil, nil, cut, err
	}
	for i, t := range time {
		switch {
		case t > at+tieTolerance*math.Max(1, at):
			rows, moved = append(rows, i), append(moved, t-at)
		case event[i]:
			cut.EventBefore++
		default:
			cut.CensoredBefore++
		}
	}
	if cut.Kept = len(rows); cut.Kept == 0 {
		return nil, nil, cut, stats.Errorf(stats.TooFew, "landmark", "nobody is at risk after %g", at)
	}
	return rows, moved, cut, nil
}

// ExposedBy tells who was exposed by the landmark: what comes later is not checked. An undefined time is no exposure.
func ExposedBy(exposure []stats.Number, at float64) []bool {
	out := make([]bool, len(exposure))
	for i, e := range exposure {
		out[i] = e.Defined && e.Value <= at+tieTolerance*math.Max(1, at)
	}
	return out
}

// CompareFromLandmark compares groups from the landmark on: curves, log-rank test and, where the options have a tau, which
// is counted from the landmark like all times, restricted means. A group must be known by the landmark. See
// docs/methods/landmark.md.
func CompareFromLandmark(subjects []Observation, levels []string, at float64, o Options) (Landmark, error) {
	time, event := make([]float64, len(subjects)), make([]bool, len(subjects))
	for i, s := range subjects {
		time[i], event[i] = s.Time, s.Event
	}
	rows, moved, cut, err := fromLandmark(time, event, at)
	out := Landmark{LandmarkCut: cut}
	if err != nil {
		return out, err
	}
	kept := make([]Observation, len(rows))
	for k, i := range rows {
		kept[k] = Observation{moved[k], subjects[i].Event, subjects[i].Group}
	}
	groups, err := Tally(kept, levels)
	if err != nil {
		return out, err
	}
	for _, level := range levels {
		g := LandmarkGroup{level, LandmarkCut{At: at}}
		for _, s := range subjects {
			switch {
			case s.Group != level:
				continue
			case s.Time > at+tieTolerance*math.Max(1, at):
				g.Kept++
			case s.Event:
				g.EventBefore++
			default:
				g.CensoredBefore++
			}
			g.N++
		}
		out.Groups = append(out.Groups, g)
	}
	if out.KaplanMeier, err = KaplanMeier(groups, o); err != nil {
		return out, err
	}
	if o.Tau.Defined {
		means := restrictedMeans(out.KaplanMeier.Groups, o.Tau.Value, o.Level)
		out.RMST = &means
	}
	out.LogRank, err = LogRank([]Stratum{{Groups: groups}}, 0)
	return out, err
}

// CoxFromLandmark fits a Cox model from the landmark on: an indicator of each group but the first, then the covariates, which
// must be known by the landmark.
func CoxFromLandmark(subjects []Observation, levels []string, at float64, names []string, x []float64, ties Ties, level float64) (*CoxResult, error) {
	if len(levels) < 2 {
		return nil, stats.Errorf(stats.OneLevel, "group", "a comparison needs at least two groups")
	}
	if len(x) != len(names)*len(subjects) {
		return nil, stats.Errorf(stats.BadInput, "rows", "subjects and covariates differ in length")
	}
	time, event := make([]float64, len(subjects)), make([]bool, len(subjects))
	for i, s := range subjects {
		time[i], event[i] = s.Time, s.Event
	}
	rows, moved, _, err := fromLandmark(time, event, at)
	if err != nil {
		return nil, err
	}
	out := Spells{Names: append(slices.Clone(levels[1:]), names...), Stop: moved}
	for _, i := range rows {
		group := slices.Index(levels, subjects[i].Group)
		if group < 0 {
			return nil, stats.Errorf(stats.BadInput, "group", "subject %d is in none of the groups", i+1)
		}
		for g := 1; g < len(levels); g++ {
			indicator := 0.0
			if g == group {
				indicator = 1
			}
			out.X = append(out.X, indicator)
		}
		out.Event, out.X = append(out.Event, event[i]), append(out.X, x[i*len(names):(i+1)*len(names)]...)
	}
	return fitReport(out, ties, level)
}
