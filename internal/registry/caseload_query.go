package registry

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"afterglow/internal/care"
)

// A course of the clinic: in its own care, or in a study that follows one of its
// protocols.
const caseloadCourses = `(c.study IS NULL OR c.protocol IS NOT NULL) AND ` + courseIsShown + `
	AND (:course = 0 OR c.id = :course) AND (:study = '' OR c.study = :study) AND (:protocol = '' OR c.protocol = :protocol)
	AND substr(c.patient, 1, length(:prefix)) = :prefix
	AND (:standing = '' OR (` + courseEnded + `) = (:standing = 'ended'))`

const (
	takesAnswersNow = `(w.opens_at IS NULL OR w.opens_at <= :now) AND (w.closes_at IS NULL OR w.closes_at > :now)`
	courseIsDue     = `EXISTS (SELECT 1 FROM occasion w WHERE w.course = c.id AND w.state = 'open' AND ` + takesAnswersNow + `)`
	courseOverdue   = `(SELECT count(*) FROM occasion w WHERE w.course = c.id AND w.state = 'open' AND w.closes_at <= :now)`
	courseAlerts    = `(SELECT count(*) FROM alert a JOIN occasion w ON w.id = a.occasion WHERE a.patient = c.patient AND w.course = c.id
		AND NOT EXISTS (SELECT 1 FROM alert_step t WHERE t.alert = a.id AND t.what IN ('acknowledged', 'closed')))`
	takenAlerts = `FROM alert a JOIN occasion w ON w.id = a.occasion JOIN alert_step t ON t.alert = a.id AND t.what = 'acknowledged'
		WHERE a.patient = c.patient AND w.course = c.id AND NOT EXISTS (SELECT 1 FROM alert_step e WHERE e.alert = a.id AND e.what = 'closed')`
	// A follow-up from the last session is laid out once the series is over,
	// which some courses leave early.
	courseSeriesOver = `(EXISTS (SELECT 1 FROM occasion w WHERE w.course = c.id AND w.anchor = 'last-session')
		OR (SELECT count(*) FROM session s WHERE s.course = c.id AND coalesce(s.body ->> 'booster', 0) = 0 AND` + newestSession + `)
			>= coalesce((SELECT r.definition ->> 'sessions' FROM protocol r WHERE r.id = c.protocol AND r.version = c.protocol_version), 0))`
	// The last contact, in seconds: what came by the record's own layout and by
	// that of a session's body compare.
	courseContact = `max(
		coalesce((SELECT max(unixepoch(` + answeredAt + `)) FROM journal f WHERE f.patient = c.patient AND f.course = c.id AND f.revision = 1), 0),
		coalesce((SELECT max(unixepoch(s.body ->> 'started_at')) FROM session s WHERE s.course = c.id), 0))`
	courseEnded = `NOT EXISTS (SELECT 1 FROM occasion w WHERE w.course = c.id AND w.state = 'open')
		AND EXISTS (SELECT 1 FROM occasion w WHERE w.course = c.id)
		AND ` + courseSeriesOver + ` AND ` + courseAlerts + ` = 0 AND NOT EXISTS (SELECT 1 ` + takenAlerts + `) AND ` + courseContact + ` < unixepoch(:quiet)`
	// An answer that came by form counts from when it was received; one that was
	// brought in, from when its source says it was given.
	answeredAt = `CASE f.source WHEN 'form' THEN f.received_at ELSE coalesce(f.claimed_at, f.received_at) END`
)

// What a page is chosen and sorted by is worked out for every course, the rest
// only for the courses of the page.
const caseloadQuery = `
WITH standing AS MATERIALIZED (
	SELECT c.id, CASE :standing WHEN 'ended' THEN ` + courseContact + ` END AS contact, ` + courseOverdue + ` AS overdue, ` + courseAlerts + ` AS alerts,
		(SELECT w.id FROM occasion w WHERE w.course = c.id AND w.state = 'open'
			ORDER BY coalesce(w.closes_at <= :now, 0), w.closes_at IS NULL, w.closes_at, w.target_day, w.id LIMIT 1) AS due
	FROM course c
	WHERE ` + caseloadCourses + ` AND (NOT :due OR ` + courseIsDue + `)
), page AS MATERIALIZED (
	SELECT t.id, t.overdue, t.alerts, t.due, row_number() OVER (ORDER BY t.alerts = 0, t.overdue = 0, o.closes_at IS NULL, o.closes_at, t.contact DESC, t.id DESC) AS place
	FROM standing t LEFT JOIN occasion o ON o.id = t.due
	WHERE (NOT :overdue OR t.overdue > 0) AND (NOT :alerting OR t.alerts > 0)
	ORDER BY place LIMIT :limit OFFSET :offset
)
SELECT c.id, c.patient, p.simulated, coalesce(c.study, ''), coalesce(c.protocol, ''), coalesce(c.protocol_version, 0),
	coalesce(pr.definition ->> 'title', ''), coalesce(c.started_on, ''), coalesce(pr.definition ->> 'sessions', 0),
	(SELECT count(*) FROM session s WHERE s.course = c.id AND coalesce(s.body ->> 'booster', 0) = 0 AND` + newestSession + `),
	(SELECT count(*) FROM session s WHERE s.course = c.id AND s.body ->> 'booster' AND` + newestSession + `),
	(SELECT s.body FROM session s WHERE s.course = c.id ORDER BY s.number DESC, s.revision DESC LIMIT 1),
	o.id, coalesce(o.instrument, ''), coalesce(o.visit, ''), o.opens_at, o.target_at, o.closes_at,
	page.overdue,
	(SELECT max(` + answeredAt + `) FROM journal f WHERE f.patient = c.patient AND f.course = c.id AND f.revision = 1),
	page.alerts, (SELECT count(DISTINCT a.id) ` + takenAlerts + `), coalesce((SELECT t.actor ` + takenAlerts + ` ORDER BY t.id DESC LIMIT 1), '')
FROM page
JOIN course c ON c.id = page.id
JOIN patient p ON p.pseudonym = c.patient
LEFT JOIN protocol pr ON pr.id = c.protocol AND pr.version = c.protocol_version
LEFT JOIN occasion o ON o.id = page.due
ORDER BY page.place`

func caseloadArguments(f CaseloadFilter, now string) []any {
	return append(caseloadCourseArguments(f, now),
		sql.Named("due", f.Due), sql.Named("overdue", f.Overdue), sql.Named("alerting", f.Alerting),
		sql.Named("limit", f.Limit), sql.Named("offset", f.Offset))
}

func caseloadCourseArguments(f CaseloadFilter, now string) []any {
	return []any{sql.Named("now", now), sql.Named("course", f.Course), sql.Named("study", f.Study), sql.Named("protocol", f.Protocol), sql.Named("prefix", f.CodePrefix),
		sql.Named("standing", string(f.Standing)), sql.Named("quiet", timeText(f.QuietSince))}
}

func scanCaseload(rows *sql.Rows, now string) (CaseloadRow, error) {
	var r CaseloadRow
	var patient string
	var last, opens, target, closes, answered sql.NullString
	var due sql.NullInt64
	var d DueOccasion
	err := rows.Scan(&r.Course, &patient, &r.Simulated, &r.Study, &r.Protocol.ID, &r.Protocol.Version, &r.ProtocolTitle, &r.StartedOn,
		&r.SessionsPlanned, &r.SessionsDone, &r.Boosters, &last, &due, &d.Instrument, &d.Visit, &opens, &target, &closes,
		&r.OverdueOccasions, &answered, &r.OpenAlerts, &r.TakenAlerts, &r.TakenBy)
	if err != nil {
		return CaseloadRow{}, err
	}
	r.Patient = care.Pseudonym(patient)
	r.Code = patient[:8]
	if last.Valid {
		var s care.Session
		if err := json.Unmarshal([]byte(last.String), &s); err != nil {
			return CaseloadRow{}, fmt.Errorf("decode the last session of course %d: %w", r.Course, err)
		}
		r.LastSession = &LastSession{Number: s.Number, Day: s.Day, StartedAt: s.StartedAt, Route: s.Route}
	}
	if r.LastAnsweredAt, err = parseOptionalTime(answered); err != nil || !due.Valid {
		return r, err
	}
	d.Occasion, d.Overdue = due.Int64, closes.Valid && closes.String <= now
	if d.OpensAt, err = parseOptionalTime(opens); err != nil {
		return r, err
	}
	if d.TargetAt, err = parseOptionalTime(target); err != nil {
		return r, err
	}
	d.ClosesAt, err = parseOptionalTime(closes)
	r.Due = &d
	return r, err
}

// The moment of an answer is that of its first revision: a correction does not
// make an old answer the latest. Where nothing says when an answer was given, its
// occasion's day stands for it, and else the order in which occasions are meant to
// come: it was received with the whole import.
const scoresQuery = `
SELECT course, instrument, visit, target_day, total, at, coalesce(given, '') FROM (
	SELECT j.course, j.instrument, j.visit, j.target_day, j.score ->> 'score' AS total, ` + answeredAt + ` AS at,
		CASE WHEN f.source = 'form' OR f.claimed_at IS NOT NULL THEN ` + answeredAt + ` ELSE o.target_at END AS given,
		CASE o.anchor WHEN 'last-session' THEN 2 WHEN 'session' THEN 1 ELSE 0 END AS anchor, o.session, j.sequence
	FROM course c
	JOIN journal j ON j.patient = c.patient AND j.course = c.id
	JOIN journal f ON f.occasion = j.occasion AND f.revision = 1
	JOIN occasion o ON o.id = j.occasion
	WHERE c.id IN (SELECT value FROM json_each(:courses)) AND j.instrument IN (SELECT value FROM json_each(:instruments)) AND ` + journalIsShown + `
		AND j.score ->> 'score' IS NOT NULL AND NOT EXISTS (SELECT 1 FROM journal n WHERE n.supersedes = j.sequence AND ` + newerIsShown + `)
) ORDER BY course, instrument, given, anchor, session, target_day, sequence`

// addScores reads the scores of all instruments at once and puts them in the
// order of the instruments.
func (s *Store) addScores(ctx context.Context, instruments []string, list []CaseloadRow, place map[int64]int) error {
	if len(instruments) == 0 || len(list) == 0 {
		return nil
	}
	courses := make([]int64, len(list))
	for i, r := range list {
		courses[i] = r.Course
	}
	encodedCourses, err := json.Marshal(courses)
	if err != nil {
		return fmt.Errorf("encode the courses: %w", err)
	}
	encodedInstruments, err := json.Marshal(instruments)
	if err != nil {
		return fmt.Errorf("encode the instruments: %w", err)
	}
	err = each(ctx, s, func(rows *sql.Rows) error {
		var course int64
		var id, at, given string
		var answer ScoredAnswer
		var day int
		if err := rows.Scan(&course, &id, &answer.Visit, &day, &answer.Score, &at, &given); err != nil {
			return err
		}
		received, err := parseTime(at)
		if err != nil {
			return err
		}
		switch given {
		case "":
		case at:
			answer.At = received
		default:
			if answer.At, err = parseTime(given); err != nil {
				return err
			}
		}
		row := &list[place[course]]
		if n := len(row.Scores); n == 0 || row.Scores[n-1].Instrument != id {
			row.Scores = append(row.Scores, CourseScore{Instrument: id})
		}
		row.Scores[len(row.Scores)-1].add(answer, day, received)
		return nil
	}, scoresQuery, sql.Named("courses", string(encodedCourses)), sql.Named("instruments", string(encodedInstruments)))
	for i := range list {
		slices.SortFunc(list[i].Scores, func(a, b CourseScore) int {
			return slices.Index(instruments, a.Instrument) - slices.Index(instruments, b.Instrument)
		})
	}
	return err
}

// add takes the next answer in time. A later visit takes over what is last from
// the baseline, also where the source dates the baseline after it.
func (c *CourseScore) add(a ScoredAnswer, day int, received time.Time) {
	c.Series = append(c.Series, a)
	isBaseline := a.Visit == care.BaselineVisit
	if isBaseline {
		c.Baseline = &a.Score
	}
	if !isBaseline || c.Last == nil || c.LastVisit == care.BaselineVisit {
		c.Last, c.LastVisit, c.LastDay, c.LastAt = &a.Score, a.Visit, day, &received
	}
}

// CaseloadCounts says how many courses there are, and how many of them are due,
// overdue and alerting; a course may be several.
type CaseloadCounts struct {
	Courses  int
	Due      int
	Overdue  int
	Alerting int
}

// CaseloadCounts counts the courses of a filter's study, protocol, code and
// standing.
func (s *Store) CaseloadCounts(ctx context.Context, f CaseloadFilter) (CaseloadCounts, error) {
	var n CaseloadCounts
	err := s.queryRow(ctx, `SELECT count(*), coalesce(sum(`+courseIsDue+`), 0), coalesce(sum(`+courseOverdue+` > 0), 0),
		coalesce(sum(`+courseAlerts+` > 0), 0) FROM course c WHERE `+caseloadCourses, caseloadCourseArguments(f, timeText(s.Now()))...).
		Scan(&n.Courses, &n.Due, &n.Overdue, &n.Alerting)
	if err != nil {
		return CaseloadCounts{}, fmt.Errorf("count the caseload: %w", err)
	}
	return n, nil
}
