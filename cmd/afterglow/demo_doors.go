package main

import (
	"context"

	"afterglow/internal/access"
	"afterglow/internal/care"
	"afterglow/internal/caseload"
	"afterglow/internal/fault"
	"afterglow/internal/registry"
	"afterglow/internal/web/tour"
)

// openDoors gives the start page what it does: each door is one of the demo's own
// accounts.
func (s *server) openDoors(accounts []demoAccount) {
	names := map[access.Role]string{}
	for _, a := range accounts {
		names[a.role] = a.name
	}
	s.doors = &tour.Service{
		Enter: func(ctx context.Context, role access.Role) (string, error) {
			name, known := names[role]
			if !known {
				return "", fault.Invalid("demo", "has no account of the role %s", role)
			}
			return s.access.EnterDemo(ctx, name)
		},
		FormLink:    s.demoPatient,
		LostBenefit: s.lostBenefit,
		Contents:    s.demoContents,
		PutBack:     s.putBack,
	}
}

// lostBenefit finds a patient in care whose benefit is going, one who has lost it
// before one who is losing it.
func (s *server) lostBenefit(ctx context.Context) (string, error) {
	patients, err := caseload.New(caseload.Config{Store: s.store, Instruments: s.library, Zone: s.site.zone})
	if err != nil {
		return "", err
	}
	lines, err := patients.Lines(ctx)
	if err != nil {
		return "", err
	}
	losing := ""
	for _, line := range lines {
		for _, going := range line.Going {
			if going.Benefit.State == care.BenefitLost {
				return string(line.Patient), nil
			}
			losing = string(line.Patient)
		}
	}
	return losing, nil
}

// demoContents counts what the demo holds now.
func (s *server) demoContents(ctx context.Context) (tour.Contents, error) {
	var out tour.Contents
	studies, err := s.store.Studies(ctx)
	if err != nil {
		return out, err
	}
	patients, err := s.store.CoursesByStudy(ctx)
	if err != nil {
		return out, err
	}
	for _, study := range studies {
		out.Studies = append(out.Studies, tour.Study{ID: study.ID, Title: study.Title, Patients: patients[study.ID], Simulated: study.Simulated})
	}
	out.LinkPatients = patients[registry.WithoutStudy]
	return out, nil
}
