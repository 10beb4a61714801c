package durability

import (
	"afterglow/internal/stats/survival"
	"afterglow/internal/warehouse"
)

// lossComparison compares responders' hazards of losing their response with the
// first group's.
//
// The model is that of grouped proportional hazards with interval censoring
// (Prentice & Gloeckler 1978, Biometrics 34:57; Finkelstein 1986, Biometrics
// 42:845): one intercept for each interval of the study's visits, and a loss that
// lies anywhere between two assessments, however many visits lie between them. It is
// chosen because it takes a loss as it is known (a Cox model would need a date for
// it), because exp(group) is the hazard ratio of the underlying time, and because
// its intercepts do not multiply where visits are missed. See
// docs/methods/time-to-loss.md.
type lossComparison struct {
	groups               []comparedGroup
	unadjusted, adjusted []hazardRatio // in the order of groups
}

// comparedGroup is who stands behind a ratio: responders with a later assessment,
// how many of them lost their response, and their mean baseline.
type comparedGroup struct {
	group    string
	n, lost  int
	baseline float64
}

// hazardRatio is a group's hazard over the first group's; without a value the note
// says why.
type hazardRatio struct {
	value, lower, upper, p *float64
	note                   string
}

// compare fits both models to the drawn groups.
func (q *timeToLoss) compare() error {
	if len(q.drawn) < 2 {
		return nil
	}
	var err error
	q.comparison, err = q.compareLoss(q.drawn)
	return err
}

func (q *timeToLoss) compareLoss(groups []groupCounts) (*lossComparison, error) {
	c := &lossComparison{}
	var times []survival.GroupedTime
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.group
		compared := comparedGroup{group: g.group, n: g.assessedAgain()}
		for _, t := range g.times {
			if seenAgain(t) {
				compared.baseline += float64(t.Count) * t.Covariate / float64(compared.n)
			}
		}
		compared.lost = g.byStatus[warehouse.LossLost]
		c.groups = append(c.groups, compared)
		times = append(times, g.times...)
	}
	var err error
	if c.unadjusted, err = q.hazardRatios(times, names, ""); err != nil {
		return nil, err
	}
	c.adjusted, err = q.hazardRatios(times, names, "baseline")
	return c, err
}

// hazardRatios are the model's ratios of each group to the first, whose own is
// empty, with words where there is none.
func (q *timeToLoss) hazardRatios(times []survival.GroupedTime, groups []string, covariate string) ([]hazardRatio, error) {
	ratios, err := survival.CompareIntervals(times, groups, q.laterDays(), covariate, q.f.level)
	failed := ""
	if err != nil {
		reason, err := unfit(err)
		if err != nil {
			return nil, err
		}
		failed = "no ratio: " + reason
	}
	out := make([]hazardRatio, len(groups))
	for i, r := range ratios {
		out[i] = hazardRatio{value: pointer(r.Ratio), lower: pointer(r.Lower), upper: pointer(r.Upper), p: pointer(r.PValue)}
		switch {
		case i == 0:
		case r.Extreme != "":
			out[i].note = "no ratio: " + q.f.among(r.Extreme) + " none lost the response, or all so soon or so late that the data put no bound on the hazard"
		default:
			out[i].note = failed
		}
	}
	return out, nil
}
