package durability

import (
	"context"
	"math"
	"slices"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/stats"
	"afterglow/internal/stats/survival"
	"afterglow/internal/warehouse"
)

// groupCounts is what became of the courses of a group.
type groupCounts struct {
	group    string
	byStatus [5]int
	// change sums the changes from baseline at t* of those assessed there, of whom
	// worse are worse than before treatment.
	change float64
	worse  int
	// responders and nonrespond are by the day that found the loss, times by the
	// visits between which it lies.
	responders, nonrespond []survival.Count
	times                  []survival.GroupedTime
}

// treated are all patients of the group, whatever is known of them.
func (g groupCounts) treated() int {
	n := 0
	for _, with := range g.byStatus {
		n += with
	}
	return n
}

func (g groupCounts) assessed() int {
	return g.byStatus[warehouse.LossNoResponse] + g.inResponse()
}

func (g groupCounts) inResponse() int {
	return g.byStatus[warehouse.LossHeld] + g.byStatus[warehouse.LossLost]
}

// unknown are those for whom it is not known whether they were in response.
func (g groupCounts) unknown() int {
	return g.byStatus[warehouse.LossNoBaseline] + g.byStatus[warehouse.LossNotAssessed]
}

// assessedAgain are responders with an assessment after t*.
func (g groupCounts) assessedAgain() int {
	n := 0
	for _, t := range g.times {
		if seenAgain(t) {
			n += t.Count
		}
	}
	return n
}

func seenAgain(t survival.GroupedTime) bool { return t.Lower > 0 || !math.IsInf(t.Upper, 1) }

func (g groupCounts) meanChange() float64 { return g.change / float64(g.assessed()) }

// params is what is counted.
func (q *timeToLoss) params() warehouse.LossParams {
	f := q.f
	p := warehouse.LossParams{Study: f.study.ID, Instrument: f.measure.Instrument, Sequence: f.snapshot.Sequence,
		FirstVisit: f.first().Name, Later: q.later(), HigherIsBetter: q.higherIsBetter(),
		UntilBooster: q.untilBooster, FromLastSession: f.study.Anchor == care.AnchorLastSession}
	if q.response.Percent != nil {
		p.Fraction = q.response.Percent.Float() / 100
	} else {
		p.Points = q.response.Points.Float()
	}
	if !f.ungrouped {
		p.Group = f.study.Arm.Name
	}
	return p
}

func (q *timeToLoss) count(ctx context.Context, a *Asker) error {
	rows, err := a.warehouse.TimeToLoss(ctx, q.params())
	if err != nil {
		return err
	}
	names := q.f.names()
	q.counts = make([]groupCounts, len(names))
	for i, group := range names {
		q.counts[i].group = group
	}
	for _, row := range rows {
		i := slices.Index(names, row.Group)
		if q.f.ungrouped {
			i = 0
		}
		if i < 0 {
			continue // a level that is not one of the study's arms
		}
		q.counts[i].add(row)
	}
	for _, g := range q.counts {
		if g.inResponse() > 0 {
			q.drawn = append(q.drawn, g)
		}
	}
	return nil
}

func (g *groupCounts) add(row warehouse.LossRow) {
	g.byStatus[row.Status] += row.N
	g.change += row.Change
	g.worse += row.Worse
	time := survival.GroupedTime{Group: g.group, Covariate: float64(row.Baseline),
		Censored: survival.Censored{Lower: float64(row.From), Upper: math.Inf(1), Count: row.N}}
	switch row.Status {
	case warehouse.LossHeld:
		g.responders = append(g.responders, survival.Count{Time: float64(row.Days), Censored: row.N})
		g.times = append(g.times, time)
	case warehouse.LossLost:
		g.responders = append(g.responders, survival.Count{Time: float64(row.Days), Events: row.N})
		time.Upper = float64(row.To)
		g.times = append(g.times, time)
	case warehouse.LossNoResponse:
		g.nonrespond = append(g.nonrespond, survival.Count{Events: row.N})
	}
}

// censored are the times of a group without their covariate.
func (g groupCounts) censored() []survival.Censored {
	out := make([]survival.Censored, len(g.times))
	for i, t := range g.times {
		out[i] = t.Censored
	}
	return out
}

// estimate makes the curves. Without a setting, tau is the last day to which every
// group that was followed at all was followed, so that restricted means compare
// like with like.
func (q *timeToLoss) estimate() error {
	among, assessed, treated := []survival.Group{}, []survival.Group{}, []survival.Group{}
	followed := 0.0
	for _, g := range q.counts {
		if g.assessed() > 0 {
			counts := append(slices.Clone(g.nonrespond), g.responders...)
			assessed = append(assessed, survival.Group{Level: g.group, Counts: counts})
			if n := g.treated() - g.assessed(); n > 0 {
				counts = append(slices.Clone(counts), survival.Count{Events: n})
			}
			treated = append(treated, survival.Group{Level: g.group, Counts: counts})
		}
		if g.inResponse() == 0 {
			continue
		}
		among = append(among, survival.Group{Level: g.group, Counts: g.responders})
		longest := 0.0
		for _, c := range g.responders {
			longest = max(longest, c.Time)
		}
		if longest > 0 && (followed == 0 || longest < followed) {
			followed = longest
		}
	}
	switch {
	case q.tau == 0:
		q.tau = followed
	case q.tau > followed:
		return fault.Invalid("tau", "not every group was followed for so long; choose at most %g days", followed)
	}
	options := survival.Options{Level: q.f.level, At: q.laterDays(), Tau: stats.Of(q.tau)}
	var err error
	if q.curves, err = survival.KaplanMeier(among, options); err != nil {
		return err
	}
	if q.assessed, err = survival.KaplanMeier(assessed, options); err != nil {
		return err
	}
	if q.treated, err = survival.KaplanMeier(treated, options); err != nil {
		return err
	}
	for _, g := range q.drawn {
		curve, err := survival.FitVisitCurve(g.group, g.censored(), q.laterDays(), q.f.level)
		if err != nil {
			return err
		}
		q.visits = append(q.visits, curve)
	}
	return nil
}

// lastKnown is the last visit, as a place in planned, at which the curve of a drawn
// group is known and somebody was followed so far; 0 where nobody of it was assessed
// again. A group that had all lost its response has no more to lose, so its curve is
// known as far as any.
func (q *timeToLoss) lastKnown(drawn int) int {
	last := lastFollowed(q.visits[drawn])
	if q.visits[drawn].Points[last].Surv.Value > 0 {
		return last
	}
	for _, curve := range q.visits {
		last = max(last, lastFollowed(curve))
	}
	return last
}

func lastFollowed(curve survival.VisitCurve) int {
	last := 0
	for k, p := range curve.Points {
		if p.Surv.Defined && p.NRisk > 0 {
			last = k
		}
	}
	return last
}
