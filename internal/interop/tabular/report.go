package tabular

import (
	"errors"
	"fmt"
	"sort"

	"afterglow/internal/care"
	"afterglow/internal/fault"
)

// MaxFaults is how many faults a report lists; the rest are counted.
const MaxFaults = 200

// Report says what an import holds and, when it holds nothing because something
// is wrong, everything that is wrong.
type Report struct {
	Study     string `json:"study"`
	Rows      int    `json:"rows"`
	Subjects  int    `json:"subjects"`
	Responses int    `json:"responses"`
	// Ignored names the columns of the file that the map does not read.
	Ignored []string `json:"ignored_columns"`
	// Covariates counts the subjects without a value of each covariate.
	Covariates []MissingCovariate `json:"covariates"`
	// Occasions counts, by measure, visit and arm, who was expected and who
	// answered; the baseline comes first.
	Occasions []OccasionCount `json:"occasions"`
	// Warnings say what was taken and probably is not meant.
	Warnings []string   `json:"warnings"`
	Faults   []RowFault `json:"faults"`
	// FaultCount counts all faults, also those beyond MaxFaults.
	FaultCount int `json:"fault_count"`
}

// NewReport is the report of an import that has not begun.
func NewReport(study string) Report {
	return Report{
		Study: study, Ignored: []string{}, Covariates: []MissingCovariate{},
		Occasions: []OccasionCount{}, Warnings: []string{}, Faults: []RowFault{},
	}
}

// Refuse writes into the report why nothing came in, where the rows do not say
// it already: a fault of the map, of the file as a whole, or of what is stored.
func (r *Report) Refuse(err error) {
	if r.FaultCount > 0 {
		return
	}
	log := faultLog{}
	var known *fault.Error
	if errors.As(err, &known) && len(known.Details) > 0 {
		for _, d := range known.Details {
			log.add(0, "", "%s: %s", d.Item, d.Message)
		}
	} else {
		log.add(0, "", "%v", err)
	}
	r.Faults, r.FaultCount = log.list(), log.count
}

// MissingCovariate counts subjects whose covariate is missing.
type MissingCovariate struct {
	Covariate string `json:"covariate"`
	Missing   int    `json:"missing"`
}

// OccasionCount counts one visit of one arm; Arm is "" in a study without arms.
type OccasionCount struct {
	Measure  string `json:"measure"`
	Visit    string `json:"visit"`
	Arm      string `json:"arm"`
	Expected int    `json:"expected"`
	Answered int    `json:"answered"`
	Missing  int    `json:"missing"`
}

// RowFault is one thing wrong with the file. Row is the line on which the row
// begins, the header being 1; 0 is the file as a whole. Message never repeats
// the value.
type RowFault struct {
	Row     int    `json:"row"`
	Column  string `json:"column"`
	Message string `json:"message"`
}

// Place names row and column for people.
func (f RowFault) Place() string {
	switch {
	case f.Row == 0:
		return "file"
	case f.Column == "":
		return fmt.Sprintf("row %d", f.Row)
	}
	return fmt.Sprintf("row %d, column %s", f.Row, f.Column)
}

// faultLog gathers the faults of rows up to MaxFaults and counts all. A fault that
// is one of many of its kind is counted and named once, with its further rows.
type faultLog struct {
	faults []RowFault
	count  int
	also   []int
	kinds  map[faultKind]int
}

type faultKind struct{ column, kind string }

func (l *faultLog) add(row int, column, format string, args ...any) {
	l.count++
	if len(l.faults) < MaxFaults {
		l.faults = append(l.faults, RowFault{Row: row, Column: column, Message: fmt.Sprintf(format, args...)})
		l.also = append(l.also, 0)
	}
}

// addOnce is add for what a whole column often has: the first row is named and
// further ones of the kind are counted with it.
func (l *faultLog) addOnce(row int, column, kind, format string, args ...any) {
	key := faultKind{column, kind}
	if at, known := l.kinds[key]; known {
		if at < len(l.also) {
			l.also[at]++
		}
		return
	}
	if l.kinds == nil {
		l.kinds = map[faultKind]int{}
	}
	l.kinds[key] = len(l.faults)
	l.add(row, column, format, args...)
}

// list gives the faults by row.
func (l *faultLog) list() []RowFault {
	list := make([]RowFault, len(l.faults))
	for i, f := range l.faults {
		if n := l.also[i]; n > 0 {
			f.Message += "; the same in " + counted(n, "more row")
		}
		list[i] = f
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Row < list[j].Row })
	return list
}

// err is nil when nothing is wrong.
func (l *faultLog) err() error {
	if l.count == 0 {
		return nil
	}
	details := make([]fault.Detail, 0, len(l.faults)+1)
	for _, f := range l.list() {
		details = append(details, fault.Detail{Item: f.Place(), Message: f.Message})
	}
	if rest := l.count - len(l.faults); rest > 0 {
		details = append(details, fault.Detail{Item: "file", Message: fmt.Sprintf("and %d more faults", rest)})
	}
	return fault.InvalidDetails("file", details)
}

// count fills the numbers of a report from a sound import.
func (r *Report) count(imp Import) {
	s := imp.Study
	r.Subjects = len(imp.Subjects)
	for _, c := range s.Covariates {
		r.Covariates = append(r.Covariates, MissingCovariate{Covariate: c.Name})
	}
	arms := map[string]int{}
	type occasion struct{ measure, visit, arm string }
	answered := map[occasion]int{}
	for _, subject := range imp.Subjects {
		arms[subject.Arm]++
		for i, value := range subject.Covariates {
			if value == "" {
				r.Covariates[i].Missing++
			}
		}
		for _, response := range subject.Responses {
			r.Responses++
			if response.NoScore {
				continue
			}
			answered[occasion{s.Measures[response.Measure].Total, response.Visit, subject.Arm}]++
		}
	}
	for _, m := range s.Measures {
		for _, visit := range occasions(s, m) {
			for _, arm := range armLevels(s) {
				n := answered[occasion{m.Total, visit, arm}]
				r.Occasions = append(r.Occasions, OccasionCount{
					Measure: m.Total, Visit: visit, Arm: arm,
					Expected: arms[arm], Answered: n, Missing: arms[arm] - n,
				})
			}
		}
	}
}

// armLevels are the arms that a report counts by: one without a name where the
// study has none.
func armLevels(s care.Study) []string {
	if !s.HasArms() {
		return []string{""}
	}
	return s.Arm.Levels
}

// counted writes a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
