package gallery

import (
	"afterglow/internal/access"
	"afterglow/internal/web/tour"
)

// tourStates are the start page of a demo and what stands in its place while the
// demo is put back.
func tourStates() []State {
	start := tour.NewStartPage(tour.Contents{LinkPatients: 4, Studies: []tour.Study{
		{ID: "btheb", Title: "Beat the Blues: computerised therapy in depression (Proudfoot et al. 2003)", Patients: 100},
		{ID: "simulated-clinic", Title: "Simulated clinic", Patients: 500, Simulated: true},
		{ID: "simulated-under-way", Title: "Simulated courses under way", Patients: 24, Simulated: true},
	}})
	return []State{
		{Name: "demo-start", Template: "tour/start", Role: access.RoleAnonymous, Page: start},
		{Name: "demo-being-put-back", Template: "tour/back", Role: access.RoleAnonymous, Page: tour.NewBackPage("Simulating a clinic of 500 patients")},
	}
}
