package durability

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"afterglow/internal/fault"
)

// settings reads name=value pairs, remembers which names were asked for, and
// gathers every fault before it answers.
type settings struct {
	given  map[string]string
	known  []string
	faults []fault.Detail
}

func newSettings(given map[string]string) *settings { return &settings{given: given} }

func (s *settings) text(name, otherwise string) string {
	s.known = append(s.known, name)
	if v, ok := s.given[name]; ok {
		return strings.TrimSpace(v)
	}
	return otherwise
}

func (s *settings) choice(name string, accepted ...string) string {
	v := s.text(name, accepted[0])
	if !slices.Contains(accepted, v) {
		s.fail(name, "must be one of %s", strings.Join(accepted, ", "))
	}
	return v
}

func (s *settings) number(name string, otherwise float64, within func(float64) bool, rule string) float64 {
	v := s.text(name, "")
	if v == "" {
		return otherwise
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || !within(f) {
		s.fail(name, "must be %s", rule)
		return otherwise
	}
	return f
}

// numbers reads a list like 2,3,5,8; nil when it is not given.
func (s *settings) numbers(name string, count int) []float64 {
	v := s.text(name, "")
	if v == "" {
		return nil
	}
	var out []float64
	for _, part := range strings.Split(v, ",") {
		f, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil {
			s.fail(name, "must be %d numbers with commas between them", count)
			return nil
		}
		out = append(out, f)
	}
	if len(out) != count {
		s.fail(name, "must be %d numbers, one a visit", count)
	}
	return out
}

func (s *settings) level() float64 {
	return s.number("level", 0.95, func(v float64) bool { return v >= 0.5 && v <= 0.999 }, "a confidence level from 0.5 to 0.999")
}

func (s *settings) fail(name, format string, args ...any) {
	s.faults = append(s.faults, fault.Detail{Item: name, Message: fmt.Sprintf(format, args...)})
}

// done reports every fault, those of names that nothing asked for included.
func (s *settings) done() error {
	var unknown []string
	for name := range s.given {
		if !slices.Contains(s.known, name) {
			unknown = append(unknown, name)
		}
	}
	sort.Strings(unknown)
	for _, name := range unknown {
		s.fail(name, "is not a setting of this question; there are: %s", strings.Join(s.known, ", "))
	}
	if len(s.faults) > 0 {
		return fault.InvalidDetails("settings", s.faults)
	}
	return nil
}
