package durability

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/finding"
	"afterglow/internal/warehouse"
)

func TestRetainedBenefitOfARealTrial(t *testing.T) {
	f := loadBeatTheBlues(t)
	got, err := f.asker.Ask(t.Context(), "retained-benefit", "btheb", nil)
	require.NoError(t, err)
	t.Log(got.Answer)
	t.Log(got.Method)

	require.Equal(t, 97, got.N)
	require.Equal(t, 3, got.NMissing, "three patients never answered after baseline; they stay in the denominator")
	mean := named(t, got, "ls_mean", "TAU", "2m")
	require.InDelta(t, 18.9355454391138, *mean.Estimate, 1e-6, "R's emmeans")
	require.Equal(t, 45, mean.N)
	change := named(t, got, "change", "TAU", "2m")
	require.InDelta(t, *mean.Estimate-22.9857142857143, *change.Estimate, 1e-6, "change is counted from R's baseline_at")
	require.InDelta(t, *mean.SE, *change.SE, 1e-12)
	difference := named(t, got, "difference", "BtheB - TAU", "8m")
	require.Less(t, *difference.CILower, 0.0)
	require.Greater(t, *difference.CIUpper, 0.0)
	require.Contains(t, got.Answer, "do not tell the two apart")
	require.Contains(t, got.Answer, "52 of 100 patients answered then.")

	for _, share := range got.Named("retained_share") {
		require.NotNil(t, share.Estimate, "both arms fell by the first visit")
		require.Less(t, *share.CILower, *share.Estimate)
		require.Greater(t, *share.CIUpper, *share.Estimate)
		num, den := named(t, got, "change", share.Group, share.Visit), named(t, got, "change", share.Group, "2m")
		require.InDelta(t, *num.Estimate / *den.Estimate, *share.Estimate, 1e-12)
	}
	visits, ok := got.Table("visits")
	require.True(t, ok)
	require.Len(t, visits.Rows, 8)
	require.EqualValues(t, 48, *visits.Rows[0][visits.Column("n_expected")].Number)
}

func TestTimeToLossOfARealTrial(t *testing.T) {
	f := loadBeatTheBlues(t)
	got, err := f.asker.Ask(t.Context(), "time-to-loss", "btheb", nil)
	require.NoError(t, err)
	t.Log(got.Answer)

	// By hand from the file: a response is half of the baseline or less at 2m.
	responders, assessed := map[string]int{}, map[string]int{}
	for _, row := range readCSV(t, "btheb") {
		if row["visit"] == "2m" && row["bdi"] != "" {
			assessed[row["treatment"]]++
			if 2*number(t, row["bdi"]) <= number(t, row["bdi_pre"]) {
				responders[row["treatment"]]++
			}
		}
	}
	table, ok := got.Table("responders")
	require.True(t, ok)
	for _, row := range table.Rows {
		arm := row[0].Text
		require.EqualValues(t, assessed[arm], *row[table.Column("n_assessed")].Number, arm)
		require.EqualValues(t, responders[arm], *row[table.Column("n_responders")].Number, arm)
	}
	require.Equal(t, responders["TAU"]+responders["BtheB"], got.N)
	require.Equal(t, 100-assessed["TAU"]-assessed["BtheB"], got.NMissing)

	// The restricted mean among everyone is the share of responders times theirs.
	for _, arm := range []string{"TAU", "BtheB"} {
		among, all := named(t, got, "restricted_mean", arm, ""), named(t, got, "restricted_mean_assessed", arm, "")
		require.InDelta(t, *among.Estimate*float64(responders[arm])/float64(assessed[arm]), *all.Estimate, 1e-9)
	}
	one, err := f.asker.Ask(t.Context(), "time-to-loss", "btheb", map[string]string{"group": "all", "tau": "91"})
	require.NoError(t, err)
	require.Equal(t, got.N, one.N)
	require.Len(t, one.Named("median_by"), 1)
	require.Empty(t, one.Named("restricted_mean_difference"), "one group has nothing to be compared with")
}

func TestWhatAPersonAsksWronglyIsNamed(t *testing.T) {
	f := loadBeatTheBlues(t)
	for _, c := range []struct {
		name, question string
		settings       map[string]string
		says           string
	}{
		{"a question that does not exist", "is-it-good", nil, "retained-benefit"},
		{"a setting that does not exist", "retained-benefit", map[string]string{"covarience": "un"}, "covarience"},
		{"a value that does not exist", "retained-benefit", map[string]string{"covariance": "xx"}, "csh"},
		{"a variable that does not exist", "retained-benefit", map[string]string{"fixed": "age*visit+treatment*visit"}, "age"},
		{"a formula that cannot be read", "retained-benefit", map[string]string{"fixed": "bdi_pre*visit+"}, "fixed"},
		{"a level outside its range", "retained-benefit", map[string]string{"level": "95"}, "level"},
		{"times that are not one a visit", "retained-benefit", map[string]string{"times": "1,2"}, "times"},
		{"Kenward-Roger without REML", "retained-benefit", map[string]string{"method": "ML", "df": "kenward-roger"}, "REML"},
		{"a model without the arm", "retained-benefit", map[string]string{"fixed": "bdi_pre*visit"}, "treatment"},
		{"nothing after t*", "time-to-loss", map[string]string{"first-visit": "8m"}, "first-visit"},
		{"an adjustment by something else", "time-to-loss", map[string]string{"adjust": "age"}, "baseline, none"},
		{"a measure that does not exist", "retained-benefit", map[string]string{"measure": "phq-9"}, "bdi"},
		{"a restricted mean to infinity", "time-to-loss", map[string]string{"tau": "Inf"}, "tau"},
		{"a restricted mean past the follow-up", "time-to-loss", map[string]string{"tau": "100000"}, "182"},
		{"a restricted mean to nowhere", "time-to-loss", map[string]string{"tau": "-1"}, "tau"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := f.asker.Ask(t.Context(), c.question, "btheb", c.settings)
			require.True(t, fault.Is(err, fault.KindInvalid), "%v", err)
			require.ErrorContains(t, err, c.says)
		})
	}
	_, err := f.asker.Ask(t.Context(), "retained-benefit", "nowhere", nil)
	require.True(t, fault.Is(err, fault.KindNotFound), "%v", err)
}

// A group that cannot be drawn must not keep the others from being seen.
func TestAnEmptyGroupIsLeftOutWithACaveat(t *testing.T) {
	f := newFixture(t)
	study := beatTheBlues(f.asker, t)
	study.Arm.Levels = []string{"TAU", "BtheB", "nobody"}
	subjects := []warehouse.Subject{}
	for n := range 40 {
		arm := study.Arm.Levels[n%2]
		subjects = append(subjects, warehouse.Subject{Study: "btheb", Subject: pseudonym(n), Sequence: 1, Factors: map[string]string{"treatment": arm, "drug": "No", "length": "lt6m"}})
		f.answer("btheb", n, care.BaselineVisit, 0, float64(30+n%5))
		for i, v := range study.Visits {
			score := float64(29 + (n+i)%7) // TAU: no response
			if arm == "BtheB" {
				score = float64(8 + (3*n+5*i)%11)
			}
			f.answer("btheb", n, v.Name, v.Day, score)
		}
	}
	f.ship(study, subjects)
	loss, err := f.asker.Ask(t.Context(), "time-to-loss", "btheb", nil)
	require.NoError(t, err)
	require.Len(t, loss.Named("median_by"), 1, "BtheB has a curve")
	require.NotEmpty(t, loss.KM)
	require.Contains(t, codes(loss), "no-responders")
	require.Contains(t, codes(loss), "empty-arm")
	require.Zero(t, loss.NMissing)
	benefit, err := f.asker.Ask(t.Context(), "retained-benefit", "btheb", nil)
	require.NoError(t, err)
	require.Len(t, benefit.Named("difference"), 4, benefit.Answer)
	require.Contains(t, codes(benefit), "empty-arm")
}

func codes(f finding.Finding) []string {
	out := []string{}
	for _, c := range f.Caveats {
		out = append(out, c.Code)
	}
	return out
}

func TestALevelIsWrittenAsItWasAsked(t *testing.T) {
	for level, words := range map[float64]string{0.95: "95 %", 0.57: "57 %", 0.575: "57.5 %", 0.999: "99.9 %"} {
		require.Equal(t, words, levelPercent(level))
	}
}

// SR-121: data that cannot answer give a finding that says so, never a number.
func TestSR121_WhatTheDataCannotAnswerIsSaid(t *testing.T) {
	study := func(a *Asker) care.Study {
		return care.Study{ID: "small", Anchor: care.AnchorCourseStart, VisitName: "visit",
			Visits:   []care.Visit{{Name: "v1", Day: 30}, {Name: "v2", Day: 60}},
			Arm:      care.Factor{Name: "arm", Levels: []string{"A", "B"}},
			Measures: []care.Measure{{Instrument: "bdi-ii", Version: bdi(t, a).Version, Total: "bdi", Baseline: "pre"}}}
	}
	for _, c := range []struct {
		name string
		fill func(*fixture)
	}{
		{"nobody answered", func(f *fixture) {}},
		{"one patient", func(f *fixture) { f.answer("small", 0, "baseline", 0, 30); f.answer("small", 0, "v1", 30, 10) }},
		{"everyone has the same score", func(f *fixture) {
			for i := range 20 {
				f.answer("small", i, "baseline", 0, float64(20+i))
				f.answer("small", i, "v1", 30, 10)
				f.answer("small", i, "v2", 60, 10)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			c.fill(f)
			subjects := []warehouse.Subject{}
			for i := range 20 {
				subjects = append(subjects, warehouse.Subject{Study: "small", Subject: pseudonym(i), Sequence: 1, Factors: map[string]string{"arm": []string{"A", "B"}[i%2]}})
			}
			f.ship(study(f.asker), subjects)
			got, err := f.asker.Ask(t.Context(), "retained-benefit", "small", nil)
			require.NoError(t, err)
			t.Log(got.Answer)
			require.Contains(t, got.Answer, "cannot be estimated")
			require.Empty(t, got.Estimates)
			require.NotEmpty(t, got.Refused.Reason)
			require.Contains(t, got.Refused.Numbers, "scores")
			require.Equal(t, 20, got.N+got.NMissing)
			loss, err := f.asker.Ask(t.Context(), "time-to-loss", "small", nil)
			require.NoError(t, err)
			t.Log(loss.Answer)
			for _, finding := range []finding.Finding{got, loss} {
				raw, err := json.Marshal(finding)
				require.NoError(t, err)
				require.NotContains(t, string(raw), "NaN")
			}
			for _, e := range loss.Estimates {
				require.False(t, e.Estimate != nil && math.IsNaN(*e.Estimate))
			}
		})
	}
}

func TestAnAnswerIsTheSameByteForByteAfterAReplay(t *testing.T) {
	f := loadBeatTheBlues(t)
	ask := func() string {
		got, err := f.asker.Ask(t.Context(), "retained-benefit", "btheb", nil)
		require.NoError(t, err)
		raw, err := json.Marshal(got)
		require.NoError(t, err)
		return string(raw)
	}
	first := ask()
	for i, token := range []string{"again", "and again", "a third time"} {
		// In small batches and another order, so that ClickHouse adds in another order too.
		for b := len(f.rows); b > 0; b -= 40 {
			batch := f.rows[max(0, b-40):b]
			require.NoError(t, f.w.InsertResponses(t.Context(), fmt.Sprintf("%s-%d", token, b), batch))
		}
		require.Equal(t, first, ask(), "SR-12, replay %d", i+1)
	}
}
