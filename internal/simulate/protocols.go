package simulate

import "afterglow/internal/care"

// visitPlan is an occasion after the last session: its day, its window and what
// is asked.
type visitPlan struct {
	name                     string
	day                      int
	opensBefore, closesAfter int
	scales                   []scale
	// inStudy is true for the visits of the study's analyses.
	inStudy bool
	// leave is the log odds that a patient with a last PHQ-9 of 10 stops
	// answering at this visit.
	leave float64
}

var followUp = []visitPlan{
	{name: "+1 d", day: 1, closesAfter: 1, scales: []scale{mood, anxiety}},
	{name: "+3 d", day: 3, opensBefore: 1, closesAfter: 1, scales: []scale{mood, anxiety}},
	{name: "+7 d", day: 7, opensBefore: 2, closesAfter: 3, scales: []scale{mood, anxiety, phq9, gad7}, inStudy: true, leave: -2.9},
	{name: "+14 d", day: 14, opensBefore: 3, closesAfter: 5, scales: []scale{phq9, gad7}, inStudy: true, leave: -3.0},
	{name: "+28 d", day: 28, opensBefore: 5, closesAfter: 7, scales: []scale{phq9, gad7, pcl5}, inStudy: true, leave: -2.2},
	{name: "+56 d", day: 56, opensBefore: 7, closesAfter: 7, scales: []scale{phq9, gad7, pcl5}, inStudy: true, leave: -1.75},
	{name: "+84 d", day: 84, opensBefore: 7, closesAfter: 14, scales: []scale{phq9, gad7, pcl5}, inStudy: true, leave: -1.5},
	{name: "+168 d", day: 168, opensBefore: 14, closesAfter: 21, scales: []scale{phq9, gad7, pcl5}, inStudy: true, leave: -0.9},
}

// protocolModel is a protocol and what the model does under it.
type protocolModel struct {
	care.Protocol
	short string
	// gain is in points of the PHQ-9, on top of the fraction of baseline.
	gain float64
	// lossScale multiplies the time scale of the loss of benefit.
	lossScale float64
	// acute multiplies how deep a session goes and how often events are seen.
	acute float64
}

var protocolModels = []protocolModel{
	{short: "iv", gain: 0.3, lossScale: 1.0, acute: 1.0, Protocol: care.Protocol{
		ProtocolRef: care.ProtocolRef{ID: "iv-series", Version: 1}, Title: "In-clinic intravenous series",
		Indication: "Depression that other treatments did not lift", Route: care.RouteIntravenous,
		DoseMgPerKg: &care.Range{From: 0.5, To: 1}, Sessions: 6, EveryDays: 4, Mode: care.ModeInPerson,
		Support: "Prescriber and monitor present", Preparation: "One preparation call", Integration: "One integration hour after the series",
		Schedule: plannedOccasions()}},
	{short: "im", gain: -0.8, lossScale: 1.1, acute: 1.2, Protocol: care.Protocol{
		ProtocolRef: care.ProtocolRef{ID: "im-series", Version: 1}, Title: "In-clinic intramuscular sessions with a guide",
		Indication: "Depression with or without trauma", Route: care.RouteIntramuscular,
		DoseMgPerKg: &care.Range{From: 0.6, To: 1.3}, Sessions: 4, EveryDays: 7, Mode: care.ModeInPerson,
		Support: "Prescriber on site, guide present", Preparation: "Two preparation hours", Integration: "An integration hour after every session",
		Schedule: plannedOccasions()}},
	{short: "home", gain: 0, lossScale: 0.95, acute: 0.7, Protocol: care.Protocol{
		ProtocolRef: care.ProtocolRef{ID: "sublingual-home", Version: 1}, Title: "At-home sublingual sessions with remote support",
		Indication: "Depression or anxiety", Route: care.RouteSublingual,
		DoseMg: &care.Range{From: 300, To: 450}, Sessions: 4, EveryDays: 7, Mode: care.ModeRemoteSupported,
		Support: "Guide by video, briefed sitter at home", Preparation: "A preparation call and a checklist", Integration: "A call after every session",
		Schedule: plannedOccasions()}},
}

const (
	protocolIV = iota
	protocolIM
	protocolHome
)

// Protocols are the three simulated protocols: what the simulation gives, never
// what anybody should.
func Protocols() []care.Protocol {
	out := make([]care.Protocol, len(protocolModels))
	for i, p := range protocolModels {
		out[i] = p.Protocol
	}
	return out
}

func plannedOccasions() []care.PlannedOccasion {
	plan := []care.PlannedOccasion{
		{Name: care.BaselineVisit, Anchor: care.AnchorCourseStart, OpensBefore: 14, Instruments: ids(phq9, gad7, pcl5, mood, anxiety)},
	}
	before := beforeSession
	before.Instruments = ids(beforeSessionScales...)
	plan = append(plan, before)
	for _, v := range followUp {
		plan = append(plan, v.occasion())
	}
	return plan
}

// occasion is the visit in the schedule's words.
func (v visitPlan) occasion() care.PlannedOccasion {
	return care.PlannedOccasion{Name: v.name, Anchor: care.AnchorLastSession, Day: v.day,
		OpensBefore: v.opensBefore, ClosesAfter: v.closesAfter, Instruments: ids(v.scales...)}
}

func ids(scales ...scale) []string {
	out := make([]string, len(scales))
	for i, s := range scales {
		out[i] = scaleIDs[s]
	}
	return out
}
