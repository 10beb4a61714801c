package simulate

import (
	"math"
	"time"

	"afterglow/internal/care"
)

// Session is one session as it was given.
type Session struct {
	Number      int
	Day         int // since the first session
	SinceLast   int // since the last session of the series; negative before it
	StartedAt   time.Time
	DoseMg      int
	DoseMgPerKg float64
	Depth       int
	Booster     bool
	Prepared    bool
	// Inventory follows care.SettingItems: 1 yes, 0 no, -1 not known.
	Inventory [settingItems]int8
	Events    []care.AdverseEvent
}

const settingItems = 25

// How often an item of the inventory is in order, by the level that the clinic
// works at.
var inOrder = [3]float64{0.45, 0.70, 0.90}

// sessions draws the series and its boosters, and from the inventories the level
// that the setting turned out to have.
func (s *Simulator) sessions(d *draw, p *Patient, m *protocolModel) {
	planned := m.Sessions
	if d.chance(s.profile.stopsEarly) {
		planned = d.whole(2, m.Sessions-1)
	}
	lastDay := (planned - 1) * m.EveryDays
	p.LastSession = p.Start.AddDate(0, 0, lastDay)
	asksForEvents := d.chance(s.profile.asked)
	unprepared := -1
	if !p.got.full {
		unprepared = d.rng.IntN(planned)
	}
	days := make([]int, 0, 16)
	for i := range planned {
		days = append(days, i*m.EveryDays)
	}
	if p.Maintenance {
		days = append(days, lastDay+29, lastDay+57, lastDay+85)
	}
	p.Sessions = resize(p.Sessions, len(days))
	for i, day := range days {
		one := &p.Sessions[i]
		*one = Session{Number: i + 1, Day: day, SinceLast: day - lastDay, Booster: i >= planned,
			Prepared: i != unprepared && (p.got.full || i >= planned || d.chance(0.5)), Events: one.Events[:0]}
		one.StartedAt = p.Start.AddDate(0, 0, day).Add(time.Duration(d.whole(9*4, 16*4)) * 15 * time.Minute)
		dose(d, p, m, i, one)
		one.Depth = roundWithin(d.normal(1.6+0.6*m.acute+0.1*float64(min(i, 4)), 0.9), 0, care.DeepestDepth)
		s.inventory(d, p, one)
		s.events(d, m, one, asksForEvents)
	}
	p.Setting = ""
	if level, ok := courseLevel(p.Sessions); ok {
		p.got.level, p.Setting = level, settingLevel(level)
	}
}

func resize(list []Session, n int) []Session {
	if cap(list) < n {
		list = make([]Session, 2*n)
	}
	return list[:n]
}

// dose rises over the series within the protocol's range.
func dose(d *draw, p *Patient, m *protocolModel, i int, one *Session) {
	rise := math.Min(float64(i)/4, 1)
	if r := m.DoseMg; r != nil {
		one.DoseMg = 50 * int(math.Round((r.From+(r.To-r.From)*rise*d.rng.Float64())/50))
		one.DoseMgPerKg = math.Round(100*float64(one.DoseMg)/float64(p.WeightKg)) / 100
		return
	}
	r := m.DoseMgPerKg
	perKg := r.From + (r.To-r.From)*rise*d.rng.Float64()
	one.DoseMg = max(1, int(perKg*float64(p.WeightKg)))
	one.DoseMgPerKg = math.Round(100*float64(one.DoseMg)/float64(p.WeightKg)) / 100
}

// inventory draws what was found. Now and then most of it was not checked; that
// of boosters never is.
func (s *Simulator) inventory(d *draw, p *Patient, one *Session) {
	known := 0.94
	if d.chance(0.04) {
		known = 0.3
	}
	for i := range one.Inventory {
		one.Inventory[i] = -1
		if one.Booster {
			continue
		}
		yes, seen := d.chance(inOrder[p.got.level]), d.chance(known)
		switch {
		case seen && yes:
			one.Inventory[i] = 1
		case seen:
			one.Inventory[i] = 0
		}
	}
}

// index is care.Setting.Index without the map.
func (one *Session) index() (float64, bool) {
	yes, known := 0, 0
	for _, v := range one.Inventory {
		if v >= 0 {
			known++
			yes += int(v)
		}
	}
	if 2*known < settingItems {
		return 0, false
	}
	return 100 * float64(yes) / float64(known), true
}

// courseLevel is care.CourseSetting without the maps.
func courseLevel(sessions []Session) (int, bool) {
	sum, n := 0.0, 0
	for i := range sessions {
		if index, ok := sessions[i].index(); ok && !sessions[i].Booster {
			sum += index
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	name := care.SettingLevel(sum / float64(n))
	for level := range care.SettingLevels {
		if settingLevel(level) == name {
			return level, true
		}
	}
	return 0, false
}

// eventTerms are what is seen, with weights from the elicited rates of the
// esketamine label (docs/simulate.md).
var eventTerms = []struct {
	term   string
	weight float64
}{{"dissociation", 41}, {"dizziness", 29}, {"nausea", 28}, {"sedation", 23}, {"headache", 20}, {"dysgeusia", 19},
	{"anxiety", 13}, {"vomiting", 11}, {"blood-pressure-increased", 10}}

func (s *Simulator) events(d *draw, m *protocolModel, one *Session, asked bool) {
	p := s.profile.eventWhenNotAsked
	if asked {
		p = s.profile.eventWhenAsked
	}
	for range 2 {
		if !d.chance(p * m.acute) {
			return
		}
		sum := 0.0
		for _, e := range eventTerms {
			sum += e.weight
		}
		u := d.rng.Float64() * sum
		for _, e := range eventTerms {
			if u -= e.weight; u > 0 {
				continue
			}
			if !one.has(e.term) {
				grade := 1 + d.rng.IntN(2)*d.rng.IntN(2)
				if d.chance(0.01) {
					grade = 3
				}
				one.Events = append(one.Events, care.AdverseEvent{Term: e.term, Grade: grade, Elicited: asked})
			}
			break
		}
		p *= 0.5
	}
}

func (one *Session) has(term string) bool {
	for _, e := range one.Events {
		if e.Term == term {
			return true
		}
	}
	return false
}

// record is the session in the record's own words.
func (one *Session) record(p *Patient) care.Session {
	dose, perKg, depth, prepared := float64(one.DoseMg), one.DoseMgPerKg, one.Depth, one.Prepared
	out := care.Session{Number: one.Number, Protocol: p.Protocol.ProtocolRef, StartedAt: one.StartedAt, Day: one.Day,
		Route: p.Protocol.Route, DoseMg: &dose, DoseMgPerKg: &perKg, Depth: &depth, Mode: p.Protocol.Mode,
		Booster: one.Booster, PreparationDone: &prepared, Setting: care.Setting{}}
	for i, v := range one.Inventory {
		if v >= 0 {
			out.Setting[care.SettingItems[i].Code] = v == 1
		}
	}
	out.AdverseEvents = append(out.AdverseEvents, one.Events...)
	return out
}
