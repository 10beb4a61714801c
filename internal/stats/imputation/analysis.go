package imputation

import (
	"fmt"
	"math"

	"afterglow/internal/stats"
	"afterglow/internal/stats/linear"
)

// collected are the analyses of the completed sets.
type collected struct {
	p         *prepared
	plan      Plan
	reference int
	order     []int         // of the arms, the reference first
	q, u      [][][]float64 // by visit, and by arm: first the means, then the differences
	df        int           // of a complete set's analysis
	rows      [][]float64   // combinations of the coefficients, as in q
	sets      []Completed   // at the last visit, where deltas are asked for
	traces    [][]float64   // parameters followed along the chain
}

func (p *prepared) collect(plan Plan, reference int) *collected {
	c := &collected{p: p, plan: plan, reference: reference, order: []int{reference}}
	for a := range p.trial.Arms {
		if a != reference {
			c.order = append(c.order, a)
		}
	}
	// the analysis' columns are 1, covariates (centred, so 0 is their mean), an indicator of every arm but the first
	first := 1 + len(p.trial.Covariates)
	mean := func(arm int) []float64 {
		l := make([]float64, first+len(p.trial.Arms)-1)
		l[0] = 1
		if arm > 0 {
			l[first+arm-1] = 1
		}
		return l
	}
	base := mean(reference)
	for _, a := range c.order {
		c.rows = append(c.rows, mean(a))
	}
	for _, a := range c.order[1:] {
		l := mean(a)
		for j := range l {
			l[j] -= base[j]
		}
		c.rows = append(c.rows, l)
	}
	for range p.trial.Visits {
		c.q, c.u = append(c.q, make([][]float64, len(c.rows))), append(c.u, make([][]float64, len(c.rows)))
	}
	return c
}

// add analyses one completed set.
func (c *collected) add(values [][]float64) error {
	all := make([]int, len(c.p.arm))
	for i := range all {
		all[i] = i
	}
	m := c.p.design(all, true)
	for v, y := range values {
		fit, err := linear.Least(m, y)
		if err != nil {
			return err
		}
		c.df = fit.DF
		for k, l := range c.rows {
			estimate, se := fit.Combination(l)
			c.q[v][k], c.u[v][k] = append(c.q[v][k], estimate), append(c.u[v][k], se*se)
		}
	}
	if len(c.plan.Deltas) == 0 {
		return nil
	}
	last := len(values) - 1
	set := Completed{Response: values[last]}
	for i, arm := range c.p.arm {
		other := 0.0
		if arm != c.reference {
			other = 1
		}
		set.Arm, set.Baseline = append(set.Arm, other), append(set.Baseline, c.p.x[i][0])
		set.Imputed = append(set.Imputed, !c.p.y[i][last].Defined)
	}
	c.sets = append(c.sets, set)
	return nil
}

// follow notes the chain's coefficients and variances.
func (c *collected) follow(chain *chain) {
	if c.p.missing == 0 {
		return
	}
	var now []float64
	for k, b := range c.p.blocks {
		now = append(now, chain.theta[k].b.RawMatrix().Data...)
		for v := range b.v {
			now = append(now, math.Log(chain.theta[k].s.At(v, v)))
		}
	}
	c.traces = append(c.traces, now)
}

// correlation is the largest correlation of successive draws of a parameter; with few imputations it is mostly noise.
func (c *collected) correlation() stats.Number {
	n := len(c.traces)
	if n < 20 {
		return stats.Number{}
	}
	largest := 0.0
	for j := range c.traces[0] {
		mean, square, product := 0.0, 0.0, 0.0
		for _, t := range c.traces {
			mean += t[j] / float64(n)
		}
		for i, t := range c.traces {
			square += (t[j] - mean) * (t[j] - mean)
			if i > 0 {
				product += (t[j] - mean) * (c.traces[i-1][j] - mean)
			}
		}
		largest = math.Max(largest, math.Abs(product/square))
	}
	return stats.Of(largest)
}

func (c *collected) pool() (Multiple, error) {
	p, plan := c.p, c.plan
	out := Multiple{M: plan.Imputations, Strategy: plan.Strategy, Covariance: plan.Covariance, Reference: p.trial.Arms[c.reference], NSubjects: len(p.arm),
		NExcluded: p.excluded, NMissing: p.missing, BurnIn: plan.BurnIn, Thin: plan.Thin, Correlation: c.correlation(), Level: plan.Level}
	for v, visit := range p.trial.Visits {
		r := VisitResult{Visit: visit, DFComplete: c.df}
		gaps := false
		for _, a := range c.order {
			count := ArmCount{Arm: p.trial.Arms[a]}
			for i, arm := range p.arm {
				if arm != a {
					continue
				}
				count.N++
				if p.y[i][v].Defined {
					count.Observed++
				}
			}
			gaps = gaps || count.Observed < count.N
			r.Observed = append(r.Observed, count)
		}
		for k := range c.rows {
			pooled, err := c.pooled(v, k, gaps)
			if err != nil {
				return Multiple{}, err
			}
			if k < len(c.order) {
				r.Means = append(r.Means, ArmMean{p.trial.Arms[c.order[k]], pooled})
				continue
			}
			name := p.trial.Arms[c.order[k-len(c.order)+1]] + " - " + out.Reference
			r.Differences = append(r.Differences, Difference{name, pooled})
		}
		out.Visits = append(out.Visits, r)
	}
	if len(c.sets) > 0 {
		tipping, err := Tip(c.sets, plan.Deltas, plan.Level)
		if err != nil {
			return Multiple{}, err
		}
		out.Tipping = &tipping
	}
	out.Notes = c.notes(out)
	return out, nil
}

// pooled is Rubin's rules, or the plain analysis where nothing was imputed.
func (c *collected) pooled(visit, k int, gaps bool) (Pooled, error) {
	q, u, df := c.q[visit][k], c.u[visit][k], stats.Of(float64(c.df))
	if gaps {
		return Pool(q, u, df, c.plan.Level)
	}
	se := math.Sqrt(u[0])
	e := stats.TEstimate(q[0], se, df, c.plan.Level)
	return Pooled{M: len(q), Estimate: q[0], Within: u[0], T: u[0], SE: se, DF: df, FMI: stats.Of(0), RelativeEfficiency: 1,
		TValue: e.Statistic, PValue: e.PValue, Lower: e.Lower, Upper: e.Upper, Level: c.plan.Level}, nil
}

func (c *collected) notes(r Multiple) []string {
	notes := []string{fmt.Sprintf("%d imputations by data augmentation under a multivariate normal model of the visits (%s); analysis of covariance at each visit, pooled by Rubin's rules with Barnard and Rubin's degrees of freedom", r.M, r.Covariance)}
	switch r.Strategy {
	case AtRandom:
		notes = append(notes, "what is missing is assumed to be missing at random given covariates, arm and the observed visits")
	default:
		notes = append(notes, fmt.Sprintf("after the last observed visit, arms other than %s follow strategy %s; gaps before it are missing at random", r.Reference, r.Strategy),
			"Rubin's variance under a reference-based strategy keeps the share of information that was lost under missing at random; it exceeds the estimate's spread over repeated trials (Cro, Carpenter & Kenward 2019)")
	}
	for _, arm := range c.p.trial.Arms {
		if shift := c.plan.Shift[arm]; shift != 0 {
			notes = append(notes, fmt.Sprintf("%g is added to what is imputed after the last observed visit in arm %s", shift, arm))
		}
	}
	if r.NExcluded > 0 {
		notes = append(notes, fmt.Sprintf("%d subjects without a covariate are left out", r.NExcluded))
	}
	if r.NMissing == 0 {
		notes = append(notes, "nothing was missing: the results are the plain analysis")
	}
	return notes
}
