package durability

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/finding"
	"afterglow/internal/instrument"
	"afterglow/internal/warehouse"
	"afterglow/schemas"
)

func (c trial) loss(t testing.TB, settings map[string]string) finding.Finding {
	t.Helper()
	return lossOf(t, c.load(t), settings)
}

func lossOf(t testing.TB, f *fixture, settings map[string]string) finding.Finding {
	t.Helper()
	got, err := f.asker.Ask(t.Context(), "time-to-loss", "trial", settings)
	require.NoError(t, err)
	t.Log(got.Answer)
	requireSound(t, got)
	return got
}

// requireSound holds what every answer of the question keeps, whatever the data.
func requireSound(t require.TestingT, f finding.Finding) {
	raw, err := json.Marshal(f)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "NaN")
	require.NotEmpty(t, f.Answer)
	require.NotContains(t, f.Answer, "benefit")
	require.NotContains(t, f.Answer, "  ")
	require.NotContains(t, string(raw), "no further session")
	if f.Refused != nil {
		require.Empty(t, f.Estimates)
		require.NotEmpty(t, f.Refused.Reason)
		return
	}
	last := map[string]float64{}
	for _, e := range f.Named("in_response") {
		if e.Estimate == nil {
			require.NotEmpty(t, e.Note, "an undefined number says why")
			continue
		}
		above, ok := last[e.Group]
		require.True(t, *e.Estimate >= 0 && *e.Estimate <= 1 && (!ok || *e.Estimate <= above+1e-9), "%s at %s: %v after %v", e.Group, e.Visit, *e.Estimate, above)
		last[e.Group] = *e.Estimate
	}
	for _, e := range f.Estimates {
		if strings.HasPrefix(e.Name, "restricted_mean") && !strings.HasSuffix(e.Name, "difference") && e.CILower != nil {
			require.True(t, *e.CILower >= 0 && *e.CILower <= *e.Estimate && *e.Estimate <= *e.CIUpper, "%s of %s", e.Name, e.Group)
		}
	}
}

// Everybody is worse than before: nobody had a response, and the sentence says what
// happened instead.
func TestWhereEverybodyIsWorseThereIsNoResponseToLose(t *testing.T) {
	c := trial{visits: w4w12, arms: []string{"usual", "new"}, lines: readTrial(t, "12-worse-is-no-benefit/data.csv")}
	got := c.loss(t, nil)
	require.Equal(t, "There was no response to lose: at week 4 none of the 24 patients assessed was in response (at least 50 % below the score before treatment). "+
		"The mean change from before treatment was +7.8 points in usual (12 of 12 worse than before treatment) and +5.1 points in new (12 of 12 worse than before treatment); a fall is better.",
		got.Answer)
	require.Equal(t, "nobody was in response at week 4", got.Refused.Reason)
	require.Equal(t, map[string]any{"patients": 24, "without_baseline": 0, "assessed": 24, "in_response": 0, "assessed_again": 0}, got.Refused.Numbers)
	require.Zero(t, got.N)
	require.Zero(t, got.NMissing)
	require.Empty(t, got.KM)
	table, ok := got.Table("responders")
	require.True(t, ok)
	require.Equal(t, []finding.Cell{finding.Text("usual"), finding.Count(12), finding.Count(12), finding.Count(12), finding.Count(0), finding.Count(12), finding.Number(94.0 / 12)}, table.Rows[0])

	// One group had responses, the other got worse: both are told.
	lines := append([][]string(nil), c.lines...)
	for i, line := range lines {
		if line[1] == "new" {
			lines[i] = append([]string(nil), line...)
			lines[i][3] = map[string]string{"w4": "2", "w12": []string{"2", "16"}[i%4/2]}[line[2]]
		}
	}
	mixed := trial{visits: w4w12, arms: []string{"usual", "new"}, lines: lines}.loss(t, nil)
	require.Nil(t, mixed.Refused)
	require.Contains(t, mixed.Answer, "Nobody was in response in usual. The mean change from before treatment was +7.8 points in usual (12 of 12 worse than before treatment); a fall is better.")
	require.Contains(t, codes(mixed), "no-responders")
	require.Equal(t, "nobody in response", mixed.Groups[0].Verdict)
}

// A visit that nobody, or one patient, has reached leaves the rest as it would be
// without it.
func TestTheTimeToLossOfAStudyUnderWay(t *testing.T) {
	lines := readTrial(t, "03-visit-nobody-reached/data.csv")
	arms := []string{"usual", "new"}
	without := trial{visits: w4w12, arms: arms, lines: lines}.loss(t, nil)
	require.Nil(t, without.Refused)
	planned := append(append([]care.Visit(nil), w4w12...), care.Visit{Name: "w26", Day: 182})
	got := trial{visits: planned, arms: arms, lines: lines}.loss(t, nil)
	require.Equal(t, without.Answer, got.Answer)
	require.Contains(t, caveat(t, got, "visit-left-out"), "w26 is left out of the answer: no responder was followed for so long (0 of 8 patients answered there).")
	require.Nil(t, named(t, got, "in_response", "new", "w26").Estimate)
	require.Equal(t, *named(t, without, "in_response", "new", "w12").Estimate, *named(t, got, "in_response", "new", "w12").Estimate)

	one := trial{visits: planned, arms: arms, lines: append(append([][]string(nil), lines...), []string{"s05", "new", "w26", "14", "30"})}.loss(t, nil)
	require.Nil(t, one.Refused)
	require.NotNil(t, named(t, one, "in_response", "new", "w26").Estimate)

	// Nobody has come back yet.
	early := [][]string{}
	for _, line := range lines {
		if line[2] == "w4" {
			early = append(early, line)
		}
	}
	waiting := trial{visits: planned, arms: arms, lines: early}.loss(t, nil)
	require.Equal(t, "nobody in response at week 4 has been assessed since", waiting.Refused.Reason)
	require.Contains(t, waiting.Answer, "It cannot be said yet how long a response lasts: of the 8 patients assessed at week 4, 5 were in response")
	only := trial{visits: w4w12[:1], arms: arms, lines: early}.loss(t, nil)
	require.Equal(t, "no visit is planned after week 4", only.Refused.Reason)
}

func TestTheTimeToLossWithoutArms(t *testing.T) {
	for name, c := range map[string]trial{
		"no arm":       {visits: w4w12, lines: readTrial(t, "06-one-arm/data.csv")},
		"constant arm": {visits: w4w12, arms: []string{"new"}, lines: readTrial(t, "06-one-arm/data-constant-arm.csv")},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.loss(t, nil)
			require.Nil(t, got.Refused)
			require.Empty(t, got.Named("hazard_ratio_unadjusted"))
			require.Len(t, got.Groups, 1)
			require.NotContains(t, got.Answer, "everyone")
			all := c.loss(t, map[string]string{"group": "all"})
			require.Equal(t, *named(t, got, "in_response", got.Groups[0].Name, "w12").Estimate, *named(t, all, "in_response", "all", "w12").Estimate)
		})
	}
}

func TestWithoutABaselineThereIsNoResponseToLose(t *testing.T) {
	lines := readTrial(t, "03-visit-nobody-reached/data.csv")
	for baseline, words := range map[string]string{
		"":  "This cannot be said: none of 8 patients has a score before treatment, and without it there is no response to lose.",
		"0": "This cannot be said: the scores before treatment, of 8 patients, are all 0, and an improvement by a share of 0 is not defined.",
	} {
		bare := [][]string{}
		for _, line := range lines {
			bare = append(bare, []string{line[0], line[1], line[2], line[3], baseline})
		}
		got := trial{visits: w4w12, arms: []string{"usual", "new"}, lines: bare}.loss(t, nil)
		require.Equal(t, words, got.Answer)
		require.NotNil(t, got.Refused)
		require.Equal(t, 8, got.NMissing)
	}
}

// moods is a library whose mood scale, on which higher is better, says that a
// response is a rise of the given kind; "" leaves it out.
func moods(t *testing.T, response string) *instrument.Library {
	t.Helper()
	raw, err := fs.ReadFile(schemas.Instruments(), "nrs-mood.yaml")
	require.NoError(t, err)
	text := string(raw)
	if response != "" {
		text = strings.Replace(text, "thresholds:\n", "thresholds:\n  - {name: response, kind: response, "+response+", citation: Made up for a test, confirmed: true}\n", 1)
	}
	library, err := instrument.LoadLibrary(fstest.MapFS{"nrs-mood.yaml": {Data: []byte(text)}})
	require.NoError(t, err)
	return library
}

// moodTrial has four patients, of whom three rise by half of what they had at w4; of
// these one has lost it at w12.
func moodTrial(t *testing.T, library *instrument.Library) *fixture {
	t.Helper()
	f := newFixture(t)
	f.asker = New(Config{Warehouse: f.w, Library: library, Software: "afterglow test", Now: func() time.Time { return time.Time{} }})
	definition, err := library.Latest("nrs-mood")
	require.NoError(t, err)
	for n, scores := range [][3]float64{{4, 6, 6}, {4, 7, 5}, {2, 8, 8}, {5, 3, 4}} {
		for i, visit := range []string{care.BaselineVisit, "w4", "w12"} {
			row := len(f.rows) + 1
			f.rows = append(f.rows, warehouse.Response{Study: "trial", Instrument: "nrs-mood", Subject: pseudonym(n), Occasion: uint64(row), Revision: 1, Sequence: uint64(row),
				Key: fmt.Sprint(row), Visit: visit, Day: []int32{0, 28, 84}[i], InstrumentVersion: definition.Version, DefinitionHash: hash, Score: &scores[i],
				Items: []string{}, Values: []*int32{}, Source: care.SourceImport, ContentHash: hash})
		}
	}
	subjects := []warehouse.Subject{}
	for n := range 4 {
		subjects = append(subjects, warehouse.Subject{Study: "trial", Subject: pseudonym(n), Sequence: 1, Factors: map[string]string{}})
	}
	f.ship(care.Study{ID: "trial", Title: "Moods", Anchor: care.AnchorCourseStart, VisitName: "visit", Visits: w4w12,
		Measures: []care.Measure{{Instrument: "nrs-mood", Version: definition.Version, Total: "mood", Baseline: "mood_pre"}}}, subjects)
	return f
}

func TestTheTimeToLossWhereHigherIsBetter(t *testing.T) {
	for response, want := range map[string]struct {
		words      string
		responders int
		left       float64
	}{
		"percent: 50": {"at least 50 % above the score before treatment", 3, 2.0 / 3},
		"points: 3":   {"at least 3 points above the score before treatment", 2, 0.5},
	} {
		got := lossOf(t, moodTrial(t, moods(t, response)), nil)
		require.Nil(t, got.Refused)
		require.Equal(t, want.responders, got.N)
		require.InDelta(t, want.left, *named(t, got, "in_response", "all", "w12").Estimate, 1e-9)
		for _, words := range []string{got.Estimand.Population, got.Method} {
			require.Contains(t, words, want.words)
		}
		table, _ := got.Table("responders")
		require.EqualValues(t, 1, *table.Rows[0][table.Column("n_worse")].Number, "the one whose mood fell")
		require.InDelta(t, 2.25, *table.Rows[0][table.Column("change")].Number, 1e-9)
	}
}

// Without a published definition there is nothing to ask about: that is a finding, not
// an error.
func TestAScaleWithoutAPublishedResponseIsRefused(t *testing.T) {
	got := lossOf(t, moodTrial(t, moods(t, "")), nil)
	require.NotNil(t, got.Refused)
	require.Equal(t, map[string]any{"patients": 4, "baselines": 4, "assessed": 4}, got.Refused.Numbers)
	require.Contains(t, got.Answer, "no published definition says how large an improvement on Mood, 0 to 10 is a response")
	require.Zero(t, got.N)
	require.Equal(t, 4, got.NMissing)
	require.NotNil(t, got.Caveats)
}

// Boosters are counted; asked to, a course's follow-up ends at its first.
func TestTheTimeToLossUpToTheFirstBooster(t *testing.T) {
	c := trial{visits: []care.Visit{{Name: "w4", Day: 28}, {Name: "w12", Day: 84}, {Name: "w26", Day: 182}}, title: "Open label"}
	for n, scores := range [][3]string{{"10", "10", "25"}, {"10", "25", "25"}, {"12", "12", "12"}, {"12", "12", "12"}} {
		for i, v := range c.visits {
			c.lines = append(c.lines, []string{fmt.Sprint(n), "", v.Name, scores[i], "30"})
		}
	}
	f := c.load(t)
	plain := lossOf(t, f, map[string]string{"boosters": "censor"})
	require.Contains(t, plain.Answer, "this study records no session")
	session := func(sequence, subject, number, day int, booster bool) warehouse.Session {
		return warehouse.Session{Study: "trial", Subject: pseudonym(subject), Course: uint64(subject), Revision: 1, Sequence: uint64(sequence), ContentHash: hash,
			Session: care.Session{Number: number, Day: day, Booster: booster, Route: care.RouteIntravenous, Mode: care.ModeInPerson, Protocol: care.ProtocolRef{ID: "iv", Version: 1}, Setting: care.Setting{}}}
	}
	require.NoError(t, f.w.InsertSessions(t.Context(), "sessions", []warehouse.Session{
		session(1, 1, 1, 0, false), session(2, 2, 1, 0, false), session(3, 3, 1, 0, false), session(4, 1, 2, 100, true), session(5, 1, 3, 130, true)}))
	observed := lossOf(t, f, nil)
	ended := lossOf(t, f, map[string]string{"boosters": "censor"})
	require.InDelta(t, 0.5, *named(t, observed, "in_response", "all", "w26").Estimate, 1e-9)
	require.InDelta(t, 0.75, *named(t, ended, "in_response", "all", "w26").Estimate, 1e-9, "the first patient's loss at w26 came after a booster on day 100")
	require.Contains(t, ended.Answer, "Follow-up ends with the last assessment up to the first booster; 1 of 4 courses had one.")
	require.Contains(t, strings.Join(observed.Estimand.IntercurrentEvents, "; "), "2 boosters in 1 of 4 courses; assessments count as observed (treatment policy)")
	require.Contains(t, strings.Join(ended.Estimand.IntercurrentEvents, "; "), "2 boosters in 1 of 4 courses; follow-up ends with the last assessment up to a course's first")
	strategy := func(got finding.Finding) string {
		for _, e := range got.Events {
			if e.Kind == eventBooster {
				require.Equal(t, 2, *e.Events)
				return e.Strategy
			}
		}
		return ""
	}
	require.Equal(t, treatmentPolicy, strategy(observed))
	require.Equal(t, hypothetical, strategy(ended))
	require.Contains(t, codes(ended), "ended-at-booster")
	var curves struct {
		Groups []struct {
			N, Events int
		}
	}
	require.NoError(t, json.Unmarshal(ended.KM, &curves))
	require.Equal(t, 1, curves.Groups[0].Events, "the field km ends there too")
}

// A scale that is first asked later than t* is followed from where it is asked.
func TestAScaleAskedLaterBeginsWhereItIsAsked(t *testing.T) {
	lines := readTrial(t, "03-visit-nobody-reached/data.csv")
	visits := append([]care.Visit{{Name: "w1", Day: 7}}, w4w12...)
	arms := []string{"usual", "new"}
	got := trial{visits: visits, arms: arms, lines: lines}.loss(t, nil)
	require.Equal(t, trial{visits: w4w12, arms: arms, lines: lines}.loss(t, nil).Answer, got.Answer)
	require.Contains(t, caveat(t, got, "first-visit"), "Few answered this measure at w1 (0 of 8 patients), so later visits are compared with w4")
	asked := trial{visits: visits, arms: arms, lines: lines}.loss(t, map[string]string{"first-visit": "w1"})
	require.Equal(t, "nobody with a score before treatment was assessed at week 1", asked.Refused.Reason)
}

func TestPhrasesOfGroupsAreJoinedOnce(t *testing.T) {
	for want, phrases := range map[string][]string{
		"where the setting was rated low":                   {"where the setting was rated low"},
		"where the setting was rated low, middle or high":   {"where the setting was rated low", "where the setting was rated middle", "where the setting was rated high"},
		"in TAU and BtheB":                                  {"in TAU", "in BtheB"},
		"under \u2018In one\u2019 and \u2018In two\u2019":   {"under \u2018In one\u2019", "under \u2018In two\u2019"},
		"where preparation was complete or partly left out": {"where preparation was complete", "where preparation was partly left out"},
		"with sessions in person and in TAU":                {"with sessions in person", "in TAU"},
		"":                                                  nil,
	} {
		require.Equal(t, want, alike(phrases))
	}
}

// A group in which nobody lost the response has a mean without an error: that is said
// wherever it is compared.
func TestAMeanWithoutAnErrorIsSaid(t *testing.T) {
	c := trial{visits: w4w12, arms: []string{"usual", "new"}}
	for n := range 12 {
		late := map[bool]string{true: "25", false: "10"}[n%4 == 0]
		c.lines = append(c.lines, []string{fmt.Sprint(n), c.arms[n%2], "w4", "10", "30"}, []string{fmt.Sprint(n), c.arms[n%2], "w12", late, "30"})
	}
	got := c.loss(t, nil)
	mean := named(t, got, "restricted_mean_assessed", "new", "")
	require.Nil(t, mean.CILower)
	require.Contains(t, mean.Note, "no interval: the mean in new has no error")
	require.Contains(t, named(t, got, "restricted_mean_assessed_difference", "new - usual", "").Note, "too narrow")
	require.Contains(t, caveat(t, got, "mean-without-error"), "too narrow")
	table, ok := got.Table("restricted_mean_assessed")
	require.True(t, ok)
	require.Contains(t, strings.Join(table.Notes, " "), "counts the error of the other group only and is too narrow")
	require.Contains(t, strings.Join(table.Notes, " "), "Intervals of means are those of the logit of their share of the 56 days")
	require.Contains(t, got.Answer, "100 % of 6 in new")
	require.Equal(t, "no interval: no loss is known to lie before", named(t, got, "in_response", "new", "w12").Note)
}

// One more visit that was missed moves a curve, but never out of 0 to 1, and a loss
// that is known less exactly is still a loss by the end.
func TestAMissedVisitWidensAndDoesNotBreakTheCurve(t *testing.T) {
	c := trial{visits: []care.Visit{{Name: "w4", Day: 28}, {Name: "w8", Day: 56}, {Name: "w12", Day: 84}, {Name: "w24", Day: 168}}}
	for n := range 20 {
		for i, v := range c.visits {
			score := "10"
			if i > 0 && n%5 < i {
				score = "25"
			}
			c.lines = append(c.lines, []string{fmt.Sprint(n), "", v.Name, score, "30"})
		}
	}
	whole := c.loss(t, nil)
	for n := range 20 {
		if n%3 > 0 {
			c.lines[4*n+1+n%2][3] = "" // w8 or w12 is missed
		}
	}
	missed := c.loss(t, nil)
	end := named(t, whole, "in_response", "all", "w24")
	require.InDelta(t, 0.4, *end.Estimate, 1e-9)
	require.InDelta(t, 0.4, *named(t, missed, "in_response", "all", "w24").Estimate, 1e-9, "everybody was seen at the end")
	require.InDelta(t, *named(t, whole, "in_response", "all", "w12").Estimate, *named(t, missed, "in_response", "all", "w12").Estimate, 0.1)
	require.Greater(t, *named(t, missed, "in_response", "all", "w8").SE, *named(t, whole, "in_response", "all", "w8").SE)
	require.InDelta(t, math.Sqrt(0.4*0.6/20), *end.SE, 1e-9, "binomial where nobody is censored")
}
