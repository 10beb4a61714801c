package mixed

import (
	"math"
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
	"afterglow/internal/stats/formula"
)

// LikelihoodRatio compares nested models fitted to the same rows. PMixture is given where the models differ in their
// random part by one more random effect: the null hypothesis then lies on the boundary, and the statistic is a 50:50
// mixture of chi-squares with df - 1 and df degrees of freedom (Stram & Lee 1994, Biometrics 50:1171). See
// docs/methods/likelihood-ratio.md.
type LikelihoodRatio struct {
	ChiSquare float64       `json:"chisq"`
	DF        int           `json:"df"`
	PValue    stats.Number  `json:"p_value"`
	PMixture  *stats.Number `json:"p_mixture,omitempty"`
}

// spanTolerance is the share of a column's length that may lie outside the larger model's columns.
const spanTolerance = 1e-7

// CompareRandom is the likelihood ratio test of small within big. Under REML the fixed effects must be the same.
func CompareRandom(small, big *RandomFit) (LikelihoodRatio, error) {
	if small.model.Method != big.model.Method || !slices.Equal(small.data.kept, big.data.kept) || small.data.response != big.data.response {
		return LikelihoodRatio{}, stats.Errorf(stats.BadInput, "lrt", "the models are not fitted by the same method to the same rows")
	}
	inside := spans(big.data.basis, small.data.basis)
	sameFixed := inside && len(small.names) == len(big.names)
	if err := nestedFixed(small.model.Method, sameFixed, inside); err != nil {
		return LikelihoodRatio{}, err
	}
	if !big.data.random.contains(small.data.random) {
		return LikelihoodRatio{}, stats.Errorf(stats.BadInput, "lrt", "the first model's random effects are not contained in the second's")
	}
	out, err := ratioTest(small.deviance, big.deviance, big.Parameters()-small.Parameters())
	if err == nil && sameFixed && big.data.q() == small.data.q()+1 {
		mixture := out.PValue.Value / 2
		if out.DF > 1 {
			mixture += stats.UpperChiSquare(out.ChiSquare, float64(out.DF-1)) / 2
		}
		p := stats.Of(mixture)
		out.PMixture = &p
	}
	return out, err
}

// contains tells whether other's random effects are among r's, by name, and each covariance that is free there is here.
func (r randomEffects) contains(other randomEffects) bool {
	place := make([]int, len(other.columns))
	for i, c := range other.columns {
		place[i] = slices.IndexFunc(r.columns, func(d formula.Column) bool { return d.Name == c.Name })
		if place[i] < 0 {
			return false
		}
	}
	for i, row := range other.free {
		for j, free := range row {
			a, b := max(place[i], place[j]), min(place[i], place[j])
			if free && !r.free[a][b] {
				return false
			}
		}
	}
	return r.group == other.group
}

// Compare is the likelihood ratio test of small within big, two MMRMs: the fixed effects of small must be linear
// combinations of those of big, its covariance structure a special case. Under REML the fixed effects must be the same.
func Compare(small, big *Fit) (LikelihoodRatio, error) {
	same := small.options.Method == big.options.Method && small.design.Response == big.design.Response &&
		slices.Equal(small.design.Model.Visits, big.design.Model.Visits) &&
		small.problem.totals.same(big.problem.totals)
	if !same {
		return LikelihoodRatio{}, stats.Errorf(stats.BadInput, "lrt", "the models are not fitted by the same method to the same rows")
	}
	inside := big.design.contains(small.design)
	sameFixed := inside && len(small.names) == len(big.names)
	if err := nestedFixed(small.options.Method, sameFixed, inside); err != nil {
		return LikelihoodRatio{}, err
	}
	if from, to := small.options.Covariance, big.options.Covariance; from != to && !slices.Contains(specialCases[to], from) {
		return LikelihoodRatio{}, stats.Errorf(stats.BadInput, "lrt", "structure %q is not a special case of %q", from, to)
	}
	return ratioTest(small.deviance, big.deviance, len(big.names)+len(big.best.theta)-len(small.names)-len(small.best.theta))
}

// specialCases lists, per structure, the structures that it contains, whatever the visits' times.
var specialCases = map[Structure][]Structure{
	HeterogeneousCompoundSymmetry: {CompoundSymmetry},
	HeterogeneousAutoRegressive:   {AutoRegressive},
	Toeplitz:                      {CompoundSymmetry, AutoRegressive},
	HeterogeneousToeplitz:         {CompoundSymmetry, HeterogeneousCompoundSymmetry, AutoRegressive, HeterogeneousAutoRegressive, Toeplitz},
	Unstructured: {CompoundSymmetry, HeterogeneousCompoundSymmetry, AutoRegressive, HeterogeneousAutoRegressive, Toeplitz, HeterogeneousToeplitz,
		SpatialExponential},
}

// nestedFixed refuses models that are not nested in their fixed effects, or that differ in them under REML.
func nestedFixed(method Method, same, inside bool) error {
	if method == REML && !same {
		return stats.Errorf(stats.BadInput, "lrt", "restricted likelihoods of models with different fixed effects are not comparable; fit both by ML")
	}
	if !inside {
		return stats.Errorf(stats.BadInput, "lrt", "the first model's fixed effects are not contained in the second's")
	}
	return nil
}

func ratioTest(small, big float64, df int) (LikelihoodRatio, error) {
	out := LikelihoodRatio{DF: df}
	if df <= 0 {
		return out, stats.Errorf(stats.BadInput, "lrt", "the second model must have more parameters than the first")
	}
	out.ChiSquare = math.Max(0, small-big)
	out.PValue = stats.ChiSquareTest(out.ChiSquare, df).PValue
	return out, nil
}

// spans tells whether all columns are linear combinations of orthonormal ones.
func spans(orthonormal, columns [][]float64) bool {
	for _, column := range columns {
		left := slices.Clone(column)
		for range 2 {
			for _, q := range orthonormal {
				basis.Add(left, -basis.Dot(q, left), q)
			}
		}
		if !(basis.Norm(left) <= spanTolerance*basis.Norm(column)) {
			return false
		}
	}
	return true
}

// contains tells whether other's fixed effects are linear combinations of d's: K of other, its columns of x found by
// name, lies in the span of K of d.
func (d *Design) contains(other *Design) bool {
	visits, p := len(d.Model.Visits), len(d.Columns)
	columns := func(from *Design) [][]float64 {
		out := make([][]float64, len(from.Coefficients))
		for c := range out {
			out[c] = make([]float64, visits*p)
			for v := range visits {
				for j, x := range from.Columns {
					value := from.k.At(v*len(from.Columns)+j, c)
					at := d.indexOf(x.Name)
					if at < 0 && value != 0 {
						return nil
					}
					if at >= 0 {
						out[c][v*p+at] = value
					}
				}
			}
		}
		return out
	}
	small, big := columns(other), columns(d)
	if small == nil {
		return false
	}
	if _, err := basis.Columns(d.Coefficients, big); err != nil {
		return false
	}
	return spans(big, small)
}
