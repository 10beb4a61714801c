package durability

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/finding"
	"afterglow/internal/warehouse"
)

// The values are R's (4.2.2): glm with binomial("cloglog") on one row a patient
// and pair of visits of testdata/btheb, an intercept for each pair.
func TestTheHazardRatiosAreThoseOfR(t *testing.T) {
	f := loadBeatTheBlues(t)
	got, err := f.asker.Ask(t.Context(), "time-to-loss", "btheb", nil)
	require.NoError(t, err)
	holds := func(name string, value, lower, upper, p float64) {
		e := named(t, got, name, "BtheB / TAU", "")
		require.Equal(t, 22, e.N, "9 and 16 responders, of whom 8 and 14 were assessed again")
		require.InEpsilon(t, value, *e.Estimate, 1e-6)
		require.InEpsilon(t, lower, *e.CILower, 1e-6)
		require.InEpsilon(t, upper, *e.CIUpper, 1e-6)
		require.InEpsilon(t, p, *e.P, 1e-6)
	}
	holds("hazard_ratio_unadjusted", 1.698508863199444, 0.344224403443965, 8.380964073154942, 0.515386983334388)
	holds("hazard_ratio_adjusted", 1.776658708725829, 0.358663734800275, 8.800767574254667, 0.481438489179417)

	table, ok := got.Table("hazards")
	require.True(t, ok)
	require.Equal(t, []finding.Cell{finding.Text("TAU"), finding.Number(1), {}, {}, {}, finding.Number(1), {}, {}, {}, finding.Count(8), finding.Count(2), finding.Number(23.875)}, table.Rows[0])
	require.EqualValues(t, 14, *table.Rows[1][table.Column("n")].Number)
	require.EqualValues(t, 6, *table.Rows[1][table.Column("n_lost")].Number)
	require.InDelta(t, 1.7766587, *table.Rows[1][table.Column("adjusted")].Number, 1e-6)
	require.InDelta(t, 1.6985089, *table.Rows[1][table.Column("unadjusted")].Number, 1e-6)

	require.Contains(t, got.Answer, "an estimated 75 % of 9 in TAU (95 % CI 31 to 93) and 56 % of 16 in BtheB (95 % CI 26 to 77) were still in response at 8m", "each share has its own number")
	require.Contains(t, got.Answer, "At the same baseline, the hazard of losing the response was, as a multiple of that in TAU, 1.78 in BtheB (95 % CI 0.36 to 8.80), so the data do not tell these groups apart.")
	for _, words := range []string{got.Estimand.Variable, got.Method, caveat(t, got, "known-only-at-visits")} {
		require.Contains(t, words, "known only to lie in (last assessment in response, first no longer in response]")
	}
	require.Contains(t, caveat(t, got, "curves-unadjusted"), "23.9 points in TAU and 25.6 points in BtheB")

	plain, err := f.asker.Ask(t.Context(), "time-to-loss", "btheb", map[string]string{"adjust": "none"})
	require.NoError(t, err)
	require.Empty(t, plain.Named("hazard_ratio_adjusted"))
	require.Equal(t, got.Named("hazard_ratio_unadjusted"), plain.Named("hazard_ratio_unadjusted"))
	require.Contains(t, plain.Answer, "Unadjusted, the hazard")

	together, err := f.asker.Ask(t.Context(), "time-to-loss", "btheb", map[string]string{"group": "all"})
	require.NoError(t, err)
	_, ok = together.Table("hazards")
	require.False(t, ok, "everyone together has nothing to be compared with")
	require.NotContains(t, codes(together), "assignment")
}

func caveat(t testing.TB, f finding.Finding, code string) string {
	t.Helper()
	for _, c := range f.Caveats {
		if c.Code == code {
			return c.Text
		}
	}
	t.Fatalf("no caveat %s", code)
	return ""
}

func compared(t *testing.T, rows []warehouse.LossInterval, groups ...string) *lossComparison {
	t.Helper()
	c, err := compareLoss(rows, groups, "v1", 0.95, maxPairs)
	require.NoError(t, err)
	return c
}

// Two groups between two visits are the ratio of their cumulative hazards.
func TestOneIntervalGivesTheRatioOfCumulativeHazards(t *testing.T) {
	c := compared(t, []warehouse.LossInterval{
		{Group: "A", From: "v1", To: "v2", Baseline: 20, N: 40, Lost: 10},
		{Group: "B", From: "v1", To: "v2", Baseline: 20, N: 50, Lost: 30},
	}, "A", "B")
	require.InEpsilon(t, math.Log(1-0.6)/math.Log(1-0.25), *c.unadjusted[1].value, 1e-9)
	require.Equal(t, hazardRatio{}, c.unadjusted[0])
	require.Nil(t, c.adjusted[1].value, "a baseline that is the same in all adjusts for nothing")
	require.Contains(t, c.adjusted[1].note, "baseline")
}

// The hazard depends on the baseline and on how far apart the visits are, and not
// on the group; the more ill are in B. Adjusted, there is no difference.
func TestSeverityThatDecidedTheGroupIsTakenOut(t *testing.T) {
	var rows []warehouse.LossInterval
	const many = 10_000_000
	for group, share := range map[string]func(int) float64{
		"A": func(b int) float64 { return float64(26-b) / 16 },
		"B": func(b int) float64 { return float64(b-9) / 16 },
	} {
		for baseline := 10; baseline <= 25; baseline++ {
			for to, intercept := range map[string]float64{"v2": -4, "v3": -3} { // v3: a visit was left out
				hazard := 1 - math.Exp(-math.Exp(intercept+0.1*float64(baseline)))
				n := math.Round(many * share(baseline))
				rows = append(rows, warehouse.LossInterval{Group: group, From: "v1", To: to, Baseline: baseline, N: int(n), Lost: int(math.Round(n * hazard))})
			}
		}
	}
	c := compared(t, rows, "A", "B")
	require.InDelta(t, 1, *c.adjusted[1].value, 1e-5)
	require.Greater(t, *c.unadjusted[1].lower, 1.3)
	require.Less(t, c.groups[0].baseline, 16.0)
	require.Greater(t, c.groups[1].baseline, 19.0)
}

func TestWhatHasNoRatioIsNamed(t *testing.T) {
	row := func(group, from, to string, baseline, n, lost int) warehouse.LossInterval {
		return warehouse.LossInterval{Group: group, From: from, To: to, Baseline: baseline, N: n, Lost: lost}
	}
	usual := []warehouse.LossInterval{
		row("A", "v1", "v2", 20, 10, 2), row("A", "v1", "v2", 25, 10, 4), row("A", "v2", "v3", 20, 8, 3),
		row("B", "v1", "v2", 20, 10, 1), row("B", "v1", "v2", 25, 10, 3), row("B", "v2", "v3", 25, 7, 2),
	}
	plain := compared(t, usual, "A", "B")

	// A group that lost nothing, and visits between which nobody or everybody did,
	// change nothing but their own line.
	more := append([]warehouse.LossInterval{row("C", "v1", "v2", 22, 9, 0), row("A", "v1", "v3", 22, 1, 1), row("B", "v3", "v4", 22, 3, 0)}, usual...)
	c := compared(t, more, "A", "B", "C")
	require.InEpsilon(t, *plain.adjusted[1].value, *c.adjusted[1].value, 1e-9)
	require.Nil(t, c.adjusted[2].value)
	require.Equal(t, "no ratio: in C the response was lost by all or by none", c.adjusted[2].note)
	require.Equal(t, comparedGroup{group: "C", n: 9, baseline: 22}, c.groups[2])
	require.Equal(t, 10, c.groups[0].lost, "a loss that tells the groups not apart is a loss all the same")

	for _, r := range compared(t, more, "C", "A", "B").unadjusted[1:] {
		require.Nil(t, r.value)
		require.Contains(t, r.note, "in C the response was lost by all or by none")
	}
	require.Contains(t, compared(t, usual, "A", "nobody").unadjusted[1].note, "in nobody")
	require.Nil(t, compared(t, nil, "A", "B").adjusted[1].value)

	// Rare distances between visits give way when there are too many of them.
	few, err := compareLoss(usual, []string{"A", "B"}, "v1", 0.95, 1)
	require.NoError(t, err)
	require.Equal(t, 15, few.leftOut)
	require.NotEqual(t, *plain.unadjusted[1].value, *few.unadjusted[1].value)
	require.Equal(t, plain.groups, few.groups)
}

// threeArms are a group that keeps its response, one that loses it, and one in
// which nobody ever was in response.
func threeArms(t *testing.T, assignment care.Assignment) *fixture {
	t.Helper()
	f := newFixture(t)
	study := beatTheBlues(f.asker, t)
	study.Arm = care.Factor{Name: "setting", Levels: []string{"low", "middle", "high"}, Assignment: assignment}
	subjects := []warehouse.Subject{}
	for n := range 90 {
		level := study.Arm.Levels[n%3]
		subjects = append(subjects, warehouse.Subject{Study: "btheb", Subject: pseudonym(n), Sequence: 1, Factors: map[string]string{"setting": level, "drug": "No", "length": "lt6m"}})
		f.answer("btheb", n, care.BaselineVisit, 0, float64(30+n%7))
		for i, v := range study.Visits {
			score := float64(8 + (n+3*i)%6)
			if level == "high" || i > 0 && (n+i)%4 == 0 && level == "middle" || i > 0 && n%9 == 3*i {
				score = float64(29 + n%5)
			}
			f.answer("btheb", n, v.Name, v.Day, score)
		}
	}
	// One whom nobody saw after the baseline.
	subjects = append(subjects, warehouse.Subject{Study: "btheb", Subject: pseudonym(90), Sequence: 1, Factors: map[string]string{"setting": "low", "drug": "No", "length": "lt6m"}})
	f.answer("btheb", 90, care.BaselineVisit, 0, 33)
	f.ship(study, subjects)
	return f
}

// Everyone treated stands beside responders, in every group and for every
// difference: a group without a responder has no day in response.
func TestTheRestrictedMeanOfEveryoneStandsBesideEveryComparison(t *testing.T) {
	f := threeArms(t, "")
	got, err := f.asker.Ask(t.Context(), "time-to-loss", "btheb", nil)
	require.NoError(t, err)
	treated := map[string]finding.Estimate{}
	for _, e := range got.Named("restricted_mean_assessed") {
		treated[e.Group] = e
		require.Equal(t, 30, e.N)
		require.Contains(t, e.Note, "days in response within 182 days of 2m, which is day 243 from the start of the course")
	}
	require.Len(t, treated, 3)
	require.Zero(t, *treated["high"].Estimate, "nobody was in response")
	for _, level := range []string{"middle", "high"} {
		d := named(t, got, "restricted_mean_assessed_difference", level+" - low", "")
		require.InDelta(t, *treated[level].Estimate-*treated["low"].Estimate, *d.Estimate, 1e-9)
		require.NotNil(t, d.CILower)
		require.NotNil(t, d.P)
		require.Equal(t, 60, d.N)
	}
	// A terminal shows tables, not estimates.
	for _, name := range []string{"restricted_mean_assessed", "restricted_mean_treated"} {
		table, ok := got.Table(name)
		require.True(t, ok)
		require.Len(t, table.Rows, 3)
		for i, level := range []string{"middle", "high"} {
			d := named(t, got, name+"_difference", level+" - low", "")
			require.Equal(t, []finding.Cell{finding.Optional(d.Estimate), finding.Optional(d.CILower), finding.Optional(d.CIUpper), finding.Optional(d.P)}, table.Rows[i+1][5:])
		}
	}
	everyone := named(t, got, "restricted_mean_treated", "low", "")
	require.Equal(t, 31, everyone.N, "one was never assessed")
	require.InDelta(t, *treated["low"].Estimate*30/31, *everyone.Estimate, 1e-9, "and counts as not in response")
	require.Len(t, got.Named("restricted_mean_difference"), 1, "only two groups have responders")
	require.NotNil(t, named(t, got, "hazard_ratio_adjusted", "middle / low", "").Estimate)
}

// What a difference may be taken for depends on how patients came to their group;
// without a word about it nothing is claimed.
func TestCaveatsFollowFromHowGroupsCameAbout(t *testing.T) {
	for _, c := range []struct {
		assignment               care.Assignment
		regression, assigned     string
		severityCouldHaveDecided bool
	}{
		{"", "Groups that started differently regress differently", "How patients came to their setting is not recorded", true},
		{care.AssignmentUnknown, "Groups that started differently regress differently", "How patients came to their setting is not recorded", true},
		{care.AssignmentNotRandomised, "Groups that started differently regress differently", "setting was not drawn at random", true},
		{care.AssignmentRandomised, "does not have this fault, because setting was drawn at random", "setting was drawn at random", false},
	} {
		f := threeArms(t, c.assignment)
		benefit, err := f.asker.Ask(t.Context(), "retained-benefit", "btheb", map[string]string{"measure": "bdi-ii"})
		require.NoError(t, err, "an instrument's id names its measure too")
		require.NotEmpty(t, benefit.Estimates)
		loss, err := f.asker.Ask(t.Context(), "time-to-loss", "btheb", nil)
		require.NoError(t, err)
		require.Contains(t, caveat(t, benefit, "regression-to-the-mean"), c.regression)
		for _, found := range []finding.Finding{benefit, loss} {
			require.Contains(t, caveat(t, found, "assignment"), c.assigned)
			for _, words := range append([]string{found.Answer, found.Method}, texts(found)...) {
				require.NotRegexp(t, `\b(arms?)\b`, words, "the factor has a name of its own")
			}
		}
		if c.severityCouldHaveDecided {
			require.Contains(t, caveat(t, loss, "curves-unadjusted"), "severity decided who got which setting")
		} else {
			require.NotContains(t, caveat(t, loss, "curves-unadjusted"), "severity decided")
		}
	}
}

func texts(f finding.Finding) []string {
	out := []string{f.Estimand.Population, f.Estimand.Treatment, f.Estimand.Summary}
	for _, c := range f.Caveats {
		out = append(out, c.Text)
	}
	for _, t := range f.Tables {
		out = append(out, t.Caption)
	}
	return out
}
