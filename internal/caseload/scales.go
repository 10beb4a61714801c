package caseload

import (
	"context"
	"fmt"
	"slices"

	"afterglow/internal/care"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
)

// addScales puts every occasion that has come into the trend of its scale.
func (s *Service) addScales(ctx context.Context, stored registry.CourseRecord, r *Record) error {
	answers := map[int64]registry.CourseResponse{}
	for _, a := range stored.Responses {
		answers[a.Occasion] = a
	}
	occasions := map[string][]registry.Occasion{}
	var ids []string
	for _, o := range stored.Occasions {
		if _, known := occasions[o.Instrument]; !known {
			ids = append(ids, o.Instrument)
		}
		occasions[o.Instrument] = append(occasions[o.Instrument], o)
	}
	slices.Sort(ids)
	slices.SortStableFunc(ids, byScale)
	for _, id := range ids {
		asked := occasions[id]
		d, err := s.Instruments.Get(id, asked[len(asked)-1].Version)
		if err != nil {
			return err
		}
		if err := s.addSafety(stored, r, d, asked, answers); err != nil {
			return err
		}
		scale := newScale(d)
		for _, o := range asked {
			answer, answered := answers[o.ID]
			point, come, err := s.point(ctx, o, answer, answered)
			if err != nil {
				return err
			}
			if !come {
				continue
			}
			point.Day = s.courseDay(stored, o, answer, answered)
			r.Trend.LastDay = max(r.Trend.LastDay, point.Day)
			if point.Score != nil {
				if band, ok := d.BandOf(*point.Score); ok {
					point.Band = band.Labels.In("en")
				}
				if o.Visit == care.BaselineVisit {
					scale.Baseline = point.Score
				}
			}
			scale.Points = append(scale.Points, point)
		}
		if len(scale.Points) == 0 {
			continue
		}
		slices.SortStableFunc(scale.Points, func(a, b care.TrendPoint) int { return a.Day - b.Day })
		readings, err := compare(d, scale)
		if err != nil {
			return err
		}
		var given []visitScore
		for _, p := range scale.Points {
			if p.Score != nil {
				given = append(given, visitScore{p.Visit, Scored{Day: p.Day, Score: *p.Score}})
			}
		}
		scale.Benefit = benefitOf(d, given)
		r.Trend.Scales = append(r.Trend.Scales, scale)
		r.Scales = append(r.Scales, readings)
		if n := readings.Newest; n != nil {
			n.Benefit = scale.Benefit
			r.Line.add(*n, given)
		}
	}
	return nil
}

func newScale(d *instrument.Definition) care.ScaleTrend {
	scale := care.ScaleTrend{
		Instrument: d.ID, Name: d.Titles.In("en"), Short: d.ShortTitle("en"), Minimum: d.Total.Minimum.Float(), Maximum: d.Total.Maximum.Float(),
		LowerIsBetter: d.Direction == instrument.DirectionHigherIsWorse,
	}
	for _, b := range d.Bands {
		scale.Bands = append(scale.Bands, care.ScoreBand{Name: b.Labels.In("en"), From: b.From.Float()})
	}
	if t, ok := d.Threshold(instrument.ThresholdReliable); ok && t.Points != nil {
		points := t.Points.Float()
		scale.ReliableChange, scale.ReliableRule = &points, t.Words()
	}
	return scale
}

// point is an occasion as the trend shows it; false while its time has not come.
func (s *Service) point(ctx context.Context, o registry.Occasion, answer registry.CourseResponse, answered bool) (care.TrendPoint, bool, error) {
	p := care.TrendPoint{Occasion: o.ID, Visit: o.Visit}
	now := s.Store.Now()
	switch {
	case answered:
		p.State, p.Score, p.AnsweredAt = care.PointScored, answer.Score.Score, answer.AnsweredAt
		p.Late = o.AnsweredLate
		if p.Score == nil {
			p.State = care.PointUnscored
		}
		if answer.Revision > 1 {
			var err error
			p.Corrections, err = s.corrections(ctx, o.ID)
			return p, true, err
		}
		return p, true, nil
	case o.State == registry.OccasionClosed, o.ClosesAt != nil && !now.Before(*o.ClosesAt):
		p.State = care.PointMissed
		return p, true, nil
	case o.OpensAt != nil && now.Before(*o.OpensAt):
		return p, false, nil
	}
	p.State, p.ClosesAt = care.PointOpen, o.ClosesAt
	return p, true, nil
}

func (s *Service) corrections(ctx context.Context, occasion int64) ([]care.Correction, error) {
	revisions, err := s.Store.Revisions(ctx, occasion)
	if err != nil {
		return nil, err
	}
	var list []care.Correction
	for i, r := range revisions {
		if i == 0 {
			continue
		}
		list = append(list, care.Correction{At: r.ReceivedAt, Before: revisions[i-1].Score.Score, Reason: r.Reason, Author: r.Author})
	}
	return list, nil
}

// courseDay counts from the start of the course. The day on which an answer was
// given is used where it is known, else the occasion's own day.
func (s *Service) courseDay(stored registry.CourseRecord, o registry.Occasion, answer registry.CourseResponse, answered bool) int {
	if started, err := care.ParseDate(stored.StartedOn); err == nil {
		switch {
		case answered && (answer.Source == care.SourceForm || answer.ClaimedAt != nil):
			return s.day(answer.AnsweredAt).DaysSince(started)
		case o.TargetAt != nil:
			return s.day(*o.TargetAt).DaysSince(started)
		}
	}
	if o.Visit == care.BaselineVisit {
		return o.TargetDay
	}
	day := 0
	for _, row := range stored.Sessions {
		isAnchor := o.Anchor == care.AnchorSession && row.Session.Number == o.Session
		if isAnchor || o.Anchor == care.AnchorLastSession && !row.Session.Booster {
			day = row.Session.Day
		}
	}
	return day + o.TargetDay
}

// compare tells each point's change from the baseline, and the newest score's.
func compare(d *instrument.Definition, scale care.ScaleTrend) (ScaleReadings, error) {
	readings := ScaleReadings{Changes: make([]*instrument.Change, len(scale.Points))}
	for i, p := range scale.Points {
		if p.Score == nil {
			continue
		}
		reading, err := newReading(d, *p.Score, scale.Baseline, p.Visit == care.BaselineVisit)
		if err != nil {
			return ScaleReadings{}, fmt.Errorf("compare day %d: %w", p.Day, err)
		}
		reading.Day, reading.At = p.Day, p.AnsweredAt
		readings.Changes[i], readings.Newest = reading.Change, &reading
	}
	return readings, nil
}
