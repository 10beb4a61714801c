package durability

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/finding"
	"afterglow/internal/simulate"
)

// clinic is a simulated clinic in a warehouse, with the clinic's protocols and what
// its courses were given, counted from the simulator and not from the warehouse.
type clinic struct {
	*fixture
	patients, boosted, boosters, completed, short int
}

func newClinic(t testing.TB, patients int, seed uint64, until int) *clinic {
	t.Helper()
	c := &clinic{fixture: newFixture(t), patients: patients}
	s, err := simulate.New(c.asker.library, simulate.Config{Patients: patients, Seed: seed})
	require.NoError(t, err)
	_, err = s.Fill(t.Context(), c.w, "events")
	require.NoError(t, err)
	planned := map[string]int{}
	for _, p := range simulate.Protocols() {
		planned[p.ID] = p.Sessions
	}
	require.NoError(t, s.Each(func(p *simulate.Patient) error {
		series, boosters := 0, 0
		for _, one := range p.Sessions {
			switch {
			case !one.Booster:
				series++
			case one.SinceLast > 0 && one.SinceLast <= until:
				boosters++
			}
		}
		c.boosters += boosters
		if boosters > 0 {
			c.boosted++
		}
		if series == planned[p.Protocol.ID] {
			c.completed++
		} else {
			c.short++
		}
		return nil
	}))
	return c
}

func (c *clinic) knowsProtocols() *clinic {
	c.asker.protocols = protocolsOf
	return c
}

func eventOf(t testing.TB, f finding.Finding, kind string) finding.Event {
	t.Helper()
	for _, e := range f.Events {
		if e.Kind == kind {
			return e
		}
	}
	t.Fatalf("no event %s", kind)
	return finding.Event{}
}

// Boosters and how series went are counted from the sessions, in the time that the
// answer looks at.
func TestEventsAreCountedFromTheSessions(t *testing.T) {
	const patients = 300
	for _, c := range []struct {
		measure string
		until   int
	}{{"phq-9", 168}} {
		made := newClinic(t, patients, 3, c.until).knowsProtocols()
		require.Positive(t, made.boosted)
		for _, group := range []string{"protocol", "setting", "all"} {
			got, err := made.asker.Ask(t.Context(), "retained-benefit", simulate.StudyID, map[string]string{"measure": c.measure, "group": group})
			require.NoError(t, err)
			booster := eventOf(t, got, "booster")
			require.True(t, booster.Recorded)
			require.Equal(t, made.boosters, *booster.Events)
			require.Equal(t, made.boosted, *booster.Courses)
			require.Equal(t, "treatment policy", booster.Strategy)
			require.Equal(t, made.completed, *eventOf(t, got, "series-completed").Courses)
			require.Equal(t, made.short, *eventOf(t, got, "series-short").Courses)
			for _, kind := range []string{"course-end", "medicine-change", "death"} {
				e := eventOf(t, got, kind)
				require.False(t, e.Recorded, kind)
				require.Nil(t, e.Events, "never 0")
				require.Nil(t, e.Courses)
			}
			words := strings.Join(got.Estimand.IntercurrentEvents, "; ")
			require.Contains(t, words, fmt.Sprintf("%d boosters in %d of %d courses; scores count as observed (treatment policy)", made.boosters, made.boosted, patients))
			require.Contains(t, words, "not recorded: ends of a course, changes of medicine and deaths")
			require.Contains(t, got.Estimand.Time, "the last session of the series")
		}
	}
}

// Only boosters between time zero and the last visit analysed count.
func TestBoostersAfterTheLastVisitAreNotCounted(t *testing.T) {
	made := newClinic(t, 120, 5, 56)
	study, err := made.w.Study(t.Context(), simulate.StudyID)
	require.NoError(t, err)
	study.Visits = study.Visits[:4]
	require.Equal(t, 56, study.Visits[3].Day)
	require.NoError(t, made.w.InsertStudy(t.Context(), "shorter", study, 1_000_000_000))
	got, err := made.asker.Ask(t.Context(), "retained-benefit", simulate.StudyID, nil)
	require.NoError(t, err)
	require.Equal(t, made.boosters, *eventOf(t, got, "booster").Events)
	require.Equal(t, made.boosted, *eventOf(t, got, "booster").Courses)
	require.Positive(t, made.boosters)
	require.False(t, eventOf(t, got, "series-completed").Recorded, "nobody said what the protocols plan")
}

// A study of answers alone records no event of any kind.
func TestWithoutSessionsNoEventIsRecorded(t *testing.T) {
	f := loadBeatTheBlues(t)
	got, err := f.asker.Ask(t.Context(), "retained-benefit", "btheb", nil)
	require.NoError(t, err)
	require.NotEmpty(t, got.Events)
	for _, e := range got.Events {
		require.False(t, e.Recorded, e.Kind)
		require.Nil(t, e.Events)
	}
	require.Equal(t, []string{"not recorded: boosters, whether a series was completed, whether it was cut short, ends of a course, changes of medicine and deaths"}, got.Estimand.IntercurrentEvents)
}

// Groups are called by the clinic's names and defined by its own cuts.
func TestGroupsAreNamedAndDefined(t *testing.T) {
	made := newClinic(t, 200, 4, 168).knowsProtocols()
	ask := func(group string) finding.Finding {
		got, err := made.asker.Ask(t.Context(), "retained-benefit", simulate.StudyID, map[string]string{"group": group})
		require.NoError(t, err)
		t.Log(got.Answer)
		return got
	}
	setting := ask("setting")
	require.Equal(t, []string{"setting low", "setting middle", "setting high"}, []string{setting.Groups[0].Label, setting.Groups[1].Label, setting.Groups[2].Label})
	require.Equal(t, "Setting high: the mean of the 25-item inventory of the setting (0 to 100) over the sessions of the series is 80 or more.", setting.Groups[2].Definition)
	require.Contains(t, setting.Groups[1].Definition, "60 or more and below 80")
	require.Contains(t, setting.Answer, "of the day-14 benefit is left where the setting was rated ")
	require.Contains(t, setting.Answer, "24 weeks after the last session of the series ")
	require.Contains(t, setting.Answer, "The groups were not randomised")

	protocol := ask("protocol")
	require.Equal(t, "In-clinic intravenous series", protocol.Groups[0].Label)
	require.Equal(t, "iv-series", protocol.Groups[0].Name)
	require.Contains(t, protocol.Answer, "under \u2018In-clinic intravenous series\u2019")
	require.NotEmpty(t, protocol.Named("retained_share"))
	require.Equal(t, "iv-series", protocol.Named("retained_share")[0].Group, "estimates keep the level")

	n := 0
	for _, group := range []string{"preparation", "mode", "all"} {
		got := ask(group)
		n = 0
		for _, g := range got.Groups {
			require.NotEmpty(t, g.Label)
			require.True(t, strings.HasSuffix(g.Definition, "."), g.Definition)
			require.NotEmpty(t, g.Verdict)
			n += g.N
		}
		require.LessOrEqual(t, n, 200)
		require.Equal(t, 200, got.N+got.NMissing)
		for _, id := range []string{"iv-series", "im-series", "sublingual-home", simulate.StudyID, "remote-supported"} {
			require.NotContains(t, strings.Join(append(sentences(got), got.Answer), "\n"), id)
		}
	}
	require.Equal(t, 200, n, "everyone is everyone")
	require.Len(t, ask("all").Groups, 1)
}

// sentences are all texts of a finding that people read, but for the model's
// formula.
func sentences(f finding.Finding) []string {
	out := []string{f.Title, f.Answer, f.Estimand.Population, f.Estimand.Treatment, f.Estimand.Variable, f.Estimand.Time, f.Estimand.Summary}
	out = append(out, f.Estimand.IntercurrentEvents...)
	for _, g := range f.Groups {
		out = append(out, g.Definition, g.Verdict, g.Label)
	}
	for _, c := range f.Caveats {
		out = append(out, c.Text)
	}
	for _, t := range f.Tables {
		out = append(append(out, t.Caption), t.Notes...)
	}
	for _, e := range f.Estimates {
		out = append(out, e.Note)
	}
	return out
}

func protocolsOf(context.Context) ([]care.Protocol, error) { return simulate.Protocols(), nil }

// withoutBoosters takes the boosters out of the warehouse.
func (c *clinic) withoutBoosters(t testing.TB) error {
	t.Helper()
	s, err := simulate.New(c.asker.library, simulate.Config{Patients: c.patients, Seed: 7})
	require.NoError(t, err)
	var sequences []uint64
	next := uint64(1) // as the filling counts: the study, then each patient, sessions, answers
	require.NoError(t, s.Each(func(p *simulate.Patient) error {
		next++
		for _, one := range p.Sessions {
			if next++; one.Booster {
				sequences = append(sequences, next)
			}
		}
		next += uint64(len(p.Responses))
		return nil
	}))
	return c.w.DeleteSessions(t.Context(), sequences)
}
