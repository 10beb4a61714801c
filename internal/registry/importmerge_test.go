package registry_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

// partRows is how many rows a transaction of an import says that it wrote.
func partRows(t *testing.T, e registry.AuditEntry) int {
	t.Helper()
	var detail struct {
		Rows int `json:"rows"`
	}
	require.NoError(t, json.Unmarshal(e.Detail, &detail))
	return detail.Rows
}

func TestAStudyGrowsAndKeepsWhatItHad(t *testing.T) {
	base := trial(1).Study
	base.Covariates = []care.Factor{{Name: "sex", Levels: []string{"f", "m"}}}
	for _, c := range []struct {
		name    string
		change  func(*care.Study)
		changes []string
		refused string
	}{
		{"nothing", func(*care.Study) {}, nil, ""},
		{"a title", func(s *care.Study) { s.Title = "A nicer title" }, []string{"the title changes"}, ""},
		{"a visit at the end", func(s *care.Study) { s.Visits = append(s.Visits, care.Visit{Name: "6m", Day: 182}) }, []string{`visit "6m" on day 182 is new`}, ""},
		{"a visit before", func(s *care.Study) { s.Visits = append([]care.Visit{{Name: "1m", Day: 30}}, s.Visits...) }, []string{`visit "1m" on day 30 is new`}, ""},
		{"only another visit", func(s *care.Study) { s.Visits = []care.Visit{{Name: "6m", Day: 182}} },
			[]string{`visit "6m" on day 182 is new`, `visit "2m" is stored and the map does not have it; it stays`}, ""},
		{"a level", func(s *care.Study) { s.Arm.Levels = []string{"TAU", "new", "other"} }, []string{`level "other" of arm is new`}, ""},
		{"another reference", func(s *care.Study) { s.Arm.Levels = []string{"new", "TAU"} }, []string{`the reference of arm is "new" now and was "TAU"`}, ""},
		{"an assignment", func(s *care.Study) { s.Arm.Assignment = care.AssignmentRandomised },
			[]string{`how subjects were assigned to their level of arm is "randomised" now and was "not said"`}, ""},
		{"a covariate", func(s *care.Study) {
			s.Covariates = append(s.Covariates, care.Factor{Name: "site", Levels: []string{"a"}})
		}, []string{`covariate "site" is new`}, ""},
		{"a covariate less", func(s *care.Study) { s.Covariates = nil }, []string{`covariate "sex" is stored and the map does not have it; it stays`}, ""},
		{"a measure", func(s *care.Study) {
			s.Measures = append(s.Measures, care.Measure{Instrument: "gad-7", Version: "1.0.0", Total: "gad"})
		}, []string{`measure "gad" is new`}, ""},
		{"a baseline", func(s *care.Study) { s.Measures[0].Baseline = "bdi_pre" }, []string{`measure "bdi" has a baseline now`}, ""},
		{"another day of a visit", func(s *care.Study) { s.Visits[0].Day = 60 }, nil, `visit "2m" is stored on day 61`},
		{"another visit on a stored day", func(s *care.Study) { s.Visits = []care.Visit{{Name: "two", Day: 61}} }, nil, "days must be 0 or more and rise"},
		{"another arm", func(s *care.Study) { s.Arm.Name = "treatment" }, nil, `arm: is stored as "arm"`},
		{"no arm", func(s *care.Study) { s.Arm = care.Factor{} }, nil, `arm: is stored as "arm"`},
		{"another anchor", func(s *care.Study) { s.Anchor = care.AnchorLastSession }, nil, "visit.anchor"},
		{"another version", func(s *care.Study) { s.Measures[0].Version = "2.0.0" }, nil, "measures/bdi-ii/version"},
		{"another name of the total", func(s *care.Study) { s.Measures[0].Total = "beck" }, nil, "measures/bdi-ii/total"},
		{"simulated", func(s *care.Study) { s.Simulated = true }, nil, "simulated: is stored as false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := registrytest.NewFolder(t).Open(t)
			in := trial(2)
			in.Study = base
			_, err := s.ImportStudy(ctx, system, in)
			require.NoError(t, err)

			further := trial(2)
			further.Study = copyOf(t, base)
			c.change(&further.Study)
			report, err := s.ImportStudy(ctx, system, further)
			stored, readErr := s.Study(ctx, "trial")
			require.NoError(t, readErr)
			if c.refused != "" {
				require.ErrorContains(t, err, c.refused)
				require.Contains(t, []fault.Kind{fault.KindConflict, fault.KindInvalid}, fault.KindOf(err))
				require.Equal(t, base, stored, "nothing changed")
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.changes, report.StudyChanges)
			require.Equal(t, 2, report.ResponsesKnown)
			for _, v := range base.Visits {
				require.Contains(t, stored.Visits, v)
			}
			for _, f := range base.Covariates {
				require.Contains(t, stored.Covariates, f)
			}
			again, err := s.ImportStudy(ctx, system, further)
			require.NoError(t, err)
			require.Equal(t, 2, again.ResponsesKnown)
			twice, err := s.Study(ctx, "trial")
			require.NoError(t, err)
			require.Equal(t, stored, twice, "the same map again has no effect")
		})
	}
}

func copyOf(t *testing.T, s care.Study) care.Study {
	t.Helper()
	data, err := json.Marshal(s)
	require.NoError(t, err)
	var out care.Study
	require.NoError(t, json.Unmarshal(data, &out))
	return out
}

// A study that gains an arm: who had none has a level now, and no number of the
// arms before is touched.
func TestAStudyWithoutArmsMayGainOne(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t)
	in := trial(2)
	in.Study.Arm = care.Factor{}
	for i := range in.Subjects {
		in.Subjects[i].Factors = map[string]string{}
	}
	_, err := s.ImportStudy(ctx, system, in)
	require.NoError(t, err)
	report, err := s.ImportStudy(ctx, system, trial(2))
	require.NoError(t, err)
	require.Equal(t, 2, report.FactorsAdded)
	require.Equal(t, []string{`the arm "arm" is new`}, report.StudyChanges)
}

func TestWhatAFurtherFileLacksIsNamed(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t)
	in := trial(3)
	_, err := s.ImportStudy(ctx, system, in)
	require.NoError(t, err)
	further := trial(3)
	further.Subjects[1].Responses = nil
	further.Subjects = further.Subjects[:2]
	report, err := s.ImportStudy(ctx, system, further)
	require.NoError(t, err)
	require.Equal(t, []registry.AbsentScore{{Subject: "canary-000001", Visit: "2m", Instrument: "bdi-ii"}}, report.Absent)
	require.Equal(t, 1, report.AbsentCount)
	require.Equal(t, []string{"canary-000002"}, report.AbsentSubjects)
	require.Equal(t, []registry.KeptScores{{Instrument: "bdi-ii", Visit: "2m", Arm: "new", Scores: 2}}, report.Kept)
	require.Equal(t, map[string]int{"new": 1}, report.KeptSubjects)
	require.Equal(t, shown{studies: 1, rows: 3, waiting: 3}, look(t, s), "and stays")

	alike := trial(1)
	alike.Subjects[0].Code = "CANARY-0"
	report, err = s.ImportStudy(ctx, system, alike)
	require.NoError(t, err)
	require.Equal(t, []registry.AlikeCodes{{Given: "CANARY-0", Stored: "canary-000000"}}, report.Alike)
}
