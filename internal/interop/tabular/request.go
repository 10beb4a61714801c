package tabular

import (
	"errors"
	"fmt"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
)

// Instruments are the definitions that a map's measures name, by id.
type Instruments map[string]*instrument.Definition

// Resolve finds the definitions and writes the version into every measure that
// left it out. A fault.Invalid names the measures whose instrument is not known
// or is not recorded as a total: answers to items cannot come from a total.
func (m *Map) Resolve(library *instrument.Library) (Instruments, error) {
	found := Instruments{}
	var faults []fault.Detail
	for i := range m.Study.Measures {
		measure := &m.Study.Measures[i]
		d, err := lookUp(library, *measure)
		switch {
		case fault.Is(err, fault.KindNotFound):
			faults = append(faults, fault.Detail{Item: fmt.Sprintf("measures/%d/instrument", i), Message: err.Error()})
		case err != nil:
			return nil, fmt.Errorf("find the instrument %s: %w", measure.Instrument, err)
		case d.Entry != instrument.EntryTotal:
			faults = append(faults, fault.Detail{
				Item:    fmt.Sprintf("measures/%d/instrument", i),
				Message: fmt.Sprintf("%s is recorded item by item, so its total alone cannot be brought in", d.ID),
			})
		default:
			measure.Version = d.Version
			found[d.ID] = d
		}
	}
	if len(faults) > 0 {
		return nil, fault.InvalidDetails("study-map", faults)
	}
	return found, nil
}

func lookUp(library *instrument.Library, m care.Measure) (*instrument.Definition, error) {
	if m.Version == "" {
		return library.Latest(m.Instrument)
	}
	return library.Get(m.Instrument, m.Version)
}

// Check is the CheckScoreFunc of these instruments.
func (in Instruments) Check(m care.Measure, score int) error {
	d := in[m.Instrument]
	if faults := d.Check(total(score)); len(faults) > 0 {
		return errors.New(faults[0].Message + " (" + d.ID + ")")
	}
	return nil
}

func total(score int) instrument.Answers {
	return instrument.Answers{instrument.TotalItem: &score}
}

// Request scores every response by its instrument and gives what the registry
// stores. hash is the SHA-256 of the file, in hex.
func (in Instruments) Request(imp Import, hash string) (registry.StudyImport, error) {
	day := map[string]int{care.BaselineVisit: 0}
	for _, v := range imp.Study.Visits {
		day[v.Name] = v.Day
	}
	request := registry.StudyImport{Study: imp.Study, Source: care.SourceImport, SourceHash: hash}
	if imp.Study.Simulated {
		request.Source = care.SourceSimulation
	}
	for _, s := range imp.Subjects {
		subject := registry.ImportedSubject{Code: s.Code, Factors: map[string]string{imp.Study.Arm.Name: s.Arm}}
		for i, c := range imp.Study.Covariates {
			if s.Covariates[i] != "" {
				subject.Factors[c.Name] = s.Covariates[i]
			}
		}
		for _, r := range s.Responses {
			d := in[imp.Study.Measures[r.Measure].Instrument]
			answers := total(r.Score)
			score, err := d.Score(answers, instrument.ScoreOptions{})
			if err != nil {
				return registry.StudyImport{}, fmt.Errorf("score row %d: %w", r.Row, err)
			}
			subject.Responses = append(subject.Responses, registry.ImportedResponse{
				Row: r.Row, Visit: r.Visit, Day: day[r.Visit], Instrument: d.ID, Version: d.Version,
				DefinitionHash: d.Hash(), Answers: answers, Score: score,
			})
		}
		request.Subjects = append(request.Subjects, subject)
	}
	return request, nil
}
