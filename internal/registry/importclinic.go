package registry

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"afterglow/internal/care"
	"afterglow/internal/fault"
)

// derivedFactors fills in those levels of the study's factors that follow from the
// course. A level that is given and is not the one that follows is refused: a
// comparison must not rest on a word that the record contradicts.
func (p *importPlan) derivedFactors(where string, s ImportedSubject) (map[string]string, error) {
	factors := maps.Clone(s.Factors)
	if factors == nil {
		factors = map[string]string{}
	}
	if s.Protocol.ID == "" && len(s.Sessions) == 0 {
		return factors, nil
	}
	derived := care.CourseFactors(s.Protocol, s.Sessions)
	for _, f := range p.in.Study.Factors() {
		level, follows := derived[f.Name]
		if !follows {
			continue
		}
		if given, known := factors[f.Name]; known && given != level {
			return nil, fault.Invalid(where, "says %s is %q; from its protocol and sessions it is %q", f.Name, given, level)
		}
		if !slices.Contains(f.Levels, level) {
			return nil, fault.Invalid(where, "gives %q as %s, which is not a level of the study", level, f.Name)
		}
		factors[f.Name] = level
	}
	return factors, nil
}

// planSessions adds those that are not stored. Stored ones are compared with their
// first revision, as responses are: what was corrected here stays corrected.
func (s *Store) planSessions(ctx context.Context, p *importPlan, one *piece, course int64, list []care.Session, where string) error {
	stored := map[int]care.Session{}
	if course != 0 && len(list) > 0 {
		rows, err := sessions(ctx, s, "WHERE s.course = ? AND s.revision = 1 ORDER BY s.number", course)
		if err != nil {
			return err
		}
		for _, r := range rows {
			stored[r.Session.Number] = r.Session
		}
	}
	for _, session := range list {
		place := fmt.Sprintf("%s, session %d", where, session.Number)
		before, exists := stored[session.Number]
		switch {
		case exists && sameSession(before, session):
			p.report.SessionsKnown++
			continue
		case exists:
			p.conflict(place, "differs from the session that is stored")
			continue
		}
		if err := s.checkSession(ctx, p, session); err != nil {
			return fmt.Errorf("%s: %w", place, err)
		}
		stored[session.Number] = session
		one.Sessions = append(one.Sessions, session)
		p.report.SessionsAdded++
	}
	return nil
}

// checkSession finds what would refuse the session once the import is under way.
func (s *Store) checkSession(ctx context.Context, p *importPlan, session care.Session) error {
	if err := session.Validate(); err != nil {
		return err
	}
	if p.knownProtocol[session.Protocol] {
		return nil
	}
	if _, err := s.Protocol(ctx, session.Protocol); err != nil {
		return fault.Invalid("protocol", "version %d of %q is not stored; store the protocol first", session.Protocol.Version, session.Protocol.ID)
	}
	p.knownProtocol[session.Protocol] = true
	return nil
}

func sameSession(a, b care.Session) bool {
	one, oneErr := encodeSession(a)
	other, otherErr := encodeSession(b)
	return oneErr == nil && otherErr == nil && one == other
}
