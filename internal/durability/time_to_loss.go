package durability

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"afterglow/internal/fault"
	"afterglow/internal/finding"
	"afterglow/internal/instrument"
	"afterglow/internal/stats"
	"afterglow/internal/stats/survival"
	"afterglow/internal/warehouse"
)

const (
	timeToLossName  = "time-to-loss"
	timeToLossTitle = "How long do responders keep their response?"
	everyone        = "all"
)

// timeToLoss is the question's settings and what ClickHouse counted.
type timeToLoss struct {
	f        *frame
	response instrument.Threshold
	groups   []string
	byArm    bool
	tau      float64
	counts   []groupCounts
	// drawn are the groups with a responder: only they have a curve.
	drawn []groupCounts
	// curves are among responders from t*, in the order of drawn; assessed are among
	// everyone assessed there, a non-responder losing at once, so that a group without
	// a responder is there too; treated also have those who were not assessed, as not
	// in response.
	curves, assessed, treated survival.Result
	// adjusted: the hazards are also compared at the same baseline.
	adjusted   bool
	comparison *lossComparison // nil where there is nothing to compare
}

// answerTimeToLoss counts, in ClickHouse, how long responders at t* stayed in
// response, and estimates the curves from the counts.
func answerTimeToLoss(ctx context.Context, a *Asker, f *frame, s *settings) (finding.Finding, error) {
	q := timeToLoss{f: f, groups: f.study.Arm.Levels}
	q.byArm = !f.ungrouped
	q.tau = s.number("tau", 0, func(v float64) bool { return v > 0 && !math.IsInf(v, 0) }, "a positive number of days")
	q.adjusted = s.choice("adjust", "baseline", "none") == "baseline"
	if f.firstVisit == len(f.study.Visits)-1 {
		s.fail("first-visit", "no visit comes after %s, so no response can be lost later", f.first().Name)
	}
	if err := s.done(); err != nil {
		return finding.Finding{}, err
	}
	if err := q.findResponse(); err != nil {
		return finding.Finding{}, err
	}
	if err := q.count(ctx, a); err != nil {
		return finding.Finding{}, err
	}
	if reason := q.nothing(); reason != "" {
		out := f.notEstimable(a, timeToLossName, timeToLossTitle, q.estimand(), reason)
		out.Tables = []finding.Table{q.responderTable()}
		return out, nil
	}
	if err := q.estimate(); err != nil {
		if fault.Is(err, fault.KindInvalid) {
			return finding.Finding{}, err
		}
		reason, err := unfit(err)
		if err != nil {
			return finding.Finding{}, err
		}
		return f.notEstimable(a, timeToLossName, timeToLossTitle, q.estimand(), reason), nil
	}
	if err := q.compare(ctx, a); err != nil {
		return finding.Finding{}, err
	}
	return q.finding(a)
}

// findResponse takes the instrument's published definition of response.
func (q *timeToLoss) findResponse() error {
	d := q.f.definition
	response, ok := d.Threshold(instrument.ThresholdResponse)
	if !ok || response.Percent == nil || d.Direction != instrument.DirectionHigherIsWorse {
		return fault.Invalid("measure", "%s has no published response as a percentage fall, so there is no response to lose", d.ID)
	}
	q.response = response
	return nil
}

// groupCounts is what became of the courses of a group.
type groupCounts struct {
	group                  string
	byStatus               [5]int
	responders, nonrespond []survival.Count
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

// params is what both counts ask for; they must mean the same courses.
func (q *timeToLoss) params() warehouse.LossParams {
	f := q.f
	p := warehouse.LossParams{Study: f.study.ID, Instrument: f.measure.Instrument, Sequence: f.snapshot.Sequence,
		FirstVisit: f.first().Name, Fraction: q.response.Percent.Float() / 100}
	if q.byArm {
		p.Group = f.study.Arm.Name
	}
	return p
}

func (q *timeToLoss) count(ctx context.Context, a *Asker) error {
	if !q.byArm {
		q.groups = []string{everyone}
	}
	rows, err := a.warehouse.TimeToLoss(ctx, q.params())
	if err != nil {
		return err
	}
	q.counts = make([]groupCounts, len(q.groups))
	for i, group := range q.groups {
		q.counts[i].group = group
	}
	for _, row := range rows {
		i := slices.Index(q.groups, row.Group)
		if !q.byArm {
			i = 0
		}
		if i < 0 {
			continue // a level that is not one of the study's arms
		}
		g := &q.counts[i]
		g.byStatus[row.Status] += row.N
		switch row.Status {
		case warehouse.LossHeld:
			g.responders = append(g.responders, survival.Count{Time: float64(row.Days), Censored: row.N})
		case warehouse.LossLost:
			g.responders = append(g.responders, survival.Count{Time: float64(row.Days), Events: row.N})
		case warehouse.LossNoResponse:
			g.nonrespond = append(g.nonrespond, survival.Count{Events: row.N})
		}
	}
	return nil
}

// nothing says why there is no curve to draw, or is empty.
func (q *timeToLoss) nothing() string {
	for _, g := range q.counts {
		if g.inResponse() > 0 {
			q.drawn = append(q.drawn, g)
		}
	}
	if len(q.drawn) == 0 {
		return fmt.Sprintf("nobody was in response at %s", q.f.first().Name)
	}
	return ""
}

// estimate draws the curves. Without a setting, tau is the last day to which
// every group was followed, so that restricted means compare like with like.
func (q *timeToLoss) estimate() error {
	among, assessed, treated := []survival.Group{}, []survival.Group{}, []survival.Group{}
	followed := -1.0
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
		if followed < 0 || longest < followed {
			followed = longest
		}
	}
	switch {
	case q.tau == 0:
		q.tau = followed
	case q.tau > followed:
		return fault.Invalid("tau", "not every group was followed so long: choose at most %g days", followed)
	}
	options := survival.Options{Level: q.f.level, At: q.laterDays()}
	if q.tau > 0 {
		options.Tau = stats.Of(q.tau)
	}
	var err error
	if q.curves, err = survival.KaplanMeier(among, options); err != nil {
		return err
	}
	if q.assessed, err = survival.KaplanMeier(assessed, options); err != nil {
		return err
	}
	q.treated, err = survival.KaplanMeier(treated, options)
	return err
}

// laterDays are the days from t* of the visits from t* on.
func (q *timeToLoss) laterDays() []float64 {
	days := []float64{}
	for _, v := range q.f.study.Visits[q.f.firstVisit:] {
		days = append(days, float64(v.Day-q.f.first().Day))
	}
	return days
}

func (q *timeToLoss) estimand() finding.Estimand {
	f := q.f
	return finding.Estimand{
		Population: fmt.Sprintf("patients in response at %s (%s)", f.first().Name, q.responseWords()),
		Treatment:  f.study.Arm.Name + ": " + list(q.groups),
		Variable: fmt.Sprintf("days from %s to the loss of response: the event is the first later assessment of %s no longer in response, "+
			"and is known only to lie in (last assessment in response, first no longer in response]", f.first().Name, f.scale()),
		Time:               f.timeWords(),
		IntercurrentEvents: []string{"no further session or change of medicine is recorded in this study; a patient who stops answering is censored at the last assessment"},
		Summary:            q.summaryWords(),
	}
}

func (q *timeToLoss) responseWords() string {
	return fmt.Sprintf("at least %s %% below baseline: %s", q.response.Percent, q.response.Citation)
}

func (q *timeToLoss) finding(a *Asker) (finding.Finding, error) {
	out := q.f.finding(a, timeToLossName, timeToLossTitle)
	out.Estimand = q.estimand()
	for _, g := range q.counts {
		out.N += g.inResponse()
		out.NMissing += g.byStatus[warehouse.LossNoBaseline] + g.byStatus[warehouse.LossNotAssessed]
	}
	out.Estimates = q.estimates()
	out.Tables = []finding.Table{q.responderTable(), q.survivalTable(), q.atRiskTable()}
	if q.comparison != nil {
		out.Tables = append(out.Tables, q.hazardTable())
	}
	out.Tables = append(out.Tables, q.meanTables()...)
	out.Answer = q.answer()
	out.Method = q.method()
	out.Caveats = q.caveats()
	raw, err := json.Marshal(q.curves)
	if err != nil {
		return finding.Finding{}, fmt.Errorf("encode the curves: %w", err)
	}
	out.KM = raw
	return out, nil
}
