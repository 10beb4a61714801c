// Package finding holds the answer to one question as data: what was asked
// (the estimand), what was found with its uncertainty, how, and what to be
// careful about. Floor: ground.
//
// It must not compute: durability fills it, chart draws it, a page or a file
// shows it.
package finding

import (
	"encoding/json"
	"time"
)

// Finding is the answer to one question on one snapshot of the data.
//
// MMRM and KM carry the whole fit in the fields of the kinds of the same name
// in the reference results, where the question rests on one.
type Finding struct {
	Question string   `json:"question"`
	Study    string   `json:"study"`
	Title    string   `json:"title"`
	Answer   string   `json:"answer"`
	Estimand Estimand `json:"estimand"`
	N        int      `json:"n"`
	NMissing int      `json:"n_missing"`
	// Groups are those that the answer speaks of, in the order of their estimates.
	Groups    []Group    `json:"groups,omitempty"`
	Estimates []Estimate `json:"estimates"`
	Tables    []Table    `json:"tables"`
	// Events counts what happened to the courses within the estimand's time.
	Events   []Event  `json:"events"`
	Refused  *Refused `json:"refused,omitempty"`
	Method   string   `json:"method"`
	Caveats  []Caveat `json:"caveats"`
	Snapshot Snapshot `json:"snapshot"`
	Software string   `json:"software"`
	// Simulated is true when any row behind the answer was simulated; every
	// face must then say so.
	Simulated bool            `json:"simulated"`
	MMRM      json.RawMessage `json:"mmrm,omitempty"`
	KM        json.RawMessage `json:"km,omitempty"`
}

// Group is one of the groups of an answer. Name stands in estimates and tables;
// Label is what the clinic calls it; Definition is a sentence that says who is in
// it. N counts its courses. Verdict answers the question for this group in a few
// words ("partly", "cannot be said") and is empty where the question has none.
type Group struct {
	Name       string `json:"name"`
	Label      string `json:"label"`
	Definition string `json:"definition,omitempty"`
	N          int    `json:"n"`
	Verdict    string `json:"verdict,omitempty"`
}

// Event counts one kind of event: how many there were and in how many courses.
// Where nothing records the kind, Recorded is false and the counts are nil: never 0.
type Event struct {
	Kind     string `json:"kind"`
	Label    string `json:"label"`
	Recorded bool   `json:"recorded"`
	Events   *int   `json:"events"`
	Courses  *int   `json:"courses"`
	// Strategy is how the answer takes the event (ICH E9 (R1)).
	Strategy string `json:"strategy,omitempty"`
}

// Refused says why a question got no answer, with the numbers that decided it.
type Refused struct {
	Reason  string         `json:"reason"`
	Numbers map[string]any `json:"numbers"`
}

// Estimand says what is estimated, by the attributes of ICH E9(R1).
type Estimand struct {
	Population         string   `json:"population"`
	Treatment          string   `json:"treatment"`
	Variable           string   `json:"variable"`
	Time               string   `json:"time"`
	IntercurrentEvents []string `json:"intercurrent_events"`
	Summary            string   `json:"summary"`
}

// Estimate is one number with its uncertainty. Name says which quantity it is,
// Group and Visit where it stands; Day is days since the anchor. Undefined
// numbers are nil (JSON null), and Note then says why.
type Estimate struct {
	Name     string   `json:"name"`
	Group    string   `json:"group"`
	Visit    string   `json:"visit"`
	Day      *float64 `json:"day"`
	Estimate *float64 `json:"estimate"`
	SE       *float64 `json:"se"`
	DF       *float64 `json:"df"`
	CILower  *float64 `json:"ci_lower"`
	CIUpper  *float64 `json:"ci_upper"`
	Level    float64  `json:"level"`
	P        *float64 `json:"p_value,omitempty"`
	N        int      `json:"n"`
	Note     string   `json:"note,omitempty"`
}

// Table is a rectangle of labelled values, as shown under a chart and as
// exported.
type Table struct {
	Name    string   `json:"name"`
	Caption string   `json:"caption"`
	Columns []Column `json:"columns"`
	Rows    [][]Cell `json:"rows"`
	Notes   []string `json:"notes,omitempty"`
}

// Column names a table's column. Digits is how many decimals its numbers
// support; a column of counts has 0.
type Column struct {
	Name   string `json:"name"`
	Label  string `json:"label"`
	Unit   string `json:"unit,omitempty"`
	Digits int    `json:"digits"`
}

// Cell is a text or a number; an empty Cell is a value that is not defined and
// becomes JSON null.
type Cell struct {
	Text   string
	Number *float64
}

// Caveat is one reason for care, with a stable code.
type Caveat struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Snapshot names the data that an answer rests on: all journal rows up to
// Sequence that had reached the warehouse, and an order-free checksum of them.
type Snapshot struct {
	Sequence uint64    `json:"sequence"`
	Hash     string    `json:"hash"`
	TakenAt  time.Time `json:"taken_at"`
}

// Text makes a cell of words.
func Text(s string) Cell { return Cell{Text: s} }

// Number makes a cell of a number.
func Number(v float64) Cell { return Cell{Number: &v} }

// Count makes a cell of a whole number.
func Count(n int) Cell { return Number(float64(n)) }

// Optional makes a cell of a number that may be undefined.
func Optional(v *float64) Cell { return Cell{Number: v} }

// Empty reports whether the cell holds nothing.
func (c Cell) Empty() bool { return c.Number == nil && c.Text == "" }

// MarshalJSON writes the number, the text or null.
func (c Cell) MarshalJSON() ([]byte, error) {
	switch {
	case c.Number != nil:
		return json.Marshal(*c.Number)
	case c.Text != "":
		return json.Marshal(c.Text)
	default:
		return []byte("null"), nil
	}
}

// UnmarshalJSON reads what MarshalJSON writes.
func (c *Cell) UnmarshalJSON(b []byte) error {
	*c = Cell{}
	if string(b) == "null" {
		return nil
	}
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &c.Text)
	}
	return json.Unmarshal(b, &c.Number)
}

// Table finds a table by name.
func (f Finding) Table(name string) (Table, bool) {
	for _, t := range f.Tables {
		if t.Name == name {
			return t, true
		}
	}
	return Table{}, false
}

// Named lists the estimates of one quantity, in their order.
func (f Finding) Named(name string) []Estimate {
	var found []Estimate
	for _, e := range f.Estimates {
		if e.Name == name {
			found = append(found, e)
		}
	}
	return found
}

// Column gives a column's place, or -1.
func (t Table) Column(name string) int {
	for i, c := range t.Columns {
		if c.Name == name {
			return i
		}
	}
	return -1
}
