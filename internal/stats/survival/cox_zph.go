package survival

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// Transform is the time scale on which a coefficient's drift is tested.
type Transform string

const (
	// ByKM is 1 minus the Kaplan-Meier curve just before the time.
	ByKM Transform = "km"
	// ByTime is the time itself.
	ByTime Transform = "identity"
	// ByRank is the time's rank among all rows.
	ByRank Transform = "rank"
	// ByLog is the logarithm of the time.
	ByLog Transform = "log"
)

// ZPH is the test of proportional hazards on one time scale: a row per coefficient and GLOBAL.
type ZPH struct {
	Transform Transform `json:"transform"`
	Rows      []ZPHRow  `json:"rows"`
}

// ZPHRow is the test of one coefficient, or of all.
type ZPHRow struct {
	Name string `json:"name"`
	stats.ChiSquare
}

// defined tells whether every test has a value.
func (z ZPH) defined() bool {
	return !slices.ContainsFunc(z.Rows, func(r ZPHRow) bool { return !r.ChiSq.Defined })
}

// ProportionalHazards is the score test that no coefficient drifts linearly in g(time): of theta = 0 in b + theta (g -
// mean g), with the full information of b and theta (Grambsch & Therneau 1994, Biometrika 81:515, without their
// approximation). See docs/methods/cox.md.
func (f *CoxFit) ProportionalHazards(transform Transform) (ZPH, error) {
	out := ZPH{Transform: transform}
	g, err := f.timeScale(transform)
	if err != nil {
		return out, err
	}
	p := f.data.p
	score := make([]float64, p)
	plain, once, twice := make([]float64, p*p), make([]float64, p*p), make([]float64, p*p)
	mean := make([]float64, p)
	f.data.walk(f.beta, true, func(t *tie) {
		at := g[t.from]
		for j := range p {
			score[j] += at * t.dx[j]
		}
		steps, weight := f.terms(t)
		for step := range steps {
			w := float64(step) / float64(steps)
			s0 := t.s0 - w*t.d0
			for j := range p {
				mean[j] = (t.s1[j] - w*t.d1[j]) / s0
				score[j] -= weight * at * mean[j]
				for k := range j + 1 {
					v := weight * ((t.s2[j*p+k]-w*t.d2[j*p+k])/s0 - mean[j]*mean[k])
					plain[j*p+k] += v
					once[j*p+k] += at * v
					twice[j*p+k] += at * at * v
				}
			}
		}
	})
	lower := func(m []float64, j, k int) float64 { return m[max(j, k)*p+min(j, k)] }
	test := func(of []int) float64 {
		n := p + len(of)
		info, u := mat.NewSymDense(n, nil), mat.NewVecDense(n, nil)
		for j := range p {
			for k := range j + 1 {
				info.SetSym(j, k, lower(plain, j, k))
			}
		}
		for a, j := range of {
			u.SetVec(p+a, score[j])
			for k := range p {
				info.SetSym(p+a, k, lower(once, j, k))
			}
			for b, k := range of[:a+1] {
				info.SetSym(p+a, p+b, lower(twice, j, k))
			}
		}
		var chol mat.Cholesky
		var solved mat.VecDense
		if !chol.Factorize(info) || chol.SolveVecTo(&solved, u) != nil {
			return math.NaN() // a time scale that does not vary over the events
		}
		return mat.Dot(u, &solved)
	}
	all := make([]int, p)
	for j, name := range f.spells.Names {
		all[j] = j
		out.Rows = append(out.Rows, ZPHRow{name, stats.ChiSquareTest(test([]int{j}), 1)})
	}
	out.Rows = append(out.Rows, ZPHRow{"GLOBAL", stats.ChiSquareTest(test(all), p)})
	return out, nil
}

// undefinedZPH is a test that its time scale does not allow.
func (f *CoxFit) undefinedZPH(transform Transform) ZPH {
	out := ZPH{Transform: transform}
	for _, name := range f.spells.Names {
		out.Rows = append(out.Rows, ZPHRow{name, stats.ChiSquare{DF: 1}})
	}
	out.Rows = append(out.Rows, ZPHRow{"GLOBAL", stats.ChiSquare{DF: f.data.p}})
	return out
}

// timeScale gives g of every row's stop time, centred on its mean over the events.
func (f *CoxFit) timeScale(transform Transform) ([]float64, error) {
	o := f.data
	g := make([]float64, o.n)
	switch transform {
	case ByTime:
		copy(g, o.stop)
	case ByLog:
		for i, t := range o.stop {
			g[i] = math.Log(t)
			if !(t > 0) {
				return nil, stats.Errorf(stats.BadInput, "time", "the logarithm of a time that is not positive")
			}
		}
	case ByRank:
		o.ranks(g)
	case ByKM:
		f.leftKaplanMeier(g)
	default:
		return nil, stats.Errorf(stats.BadInput, "transform", "no time scale %q", transform)
	}
	mean := 0.0
	for i, e := range o.event {
		if e {
			mean += g[i] / float64(o.events)
		}
	}
	for i := range g {
		g[i] -= mean
	}
	return g, nil
}

// ranks fills the mean rank of all rows' stops, strata together, each row as often as its frequency.
func (o *ordered) ranks(g []float64) {
	earliest := backwards(latestFirst(o.stop, nil))
	below := 0.0
	for i := 0; i < o.n; {
		from, same := i, 0.0
		for ; i < o.n && o.stop[earliest[i]] == o.stop[earliest[from]]; i++ {
			same += o.copiesOf(earliest[i])
		}
		for _, row := range earliest[from:i] {
			g[row] = below + (same+1)/2
		}
		below += same
	}
}

// leftKaplanMeier fills 1 - S(t-) of all rows, strata together, each row as often as its frequency.
func (f *CoxFit) leftKaplanMeier(g []float64) {
	o := f.data
	earliest := backwards(latestFirst(o.stop, nil))
	entry := earliest
	if o.start != nil {
		entry = backwards(latestFirst(o.start, nil))
	}
	surv, risk, entered := 1.0, 0.0, 0
	for i := 0; i < o.n; {
		t, deaths, gone := o.stop[earliest[i]], 0.0, 0.0
		for ; entered < o.n && (o.start == nil || o.start[entry[entered]] < t); entered++ {
			risk += o.copiesOf(entry[entered])
		}
		for ; i < o.n && o.stop[earliest[i]] == t; i++ {
			row := earliest[i]
			if o.event[row] {
				deaths += o.copiesOf(row)
			}
			gone += o.copiesOf(row)
			g[row] = 1 - surv
		}
		surv *= 1 - deaths/risk
		risk -= gone
	}
}
