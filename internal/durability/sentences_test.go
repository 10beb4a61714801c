package durability

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/finding"
	"afterglow/internal/simulate"
)

// said is what the data of a study are, told apart from what a finding says.
type said struct {
	assignment       care.Assignment
	compared         bool
	sessions, items  bool
	simulated        bool
	boosters, of     int
	recordsBoosters  bool
	answered, people int
}

var lastSession = regexp.MustCompile(`last session( of the series)?`)

// holds checks every sentence of a finding that claims something about the data
// against the data.
func (s said) holds(t *testing.T, f finding.Finding) {
	t.Helper()
	all := strings.Join(append(sentences(f), f.Method), "\n")
	claims := func(words string, want bool) {
		t.Helper()
		require.Equal(t, want, strings.Contains(all, words), "%q in:\n%s", words, all)
	}
	claims("none were recorded", false)
	claims("no further session", false)
	drawn := regexp.MustCompile(`says that \w+ was randomised|because \w+ was randomised|The groups were randomised`)
	require.Equal(t, s.compared && s.assignment == care.AssignmentRandomised, drawn.MatchString(all), all)
	claims("was not randomised", s.compared && s.assignment == care.AssignmentNotRandomised)
	claims("How patients were assigned to their", s.compared && (s.assignment == "" || s.assignment == care.AssignmentUnknown))
	claims("records no sessions", !s.sessions)
	claims("Only total scores are on record", !s.items)
	claims("These patients were simulated", s.simulated)
	require.Equal(t, s.simulated, f.Simulated)
	booster := eventOf(t, f, "booster")
	require.Equal(t, s.recordsBoosters, booster.Recorded)
	switch {
	case !s.recordsBoosters:
		claims("not recorded: boosters", true)
	case s.boosters == 0:
		claims(fmt.Sprintf("no booster in any of %d courses", s.of), true)
	default:
		claims(fmt.Sprintf("%d boosters in ", s.boosters), true)
		claims(fmt.Sprintf(" of %d courses", s.of), true)
	}
	claims(fmt.Sprintf("%d of %d patients answered then.", s.answered, s.people), true)
	for _, found := range lastSession.FindAllStringSubmatch(all, -1) {
		require.NotEmpty(t, found[1], "the last session is that of the series")
	}
	require.Equal(t, s.people, f.N+f.NMissing)
	if !s.compared {
		for _, words := range []string{"minus", "groups", "the two"} {
			claims(words, false)
		}
	}
}

// Each claim of a finding follows from its study's data: randomised or not, with
// sessions or without, with boosters or none.
func TestEverySentenceFollowsFromTheData(t *testing.T) {
	ask := func(f *fixture, study string, settings map[string]string) finding.Finding {
		got, err := f.asker.Ask(t.Context(), "retained-benefit", study, settings)
		require.NoError(t, err)
		t.Log(got.Answer)
		return got
	}
	t.Run("a randomised import", func(t *testing.T) {
		lines := readTrial(t, "03-visit-nobody-reached/data.csv")
		f := trial{visits: w4w12, arms: []string{"usual", "new"}, assignment: care.AssignmentRandomised, lines: lines}.load(t)
		said{assignment: care.AssignmentRandomised, compared: true, answered: 7, people: 8}.holds(t, ask(f, "trial", nil))
		said{answered: 7, people: 8}.holds(t, ask(f, "trial", map[string]string{"group": "all"}))
	})
	t.Run("an import of which nobody said how groups came about", func(t *testing.T) {
		said{compared: true, answered: 52, people: 100}.holds(t, ask(loadBeatTheBlues(t), "btheb", nil))
	})
	t.Run("an import whose total is the form's only item", func(t *testing.T) {
		c := trial{visits: w4w12, arms: []string{"usual", "new"}, lines: readTrial(t, "03-visit-nobody-reached/data.csv"), items: []string{"total"}}
		said{compared: true, answered: 7, people: 8}.holds(t, ask(c.load(t), "trial", nil))
	})
	t.Run("everybody with the same treatment", func(t *testing.T) {
		f := trial{visits: w4w12, lines: readTrial(t, "06-one-arm/data.csv")}.load(t)
		said{answered: 3, people: 4}.holds(t, ask(f, "trial", nil))
	})
	t.Run("a clinic with boosters", func(t *testing.T) {
		made := newClinic(t, 150, 6, 168).knowsProtocols()
		study, err := made.w.Study(t.Context(), simulate.StudyID)
		require.NoError(t, err)
		for _, group := range []string{"setting", "protocol", "all"} {
			got := ask(made.fixture, simulate.StudyID, map[string]string{"group": group})
			answered := 0
			table, _ := got.Table("visits")
			for _, row := range table.Rows {
				if row[1].Text == study.Visits[len(study.Visits)-1].Name {
					answered += int(*row[4].Number)
				}
			}
			said{assignment: care.AssignmentNotRandomised, compared: group != "all", sessions: true, items: true, simulated: true,
				recordsBoosters: true, boosters: made.boosters, of: 150, answered: answered, people: 150}.holds(t, got)
		}
	})
	t.Run("a clinic in which nobody came back", func(t *testing.T) {
		made := newClinic(t, 60, 7, 168)
		require.NoError(t, made.withoutBoosters(t))
		got := ask(made.fixture, simulate.StudyID, map[string]string{"group": "all"})
		require.Zero(t, *eventOf(t, got, "booster").Events)
		require.Contains(t, strings.Join(got.Estimand.IntercurrentEvents, "; "), "no booster in any of 60 courses; scores count as observed")
	})
}
