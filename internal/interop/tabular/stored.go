package tabular

import (
	"fmt"
	"slices"

	"afterglow/internal/care"
	"afterglow/internal/registry"
)

// KeepVersions gives measures whose version the map leaves out the one that the
// stored study has: a newer one in the library must not change a running study.
func (m *Map) KeepVersions(stored care.Study) {
	for i := range m.Study.Measures {
		measure := &m.Study.Measures[i]
		at := slices.IndexFunc(stored.Measures, func(s care.Measure) bool { return s.Instrument == measure.Instrument })
		if at >= 0 && measure.Version == "" {
			measure.Version = stored.Measures[at].Version
		}
	}
}

// AddStored brings the report's counts to those of the store after the import: what
// is stored and not in the file counts too. Codes that are alike join the warnings.
func (r *Report) AddStored(study care.Study, found registry.ImportReport) {
	for _, a := range found.Alike {
		r.Warnings = append(r.Warnings, fmt.Sprintf("row %d: subject %q and the stored subject %q are alike: they %s and are two persons here", a.Row, a.Given, a.Stored, theyDiffer))
	}
	expected := map[string]int{}
	for i := range r.Occasions {
		o := &r.Occasions[i]
		o.Expected += found.KeptSubjects[o.Arm]
		o.Missing = o.Expected - o.Answered
		expected[o.Arm] = o.Expected
	}
	for _, kept := range found.Kept {
		measure := kept.Instrument
		if m, known := study.Measure(kept.Instrument); known {
			measure = m.Total
		}
		place := func() int {
			return slices.IndexFunc(r.Occasions, func(o OccasionCount) bool {
				return o.Measure == measure && o.Visit == kept.Visit && o.Arm == kept.Arm
			})
		}
		if place() < 0 { // the map does not have the visit, or the measure
			for _, arm := range armLevels(study) {
				r.Occasions = append(r.Occasions, OccasionCount{Measure: measure, Visit: kept.Visit, Arm: arm, Expected: expected[arm], Missing: expected[arm]})
			}
		}
		if place() < 0 { // nor the arm
			r.Occasions = append(r.Occasions, OccasionCount{Measure: measure, Visit: kept.Visit, Arm: kept.Arm, Expected: kept.Scores})
		}
		o := &r.Occasions[place()]
		o.Answered += kept.Scores
		o.Missing = o.Expected - o.Answered
	}
}
