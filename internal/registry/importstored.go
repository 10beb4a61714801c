package registry

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"afterglow/internal/care"
	"afterglow/internal/instrument"
)

// storedCourse is a course of a study with its subject's code.
type storedCourse struct {
	course Course
	code   string
}

// storedCourses gives the courses of a study by the keyed hash of their codes.
func (s *Store) storedCourses(ctx context.Context, study string) (map[string]storedCourse, error) {
	found := map[string]storedCourse{}
	err := each(ctx, s, func(rows *sql.Rows) error {
		var code, index []byte
		var version sql.NullInt64
		c, err := scanCourse(func(into ...any) error { return rows.Scan(append(into, &code, &index, &version)...) })
		if err != nil {
			return err
		}
		plain, err := s.keys.openField(place{"course", "subject_code", string(c.Subject)}, version.Int64, code)
		found[string(index)] = storedCourse{course: c, code: plain}
		return err
	}, "SELECT "+courseColumns+", c.subject_code, c.subject_code_index, c.key_version FROM course c WHERE c.study = ? AND c.subject_code_index IS NOT NULL", study)
	if err != nil {
		return nil, fmt.Errorf("read the subjects of study %s: %w", study, err)
	}
	return found, nil
}

type occasionName struct{ instrument, visit string }

// storedOccasion is an occasion with its newest answers and those that imports
// brought last; both are nil while nobody has answered.
type storedOccasion struct {
	id       int64
	state    OccasionState
	newest   *JournalRow
	imported *JournalRow
}

func (o storedOccasion) scored() bool { return o.newest != nil && o.newest.Score.Score != nil }

// storedOccasions gives the occasions of a course by instrument and visit.
func (s *Store) storedOccasions(ctx context.Context, course int64) (map[occasionName]storedOccasion, error) {
	found := map[occasionName]storedOccasion{}
	if course == 0 {
		return found, nil
	}
	err := each(ctx, s, func(rows *sql.Rows) error {
		var name occasionName
		var o storedOccasion
		err := rows.Scan(&o.id, &name.instrument, &name.visit, &o.state)
		found[name] = o
		return err
	}, "SELECT id, instrument, visit, state FROM occasion WHERE course = ?", course)
	if err != nil {
		return nil, fmt.Errorf("read the occasions of a course: %w", err)
	}
	err = eachJournalRow(ctx, s, func(r JournalRow) error {
		name := occasionName{r.Instrument, r.Visit}
		o := found[name]
		o.newest = &r
		if r.Revision == 1 || strings.HasPrefix(r.Key, importKeyPrefix) {
			o.imported = &r
		}
		found[name] = o
		return nil
	}, "WHERE j.occasion IN (SELECT id FROM occasion WHERE course = ?) ORDER BY j.occasion, j.revision", course)
	return found, err
}

// sameAnswers takes an answer that is absent for one that is null.
func sameAnswers(a, b instrument.Answers) bool { return len(differingItems(a, b)) == 0 }

func differingItems(a, b instrument.Answers) []string {
	differ := map[string]bool{}
	for _, one := range []struct{ left, right instrument.Answers }{{a, b}, {b, a}} {
		for item, v := range one.left {
			if other := one.right[item]; (v == nil) != (other == nil) || v != nil && *v != *other {
				differ[item] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(differ))
}

// answerWords writes what one side of a difference says: the total of a form that
// is recorded as its total, else the items that differ.
func answerWords(of, other instrument.Answers) string {
	items := differingItems(of, other)
	words := make([]string, 0, len(items))
	any := false
	for _, item := range items {
		text := "none"
		if v := of[item]; v != nil {
			text, any = strconv.Itoa(*v), true
		}
		if item == instrument.TotalItem {
			words = append(words, text)
		} else {
			words = append(words, "item "+item+": "+text)
		}
	}
	if !any && !answered(of) {
		return ""
	}
	return strings.Join(words, ", ")
}

func answered(a instrument.Answers) bool {
	for _, v := range a {
		if v != nil {
			return true
		}
	}
	return false
}

func sameStudy(a, b care.Study) bool { return sameJSON(a, b) }

func sameProtocol(a, b care.Protocol) bool {
	if b.Schedule == nil {
		b.Schedule = []care.PlannedOccasion{}
	}
	return sameJSON(a, b)
}

func sameJSON(a, b any) bool {
	one, oneErr := json.Marshal(a)
	other, otherErr := json.Marshal(b)
	return oneErr == nil && otherErr == nil && string(one) == string(other)
}
