package registry

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"afterglow/internal/care"
	"afterglow/internal/fault"
)

func (im *importer) anchor(given care.Anchor) care.Anchor {
	if given == "" {
		return im.in.Study.Anchor
	}
	return given
}

// factors fills in those levels of the study's factors that follow from the
// course. A level that is given and is not the one that follows is refused: a
// comparison must not rest on a word that the record contradicts.
func (im *importer) factors(i int, s ImportedSubject) (map[string]string, error) {
	if s.Protocol.ID == "" && len(s.Sessions) == 0 {
		return s.Factors, nil
	}
	derived := care.CourseFactors(s.Protocol, s.Sessions)
	factors := maps.Clone(s.Factors)
	if factors == nil {
		factors = map[string]string{}
	}
	for _, f := range im.in.Study.Factors() {
		level, follows := derived[f.Name]
		if !follows {
			continue
		}
		if given, known := factors[f.Name]; known && given != level {
			return nil, fault.Invalid(fmt.Sprintf("subject %d", i+1), "says %s is %q; from its protocol and sessions it is %q", f.Name, given, level)
		}
		if !slices.Contains(f.Levels, level) {
			return nil, fault.Invalid(fmt.Sprintf("subject %d", i+1), "has %q as %s, which is no level of the study", level, f.Name)
		}
		factors[f.Name] = level
	}
	return factors, nil
}

// sessions adds those that are not stored. Stored ones are held against their
// first revision, as responses are: what was corrected here stays corrected.
func (im *importer) sessions(course Course, known bool, list []care.Session, place string) error {
	stored := map[int]SessionRow{}
	if known {
		rows, err := sessions(im.tx.ctx, im.tx, "WHERE s.course = ? AND s.revision = 1 ORDER BY s.number", course.ID)
		if err != nil {
			return err
		}
		for _, r := range rows {
			stored[r.Session.Number] = r
		}
	}
	for _, s := range list {
		before, exists := stored[s.Number]
		switch {
		case exists && sameSession(before.Session, s):
			im.report.SessionsKnown++
			continue
		case exists:
			im.conflict(fmt.Sprintf("%s, session %d", place, s.Number), "differs from the session that is stored")
			continue
		}
		row, err := im.tx.insertSession(course, s, SessionRow{Revision: 1})
		if err != nil {
			return fmt.Errorf("%s, session %d: %w", place, s.Number, err)
		}
		stored[s.Number] = row
		im.report.SessionsAdded++
	}
	return nil
}

func sameSession(a, b care.Session) bool {
	one, oneErr := encodeSession(a)
	other, otherErr := encodeSession(b)
	return oneErr == nil && otherErr == nil && one == other
}

// unanswered adds the occasions without an answer; one that is stored, answered
// meanwhile or not, stays as it is.
func (im *importer) unanswered(course Course, known bool, list []ImportedOccasion) error {
	stored := map[occasionName]bool{}
	if known {
		err := each(im.tx.ctx, im.tx, func(rows *sql.Rows) error {
			var name occasionName
			err := rows.Scan(&name.instrument, &name.visit)
			stored[name] = true
			return err
		}, "SELECT instrument, visit FROM occasion WHERE course = ?", course.ID)
		if err != nil {
			return fmt.Errorf("read the occasions of a course: %w", err)
		}
	}
	for _, o := range list {
		if stored[occasionName{o.Instrument, o.Visit}] {
			continue
		}
		state := OccasionOpen
		if o.Missed {
			state = OccasionClosed
		}
		_, err := im.tx.insertOccasion(NewOccasion{
			Course: course.ID, Instrument: o.Instrument, Version: o.Version, Visit: o.Visit, Anchor: im.anchor(o.Anchor), Session: o.Session,
			TargetDay: o.Day, OpensAt: o.OpensAt, TargetAt: o.TargetAt, ClosesAt: o.ClosesAt,
		}, state, nil)
		if err != nil {
			return err
		}
		im.report.OccasionsAdded++
	}
	return nil
}
