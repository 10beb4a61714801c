package survival

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// CoxResult is all that is reported about a Cox model. Robust fields are there where the rows were clustered or had
// probability weights; N and NEvents count rows, each as often as its frequency.
type CoxResult struct {
	N            int               `json:"n"`
	WeightSum    *stats.Number     `json:"weight_sum,omitempty"`
	NEvents      int               `json:"n_events"`
	Coefficients []CoxCoefficient  `json:"coefficients"`
	VCov         stats.NamedMatrix `json:"vcov"`
	NullLogLik   stats.Number      `json:"loglik_null"`
	LogLik       stats.Number      `json:"loglik"`
	LRTest       stats.ChiSquare   `json:"lr_test"`
	WaldTest     stats.ChiSquare   `json:"wald_test"`
	ScoreTest    stats.ChiSquare   `json:"score_test"`
	Concordance  stats.Number      `json:"concordance"`
	RobustVCov   [][]stats.Number  `json:"robust_vcov,omitempty"`
	RobustWald   *stats.ChiSquare  `json:"robust_wald_test,omitempty"`
	ZPH          []ZPH             `json:"zph"`
	Baseline     []BaselineHazard  `json:"baseline_hazard"`
	Level        float64           `json:"level"`
	Notes        []string          `json:"notes,omitempty"`
}

// CoxCoefficient is a log hazard ratio, and the hazard ratio with its interval.
type CoxCoefficient struct {
	Name        string        `json:"name"`
	Estimate    stats.Number  `json:"estimate"`
	SE          stats.Number  `json:"se"`
	Z           stats.Number  `json:"z"`
	PValue      stats.Number  `json:"p_value"`
	HR          stats.Number  `json:"hr"`
	Lower       stats.Number  `json:"hr_lower"`
	Upper       stats.Number  `json:"hr_upper"`
	RobustSE    *stats.Number `json:"robust_se,omitempty"`
	RobustZ     *stats.Number `json:"robust_z,omitempty"`
	RobustP     *stats.Number `json:"robust_p_value,omitempty"`
	RobustLower *stats.Number `json:"robust_hr_lower,omitempty"`
	RobustUpper *stats.Number `json:"robust_hr_upper,omitempty"`
}

// BaselineHazard is the cumulative hazard of a stratum at covariates 0.
type BaselineHazard struct {
	Stratum string       `json:"stratum"`
	Time    float64      `json:"time"`
	CumHaz  stats.Number `json:"cumhaz"`
}

// Report gathers what is reported. at asks for the baseline hazard at these times; strata with fewer than atRisk rows at risk
// then are left out and noted. With atRisk 0 every row is there: past the last follow-up with what was reached by then, noted.
func (f *CoxFit) Report(level float64, at []float64, atRisk int) (CoxResult, error) {
	if err := stats.CheckLevel(level); err != nil {
		return CoxResult{}, err
	}
	p := f.data.p
	r := CoxResult{N: f.data.copiesOfAll(), NEvents: f.data.events, NullLogLik: stats.Of(f.NullLik), LogLik: stats.Of(f.LogLik),
		LRTest: stats.ChiSquareTest(2*(f.LogLik-f.NullLik), p), ScoreTest: stats.ChiSquareTest(f.Score, p), WaldTest: stats.ChiSquareTest(f.wald(f.VCov), p),
		VCov: stats.NamedMatrix{Names: f.spells.Names, Matrix: stats.Matrix(f.VCov)}, Concordance: f.concordance(), Level: level}
	if f.spells.Weight != nil {
		sum := stats.Of(floats.Sum(f.spells.Weight))
		r.WeightSum = &sum
	}
	for j, name := range f.spells.Names {
		e := stats.ZEstimate(f.Beta[j], math.Sqrt(f.VCov.At(j, j)), level)
		c := CoxCoefficient{Name: name, Estimate: e.Estimate, SE: e.SE, Z: e.Statistic, PValue: e.PValue,
			HR: exp(e.Estimate), Lower: exp(e.Lower), Upper: exp(e.Upper)}
		if f.Robust != nil {
			b := stats.ZEstimate(f.Beta[j], math.Sqrt(f.Robust.At(j, j)), level)
			lower, upper := exp(b.Lower), exp(b.Upper)
			c.RobustSE, c.RobustZ, c.RobustP, c.RobustLower, c.RobustUpper = &b.SE, &b.Statistic, &b.PValue, &lower, &upper
		}
		r.Coefficients = append(r.Coefficients, c)
	}
	if f.spells.Cluster != nil {
		r.Notes = stats.FewClusters(stats.CountClusters(f.spells.Cluster, f.data.n))
	}
	if f.Robust != nil {
		wald := stats.ChiSquareTest(f.wald(f.Robust), p)
		r.RobustVCov, r.RobustWald = stats.Matrix(f.Robust), &wald
	}
	for _, transform := range []Transform{ByKM, ByTime, ByRank, ByLog} {
		if transform == ByLog && !f.data.positive() {
			r.ZPH = append(r.ZPH, f.undefinedZPH(transform))
			continue
		}
		z, err := f.ProportionalHazards(transform)
		if err != nil {
			return r, err
		}
		if !z.defined() {
			r.Notes = append(r.Notes, fmt.Sprintf("the check of proportional hazards on the time scale %s has no value: the scale does not change over the events that tell the covariates apart", transform))
		}
		r.ZPH = append(r.ZPH, z)
	}
	var notes []string
	r.Baseline, notes = f.baseline(at, atRisk)
	r.Notes = append(r.Notes, notes...)
	return r, nil
}

func exp(x stats.Number) stats.Number {
	if !x.Defined {
		return x
	}
	return stats.Of(math.Exp(x.Value))
}

// wald is b'V^-1b; NaN where V is singular, as a robust one is with few clusters.
func (f *CoxFit) wald(v *mat.SymDense) float64 {
	var chol mat.Cholesky
	var solved mat.VecDense
	b := mat.NewVecDense(len(f.Beta), f.Beta)
	if !chol.Factorize(v) || chol.SolveVecTo(&solved, b) != nil {
		return math.NaN()
	}
	return mat.Dot(b, &solved)
}

// baseline is the cumulative hazard at covariates 0, estimated in step with the handling of ties.
func (f *CoxFit) baseline(at []float64, atRisk int) (out []BaselineHazard, notes []string) {
	inc := f.increments(f.beta)
	shift := 0.0
	for j, b := range f.beta {
		shift += b * f.data.mean[j] / f.data.scale[j]
	}
	out = []BaselineHazard{}
	beyond := false
	var left []string
	for s := 0; s+1 < len(f.data.bounds); s++ {
		begin, end := f.data.bounds[s], f.data.bounds[s+1]
		number := f.data.stratum[begin]
		name := "all"
		if f.spells.Stratum != nil {
			name = f.spells.Strata[number]
		}
		for _, t := range at {
			risk, hazard := 0, 0.0
			for i := begin; i < end; i++ {
				if f.data.stop[i] >= t-f.data.tolerance && (f.data.start == nil || f.data.start[i] < t) {
					risk++
				}
			}
			switch last := f.data.stop[begin]; {
			case risk < atRisk:
				left = append(left, fmt.Sprintf("%g of stratum %s", t, name))
				continue
			case last < t-f.data.tolerance:
				notes = append(notes, fmt.Sprintf("baseline hazard of stratum %s at %g: nobody is followed beyond %g, the value is the one reached there", name, t, last))
			}
			bounds := inc.of[number]
			for k := firstAtOrBefore(inc.time, bounds, t+f.data.tolerance); k < bounds[1]; k++ {
				hazard += inc.hazard[k]
			}
			row := BaselineHazard{name, t, stats.Of(hazard * math.Exp(-shift))}
			beyond = beyond || hazard > 0 && !(row.CumHaz.Value > 0)
			out = append(out, row)
		}
	}
	if len(left) > 0 {
		notes = append(notes, fmt.Sprintf("the baseline hazard is left out, with fewer than %d at risk, at %s: ask for these times to have it", atRisk, strings.Join(left, ", ")))
	}
	if beyond {
		notes = append(notes, fmt.Sprintf("the baseline hazard is that at covariates of 0, which are so far from the data (a factor of exp(%.4g)) "+
			"that it lies beyond the range of numbers: count %s from a nearer origin", -shift, f.furthest()))
	}
	return out, notes
}

// furthest names the covariate whose origin moves the baseline hazard most.
func (f *CoxFit) furthest() string {
	best, most := "", -1.0
	for j, name := range f.spells.Names {
		if moved := math.Abs(f.beta[j] * f.data.mean[j] / f.data.scale[j]); moved > most {
			best, most = name, moved
		}
	}
	return best
}

// concordance is Harrell's C of the linear predictor, within strata: of the pairs in which one has the event while the
// other is still at risk, the share in which the event's predictor is higher, ties counting half. Undefined without a pair.
func (f *CoxFit) concordance() stats.Number {
	o := f.data
	eta := make([]float64, o.n)
	for i := range eta {
		for j, x := range o.x[i*o.p : i*o.p+o.p] {
			eta[i] += x * f.beta[j]
		}
	}
	levels := slices.Clone(eta)
	slices.Sort(levels)
	// predictors that differ by rounding only are ties
	rank := make([]int, o.n)
	group := make([]int, len(levels))
	for i := 1; i < len(levels); i++ {
		group[i] = group[i-1]
		if levels[i]-levels[i-1] > 1e-12*(1+math.Abs(levels[i])) {
			group[i]++
		}
	}
	for i, e := range eta {
		at, _ := slices.BinarySearch(levels, e)
		rank[i] = group[at]
	}
	concordant, tied, pairs := 0.0, 0.0, 0.0
	for s := 0; s+1 < len(o.bounds); s++ {
		tree := newCounts(group[len(group)-1] + 1)
		left, end := o.bounds[s], o.bounds[s+1]
		for i := o.bounds[s]; i < end; {
			from := i
			for i < end && o.stop[i] == o.stop[from] {
				if !o.event[i] {
					tree.add(rank[i], o.weightOf(i))
				}
				i++
			}
			for ; o.entry != nil && left < end && o.start[o.entry[left]] >= o.stop[from]; left++ {
				tree.add(rank[o.entry[left]], -o.weightOf(o.entry[left]))
			}
			for m := from; m < i; m++ {
				if o.event[m] {
					w := o.weightOf(m)
					concordant += w * tree.below(rank[m])
					tied += w * tree.at[rank[m]]
					pairs += w * tree.total
				}
			}
			for m := from; m < i; m++ {
				if o.event[m] {
					tree.add(rank[m], o.weightOf(m))
				}
			}
		}
	}
	return stats.Of((concordant + tied/2) / pairs)
}

// counts is a Fenwick tree (1994, Software: Practice and Experience 24:327) of the weight of the rows of each rank.
type counts struct {
	sums, at []float64
	total    float64
}

func newCounts(n int) *counts { return &counts{sums: make([]float64, n+1), at: make([]float64, n)} }

func (c *counts) add(rank int, by float64) {
	c.at[rank] += by
	c.total += by
	for i := rank + 1; i < len(c.sums); i += i & -i {
		c.sums[i] += by
	}
}

func (c *counts) below(rank int) float64 {
	sum := 0.0
	for i := rank; i > 0; i -= i & -i {
		sum += c.sums[i]
	}
	return sum
}
