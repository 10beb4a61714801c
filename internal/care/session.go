package care

import (
	"fmt"
	"regexp"
	"time"

	"afterglow/internal/fault"
)

// Route is how a medicine is given.
type Route string

// The routes, in the words of the record.
const (
	RouteIntravenous   Route = "intravenous"
	RouteIntramuscular Route = "intramuscular"
	RouteSubcutaneous  Route = "subcutaneous"
	RouteIntranasal    Route = "intranasal"
	RouteSublingual    Route = "sublingual"
	RouteOral          Route = "oral"
)

var routes = []Route{RouteIntravenous, RouteIntramuscular, RouteSubcutaneous, RouteIntranasal, RouteSublingual, RouteOral}

// Mode is where the patient is while the session is held.
type Mode string

// The modes.
const (
	ModeInPerson        Mode = "in-person"
	ModeRemoteSupported Mode = "remote-supported"
)

var modes = []Mode{ModeInPerson, ModeRemoteSupported}

// DeepestDepth is the upper end of our own rating of depth: 0 no change, 1 light,
// 2 workable, 3 deep, 4 fully immersed. It describes; deeper is not better.
const DeepestDepth = 4

// Session is one session as it was given, not as it was planned. Quantities that
// were not recorded are nil.
type Session struct {
	Number          int            `json:"number"`
	Protocol        ProtocolRef    `json:"protocol"`
	StartedAt       time.Time      `json:"started_at"`
	Day             int            `json:"day"` // days since the start of the course
	Route           Route          `json:"route"`
	DoseMg          *float64       `json:"dose_mg"`
	DoseMgPerKg     *float64       `json:"dose_mg_per_kg"`
	Depth           *int           `json:"depth"`
	Mode            Mode           `json:"mode"`
	Booster         bool           `json:"booster,omitempty"`
	PreparationDone *bool          `json:"preparation_done"`
	Setting         Setting        `json:"setting"`
	AdverseEvents   []AdverseEvent `json:"adverse_events,omitempty"`
}

// AdverseEvent is an untoward event of a session: a coded term and its grade
// (CTCAE: 1 mild to 5 fatal). Elicited is true when it was asked for, false when
// it was told without being asked.
type AdverseEvent struct {
	Term     string `json:"term"`
	Grade    int    `json:"grade"`
	Elicited bool   `json:"elicited"`
}

var termPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,47}$`)

// Validate gathers every fault of the session.
func (s Session) Validate() error {
	var faults []fault.Detail
	add := func(wrong bool, item, format string, args ...any) {
		if wrong {
			faults = append(faults, fault.Detail{Item: item, Message: fmt.Sprintf(format, args...)})
		}
	}
	add(s.Number < 1, "number", "must be 1 or more")
	add(s.Protocol.ID == "" || s.Protocol.Version < 1, "protocol", "must name a protocol and its version")
	add(s.StartedAt.IsZero(), "started_at", "is not given")
	add(s.Day < 0, "day", "must not be before the start of its course")
	add(!contains(routes, s.Route), "route", "must be one of %v", routes)
	add(!contains(modes, s.Mode), "mode", "must be one of %v", modes)
	add(s.DoseMg != nil && !(*s.DoseMg > 0 && *s.DoseMg < 10_000), "dose_mg", "must be above 0 and below 10000 mg")
	add(s.DoseMgPerKg != nil && !(*s.DoseMgPerKg > 0 && *s.DoseMgPerKg < 100), "dose_mg_per_kg", "must be above 0 and below 100 mg/kg")
	add(s.Depth != nil && (*s.Depth < 0 || *s.Depth > DeepestDepth), "depth", "must be a rating from 0 to %d", DeepestDepth)
	for i, e := range s.AdverseEvents {
		item := fmt.Sprintf("adverse_events[%d]", i)
		add(!termPattern.MatchString(e.Term), item+".term", "must be a code of 1 to 48 lowercase letters, digits and hyphens, not free text")
		add(e.Grade < 1 || e.Grade > 5, item+".grade", "is 1 to 5")
	}
	faults = append(faults, s.Setting.faults()...)
	if len(faults) > 0 {
		return fault.InvalidDetails("session", faults)
	}
	return nil
}

func contains[T comparable](list []T, v T) bool {
	for _, one := range list {
		if one == v {
			return true
		}
	}
	return false
}
