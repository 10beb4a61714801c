package psychometric

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// Omega is McDonald's omega total from a one-factor model fitted by maximum likelihood. Loadings and
// uniquenesses are in the metric of correlations; Total is in that of covariances, which the sum of raw items
// has; ObservedVariance divides by the observed variance of the sum instead of the model's. NExcluded are the persons that the
// caller left out because an item was open.
type Omega struct {
	N                 int            `json:"n"`
	K                 int            `json:"k"`
	Loadings          []stats.Number `json:"loadings_standardised"`
	Uniquenesses      []stats.Number `json:"uniquenesses_standardised"`
	Total             stats.Number   `json:"omega_total"`
	TotalStandardised stats.Number   `json:"omega_total_standardised"`
	ObservedVariance  stats.Number   `json:"omega_total_observed_variance"`
	DiscrepancyF      stats.Number   `json:"discrepancy_F"`
	NExcluded         int            `json:"n_excluded"`
}

// McDonaldOmega fits x = lambda f + e to three or more items, complete and keyed in one direction. Sources:
// McDonald (1999), Test Theory; Jöreskog (1967), Psychometrika 32:443. Newton steps on the discrepancy end at
// rounding; a uniqueness that falls to 0 (a Heywood case) is a failure that names the item. See
// docs/methods/reliability.md.
func McDonaldOmega(items [][]float64, names []string) (Omega, error) {
	if len(items) < 3 {
		return Omega{}, stats.Errorf(stats.TooFew, "items", "one factor needs three items, there are %d", len(items))
	}
	v, err := covariances(items, names)
	if err != nil {
		return Omega{}, err
	}
	k := len(items)
	r, sd := mat.NewSymDense(k, nil), make([]float64, k)
	for i := range k {
		sd[i] = math.Sqrt(v.At(i, i))
	}
	for i := range k {
		for j := range i + 1 {
			r.SetSym(i, j, v.At(i, j)/(sd[i]*sd[j]))
		}
	}
	f, err := fitFactor(r, names)
	if err != nil {
		return Omega{}, err
	}
	sign, sum := 1.0, 0.0
	for _, l := range f.loadings {
		sum += l
	}
	if sum < 0 {
		sign = -1
	}
	o := Omega{N: len(items[0]), K: k, DiscrepancyF: stats.Of(f.value)}
	var raw, rawUnique, standard, standardUnique, observed float64
	for i := range k {
		l := sign * f.loadings[i]
		o.Loadings, o.Uniquenesses = append(o.Loadings, stats.Of(l)), append(o.Uniquenesses, stats.Of(f.unique[i]))
		standard, standardUnique = standard+l, standardUnique+f.unique[i]
		raw, rawUnique = raw+sd[i]*l, rawUnique+sd[i]*sd[i]*f.unique[i]
		for j := range k {
			observed += v.At(i, j)
		}
	}
	o.Total, o.TotalStandardised = stats.Of(raw*raw/(raw*raw+rawUnique)), stats.Of(standard*standard/(standard*standard+standardUnique))
	o.ObservedVariance = stats.Of(raw * raw / observed)
	return o, nil
}

// factor is a one-factor model at some parameters: first the loadings, then the uniquenesses.
type factor struct {
	loadings, unique []float64
	value            float64
	gradient         []float64
}

// factorAt gives the discrepancy log|S| - log|R| + tr(R S^-1) - k of S = l l' + diag(u) and its gradient.
func factorAt(r *mat.SymDense, parameters []float64) (factor, bool) {
	k := r.SymmetricDim()
	f := factor{loadings: parameters[:k], unique: parameters[k:], gradient: make([]float64, 2*k)}
	s := mat.NewSymDense(k, nil)
	for i := range k {
		if !(f.unique[i] > 0) {
			return f, false
		}
		for j := range i + 1 {
			s.SetSym(i, j, f.loadings[i]*f.loadings[j])
		}
		s.SetSym(i, i, s.At(i, i)+f.unique[i])
	}
	var of, sample mat.Cholesky
	if !of.Factorize(s) || !sample.Factorize(r) {
		return f, false
	}
	var inverse mat.SymDense
	if of.InverseTo(&inverse) != nil {
		return f, false
	}
	var weighted, middle, gap mat.Dense
	weighted.Mul(&inverse, r)
	middle.Mul(&weighted, &inverse)
	gap.Sub(&inverse, &middle) // S^-1 (S - R) S^-1
	f.value = of.LogDet() - sample.LogDet() + mat.Trace(&weighted) - float64(k)
	for i := range k {
		for j := range k {
			f.gradient[i] += 2 * gap.At(i, j) * f.loadings[j]
		}
		f.gradient[k+i] = gap.At(i, i)
	}
	return f, true
}

func fitFactor(r *mat.SymDense, names []string) (factor, error) {
	k := r.SymmetricDim()
	var eigen mat.EigenSym
	if !eigen.Factorize(r, true) || eigen.Values(nil)[0] < 1e-10 {
		return factor{}, stats.Errorf(stats.Collinear, "items", "one is a combination of the others")
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	at := make([]float64, 2*k)
	for i := range k {
		at[i] = vectors.At(i, k-1) * math.Sqrt(eigen.Values(nil)[k-1]) * 0.8
		at[k+i] = math.Max(0.1, 1-at[i]*at[i])
	}
	f, ok := factorAt(r, at)
	for range 200 {
		if !ok {
			break
		}
		if norm(f.gradient) < 1e-11 {
			return f, nil
		}
		step, err := newtonStep(r, at, f)
		if err != nil {
			break
		}
		next, better := f, false
		for scale := 1.0; scale > 1e-9; scale /= 2 {
			trial := make([]float64, len(at))
			for i := range at {
				trial[i] = at[i] - scale*step[i]
			}
			if next, ok = factorAt(r, trial); ok && next.value <= f.value+1e-13 {
				at, better = trial, true
				break
			}
		}
		if !better {
			break
		}
		if norm(f.gradient) < 1e-8 && norm(next.gradient) >= norm(f.gradient) {
			return f, nil // rounding ends here
		}
		f, ok = next, true
	}
	for i, u := range at[k:] {
		if u == slices.Min(at[k:]) && u < 1e-3 {
			return factor{}, stats.Errorf(stats.NotConverged, names[i], "the item leaves no error of its own (a Heywood case), so one factor does not fit")
		}
	}
	return factor{}, stats.Errorf(stats.NotConverged, "items", "the one-factor model found no optimum")
}

// newtonStep solves for a step with a Hessian from differences of the gradient, made positive where it is not.
func newtonStep(r *mat.SymDense, at []float64, f factor) ([]float64, error) {
	n := len(at)
	columns := mat.NewDense(n, n, nil)
	for j := range at {
		h := 1e-5 * math.Max(0.1, math.Abs(at[j]))
		up, down := append([]float64(nil), at...), append([]float64(nil), at...)
		up[j], down[j] = at[j]+h, at[j]-h
		above, ok1 := factorAt(r, up)
		below, ok2 := factorAt(r, down)
		if !ok1 || !ok2 {
			return nil, stats.Errorf(stats.NotConverged, "items", "the one-factor model reached the limit of its parameter space")
		}
		for i := range at {
			columns.Set(i, j, (above.gradient[i]-below.gradient[i])/(2*h))
		}
	}
	hessian := mat.NewSymDense(n, nil)
	for i := range n {
		for j := range i + 1 {
			hessian.SetSym(i, j, (columns.At(i, j)+columns.At(j, i))/2)
		}
	}
	var chol mat.Cholesky
	for ridge := 0.0; !chol.Factorize(hessian); ridge = math.Max(1e-3, 2*ridge) {
		for i := range n {
			hessian.SetSym(i, i, hessian.At(i, i)+math.Max(1e-3, ridge))
		}
		if ridge > 1e6 {
			return nil, stats.Errorf(stats.NotConverged, "items", "the one-factor model has no curvature")
		}
	}
	var step mat.VecDense
	if err := chol.SolveVecTo(&step, mat.NewVecDense(n, f.gradient)); err != nil {
		return nil, stats.Errorf(stats.NotConverged, "items", "the one-factor model's step cannot be solved for")
	}
	return step.RawVector().Data, nil
}

func norm(x []float64) float64 {
	largest := 0.0
	for _, v := range x {
		largest = math.Max(largest, math.Abs(v))
	}
	return largest
}
