package survival

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// increments are, by event time (walked from the last to the first), what a row at risk loses in its score residual:
// hazard = sum weight/s0 and mean = sum weight mean/s0; for the members of the tie the sums with the factor 1 - w.
type increments struct {
	time                      []float64
	hazard, memberHazard      []float64
	mean, memberMean, centred []float64      // p values a time
	of                        map[int][2]int // stratum -> range of the times
}

func (f *CoxFit) increments(beta []float64) increments {
	p := f.data.p
	out := increments{of: map[int][2]int{}}
	zero := make([]float64, p)
	f.data.walk(beta, false, func(t *tie) {
		hazard, member := 0.0, 0.0
		at := len(out.mean)
		out.mean, out.memberMean, out.centred = append(out.mean, zero...), append(out.memberMean, zero...), append(out.centred, zero...)
		steps, weight := f.terms(t)
		for k := range steps {
			off := float64(k) / float64(steps)
			s0 := t.s0 - off*t.d0
			hazard += weight / s0
			member += weight * (1 - off) / s0
			for j := range p {
				m := (t.s1[j] - off*t.d1[j]) / s0
				out.mean[at+j] += weight * m / s0
				out.memberMean[at+j] += weight * (1 - off) * m / s0
				out.centred[at+j] += m / float64(steps)
			}
		}
		if at, seen := out.of[t.stratum]; seen {
			out.of[t.stratum] = [2]int{at[0], len(out.time) + 1}
		} else {
			out.of[t.stratum] = [2]int{len(out.time), len(out.time) + 1}
		}
		out.time = append(out.time, t.time)
		out.hazard, out.memberHazard = append(out.hazard, hazard), append(out.memberHazard, member)
	})
	return out
}

// robust fills the sandwich covariance from weighted score residuals summed within clusters.
func (f *CoxFit) robust() {
	o := f.data
	p := o.p
	cluster := func(i int) int { return o.row[i] }
	clusters := o.n
	if f.spells.Cluster != nil {
		cluster = func(i int) int { return f.spells.Cluster[o.row[i]] }
		clusters = 0
		for _, c := range f.spells.Cluster {
			clusters = max(clusters, c+1)
		}
	}
	sums := mat.NewDense(clusters, p, nil)
	f.scoreResiduals(func(i int, residual []float64) {
		row := sums.RawRowView(cluster(i))
		for j, v := range residual {
			row[j] += v
		}
	})
	var d, whole mat.Dense
	d.Mul(sums, f.vcov)
	whole.Mul(d.T(), &d)
	m := mat.NewSymDense(p, nil)
	for i := range p {
		for j := range i + 1 {
			m.SetSym(i, j, (whole.At(i, j)+whole.At(j, i))/2)
		}
	}
	f.Robust = f.raw(m)
}

// scoreResiduals gives every row's share of the score, times its weight (Therneau, Grambsch & Fleming 1990, Biometrika 77:147).
func (f *CoxFit) scoreResiduals(visit func(row int, residual []float64)) {
	o := f.data
	p := o.p
	inc := f.increments(f.beta)
	m := len(inc.time)
	// totals over the times from a stratum's last to its k-th
	hazard, mean := make([]float64, m+1), make([]float64, (m+1)*p)
	for k := range m {
		hazard[k+1] = hazard[k] + inc.hazard[k]
		for j := range p {
			mean[(k+1)*p+j] = mean[k*p+j] + inc.mean[k*p+j]
		}
	}
	residual := make([]float64, p)
	for i := range o.n {
		bounds, some := inc.of[o.stratum[i]]
		clear(residual)
		if some {
			first := firstAtOrBefore(inc.time, bounds, o.stop[i])
			last := bounds[1]
			if o.start != nil {
				last = firstAtOrBefore(inc.time, bounds, o.start[i])
			}
			row := o.x[i*p : i*p+p]
			risk := 0.0
			for j, x := range row {
				risk += x * f.beta[j]
			}
			risk = math.Exp(risk)
			own := first < last && inc.time[first] == o.stop[i] && o.event[i]
			for j, x := range row {
				taken := x*(hazard[last]-hazard[first]) - (mean[last*p+j] - mean[first*p+j])
				if own {
					taken += x*(inc.memberHazard[first]-inc.hazard[first]) - (inc.memberMean[first*p+j] - inc.mean[first*p+j])
					residual[j] = x - inc.centred[first*p+j]
				}
				residual[j] -= risk * taken
				if o.weight != nil {
					residual[j] *= o.weight[i]
				}
			}
		}
		visit(i, residual)
	}
}

// firstAtOrBefore finds the first time not after t among descending times within bounds.
func firstAtOrBefore(times []float64, bounds [2]int, t float64) int {
	low, high := bounds[0], bounds[1]
	for low < high {
		mid := (low + high) / 2
		if times[mid] <= t {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}
