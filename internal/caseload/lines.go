package caseload

import (
	"context"
	"fmt"
	"slices"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
)

// shownFirst orders the scales of a course: its last score is that of the first
// that has one. Those that are not listed follow by their id.
var shownFirst = []string{"phq-9", "bdi-ii", "gad-7", "pcl-5"}

const linesAtOnce = 1000

// Lines lists every course in care, in the registry's order: those first that
// need a person. Courses that have ended are not among them.
func (s *Service) Lines(ctx context.Context) ([]Line, error) { return s.inCare(ctx, Choice{}) }

func (s *Service) inCare(ctx context.Context, of Choice) ([]Line, error) {
	lines := []Line{}
	for {
		more, err := s.read(ctx, registry.CaseloadFilter{CodePrefix: of.CodePrefix, Protocol: of.Protocol,
			Standing: registry.StandingInCare, Limit: linesAtOnce, Offset: len(lines)})
		if err != nil {
			return nil, err
		}
		lines = append(lines, more...)
		if len(more) < linesAtOnce {
			return lines, nil
		}
	}
}

// List gives the courses in care of a choice and how many others of it have ended.
// Both come from one look at every course: what is not in care has ended.
func (s *Service) List(ctx context.Context, of Choice) (inCare []Line, ended int, err error) {
	if inCare, err = s.inCare(ctx, of); err != nil {
		return nil, 0, err
	}
	all, err := s.Store.CaseloadCounts(ctx, registry.CaseloadFilter{CodePrefix: of.CodePrefix, Protocol: of.Protocol})
	if err != nil {
		return nil, 0, err
	}
	return inCare, max(0, all.Courses-len(inCare)), nil
}

// Ended lists some of the courses that have ended, the one with the latest contact
// first: there are more of them every year, so they are read by the page.
func (s *Service) Ended(ctx context.Context, of Choice, from, n int) ([]Line, error) {
	return s.read(ctx, registry.CaseloadFilter{CodePrefix: of.CodePrefix, Protocol: of.Protocol, Standing: registry.StandingEnded, Limit: n, Offset: from})
}

// Protocols are the titles of the clinic's protocols by their id, the newest
// version's.
func (s *Service) Protocols(ctx context.Context) (map[string]string, error) {
	list, err := s.Store.Protocols(ctx)
	if err != nil {
		return nil, err
	}
	titles, version := map[string]string{}, map[string]int{}
	for _, p := range list {
		if p.Version >= version[p.ID] {
			titles[p.ID], version[p.ID] = p.Title, p.Version
		}
	}
	return titles, nil
}

// quietSince is the moment before which a course's last contact lies when it has
// ended.
func (s *Service) quietSince() time.Time { return s.Store.Now().AddDate(0, 0, -quietDays) }

func (s *Service) read(ctx context.Context, f registry.CaseloadFilter) ([]Line, error) {
	f.Instruments, f.QuietSince = s.scales(), s.quietSince()
	rows, err := s.Store.Caseload(ctx, f)
	if err != nil {
		return nil, err
	}
	lines := make([]Line, len(rows))
	for i, row := range rows {
		if lines[i], err = s.line(row); err != nil {
			return nil, fmt.Errorf("read course %d of the caseload: %w", row.Course, err)
		}
	}
	return lines, nil
}

// scales lists the ids of all instruments in the order of shownFirst.
func (s *Service) scales() []string {
	var ids []string
	for _, d := range s.Instruments.List() {
		if !slices.Contains(ids, d.ID) {
			ids = append(ids, d.ID)
		}
	}
	slices.SortStableFunc(ids, byScale)
	return ids
}

func byScale(a, b string) int { return place(a) - place(b) }

func place(instrument string) int {
	if i := slices.Index(shownFirst, instrument); i >= 0 {
		return i
	}
	return len(shownFirst)
}

func (s *Service) line(row registry.CaseloadRow) (Line, error) {
	line := Line{
		Patient: row.Patient, Course: row.Course, Simulated: row.Simulated, OpenAlerts: row.OpenAlerts, TakenAlerts: row.TakenAlerts, TakenBy: row.TakenBy,
		Plan: Plan{Title: row.ProtocolTitle, Protocol: row.Protocol, Given: row.SessionsDone, Boosters: row.Boosters, Planned: row.SessionsPlanned},
	}
	if row.LastAnsweredAt != nil {
		line.LastContact = *row.LastAnsweredAt
	}
	if last := row.LastSession; last != nil {
		line.Plan.Route = last.Route
		if last.StartedAt.After(line.LastContact) {
			line.LastContact = last.StartedAt
		}
	}
	for _, score := range row.Scores {
		if err := s.addScore(&line, row, score); err != nil {
			return Line{}, err
		}
	}
	if row.Due != nil {
		line.Next = s.next(registry.Occasion{
			Instrument: row.Due.Instrument, Visit: row.Due.Visit, OpensAt: row.Due.OpensAt, TargetAt: row.Due.TargetAt, ClosesAt: row.Due.ClosesAt,
		})
	}
	return line, nil
}

// addScore adds how one scale of a course stands.
func (s *Service) addScore(line *Line, row registry.CaseloadRow, score registry.CourseScore) error {
	if score.Last == nil {
		return nil
	}
	d, err := s.Instruments.Latest(score.Instrument)
	if err != nil {
		return err
	}
	reading, err := newReading(d, *score.Last, score.Baseline, score.LastVisit == care.BaselineVisit)
	if err != nil {
		return err
	}
	reading.At = score.Series[len(score.Series)-1].At
	var given []visitScore
	for _, a := range score.Series {
		given = append(given, visitScore{a.Visit, Scored{Day: s.dayOfCourse(row.StartedOn, a.At), Score: a.Score}})
	}
	reading.Benefit = benefitOf(d, given)
	line.add(reading, given)
	return nil
}

// add notes a scale's newest reading; the first scale's is the line's.
func (l *Line) add(r Reading, given []visitScore) {
	if l.Last == nil {
		l.Last = &r
		for _, g := range given {
			l.Series = append(l.Series, g.Score)
		}
	}
	if r.isWorse() {
		l.Worse = append(l.Worse, r.Short)
	}
	if r.Benefit.IsGoing() {
		l.Going = append(l.Going, Going{Short: r.Short, Benefit: *r.Benefit})
	}
}

// dayOfCourse is 0 where a course's start or the moment is not known.
func (s *Service) dayOfCourse(startedOn string, at time.Time) int {
	started, err := care.ParseDate(startedOn)
	if err != nil || at.IsZero() {
		return 0
	}
	return s.day(at).DaysSince(started)
}

// newReading compares a score with the baseline; the baseline itself has nothing
// to compare with.
func newReading(d *instrument.Definition, score float64, baseline *float64, isBaseline bool) (Reading, error) {
	r := Reading{
		Instrument: d.ID, Short: d.ShortTitle("en"), Score: score, Minimum: d.Total.Minimum.Float(), Maximum: d.Total.Maximum.Float(),
		LowerIsBetter: d.Direction == instrument.DirectionHigherIsWorse,
	}
	if band, ok := d.BandOf(score); ok {
		r.Band = band.Labels.In("en")
	}
	if baseline == nil || isBaseline {
		return r, nil
	}
	change, err := d.Change(*baseline, score)
	if err != nil {
		return Reading{}, fmt.Errorf("compare a score of %s with its baseline: %w", d.ID, err)
	}
	r.Change = &change
	return r, nil
}

func (r Reading) isWorse() bool {
	return r.Change != nil && r.Change.Reliable == instrument.ChangeDeteriorated
}

// next says where an open occasion stands today. Its day is its target, or else
// when it opens, or closes.
func (s *Service) next(o registry.Occasion) *Next {
	n := &Next{Short: s.shortOf(o.Instrument), Visit: o.Visit, State: NextDue}
	for _, at := range []*time.Time{o.TargetAt, o.OpensAt, o.ClosesAt} {
		if at != nil {
			n.On = *at
			break
		}
	}
	now := s.Store.Now()
	switch {
	case o.OpensAt != nil && now.Before(*o.OpensAt):
		n.State = NextPlanned
	case o.ClosesAt != nil && !now.Before(*o.ClosesAt), o.TargetAt != nil && s.day(now).DaysSince(s.day(*o.TargetAt)) > 0:
		n.State = NextLate
	}
	return n
}

// day is a moment's calendar day at the clinic.
func (s *Service) day(t time.Time) care.Date { return care.DateOf(t, s.Zone) }

// shortOf names an instrument that may have left the library by its id.
func (s *Service) shortOf(id string) string {
	d, err := s.Instruments.Latest(id)
	if err != nil {
		return id
	}
	return d.ShortTitle("en")
}
