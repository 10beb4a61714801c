package durability

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/finding"
	"afterglow/internal/instrument"
	"afterglow/internal/warehouse"
)

// frame is what every question needs to know before it asks: the study, the
// measure and its instrument, the snapshot, and who answered when.
type frame struct {
	study      care.Study
	measure    care.Measure
	definition *instrument.Definition
	snapshot   warehouse.Snapshot
	level      float64
	firstVisit int
	reference  care.Visit // whole.Visits[firstVisit]
	completion completion
	// groups are those of the answer, in the order of the factor's levels; one group
	// of everyone where the question is asked about all together.
	groups     []finding.Group
	unusedArms []string
	// withoutGroup are the patients whose level of the compared factor is not known.
	withoutGroup int
	// ungrouped: everyone is asked about together. study.Arm is then the zero value.
	ungrouped bool
	// whole is the study with all its visits; firstAsked says that a person chose t*.
	whole      care.Study
	firstAsked bool
	// ownArm is the name of the study's own arm, whatever is compared here.
	ownArm    string
	protocols protocols
	happened  []warehouse.EventRow
	events    []finding.Event
	hasItems  bool
}

func (a *Asker) frame(ctx context.Context, id string, s *settings) (*frame, error) {
	study, err := a.warehouse.Study(ctx, id)
	if err != nil {
		return nil, err
	}
	f := &frame{study: study, level: s.level()}
	measures := []string{}
	for _, m := range study.Measures {
		measures = append(measures, m.Total)
	}
	if named, ok := study.Measure(s.text("measure", measures[0])); ok {
		f.measure = named
	} else {
		s.fail("measure", "must be one of %s, or an instrument's id", strings.Join(measures, ", "))
	}
	first := s.choice("first-visit", append([]string{usualFirst(study).Name}, study.VisitNames()...)...)
	_, f.firstAsked = s.given["first-visit"]
	f.whole = study
	f.groupBy(s)
	if len(s.faults) > 0 {
		return nil, s.done()
	}
	study = f.study
	if f.definition, err = a.library.Get(f.measure.Instrument, f.measure.Version); err != nil {
		return nil, fmt.Errorf("find the instrument of measure %s: %w", f.measure.Total, err)
	}
	if f.snapshot, err = a.warehouse.Snapshot(ctx, id); err != nil {
		return nil, err
	}
	rows, err := a.warehouse.Completion(ctx, warehouse.CompletionParams{Study: id, Instrument: f.measure.Instrument,
		Sequence: f.snapshot.Sequence, Group: study.Arm.Name, Visits: study.VisitNames()})
	if err != nil {
		return nil, err
	}
	f.completion = newCompletion(rows, f.ungrouped)
	if f.completion.subjects() == 0 {
		return nil, fault.NotFound("study", "study %s has no patients yet, so there is nothing to ask", id)
	}
	if !f.firstAsked {
		first = f.defaultFirst().Name
	}
	for i, v := range study.Visits {
		if v.Name == first {
			f.firstVisit, f.reference = i, v
		}
	}
	totals := 0
	if f.definition.Entry == instrument.EntryTotal {
		totals = 1
	}
	if f.hasItems, err = a.warehouse.HasItems(ctx, id, f.measure.Instrument, f.snapshot.Sequence, totals); err != nil {
		return nil, err
	}
	if f.protocols, err = a.clinicProtocols(ctx); err != nil {
		return nil, err
	}
	if err := a.countEvents(ctx, f, f.lastReached()); err != nil {
		return nil, err
	}
	f.dropUnusedArms()
	f.describeGroups()
	return f, nil
}

// recallDays is how far a two-week scale looks back: before, it still asks about
// days with sessions.
const recallDays = 14

// usualFirst is t* where nothing else is asked for: the first visit 14 days or more
// after the last session of the series; where days count from the start of the
// course, the first follow-up visit.
func usualFirst(study care.Study) care.Visit {
	for _, v := range study.Visits {
		if study.Anchor != care.AnchorLastSession || v.Day >= recallDays {
			return v
		}
	}
	return study.Visits[0]
}

// defaultFirst is usualFirst, or a later visit where the measure is hardly asked at
// that one: answered by fewer than a tenth of those who did where most did. It is a
// visit's place in the schedule that decides, never how the scores came out.
func (f *frame) defaultFirst() care.Visit {
	usual, most := usualFirst(f.study), 0
	for _, v := range f.study.Visits {
		most = max(most, f.completion.answered(v.Name))
	}
	for _, v := range f.study.Visits {
		if n := f.completion.answered(v.Name); v.Day >= usual.Day && n > 0 && 10*n >= most {
			return v
		}
	}
	return usual
}

// groupBy makes any factor of the study the one that is compared, or takes
// everyone together: as asked, or because the study has no arms.
func (f *frame) groupBy(s *settings) {
	names := []string{}
	if !f.study.HasArms() {
		names = append(names, everyone)
	}
	f.ownArm = f.study.Arm.Name
	for _, factor := range f.study.Factors() {
		names = append(names, factor.Name)
	}
	if f.study.HasArms() {
		names = append(names, everyone)
	}
	chosen := s.choice("group", names...)
	if chosen == everyone {
		f.ungrouped = true
		f.study.Covariates, f.study.Arm = f.study.Factors(), care.Factor{}
		return
	}
	if regrouped, ok := f.study.GroupedBy(chosen); ok {
		f.study = regrouped
	}
}

// dropUnusedArms takes arms without a patient out of the question: they have
// nothing to say, and would keep the others from being asked.
func (f *frame) dropUnusedArms() {
	if f.ungrouped {
		return
	}
	used := []string{}
	for _, level := range f.study.Arm.Levels {
		if expected, _ := f.completion.at(level, care.BaselineVisit); expected > 0 {
			used = append(used, level)
		} else {
			f.unusedArms = append(f.unusedArms, level)
		}
	}
	f.withoutGroup = f.completion.ungrouped(f.study.Arm.Levels)
	f.study.Arm.Levels = used
}

// finding starts the answer with what does not depend on the question.
func (f *frame) finding(a *Asker, name, title string) finding.Finding {
	return finding.Finding{
		Question: name, Study: f.study.ID, Title: title, Software: a.software,
		Groups: f.groups, Events: f.events, Estimates: []finding.Estimate{}, Tables: []finding.Table{}, Caveats: []finding.Caveat{},
		Snapshot:  finding.Snapshot{Sequence: f.snapshot.Sequence, Hash: f.snapshot.Checksum, TakenAt: a.now().UTC()},
		Simulated: f.study.Simulated || f.completion.simulated(),
	}
}

// completion is who answered at which visit, by the levels of the factor that is
// compared; of everyone together where there is none.
type completion struct{ rows []warehouse.CompletionRow }

func newCompletion(rows []warehouse.CompletionRow, together bool) completion {
	if together {
		for i := range rows {
			rows[i].Group = everyone
		}
	}
	return completion{rows: rows}
}

func (c completion) at(group, visit string) (expected, answered int) {
	for _, r := range c.rows {
		if r.Group == group && r.Visit == visit {
			return r.Expected, r.Answered
		}
	}
	return 0, 0
}

func (c completion) answered(visit string) int {
	n := 0
	for _, r := range c.rows {
		if r.Visit == visit {
			n += r.Answered
		}
	}
	return n
}

func (c completion) anyAnswered() bool {
	return slices.ContainsFunc(c.rows, func(r warehouse.CompletionRow) bool { return r.Answered > 0 })
}

// analysable counts those of a group that a model can use at the visit: with a
// score there and, where the model needs one, at baseline.
func (c completion) analysable(group, visit string, needsBaseline bool) int {
	for _, r := range c.rows {
		if r.Group == group && r.Visit == visit {
			if needsBaseline {
				return r.WithBaseline
			}
			return r.Answered
		}
	}
	return 0
}

// subjects counts everyone of the study, in a group or not, answered or not: the
// denominator of everything.
func (c completion) subjects() int {
	n := 0
	for _, r := range c.rows {
		if r.Visit == care.BaselineVisit {
			n += r.Expected
		}
	}
	return n
}

// ungrouped counts those whose level of the factor is not known.
func (c completion) ungrouped(levels []string) int {
	n := 0
	for _, r := range c.rows {
		if r.Visit == care.BaselineVisit && !slices.Contains(levels, r.Group) {
			n += r.Expected
		}
	}
	return n
}

func (c completion) simulated() bool {
	for _, r := range c.rows {
		if r.Simulated {
			return true
		}
	}
	return false
}

// first is t*: the visit that later visits are compared with.
func (f *frame) first() care.Visit { return f.reference }

func (f *frame) visit(name string) care.Visit {
	for _, v := range f.study.Visits {
		if v.Name == name {
			return v
		}
	}
	return care.Visit{Name: name}
}

// lastReached is the last visit at which anybody answered; the first one where
// nobody has.
func (f *frame) lastReached() care.Visit {
	for i := len(f.study.Visits) - 1; i > 0; i-- {
		if f.completion.answered(f.study.Visits[i].Name) > 0 {
			return f.study.Visits[i]
		}
	}
	return f.study.Visits[0]
}

// last is the study's last visit.
func (f *frame) last() care.Visit { return f.study.Visits[len(f.study.Visits)-1] }

// scale is the instrument's name in words.
func (f *frame) scale() string { return f.definition.Titles.In("en") }

// timeWords says when was measured, counted from what.
func (f *frame) timeWords() string {
	days := make([]string, len(f.study.Visits))
	for i, v := range f.study.Visits {
		days[i] = fmt.Sprintf("%s (day %d)", v.Name, v.Day)
	}
	return list(days) + " from " + anchorWords(f.study.Anchor)
}

// refuse is the finding that nothing can be said: why, and the numbers that decided it.
func (f *frame) refuse(a *Asker, name, title string, estimand finding.Estimand, reason string, numbers map[string]any) finding.Finding {
	out := f.finding(a, name, title)
	out.Estimand = estimand
	out.NMissing = f.completion.subjects()
	out.Answer = "This cannot be estimated from the available data: " + reason + "."
	out.Method = "No estimate is given."
	out.Refused = &finding.Refused{Reason: reason, Numbers: numbers}
	out.Caveats = append([]finding.Caveat{{Code: "not-estimable", Text: capital(reason) + "."}}, f.sharedCaveats()...)
	return out
}
