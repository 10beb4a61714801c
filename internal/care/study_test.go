package care_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/fault"
)

func trial() care.Study {
	return care.Study{
		ID: "btheb", Anchor: care.AnchorCourseStart, VisitName: "visit",
		Visits:     []care.Visit{{Name: "2m", Day: 61}, {Name: "8m", Day: 243}},
		Arm:        care.Factor{Name: "treatment", Levels: []string{"TAU", "BtheB"}},
		Covariates: []care.Factor{{Name: "drug", Levels: []string{"No", "Yes"}}},
		Measures:   []care.Measure{{Instrument: "bdi-ii", Total: "bdi", Baseline: "bdi_pre"}},
	}
}

func TestStudyValidate(t *testing.T) {
	require.NoError(t, trial().Validate())
	for _, c := range []struct {
		name string
		harm func(*care.Study)
		item string
	}{
		{"an id must be usable in a command and a URL", func(s *care.Study) { s.ID = "../x" }, "study"},
		{"a study's days count from a known anchor", func(s *care.Study) { s.Anchor = "birth" }, "visit.anchor"},
		{"visits are in time order", func(s *care.Study) { s.Visits[1].Day = 61 }, "visit.levels[1]"},
		{"a visit stands once", func(s *care.Study) { s.Visits[1].Name = "2m" }, "visit.levels[1]"},
		{"baseline is not a visit's name", func(s *care.Study) { s.Visits[0].Name = care.BaselineVisit }, "visit.levels[0]"},
		{"there is a visit", func(s *care.Study) { s.Visits = nil }, "visit.levels"},
		{"a factor has levels", func(s *care.Study) { s.Arm.Levels = nil }, "arm"},
		{"a level stands once", func(s *care.Study) { s.Covariates[0].Levels = []string{"No", "No"} }, "covariates[0]"},
		{"an assignment is one of those known", func(s *care.Study) { s.Covariates[0].Assignment = "by-hand" }, "covariates[0]"},
		{"a name means one thing", func(s *care.Study) { s.Covariates[0].Name = "bdi" }, "measures[0].total"},
		{"a name can stand in a formula", func(s *care.Study) { s.Arm.Name = "treat ment" }, "arm"},
		{"there is a measure", func(s *care.Study) { s.Measures = nil }, "measures"},
		{"a measure names its instrument", func(s *care.Study) { s.Measures[0].Instrument = "" }, "measures[0]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := trial()
			c.harm(&s)
			err := s.Validate()
			require.True(t, fault.Is(err, fault.KindInvalid), "%v", err)
			var f *fault.Error
			require.ErrorAs(t, err, &f)
			items := []string{}
			for _, d := range f.Details {
				items = append(items, d.Item)
			}
			require.Contains(t, items, c.item)
		})
	}
}

func TestAMeasureIsFoundByItsTotalOrItsInstrument(t *testing.T) {
	s := trial()
	s.Measures = append(s.Measures, care.Measure{Instrument: "bdi", Total: "other"})
	for name, total := range map[string]string{"bdi": "bdi", "bdi-ii": "bdi", "other": "other"} {
		m, ok := s.Measure(name)
		require.True(t, ok)
		require.Equal(t, total, m.Total, "a total's own name comes first")
	}
	_, ok := s.Measure("phq-9")
	require.False(t, ok)
}

func TestParsePseudonym(t *testing.T) {
	_, err := care.ParsePseudonym("0123456789abcdef0123456789abcdef")
	require.NoError(t, err)
	for _, bad := range []string{"", "0123456789ABCDEF0123456789ABCDEF", "patient-1", "0123456789abcdef0123456789abcdef0"} {
		_, err := care.ParsePseudonym(bad)
		require.True(t, fault.Is(err, fault.KindInvalid), bad)
	}
}

func TestAStudyNeedsNoArms(t *testing.T) {
	s := trial()
	s.Arm = care.Factor{}
	require.NoError(t, s.Validate(), "everybody had the same treatment")
	require.False(t, s.HasArms())
	require.Equal(t, s.Covariates, s.Factors())
	s.Arm.Name = "treatment"
	require.Error(t, s.Validate(), "an arm that is named needs its levels")
}
