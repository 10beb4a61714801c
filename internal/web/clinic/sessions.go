package clinic

import (
	"fmt"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/caseload"
	"afterglow/internal/chart"
)

// Container is the setting inventory as a small matrix: yes of known by group
// and session, and what was found wanting.
type Container struct {
	Sessions []string
	Groups   []ContainerGroup
	// Failed lists, by session, the items that were not as they should be.
	Failed []string
	// Unknown says that a cell was not checked.
	Unknown bool
}

// ContainerGroup is one group's row.
type ContainerGroup struct {
	Name  string
	Cells []ContainerCell
}

// ContainerCell is "3/4"; Full when all that is known is yes, Open when nothing
// is known. Words say the same in full, with the items that failed.
type ContainerCell struct {
	Text, Words string
	Full, Open  bool
}

func sessionsPanel(r caseload.Record, seen Seen) SessionsPanel {
	panel := SessionsPanel{Sentence: sessionsSentence(r)}
	figure, ok := chart.SessionTicks(r.Trend)
	panel.Chart = chartOf(panel.Sentence, figure, ok)
	var depth, setting bool
	for _, s := range r.Trend.Sessions {
		row := sessionRow(r.Trend.Sessions, s, seen.Zone)
		panel.Rows = append(panel.Rows, row)
		depth, setting = depth || s.Depth != nil, setting || row.Setting != dash
		for _, e := range s.AdverseEvents {
			how := "told without being asked"
			if e.Elicited {
				how = "told when asked"
			}
			panel.Events = append(panel.Events, fmt.Sprintf("%s: %s, grade %d of 5, %s", capital(chart.SessionName(r.Trend.Sessions, s)), reasonWords(e.Term), e.Grade, how))
		}
	}
	if depth {
		panel.Meaning = append(panel.Meaning, fmt.Sprintf("Depth: 0 no change to %d fully immersed, as rated in the session. It describes; deeper is not better.", care.DeepestDepth))
	}
	if setting {
		panel.Meaning = append(panel.Meaning, fmt.Sprintf("Setting: the share of the %d items of the inventory that were as they should be, of those checked; 100 is all of them.", len(care.SettingItems)))
	}
	panel.Container = container(r.Trend.Sessions)
	return panel
}

func sessionsSentence(r caseload.Record) string {
	n := len(r.Trend.Sessions)
	if n == 0 {
		return "No session has been recorded."
	}
	plan := r.Line.Plan
	given := fmt.Sprintf("%d %s", plan.Given, plural(plan.Given == 1, "session", "sessions"))
	if plan.Planned > 0 {
		given = fmt.Sprintf("%d of %d sessions", plan.Given, plan.Planned)
	}
	if plan.Boosters > 0 {
		given += fmt.Sprintf(" and %d %s", plan.Boosters, plural(plan.Boosters == 1, "booster", "boosters"))
	}
	last := r.Trend.Sessions[n-1]
	return fmt.Sprintf("%s given, the last on day %s: %s, %s.", given, chart.DayWords(last.Day), last.Route, chart.DoseWords(last))
}

func sessionRow(all []care.Session, s care.Session, zone *time.Location) SessionRow {
	row := SessionRow{
		Number: fmt.Sprint(s.Number), When: "Day " + chart.DayWords(s.Day), Given: routeShort(s.Route) + ", " + chart.DoseWords(s), Depth: "not recorded", Setting: dash,
	}
	if s.Booster {
		row.Number = capital(chart.SessionName(all, s))
	}
	if !s.StartedAt.IsZero() {
		row.When = fmt.Sprintf("%s, day %s", dateWords(s.StartedAt, zone), chart.DayWords(s.Day))
	}
	if s.Depth != nil {
		row.Depth = fmt.Sprint(*s.Depth)
	}
	if index, ok := s.Setting.Index(); ok {
		row.Setting = fmt.Sprintf("%.0f", index)
	}
	return row
}

// container leaves out the sessions of which nothing was looked at: boosters have no
// inventory.
func container(sessions []care.Session) Container {
	var c Container
	var looked []care.Session
	for _, s := range sessions {
		if len(s.Setting) > 0 || !s.Booster {
			looked = append(looked, s)
		}
	}
	known := false
	for _, s := range looked {
		name := fmt.Sprint(s.Number)
		if s.Booster {
			name = "B" + chart.SessionName(sessions, s)[len("booster "):]
		}
		c.Sessions = append(c.Sessions, name)
		known = known || len(s.Setting) > 0
		for _, item := range care.SettingItems {
			if ok, asked := s.Setting[item.Code]; asked && !ok {
				c.Failed = append(c.Failed, fmt.Sprintf("%s, %s: not so \u2013 %s", capital(chart.SessionName(sessions, s)), item.Group, lowerFirst(item.Words)))
			}
		}
	}
	if !known {
		return Container{}
	}
	for _, group := range settingGroups() {
		row := ContainerGroup{Name: capital(group)}
		for _, s := range looked {
			cell := containerCell(s.Setting, group)
			c.Unknown = c.Unknown || cell.Open
			row.Cells = append(row.Cells, cell)
		}
		c.Groups = append(c.Groups, row)
	}
	return c
}

func settingGroups() []string {
	var groups []string
	for _, item := range care.SettingItems {
		if len(groups) == 0 || groups[len(groups)-1] != item.Group {
			groups = append(groups, item.Group)
		}
	}
	return groups
}

func containerCell(s care.Setting, group string) ContainerCell {
	yes, known := 0, 0
	failed := ""
	for _, item := range care.SettingItems {
		ok, asked := s[item.Code]
		if item.Group != group || !asked {
			continue
		}
		known++
		if ok {
			yes++
		} else {
			failed += "; not so: " + lowerFirst(item.Words)
		}
	}
	if known == 0 {
		return ContainerCell{Text: "?", Words: "not checked", Open: true}
	}
	return ContainerCell{Text: fmt.Sprintf("%d/%d", yes, known), Words: fmt.Sprintf("%d of %d%s", yes, known, failed), Full: yes == known}
}
