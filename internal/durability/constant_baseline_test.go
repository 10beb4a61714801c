package durability

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// withBaselines gives every subject the same baseline, but the subjects named none.
func withBaselines(lines [][]string, baseline string, none ...string) [][]string {
	out := [][]string{}
	for _, line := range lines {
		line = append([]string(nil), line...)
		line[4] = baseline
		for _, subject := range none {
			if line[0] == subject {
				line[4] = ""
			}
		}
		out = append(out, line)
	}
	return out
}

// A baseline that is the same for everyone explains nothing, and change can be
// counted from it all the same: the model goes without it.
func TestABaselineThatEveryoneSharesIsNoReasonToRefuse(t *testing.T) {
	lines := readTrial(t, "03-visit-nobody-reached/data.csv")
	got := trial{visits: w4w12, arms: []string{"usual", "new"}, lines: withBaselines(lines, "30")}.ask(t, nil)
	require.Nil(t, got.Refused)
	require.Equal(t, 8, got.N)
	// lm(bdi ~ treatment - 1) in R at w4, where nobody is missing.
	for group, want := range map[string][2]float64{"usual": {-10.5, 1.680154}, "new": {-18.75, 1.680154}} {
		change := named(t, got, "change", group, "w4")
		require.InDelta(t, want[0], *change.Estimate, 1e-6)
		require.InDelta(t, want[1], *change.SE, 1e-6)
		require.NotNil(t, named(t, got, "retained_share", group, "w12").Estimate)
	}
	require.Contains(t, caveat(t, got, "baseline-constant"), "Everyone analysed had 30.0 points before treatment")
	require.NotContains(t, got.Method, "bdi_pre")
	require.NotContains(t, got.Answer, "bdi_pre")
}

// Who has no baseline is left out of such a model as of any other.
func TestASharedBaselineCountsOnlyThoseWhoHaveIt(t *testing.T) {
	lines := readTrial(t, "03-visit-nobody-reached/data.csv")
	got := trial{visits: w4w12, arms: []string{"usual", "new"}, lines: withBaselines(lines, "30", "s01")}.ask(t, nil)
	require.Nil(t, got.Refused)
	require.Equal(t, 7, got.N)
	require.Equal(t, 1, got.NMissing)
	// The mean of 25, 15 and 18 at w4.
	require.InDelta(t, (25.0+15+18)/3, *named(t, got, "ls_mean", "usual", "w4").Estimate, 1e-6)
}

// Baselines that nobody has are like a measure without one: what can be said is said.
func TestABaselineThatNobodyHasLeavesTheRestAnswered(t *testing.T) {
	lines := withBaselines(readTrial(t, "12-worse-is-no-benefit/data.csv"), "")
	got := trial{visits: w4w12, arms: []string{"usual", "new"}, lines: lines}.ask(t, nil)
	require.Nil(t, got.Refused)
	require.Equal(t, 24, got.N)
	require.Contains(t, got.Answer, "It cannot be said what is left of a benefit: the model has no score before treatment.")
	require.NotNil(t, named(t, got, "difference", "new - usual", "w12").Estimate)
	require.Empty(t, got.Named("change"))
	require.Empty(t, got.Named("retained_share"))

	asked := trial{visits: w4w12, arms: []string{"usual", "new"}, lines: lines}.ask(t, map[string]string{"adjust": "baseline"})
	require.NotNil(t, asked.Refused)
	require.Equal(t, "nobody has a score before treatment", asked.Refused.Reason)
}

// A baseline of 0, as pain before an operation, leaves room for getting worse only.
func TestASharedBaselineOfZero(t *testing.T) {
	lines := readTrial(t, "12-worse-is-no-benefit/data.csv")
	got := trial{visits: w4w12, arms: []string{"usual", "new"}, lines: withBaselines(lines, "0")}.ask(t, nil)
	require.Nil(t, got.Refused)
	require.Contains(t, got.Answer, "There is no benefit to keep: patients were worse than before treatment at w4")
	require.Nil(t, named(t, got, "retained_share", "new", "w12").Estimate)
}

// Where a person wrote the baseline into the model, the answer says what is wrong.
func TestASharedBaselineInAModelOfOnesOwnIsNamed(t *testing.T) {
	lines := readTrial(t, "03-visit-nobody-reached/data.csv")
	got := trial{visits: w4w12, arms: []string{"usual", "new"}, lines: withBaselines(lines, "30")}.ask(t, map[string]string{"fixed": "bdi_pre*visit+treatment*visit"})
	require.NotNil(t, got.Refused)
	require.Contains(t, got.Refused.Reason, "bdi_pre has a single value in all analysed patients")
}

// All scores alike have no error, which the answer says in words.
func TestScoresThatAreAllAlikeAreNamed(t *testing.T) {
	lines := withBaselines(readTrial(t, "12-worse-is-no-benefit/data.csv"), "20")
	for _, line := range lines {
		line[3] = "20"
	}
	got := trial{visits: w4w12, arms: []string{"usual", "new"}, lines: lines}.ask(t, nil)
	require.NotNil(t, got.Refused)
	require.Contains(t, got.Answer, "do not vary")
	require.NotContains(t, got.Answer, "bdi_pre")
}

// Where a group is left out, only those of the others are counted as answering.
func TestAGroupLeftOutIsNotCountedAmongThoseWhoAnswered(t *testing.T) {
	lines := [][]string{}
	for _, line := range readTrial(t, "12-worse-is-no-benefit/data.csv") {
		if line[1] == "new" || line[2] != "w4" {
			lines = append(lines, line)
		}
	}
	got := trial{visits: w4w12, arms: []string{"usual", "new"}, lines: lines}.ask(t, nil)
	require.Equal(t, 12, got.N)
	require.Contains(t, got.Answer, "12 of 12 patients in new answered then.")
}

// What the optimiser saw is no sentence for a reader.
func TestASimplerCovarianceIsExplainedInWords(t *testing.T) {
	got := trial{visits: w4w12, lines: readTrial(t, "06-one-arm/data.csv")}.ask(t, nil)
	text := caveat(t, got, "covariance-simplified")
	for _, inner := range []string{"gradient", "positive definite", "iterations", `"un"`, "covariance: "} {
		require.NotContains(t, text, inner)
	}
	require.Contains(t, text, "4 patients are too few for this covariance over 2 visits")
}

// A refused setting names each choice once.
func TestTheChoicesOfTheFirstVisitAreNamedOnce(t *testing.T) {
	f := trial{visits: w4w12, arms: []string{"usual", "new"}, lines: readTrial(t, "03-visit-nobody-reached/data.csv")}.load(t)
	_, err := f.asker.Ask(t.Context(), "retained-benefit", "trial", map[string]string{"first-visit": "w99"})
	require.ErrorContains(t, err, "must be one of w4, w12")
}
