// Package simulate makes a clinic that never was: patients, sessions, settings
// and answers from a model whose truth is known. Floor: service.
//
// It must not read a clock or draw from anything but its seed: the same seed
// gives the same bytes. What it makes is not evidence about any treatment and is
// marked as simulated wherever it goes. The model is described in
// docs/simulate.md.
package simulate

import (
	"fmt"
	"strings"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
)

// StudyID names the simulated clinic's study.
const StudyID = "simulated-clinic"

// MaxPatients keeps the numbers of occasions and journal rows apart.
const MaxPatients = 100_000_000

// Config says which clinic to simulate.
type Config struct {
	Patients int
	Seed     uint64
	// Profile is one of Profiles; empty is the first.
	Profile string
}

// Validate checks the configuration.
func (c Config) Validate() error {
	if c.Patients < 1 || c.Patients > MaxPatients {
		return fault.Invalid("patients", "must be 1 to %d", MaxPatients)
	}
	if _, ok := profileNamed(c.Profile); !ok {
		return fault.Invalid("profile", "there is no profile %q; there are %s", c.Profile, strings.Join(Profiles(), ", "))
	}
	return nil
}

// Simulator draws the patients of one clinic, each from the seed and its own
// number, so that it holds one patient at a time however many there are.
type Simulator struct {
	config  Config
	profile profile
	forms   [scaleCount]form
	// worsens says by their number who gets worse under any treatment; nil is nobody.
	worsens func(number int) bool
	// relapses says who gains much under any treatment and soon loses it; nil is nobody.
	relapses func(number int) bool
}

// New prepares a clinic with the newest definitions of its instruments.
func New(library *instrument.Library, c Config) (*Simulator, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &Simulator{config: c}
	s.profile, _ = profileNamed(c.Profile)
	for i, id := range scaleIDs {
		d, err := library.Latest(id)
		if err != nil {
			return nil, fmt.Errorf("find what the simulated patients fill in: %w", err)
		}
		if s.forms[i], err = newForm(scale(i), d); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Each draws every patient in order and hands it on. The patient and what it
// holds are reused for the next one.
func (s *Simulator) Each(visit func(*Patient) error) error {
	d := newDraw()
	var p Patient
	for i := range s.config.Patients {
		d.start(s.config.Seed, uint64(i)+1)
		s.patient(d, i, &p)
		if err := visit(&p); err != nil {
			return fmt.Errorf("simulated patient %d: %w", i+1, err)
		}
	}
	return nil
}
