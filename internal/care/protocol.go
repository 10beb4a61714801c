package care

import (
	"fmt"

	"afterglow/internal/fault"
)

// ProtocolRef names one version of a protocol.
type ProtocolRef struct {
	ID      string `json:"id"`
	Version int    `json:"version"`
}

// Range is a span of a quantity, both ends included.
type Range struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

// Protocol is one version of how a course is planned. It is a record of what a
// clinic decided, never a suggestion.
type Protocol struct {
	ProtocolRef
	Title       string            `json:"title"`
	Indication  string            `json:"indication"`
	Route       Route             `json:"route"`
	DoseMg      *Range            `json:"dose_mg,omitempty"`
	DoseMgPerKg *Range            `json:"dose_mg_per_kg,omitempty"`
	Sessions    int               `json:"sessions"`
	EveryDays   int               `json:"every_days"`
	Mode        Mode              `json:"mode"`
	Support     string            `json:"support"`
	Preparation string            `json:"preparation"`
	Integration string            `json:"integration"`
	Schedule    []PlannedOccasion `json:"schedule"`
}

// PlannedOccasion is a moment of measurement that a protocol plans: which
// instruments, how many days after which anchor, and the window around it.
type PlannedOccasion struct {
	Name        string   `json:"name"`
	Anchor      Anchor   `json:"anchor"`
	Day         int      `json:"day"`
	OpensBefore int      `json:"opens_before"`
	ClosesAfter int      `json:"closes_after"`
	Instruments []string `json:"instruments"`
}

// Validate gathers every fault of the protocol.
func (p Protocol) Validate() error {
	var faults []fault.Detail
	add := func(wrong bool, item, format string, args ...any) {
		if wrong {
			faults = append(faults, fault.Detail{Item: item, Message: fmt.Sprintf(format, args...)})
		}
	}
	add(!studyIDPattern.MatchString(p.ID), "id", "must be 1 to 48 lowercase letters, digits and hyphens, starting with a letter")
	add(p.Version < 1, "version", "must be 1 or more")
	add(p.Title == "", "title", "is empty")
	add(!contains(routes, p.Route), "route", "must be one of %v", routes)
	add(!contains(modes, p.Mode), "mode", "must be one of %v", modes)
	add(p.Sessions < 1, "sessions", "must be 1 or more")
	add(p.Sessions > 1 && p.EveryDays < 1, "every_days", "must be 1 or more")
	for _, r := range []struct {
		item string
		span *Range
	}{{"dose_mg", p.DoseMg}, {"dose_mg_per_kg", p.DoseMgPerKg}} {
		add(r.span != nil && !(r.span.From > 0 && r.span.To >= r.span.From), r.item, "must start above 0 and not fall")
	}
	names := map[string]bool{}
	for i, o := range p.Schedule {
		item := fmt.Sprintf("schedule[%d]", i)
		add(o.Name == "" || names[o.Name], item, "its name %q is empty or given twice", o.Name)
		names[o.Name] = true
		add(o.Anchor != AnchorCourseStart && o.Anchor != AnchorSession && o.Anchor != AnchorLastSession, item, "has an unknown anchor")
		add(o.OpensBefore < 0 || o.ClosesAfter < 0, item, "opens_before and closes_after must be 0 or more")
		add(len(o.Instruments) == 0, item, "asks nothing")
	}
	if len(faults) > 0 {
		return fault.InvalidDetails("protocol", faults)
	}
	return nil
}
