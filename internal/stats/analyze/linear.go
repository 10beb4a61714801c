package analyze

import (
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/linear"
	"afterglow/internal/stats/multiplicity"
)

var linearKinds = []kind{
	as("ancova", "analysis of covariance", ancova),
	as("multiple_comparisons", "several means compared", multipleComparisons),
	as("p_adjust", "p-values corrected for their number", pAdjust),
}

type ancovaInput struct {
	Response   string              `json:"response"`
	Formula    string              `json:"formula"`
	Arm        string              `json:"arm"`
	ArmLevels  []string            `json:"arm_levels"`
	Factors    map[string][]string `json:"factors"`
	Baseline   string              `json:"baseline"`
	BaselineAt stats.Number        `json:"baseline_at"`
	Control    string              `json:"control"`
	Level      float64             `json:"level"`
}

func ancova(j job, in ancovaInput) (linear.Ancova, error) {
	if in.Arm == "" {
		return linear.Ancova{}, stats.Errorf(stats.BadInput, "arm", "name the column whose levels are compared")
	}
	factors := map[string][]string{}
	var texts []string
	for name, levels := range in.Factors {
		factors[name] = levels
		texts = append(texts, name)
	}
	if len(in.ArmLevels) > 0 || factors[in.Arm] == nil {
		factors[in.Arm] = in.ArmLevels
		texts = append(texts, in.Arm)
	}
	for name, levels := range factors {
		if err := eachOnce("levels of "+name, levels); err != nil {
			return linear.Ancova{}, err
		}
	}
	fit, err := linear.FitAncova(linear.Model{Formula: in.Formula, Response: in.Response, Arm: in.Arm, Control: in.Control, Factors: factors,
		Baseline: in.Baseline, BaselineAt: in.BaselineAt, Level: in.Level}, j.data.Frame(texts...))
	if err == nil && in.BaselineAt.Defined && !slices.ContainsFunc(fit.BaselineAt, func(c linear.CovariateAt) bool { return c.Column == in.Baseline }) {
		return linear.Ancova{}, noCovariate(in.Baseline)
	}
	return fit, err
}

// noCovariate refuses a place for a baseline that the model does not have: it would
// move nothing.
func noCovariate(baseline string) error {
	if baseline == "" {
		return stats.Errorf(stats.BadInput, "baseline", "is not given, so baseline_at belongs to no column")
	}
	return stats.Errorf(stats.BadInput, "baseline", "%s is no numeric covariate of the formula, so baseline_at would move nothing", baseline)
}

type comparisonsInput struct {
	Response string   `json:"response"`
	Group    string   `json:"group"`
	Levels   []string `json:"levels"`
	Control  string   `json:"control"`
	Level    float64  `json:"level"`
}

func multipleComparisons(j job, in comparisonsInput) (linear.Comparisons, error) {
	groups, err := j.groups(in.Response, in.Group, in.Levels...)
	if err != nil {
		return linear.Comparisons{}, err
	}
	result, err := linear.CompareMeans(groups, in.Levels, in.Control, in.Level)
	result.NExcluded = j.unanswered(in.Response, in.Group, in.Levels...)
	return result, placed(err, map[string]string{"values": in.Response, "group": in.Group})
}

type adjustInput struct {
	P []stats.Number `json:"p"`
}

func pAdjust(_ job, in adjustInput) (multiplicity.Adjusted, error) {
	if err := multiplicity.Check(in.P); err != nil {
		return multiplicity.Adjusted{}, err
	}
	return multiplicity.Adjust(in.P), nil
}
