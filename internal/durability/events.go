package durability

import (
	"context"
	"fmt"
	"slices"

	"afterglow/internal/care"
	"afterglow/internal/finding"
	"afterglow/internal/warehouse"
)

// The kinds of events that a finding counts (ICH E9 (R1): intercurrent events, and
// how a series ended).
const (
	eventBooster   = "booster"
	eventCompleted = "series-completed"
	eventShort     = "series-short"
	eventCourseEnd = "course-end"
	eventMedicine  = "medicine-change"
	eventDeath     = "death"
)

// treatmentPolicy is the strategy of scores that count whatever happened before.
const treatmentPolicy = "treatment policy"

// protocols is what the clinic planned and how it calls it; empty where nobody
// knows.
type protocols struct {
	title   map[string]string
	planned map[care.ProtocolRef]int
}

// clinicProtocols reads the clinic's protocols, the newest version's title last.
func (a *Asker) clinicProtocols(ctx context.Context) (protocols, error) {
	known := protocols{title: map[string]string{}, planned: map[care.ProtocolRef]int{}}
	if a.protocols == nil {
		return known, nil
	}
	list, err := a.protocols(ctx)
	if err != nil {
		return known, fmt.Errorf("read the clinic's protocols: %w", err)
	}
	for _, p := range list {
		known.title[p.ID] = p.Title
		known.planned[p.ProtocolRef] = p.Sessions
	}
	return known, nil
}

// countEvents counts what happened to the courses between time zero and the visit.
func (a *Asker) countEvents(ctx context.Context, f *frame, until care.Visit) error {
	rows, err := a.warehouse.Events(ctx, warehouse.EventParams{Study: f.study.ID, FromLastSession: f.study.Anchor == care.AnchorLastSession, Until: until.Day})
	if err != nil {
		return err
	}
	f.happened = rows
	f.events = f.eventsOf(rows)
	return nil
}

// recordsSessions says whether the study has a session on record.
func (f *frame) recordsSessions() bool { return len(f.happened) > 0 }

// eventsOf makes the finding's counts. A kind that nothing records has none: never 0.
func (f *frame) eventsOf(rows []warehouse.EventRow) []finding.Event {
	var boosters, boosted, completed, short, planned, died int
	for _, r := range rows {
		boosters, boosted, died = boosters+r.Boosters, boosted+r.Boosted, died+r.Died
		sessions, known := f.protocols.planned[r.Protocol]
		if !known {
			continue
		}
		planned += r.Courses
		if r.InSeries >= sessions {
			completed += r.Courses
		} else {
			short += r.Courses
		}
	}
	return []finding.Event{
		event(eventBooster, "boosters: sessions after the planned series", len(rows) > 0, boosters, boosted),
		event(eventCompleted, "series with all sessions that its protocol plans", planned > 0, completed, completed),
		event(eventShort, "series with fewer sessions on record than its protocol plans", planned > 0, short, short),
		event(eventCourseEnd, "ends of a course, with the reason", false, 0, 0),
		event(eventMedicine, "changes of medicine", false, 0, 0),
		event(eventDeath, "deaths (adverse events of grade 5 at a session)", died > 0, died, died),
	}
}

func event(kind, label string, recorded bool, events, courses int) finding.Event {
	if !recorded {
		return finding.Event{Kind: kind, Label: label}
	}
	return finding.Event{Kind: kind, Label: label, Recorded: true, Events: &events, Courses: &courses}
}

// eventsAs gives the events with the strategy of a question for what may change
// the outcome; how a series went is no intercurrent event and has none.
func (f *frame) eventsAs(strategy string) []finding.Event {
	out := slices.Clone(f.events)
	for i := range out {
		if out[i].Recorded && out[i].Kind != eventCompleted && out[i].Kind != eventShort {
			out[i].Strategy = strategy
		}
	}
	return out
}

// eventWords are the sentences about events. how says what the answer does with
// them, such as 'scores count as observed (treatment policy)'.
func (f *frame) eventWords(how string) []string {
	var known, unknown []string
	total := courses(f.completion.subjects())
	for _, e := range f.events {
		switch {
		case !e.Recorded:
			unknown = append(unknown, shortLabels[e.Kind])
		case e.Kind == eventBooster && *e.Events == 0:
			known = append(known, fmt.Sprintf("no booster in any of %s; %s", total, how))
		case e.Kind == eventBooster:
			known = append(known, fmt.Sprintf("%s in %d of %s; %s", counted(*e.Events, "booster"), *e.Courses, total, how))
		case e.Kind == eventDeath:
			known = append(known, fmt.Sprintf("%s in %s; %s", counted(*e.Events, "death"), total, how))
		}
	}
	if completed, short := f.event(eventCompleted), f.event(eventShort); completed.Recorded {
		known = append(known, fmt.Sprintf("%d of %s had all sessions of the series that the protocol plans, %d fewer", *completed.Courses, total, *short.Courses))
	}
	if len(unknown) > 0 {
		known = append(known, "not recorded: "+list(unknown))
	}
	return known
}

var shortLabels = map[string]string{eventBooster: "boosters", eventCompleted: "whether a series was completed", eventShort: "whether it was cut short",
	eventCourseEnd: "ends of a course", eventMedicine: "changes of medicine", eventDeath: "deaths"}

func (f *frame) event(kind string) finding.Event {
	i := slices.IndexFunc(f.events, func(e finding.Event) bool { return e.Kind == kind })
	if i < 0 {
		return finding.Event{Kind: kind}
	}
	return f.events[i]
}
