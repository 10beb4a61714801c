package main

import (
	"context"
	"fmt"
	"time"

	"afterglow/internal/fault"
	"afterglow/internal/intake"
	"afterglow/internal/registry"
	"afterglow/internal/simulate"
)

// The demo's simulated clinic: always the same patients.
const (
	simulatedPatients = 500
	simulatedUnderWay = 24
	simulatedSeed     = 1
	// simulatedAtRisk is how many patients of the courses under way answer item 9
	// above 0 on the first day, so that the list of alerts is not empty.
	simulatedAtRisk = 3
)

// loadSimulatedClinic brings a clinic whose truth is known in through the journal,
// like any other, and courses that are under way; once is enough for each. A first
// start that was interrupted may have left a later part out, so each is looked for.
func (s *server) loadSimulatedClinic(ctx context.Context, progress func(string, ...any)) error {
	for _, part := range []struct {
		study, doing string
		draw         func() (registry.StudyImport, error)
	}{
		{simulate.StudyID, fmt.Sprintf("a clinic of %d patients", simulatedPatients), func() (registry.StudyImport, error) {
			return simulate.StudyImport(s.library, simulatedPatients, simulatedSeed)
		}},
		{simulate.UnderWayID, fmt.Sprintf("%d courses that are under way", simulatedUnderWay), func() (registry.StudyImport, error) {
			return simulate.UnderWay(s.library, simulatedUnderWay, simulatedSeed+1, time.Now())
		}},
	} {
		switch _, err := s.store.Study(ctx, part.study); {
		case err == nil:
			continue
		case !fault.Is(err, fault.KindNotFound):
			return err
		}
		progress("Simulating %s ...", part.doing)
		drawn, err := part.draw()
		if err != nil {
			return err
		}
		report, err := s.store.ImportStudy(ctx, command("demo"), drawn)
		if err != nil {
			return err
		}
		progress("Study %s: %d simulated patients, %d answers", report.Study, report.SubjectsAdded, report.ResponsesAdded)
	}
	return s.answerAtRisk(ctx)
}

// answerAtRisk lets a few simulated patients fill in what they are asked now, with
// item 9 above 0, through intake: alerts arise by the instrument's own rules.
func (s *server) answerAtRisk(ctx context.Context) error {
	forms, err := simulate.RiskForms(s.library, simulatedAtRisk, simulatedSeed)
	if err != nil {
		return err
	}
	links, err := s.store.LinkSimulatedOccasions(ctx, command("demo"), simulate.UnderWayID, demoInstrument, len(forms))
	if err != nil {
		return err
	}
	for i, link := range links {
		// Forms are taken from the last, since those of a start that was
		// interrupted were answered first.
		form := forms[len(forms)-len(links)+i]
		_, err := s.intake.Accept(ctx, intake.Submission{Token: link.Token, Key: fmt.Sprintf("simulated-at-risk-%d", link.Occasion),
			Instrument: form.Instrument, Version: form.Version, Answers: form.Answers, Language: "en"})
		if err != nil {
			return err
		}
	}
	return nil
}
