package durability

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/finding"
	"afterglow/internal/stats/survival"
	"afterglow/internal/warehouse"
)

// The values are R's (4.2.2): the likelihood of intervals between the visits 2m, 3m, 5m
// and 8m of testdata/btheb written out, maximised by optim, with errors from optimHess.
// No responder missed a visit, so the ratios are also those of glm with
// binomial("cloglog"), whose errors come from the expected information instead.
func TestTheHazardRatiosAreThoseOfR(t *testing.T) {
	f := loadBeatTheBlues(t)
	got, err := f.asker.Ask(t.Context(), "time-to-loss", "btheb", nil)
	require.NoError(t, err)
	holds := func(name string, value, lower, upper, p float64) {
		e := named(t, got, name, "BtheB / TAU", "")
		require.Equal(t, 22, e.N, "9 and 16 responders, of whom 8 and 14 were assessed again")
		require.InEpsilon(t, value, *e.Estimate, 1e-6)
		require.InEpsilon(t, lower, *e.CILower, 1e-5, "differences of R's optimHess")
		require.InEpsilon(t, upper, *e.CIUpper, 1e-5)
		require.InEpsilon(t, p, *e.P, 1e-5)
	}
	holds("hazard_ratio_unadjusted", 1.698508906, 0.341615887673, 8.444959992911, 0.517381190825)
	holds("hazard_ratio_adjusted", 1.776658675, 0.356575575081, 8.852305843250, 0.483033982275)
	require.InEpsilon(t, 1.698508863199444, *named(t, got, "hazard_ratio_unadjusted", "BtheB / TAU", "").Estimate, 1e-6, "glm")
	require.InEpsilon(t, 1.776658708725829, *named(t, got, "hazard_ratio_adjusted", "BtheB / TAU", "").Estimate, 1e-6, "glm")

	table, ok := got.Table("hazards")
	require.True(t, ok)
	require.Equal(t, []finding.Cell{finding.Text("TAU"), finding.Number(1), {}, {}, {}, finding.Number(1), {}, {}, {}, finding.Count(8), finding.Count(2), finding.Number(23.875)}, table.Rows[0])
	require.EqualValues(t, 14, *table.Rows[1][table.Column("n")].Number)
	require.EqualValues(t, 6, *table.Rows[1][table.Column("n_lost")].Number)
	require.InDelta(t, 1.7766587, *table.Rows[1][table.Column("adjusted")].Number, 1e-6)
	require.InDelta(t, 1.6985089, *table.Rows[1][table.Column("unadjusted")].Number, 1e-6)
	require.Equal(t, "0.483", table.Columns[table.Column("adjusted_p_value")].Words(table.Rows[1][table.Column("adjusted_p_value")]))

	for _, words := range []string{got.Estimand.Variable, got.Method, caveat(t, got, "known-only-at-visits")} {
		require.Contains(t, words, "known only to lie in (last assessment in response, first no longer in response]", words)
	}
	require.Contains(t, caveat(t, got, "curves-unadjusted"), "23.9 points in TAU and 25.6 points in BtheB")

	plain, err := f.asker.Ask(t.Context(), "time-to-loss", "btheb", map[string]string{"adjust": "none"})
	require.NoError(t, err)
	require.Empty(t, plain.Named("hazard_ratio_adjusted"))
	require.Equal(t, got.Named("hazard_ratio_unadjusted"), plain.Named("hazard_ratio_unadjusted"))
	require.Contains(t, plain.Answer, "The hazard of losing the response, unadjusted, was 1.7 times as high in BtheB")

	together, err := f.asker.Ask(t.Context(), "time-to-loss", "btheb", map[string]string{"group": "all"})
	require.NoError(t, err)
	_, ok = together.Table("hazards")
	require.False(t, ok, "everyone together has nothing to be compared with")
	require.NotContains(t, codes(together), "assignment")
}

// R 4.2.2: EM on the masses between visits until nothing moves, limits from the
// information of the masses that are not 0.
func TestTheCurveOfTheRealTrialIsThatOfR(t *testing.T) {
	got, err := loadBeatTheBlues(t).asker.Ask(t.Context(), "time-to-loss", "btheb", nil)
	require.NoError(t, err)
	for _, want := range []struct {
		group, visit           string
		surv, se, lower, upper float64
	}{
		{"TAU", "3m", 0.75, 0.153093108924, 0.314807113706, 0.930898317091},
		{"TAU", "8m", 0.75, 0.153093108924, 0.314807113706, 0.930898317091},
		{"BtheB", "3m", 0.785714285714, 0.109664210511, 0.472463679914, 0.925365226255},
		{"BtheB", "5m", 0.714285714286, 0.120736322104, 0.406301722424, 0.881878685546},
		{"BtheB", "8m", 0.555555555556, 0.136442295854, 0.263645440743, 0.771703024810},
	} {
		e := named(t, got, "in_response", want.group, want.visit)
		for i, pair := range [][2]float64{{want.surv, *e.Estimate}, {want.se, *e.SE}, {want.lower, *e.CILower}, {want.upper, *e.CIUpper}} {
			require.InEpsilon(t, pair[0], pair[1], 1e-6, "%s at %s, field %d", want.group, want.visit, i)
		}
	}
	require.Equal(t, "Fewer than half of those who responded in TAU and BtheB had lost their response by 8m (day 243). "+
		"Still in response at 8m (day 243), as estimated: 75 % (95 % CI 31 to 93) of 9 in TAU and 56 % (26 to 77) of 16 in BtheB. "+
		"The hazard of losing the response, at the same score before treatment, was 1.8 times as high in BtheB (95 % CI 0.4 to 8.9) as in TAU; the data do not tell these groups apart. "+
		"25 of the 97 patients assessed at 2m (day 61) were in response; of 3 others this is not known. How patients were assigned to their group is not recorded.", got.Answer)
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

var never = math.Inf(1)

// seen are n responders of a group with a baseline, whose loss lies between two days
// from the first visit.
func seen(group string, lower, upper float64, baseline, n int) survival.GroupedTime {
	return survival.GroupedTime{Censored: survival.Censored{Lower: lower, Upper: upper, Count: n}, Group: group, Covariate: float64(baseline)}
}

// compared compares groups of a study with visits on day 0, 30, 60 and 90.
func compared(t *testing.T, times []survival.GroupedTime, groups ...string) *lossComparison {
	t.Helper()
	visits := []care.Visit{{Name: "v1"}, {Name: "v2", Day: 30}, {Name: "v3", Day: 60}, {Name: "v4", Day: 90}}
	q := timeToLoss{f: &frame{study: care.Study{Visits: visits, Arm: care.Factor{Name: "arm", Levels: groups}}, ownArm: "arm", level: 0.95}}
	counts := []groupCounts{}
	for _, group := range groups {
		g := groupCounts{group: group}
		for _, one := range times {
			if one.Group != group {
				continue
			}
			g.times = append(g.times, one)
			if !math.IsInf(one.Upper, 1) {
				g.byStatus[warehouse.LossLost] += one.Count
			}
		}
		counts = append(counts, g)
	}
	c, err := q.compareLoss(counts)
	require.NoError(t, err)
	return c
}

// Two groups between two visits are the ratio of their cumulative hazards.
func TestOneIntervalGivesTheRatioOfCumulativeHazards(t *testing.T) {
	c := compared(t, []survival.GroupedTime{seen("A1", 0, 30, 20, 10), seen("A1", 30, never, 20, 30), seen("B1", 0, 30, 20, 30), seen("B1", 30, never, 20, 20)}, "A1", "B1")
	require.InEpsilon(t, math.Log(1-0.6)/math.Log(1-0.25), *c.unadjusted[1].value, 1e-9)
	require.Equal(t, hazardRatio{}, c.unadjusted[0])
	require.Nil(t, c.adjusted[1].value, "a baseline that is the same in all adjusts for nothing")
	require.Contains(t, c.adjusted[1].note, "baseline")
}

// The hazard depends on the baseline and not on the group; the more ill are in B, and
// half of everyone missed a visit. Adjusted, there is no difference.
func TestSeverityThatDecidedTheGroupIsTakenOut(t *testing.T) {
	var times []survival.GroupedTime
	const many = 10_000_000
	for group, share := range map[string]func(int) float64{
		"A": func(b int) float64 { return float64(26-b) / 16 },
		"B": func(b int) float64 { return float64(b-9) / 16 },
	} {
		for baseline := 10; baseline <= 25; baseline++ {
			n := many * share(baseline)
			left := func(cumulative float64) float64 { return math.Exp(-math.Exp(0.1*float64(baseline)) * cumulative) }
			first, second := left(0.02), left(0.07)
			for _, one := range []struct{ lower, upper, share float64 }{{0, 30, 1 - first}, {30, 60, first - second}, {60, never, second}} {
				times = append(times, seen(group, one.lower, one.upper, baseline, int(math.Round(n*one.share))))
			}
			// The others missed the visit on day 30.
			times = append(times, seen(group, 0, 60, baseline, int(math.Round(n*(1-second)))), seen(group, 60, never, baseline, int(math.Round(n*second))))
		}
	}
	c := compared(t, times, "A", "B")
	require.InDelta(t, 1, *c.adjusted[1].value, 1e-5)
	require.Greater(t, *c.unadjusted[1].lower, 1.3)
	require.Less(t, c.groups[0].baseline, 16.0)
	require.Greater(t, c.groups[1].baseline, 19.0)
}

func TestWhatHasNoRatioIsNamed(t *testing.T) {
	usual := []survival.GroupedTime{
		seen("A", 0, 30, 20, 2), seen("A", 30, never, 20, 8), seen("A", 0, 30, 25, 4), seen("A", 30, 60, 22, 3), seen("A", 60, never, 25, 3),
		seen("B", 0, 30, 20, 1), seen("B", 30, never, 20, 6), seen("B", 0, 30, 25, 3), seen("B", 30, 60, 25, 2), seen("B", 60, never, 21, 5),
	}
	plain := compared(t, usual, "A", "B")

	// A group that lost nothing, and a visit that nobody made, change nothing but
	// their own line; who was never assessed again is not counted.
	more := append([]survival.GroupedTime{seen("C", 60, never, 22, 9), seen("A", 0, never, 30, 4)}, usual...)
	c := compared(t, more, "A", "B", "C")
	require.InEpsilon(t, *plain.adjusted[1].value, *c.adjusted[1].value, 1e-9)
	require.Nil(t, c.adjusted[2].value)
	require.Contains(t, c.adjusted[2].note, "no ratio: in arm C none lost the response")
	require.Equal(t, comparedGroup{group: "C", n: 9, baseline: 22}, c.groups[2])
	require.Equal(t, plain.groups[0], c.groups[0])
	require.Equal(t, 9, c.groups[0].lost)

	for _, r := range compared(t, more, "C", "A", "B").unadjusted[1:] {
		require.Nil(t, r.value)
		require.Contains(t, r.note, "in arm C none lost the response")
	}
	require.Contains(t, compared(t, usual, "A", "nobody").unadjusted[1].note, "in nobody")
	require.Nil(t, compared(t, nil, "A", "B").adjusted[1].value)
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
		{"", "Groups that started differently regress differently", "How patients were assigned to their setting is not recorded", true},
		{care.AssignmentUnknown, "Groups that started differently regress differently", "How patients were assigned to their setting is not recorded", true},
		{care.AssignmentNotRandomised, "Groups that started differently regress differently", "setting was not randomised", true},
		{care.AssignmentRandomised, "does not have this problem, because setting was randomised", "setting was randomised", false},
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
			require.Contains(t, caveat(t, loss, "curves-unadjusted"), "severity influenced who got which setting")
		} else {
			require.NotContains(t, caveat(t, loss, "curves-unadjusted"), "severity influenced")
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
