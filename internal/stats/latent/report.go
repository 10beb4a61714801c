package latent

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// report numbers the classes and takes everything to the raw scale.
func (d *data) report(m Model, ends []end, best int) (Result, error) {
	e := ends[best]
	full := d.at(e.theta, true)
	n, k := float64(len(d.names)), d.classes
	out := Result{NSubjects: len(d.names), NObs: d.rows, NWithoutValue: d.without, NMissing: d.missing, NParams: d.size(), Level: m.Level,
		LogLik: full.logLik - float64(d.rows)*math.Log(d.unit), Convergence: d.convergence(ends, best)}
	plain, robust, smallestValue, err := covariances(e.hessian, full.scores)
	if err != nil {
		return Result{}, err
	}
	out.Convergence.Smallest = smallestValue
	parameters := float64(out.NParams)
	out.AIC = -2*out.LogLik + 2*parameters
	out.BIC = -2*out.LogLik + parameters*math.Log(n)
	out.SABIC = -2*out.LogLik + parameters*math.Log((n+2)/24)

	order, value := d.order(m, e.theta)
	out.OrderedBy = map[Order]string{
		ByStart: "class mean at the first time, from the lowest up",
		BySlope: "mean change per unit of time from the first to the last time, from the steepest fall up",
	}[m.Order]
	times := m.At
	if len(times) == 0 {
		times = d.grid()
	}
	share := d.proportions(e.theta)
	for place, c := range order {
		class := Class{Class: place + 1, Share: d.share(plain, share, c, m.Level), OrderedAt: stats.Of(value[c]), Random: d.within(e.theta, c)}
		d.trajectory(&class, e.theta, plain, robust, c, times, m.Level)
		out.Classes = append(out.Classes, class)
	}
	entropy := d.members(&out, full.posterior, order)
	out.ICL = out.BIC + 2*entropy
	if k > 1 {
		out.Certainty.Entropy = stats.Of(1 - entropy/(n*math.Log(float64(k))))
	}
	out.Notes = d.notes(m, e.theta, out)
	return out, out.bounded()
}

// bounded names what overflowed on the way back to the raw scale.
func (r Result) bounded() error {
	if !stats.Finite(r.LogLik) || !stats.Finite(r.BIC) {
		return stats.Errorf(stats.NotFinite, "response", "the likelihood overflows; change the unit")
	}
	for _, class := range r.Classes {
		for _, c := range class.Coefficients {
			if !c.Estimate.Estimate.Defined || !c.SE.Defined {
				return stats.Errorf(stats.NotFinite, "time", "the coefficient of %s overflows; change the unit", c.Name)
			}
		}
		for _, row := range class.Random.Covariance {
			for _, v := range row {
				if !stats.Finite(v) {
					return stats.Errorf(stats.NotFinite, "time", "the random effects' covariance overflows; change the unit")
				}
			}
		}
	}
	return nil
}

// covariances inverts the observed information, and puts the subjects' scores between two of its inverses (White 1982,
// Econometrica 50:1).
func covariances(hessian *mat.SymDense, scores [][]float64) (plain, robust *mat.SymDense, smallestValue float64, err error) {
	n := hessian.SymmetricDim()
	plain, robust = mat.NewSymDense(n, nil), mat.NewSymDense(n, nil)
	var chol mat.Cholesky
	var eigen mat.EigenSym
	if !chol.Factorize(hessian) || chol.InverseTo(plain) != nil || !eigen.Factorize(hessian, false) {
		return nil, nil, 0, stats.Errorf(stats.NotConverged, "classes", "the information about the parameters is singular")
	}
	moved := mat.NewVecDense(n, nil)
	for _, s := range scores {
		moved.MulVec(plain, mat.NewVecDense(n, s))
		robust.SymRankOne(robust, 1, moved)
	}
	return plain, robust, eigen.Values(nil)[0], nil
}

func (d *data) convergence(ends []end, best int) Convergence {
	e := ends[best]
	c := Convergence{Starts: len(ends), EMSteps: e.iterations, NewtonSteps: e.newton, Gradient: e.gradient, Decrement: e.decrement}
	for _, other := range ends {
		switch {
		case other.fate == degenerate:
			c.Degenerate++
		case other.fate == stuck:
			c.Unfinished++
		case other.logLik > e.logLik-sameEnd:
			c.ReachedBest++
		default:
			c.Lower++
		}
	}
	return c
}

// combination is the row that takes a class's coefficients in the basis to its mean at t.
func (d *data) combination(t float64) []float64 {
	row := mat.NewVecDense(d.p, nil)
	row.MulVec(d.inverse.T(), mat.NewVecDense(d.p, d.powersAt(t)))
	return row.RawVector().Data
}

// coefficients are a class's in the basis, raw scale.
func (d *data) coefficients(theta []float64, class int) []float64 {
	out := slices.Clone(d.offset)
	for j := range out {
		out[j] += d.unit * theta[d.betaAt(class)+j]
	}
	return out
}

// order gives the classes from the smallest value of what they are ordered by, and that value of each.
func (d *data) order(m Model, theta []float64) (order []int, value []float64) {
	first, last := d.times[0], d.times[len(d.times)-1]
	for c := range d.classes {
		b := d.coefficients(theta, c)
		v := floats.Dot(d.combination(first), b)
		if m.Order == BySlope {
			v = (floats.Dot(d.combination(last), b) - v) / (last - first)
		}
		order, value = append(order, c), append(value, v)
	}
	sort.SliceStable(order, func(i, j int) bool { return value[order[i]] < value[order[j]] })
	return order, value
}

// grid are the observed times, or 11 between the ends where there are more than 20.
func (d *data) grid() []float64 {
	if len(d.times) <= 20 {
		return d.times
	}
	var out []float64
	for i := range 11 {
		out = append(out, d.mid-d.half+float64(i)*d.half/5)
	}
	return out
}

// spread is the standard error of l'b for a class's coefficients b in the basis.
func (d *data) spread(covariance *mat.SymDense, l []float64, class int) float64 {
	sum := 0.0
	for i, a := range l {
		for j, b := range l {
			sum += a * b * covariance.At(d.betaAt(class)+i, d.betaAt(class)+j)
		}
	}
	return d.unit * math.Sqrt(math.Max(sum, 0))
}

func (d *data) trajectory(c *Class, theta []float64, plain, robust *mat.SymDense, class int, times []float64, level float64) {
	b := d.coefficients(theta, class)
	infer := func(l []float64) (stats.Estimate, stats.Number) {
		return stats.ZEstimate(floats.Dot(l, b), d.spread(plain, l, class), level), stats.Of(d.spread(robust, l, class))
	}
	var to mat.Dense
	to.Mul(d.unscaled(d.p), d.inverse)
	for j, name := range powers(d.p) {
		e, se := infer(mat.Row(nil, j, &to))
		c.Coefficients = append(c.Coefficients, Coefficient{name, e, se})
	}
	for _, t := range times {
		e, se := infer(d.combination(t))
		c.Trajectory = append(c.Trajectory, Mean{t, e, se})
	}
}

// share is a class's proportion; the interval is that of its logit.
func (d *data) share(covariance *mat.SymDense, share []float64, class int, level float64) stats.Estimate {
	slope := make([]float64, covariance.SymmetricDim())
	for k := 1; k < d.classes; k++ {
		slope[d.logitAt(k)] = -share[class] * share[k]
		if k == class {
			slope[d.logitAt(k)] += share[class]
		}
	}
	v := mat.NewVecDense(len(slope), slope)
	se := math.Sqrt(math.Max(mat.Inner(v, covariance, v), 0))
	out := stats.Estimate{Estimate: stats.Of(share[class]), Interval: stats.Interval{Level: level}}
	p := share[class]
	if d.classes > 1 && p > 0 && p < 1 {
		logit, half := math.Log(p/(1-p)), stats.NormalQuantile(0.5+level/2)*se/(p*(1-p))
		out.SE = stats.Of(se)
		out.Lower, out.Upper = stats.Of(1/(1+math.Exp(half-logit))), stats.Of(1/(1+math.Exp(-half-logit)))
	}
	return out
}

// within takes G = sigma^2 L L' to the coefficients of powers of time.
func (d *data) within(theta []float64, class int) RandomVariances {
	q := d.q
	sigma := d.unit * math.Exp(theta[d.varianceAt(class)]/2)
	v := RandomVariances{Names: powers(d.p)[:q], Covariance: [][]float64{}, SD: []float64{}, Correlation: [][]stats.Number{}, Sigma: sigma}
	if q == 0 {
		v.Names = []string{}
		return v
	}
	l := mat.NewDense(q, q, nil)
	for a := range q {
		for b := range a + 1 {
			l.Set(a, b, sigma*theta[d.factorAt(class)+a*(a+1)/2+b])
		}
	}
	var to, factor, g mat.Dense
	to.Mul(d.unscaled(q), d.inverse.Slice(0, q, 0, q))
	factor.Mul(&to, l)
	g.Mul(&factor, factor.T())
	for a := range q {
		v.Covariance = append(v.Covariance, mat.Row(nil, a, &g))
		v.SD = append(v.SD, math.Sqrt(g.At(a, a)))
	}
	for a := range q {
		row := make([]stats.Number, q)
		for b := range q {
			row[b] = stats.Of(g.At(a, b) / (v.SD[a] * v.SD[b]))
		}
		v.Correlation = append(v.Correlation, row)
	}
	return v
}

// members gives everyone's class, and the sum of -p log p.
func (d *data) members(out *Result, posterior [][]float64, order []int) float64 {
	k, entropy := d.classes, 0.0
	sums := make([][]float64, k)
	for i := range sums {
		sums[i] = make([]float64, k)
	}
	for i, post := range posterior {
		one := Membership{Subject: d.names[i], Posterior: make([]float64, k)}
		at := 0
		for place, c := range order {
			p := post[c]
			one.Posterior[place] = p
			out.Classes[place].Expected += p
			if p > one.Posterior[at] {
				at = place
			}
			if p > 0 {
				entropy -= p * math.Log(p)
			}
		}
		one.Class = at + 1
		out.Classes[at].Assigned++
		for place, p := range one.Posterior {
			sums[at][place] += p
		}
		out.Subjects = append(out.Subjects, one)
	}
	for i, row := range sums {
		mean := make([]stats.Number, k)
		for j, s := range row {
			mean[j] = stats.Of(s / float64(out.Classes[i].Assigned))
		}
		out.Certainty.AveragePosterior = append(out.Certainty.AveragePosterior, mean)
	}
	return entropy
}

// edge tells whether a diagonal element of a Cholesky factor is 0.
func (d *data) edge(theta []float64) bool {
	for k := range d.classes {
		for a := range d.q {
			if math.Abs(theta[d.factorAt(k)+a*(a+1)/2+a]) < 1e-4 {
				return true
			}
		}
	}
	return false
}

func (d *data) notes(m Model, theta []float64, r Result) []string {
	notes := []string{
		fmt.Sprintf("growth mixture by maximum likelihood, %d classes, trajectories of degree %d, random effects: %s; errors from the observed information, se_robust from the sandwich", m.Classes, m.Degree, m.Random),
		"missing values must be missing at random given the observed ones",
	}
	if d.edge(theta) {
		notes = append(notes, "the random effects' covariance is estimated on its edge: one of them is a combination of the others, or does not vary")
	}
	if m.Classes == 1 {
		return notes
	}
	notes = append(notes,
		"classes describe a distribution that one normal curve does not; they are no proof that kinds of subjects exist (Bauer & Curran 2003), and subjects' classes carry the error that certainty shows",
		fmt.Sprintf("%d of %d starts reached the highest log-likelihood", r.Convergence.ReachedBest, r.Convergence.Starts))
	if r.Convergence.Degenerate > 0 {
		notes = append(notes, fmt.Sprintf("%d starts ended with a class that emptied or closed in on a few values, and were left out", r.Convergence.Degenerate))
	}
	if r.Certainty.Entropy.Defined && r.Certainty.Entropy.Value < 0.8 {
		notes = append(notes, "the classes overlap (entropy below 0.8): results by assigned class must not be read as those of the classes")
	}
	for _, c := range r.Classes {
		if c.Expected < 0.05*float64(r.NSubjects) {
			notes = append(notes, fmt.Sprintf("class %d holds less than 5%% of the subjects", c.Class))
		}
	}
	return notes
}
