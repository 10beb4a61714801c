package survival

import (
	"math"
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
)

// RestrictedMeans are the restricted means of groups to one Tau, every later group compared with the first. TauMax is the
// last time to which all groups were followed; undefined where they all fall to 0. Beyond it a mean is undefined.
type RestrictedMeans struct {
	Tau         float64          `json:"tau"`
	TauMax      stats.Number     `json:"tau_max"`
	Groups      []GroupMean      `json:"groups"`
	Differences []RMSTDifference `json:"differences"`
	Ratios      []RMSTRatio      `json:"ratios"`
	Level       float64          `json:"ci_level"`
	Notes       []string         `json:"notes,omitempty"`
}

// GroupMean is the restricted mean of one group.
type GroupMean struct {
	Level string `json:"level"`
	N     int    `json:"n"`
	RMST
}

// CompareRestrictedMeans gives the restricted means of groups and compares each with the first: difference, and ratio on
// the log scale. A subject that contributes no time has its event at 0. See docs/methods/restricted-mean.md.
func CompareRestrictedMeans(groups []Group, tau, level float64) (RestrictedMeans, error) {
	result, err := KaplanMeier(groups, Options{Tau: stats.Number{Value: tau, Defined: true}, Level: level})
	if err != nil {
		return RestrictedMeans{}, err
	}
	return restrictedMeans(result.Groups, tau, level), nil
}

// restrictedMeans compares curves whose restricted means stand at tau.
func restrictedMeans(curves []Curve, tau, level float64) RestrictedMeans {
	out := RestrictedMeans{Tau: tau, Level: level, Differences: []RMSTDifference{}, Ratios: []RMSTRatio{}}
	for i, c := range curves {
		out.Groups = append(out.Groups, GroupMean{c.Level, c.N, *c.RMST})
		if i > 0 {
			difference, ratio := CompareRMST(curves[0], c, level)
			out.Differences, out.Ratios = append(out.Differences, difference), append(out.Ratios, ratio)
		}
		if certain := c.RMST.certain(c.Level); certain != nil && len(curves) > 1 {
			out.Notes = append(out.Notes, certain[0]+", and the intervals of comparisons with it count the error of the other group only and are too narrow")
		}
		if n := len(c.Table); n > 0 && c.Table[n-1].Surv > 0 {
			out.TauMax = earlier(out.TauMax, c.Table[n-1].Time)
		}
	}
	return out
}

func earlier(a stats.Number, b float64) stats.Number {
	if a.Defined && a.Value < b {
		return a
	}
	return stats.Of(b)
}

// Stay is a subject's time in a state, from the same origin for all: entered at Enter unless Entered is false (then not
// entered up to Enter, the end of follow-up), left at Leave unless Left is false (then still there at Leave). A subject known
// never to enter has both at once, at any time: Enter = Leave, Entered and Left.
type Stay struct {
	Enter, Leave  float64
	Entered, Left bool
	Group         string
}

// TimeInState gives the mean time that subjects of each group spend in a state up to tau, all of them counted, those who
// never enter with 0: the area between the curves of leaving and of entering (Huang et al. 2020, Ann Intern Med 173:368).
// Errors come from each subject's influence on both curves together. See docs/methods/restricted-mean.md.
func TimeInState(stays []Stay, levels []string, tau, level float64) (RestrictedMeans, error) {
	if err := (Options{Tau: stats.Number{Value: tau, Defined: true}, Level: level}).Validate(); err != nil {
		return RestrictedMeans{}, err
	}
	enter, leave := make([]Spells, len(levels)), make([]Spells, len(levels))
	for i, s := range stays {
		g := slices.Index(levels, s.Group)
		switch {
		case g < 0:
			return RestrictedMeans{}, stats.Errorf(stats.BadInput, "group", "subject %d is in none of the groups", i+1)
		case s.Leave < s.Enter:
			return RestrictedMeans{}, stats.Errorf(stats.BadInput, "leave", "subject %d leaves before it enters", i+1)
		case !s.Entered && (s.Left || s.Leave != s.Enter):
			return RestrictedMeans{}, stats.Errorf(stats.BadInput, "enter", "subject %d leaves, or is followed in, a state that it did not enter", i+1)
		}
		enter[g].Stop, enter[g].Event = append(enter[g].Stop, s.Enter), append(enter[g].Event, s.Entered)
		leave[g].Stop, leave[g].Event = append(leave[g].Stop, s.Leave), append(leave[g].Event, s.Left)
	}
	curves := make([]Curve, len(levels))
	last := stats.Number{}
	for g, name := range levels {
		in, err := newHazards(name, enter[g])
		if err != nil {
			return RestrictedMeans{}, err
		}
		out, err := newHazards(name, leave[g])
		if err != nil {
			return RestrictedMeans{}, err
		}
		curves[g] = Curve{Level: name, N: in.n, RMST: &RMST{Tau: tau}}
		for _, h := range []*hazards{in, out} {
			if !h.followedTo(math.Inf(1)) {
				last = earlier(last, h.last)
			}
		}
		if in.followedTo(tau) && out.followedTo(tau) {
			before, a := in.restrictedMean(tau)
			after, b := out.restrictedMean(tau)
			for i := range b {
				b[i] -= a[i]
			}
			curves[g].RMST.fill(after-before, basis.Norm(b), level)
		}
	}
	result := restrictedMeans(curves, tau, level)
	result.TauMax = last
	return result, nil
}
