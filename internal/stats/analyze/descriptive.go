package analyze

import (
	"afterglow/internal/stats"
	"afterglow/internal/stats/descriptive"
)

var descriptiveKinds = []kind{
	as("descriptives", "a column summarised", describe),
	as("t_test", "Student's and Welch's t tests", tTest),
	as("wilcoxon", "signed-rank and rank-sum tests", wilcoxon).giving(descriptive.SignedRank{}, descriptive.RankSum{}),
	as("effect_size", "standardised differences with noncentral t intervals", effectSize).giving(descriptive.IndependentEffect{}, descriptive.PairedEffect{}),
}

type describeInput struct {
	Column string    `json:"column"`
	Level  float64   `json:"level"`
	Probs  []float64 `json:"probs"`
}

func describe(j job, in describeInput) (descriptive.Summary, error) {
	columns, err := j.numbers(in.Column)
	if err != nil {
		return descriptive.Summary{}, err
	}
	summary, err := descriptive.Describe(columns[0], in.Level, in.Probs...)
	return summary, placed(err, map[string]string{"column": in.Column})
}

// twoColumns is the input of what compares two columns (paired: x, y) or two groups of one.
type twoColumns struct {
	Type     string  `json:"type"`
	X        string  `json:"x"`
	Y        string  `json:"y"`
	Response string  `json:"response"`
	Group    string  `json:"group"`
	Group1   string  `json:"group1"`
	Group2   string  `json:"group2"`
	Level    float64 `json:"level"`
}

// places are the names that this case gives to what is compared.
func (in twoColumns) places() map[string]string {
	if in.Response != "" {
		return map[string]string{"group 1": in.Group + " " + in.Group1, "group 2": in.Group + " " + in.Group2, "values": in.Response, "groups": in.Group}
	}
	difference := in.X
	if in.Y != "" {
		difference += " - " + in.Y
	}
	return map[string]string{"x": in.X, "y": in.Y, "differences": difference, "values": difference}
}

// excluded counts the rows that are left out because a value is missing.
func (in twoColumns) excluded(j job) int {
	switch {
	case in.Response != "":
		return j.unanswered(in.Response, in.Group, in.Group1, in.Group2)
	case in.Y != "":
		return j.open(in.X, in.Y)
	}
	return j.open(in.X)
}

func (in twoColumns) pairs(j job) ([][]float64, error) { return j.complete(in.X, in.Y) }

func (in twoColumns) samples(j job) ([][]float64, error) {
	return j.groups(in.Response, in.Group, in.Group1, in.Group2)
}

type tTestInput struct {
	twoColumns
	Mu          float64                 `json:"mu"`
	Alternative descriptive.Alternative `json:"alternative"`
}

func tTest(j job, in tTestInput) (descriptive.TTest, error) {
	options := descriptive.TOptions{Mu: in.Mu, Alternative: in.Alternative, Level: in.Level}
	var none descriptive.TTest
	switch in.Type {
	case "one_sample":
		x, err := j.complete(in.X)
		if err != nil {
			return none, err
		}
		result, err := descriptive.OneSampleT(x[0], options)
		result.NExcluded = in.excluded(j)
		return result, placed(err, in.places())
	case "paired":
		pairs, err := in.pairs(j)
		if err != nil {
			return none, err
		}
		result, err := descriptive.PairedT(pairs[0], pairs[1], options)
		result.NExcluded = in.excluded(j)
		return result, placed(err, in.places())
	case "welch", "student":
		samples, err := in.samples(j)
		if err != nil {
			return none, err
		}
		result, err := descriptive.TwoSampleT(samples[0], samples[1], in.Type == "student", options)
		result.NExcluded = in.excluded(j)
		return result, placed(err, in.places())
	}
	return none, unknownType(in.Type, "one_sample, paired, welch or student")
}

// fewExact is how many values R takes for few enough to be exact where the case does not say.
const fewExact = 50

// wilcoxonInput is as R's wilcox.test: where exact is not given it is with fewer than 50 values, and correct is yes.
type wilcoxonInput struct {
	twoColumns
	Exact       *bool                   `json:"exact"`
	Correct     *bool                   `json:"correct"`
	Mu          float64                 `json:"mu"`
	Alternative descriptive.Alternative `json:"alternative"`
}

func wilcoxon(j job, in wilcoxonInput) (any, error) {
	options := descriptive.RankOptions{Correct: in.Correct == nil || *in.Correct, Mu: in.Mu, Alternative: in.Alternative, Level: in.Level}
	switch in.Type {
	case "signed_rank":
		pairs, err := in.pairs(j)
		if err != nil {
			return nil, err
		}
		options.Exact = in.exact(len(pairs[0]))
		result, err := descriptive.SignedRankTest(pairs[0], pairs[1], options)
		result.NExcluded = in.excluded(j)
		return result, placed(err, in.places())
	case "rank_sum":
		samples, err := in.samples(j)
		if err != nil {
			return nil, err
		}
		options.Exact = in.exact(max(len(samples[0]), len(samples[1])))
		result, err := descriptive.RankSumTest(samples[0], samples[1], options)
		result.NExcluded = in.excluded(j)
		return result, placed(err, in.places())
	}
	return nil, unknownType(in.Type, "signed_rank or rank_sum")
}

func (in wilcoxonInput) exact(n int) bool {
	if in.Exact != nil {
		return *in.Exact
	}
	return n < fewExact
}

func effectSize(j job, in twoColumns) (any, error) {
	switch in.Type {
	case "independent":
		samples, err := in.samples(j)
		if err != nil {
			return nil, err
		}
		result, err := descriptive.EffectIndependent(samples[0], samples[1], in.Level)
		result.NExcluded = in.excluded(j)
		return result, placed(err, in.places())
	case "paired":
		pairs, err := in.pairs(j)
		if err != nil {
			return nil, err
		}
		result, err := descriptive.EffectPaired(pairs[0], pairs[1], in.Level)
		result.NExcluded = in.excluded(j)
		return result, placed(err, in.places())
	}
	return nil, unknownType(in.Type, "independent or paired")
}

func unknownType(got, want string) error {
	return stats.Errorf(stats.BadInput, "type", "%q is not %s", got, want)
}
