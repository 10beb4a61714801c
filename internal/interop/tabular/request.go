package tabular

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
)

// Instruments are the definitions that a map's measures name, by id.
type Instruments map[string]*instrument.Definition

// Resolve finds the definitions and writes the version into every measure that
// left it out. A fault.Invalid names the measures whose instrument is not known,
// those that are recorded item by item and come as a total, and columns that are
// not those of the instrument's items.
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
		case d.Entry != instrument.EntryTotal && m.measures[i].items == nil:
			faults = append(faults, fault.Detail{
				Item:    fmt.Sprintf("measures/%d/instrument", i),
				Message: fmt.Sprintf("%s is recorded item by item, so its total alone cannot be brought in; name the columns of its answers with items", d.ID),
			})
		default:
			measure.Version = d.Version
			found[d.ID] = d
			if items := m.measures[i].items; items != nil {
				m.measures[i].form = d
				faults = append(faults, items.fits(d, fmt.Sprintf("measures/%d/items", i))...)
			}
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

// standsForMissing is how data files write missing values as numbers: below zero,
// or a row of nines, eights or sevens.
var standsForMissing = regexp.MustCompile(`^-|^(9{2,}|8{2,}|7{2,})$`)

// Check is the CheckScoreFunc of these instruments.
func (in Instruments) Check(m care.Measure, score int) error {
	d := in[m.Instrument]
	if faults := d.Check(total(score)); len(faults) > 0 {
		lowest, highest := d.Items[0].Bounds()
		message := fmt.Sprintf("is outside the range of %s, %d to %d", d.ID, lowest, highest)
		if standsForMissing.MatchString(strconv.Itoa(score)) {
			message += "; a number that stands for a missing score belongs among the map's missing texts"
		}
		return errors.New(message)
	}
	return nil
}

func total(score int) instrument.Answers {
	return instrument.Answers{instrument.TotalItem: &score}
}

// Request scores every response by its instrument and gives what the registry
// stores. hash is the SHA-256 of the file, in hex.
func (in Instruments) Request(imp Import, hash string) (registry.StudyImport, error) {
	day := visitDays(imp.Study)
	request := registry.StudyImport{Study: imp.Study, Source: care.SourceImport, SourceHash: hash}
	if imp.Study.Simulated {
		request.Source = care.SourceSimulation
	}
	for _, s := range imp.Subjects {
		subject := registry.ImportedSubject{Code: s.Code, Row: s.Row, Factors: map[string]string{}}
		if s.Arm != "" {
			subject.Factors[imp.Study.Arm.Name] = s.Arm
		}
		for i, c := range imp.Study.Covariates {
			if s.Covariates[i] != "" {
				subject.Factors[c.Name] = s.Covariates[i]
			} else {
				subject.EmptyFactors = append(subject.EmptyFactors, c.Name)
			}
		}
		for _, r := range s.Responses {
			response, err := in.response(imp.Study.Measures[r.Measure], r, day[r.Visit])
			if err != nil {
				return registry.StudyImport{}, err
			}
			subject.Responses = append(subject.Responses, response)
		}
		for _, e := range s.Empty {
			subject.Empty = append(subject.Empty, registry.EmptyPlace{
				Instrument: imp.Study.Measures[e.Measure].Instrument, Visit: e.Visit, Row: e.Row,
			})
		}
		request.Subjects = append(request.Subjects, subject)
	}
	return request, nil
}

func visitDays(s care.Study) map[string]int {
	day := map[string]int{care.BaselineVisit: 0}
	for _, v := range s.Visits {
		day[v.Name] = v.Day
	}
	return day
}

func (in Instruments) response(m care.Measure, r Response, day int) (registry.ImportedResponse, error) {
	d := in[m.Instrument]
	answers := r.Answers
	if answers == nil {
		answers = total(r.Score)
	}
	score, err := d.Score(answers, instrument.ScoreOptions{})
	if err != nil {
		return registry.ImportedResponse{}, fmt.Errorf("score row %d: %w", r.Row, err)
	}
	return registry.ImportedResponse{
		Row: r.Row, Visit: r.Visit, Day: day, Instrument: d.ID, Version: d.Version,
		DefinitionHash: d.Hash(), Answers: answers, Score: score,
	}, nil
}
