package selection

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"

	"afterglow/internal/stats"
)

// moments are the population's mean and standard deviation of what entry looked at, turned so that entry lies above the cut-off,
// and the regression r of a single later measurement on it.
type moments struct {
	mean, sd, r float64
	cutoff      float64
	// meanVar and sdVar are the variances of mean and sd, relVar that of the reliability, by which r and sd change with a slope
	meanVar, sdVar, relVar float64
	rSlope, sdSlope        float64
	// influences are, per subject, those on mean and sd where the sample gave them
	influences [][2]float64
	estimated  bool
}

// gradient is a fall with its derivatives by mean, sd and r.
type gradient struct{ value, mean, sd, r float64 }

// given takes the population's values from the entry. The mean of k measurements has variance sd^2 (1 + (k - 1) rel)/k, and a
// single later one has with it the covariance rel sd^2, so r is Spearman and Brown's reliability of the mean.
func (e Entry) given() moments {
	k, rel := float64(max(e.Measurements, 1)), e.Reliability.Value
	part := 1 + (k-1)*rel
	m := moments{cutoff: e.sign() * e.Cutoff, r: k * rel / part, relVar: square(e.Reliability.SE.Value), rSlope: k / (part * part)}
	if e.Mean != nil {
		root := math.Sqrt(part / k)
		m.mean, m.sd = e.sign()*e.Mean.Value, root*e.SD.Value
		m.meanVar, m.sdVar = square(e.Mean.SE.Value), square(root*e.SD.SE.Value)
		m.sdSlope = e.SD.Value * (k - 1) / (2 * k * root)
	}
	return m
}

func square(x float64) float64 { return x * x }

// hazard is the standard normal density over its upper tail; beyond 25 the tail's continued fraction keeps its digits.
func hazard(z float64) float64 {
	if z > 25 {
		return z + 1/(z+2/(z+3/(z+4/(z+5/z))))
	}
	return math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) / (math.Erfc(z/math.Sqrt2) / 2)
}

// fall is (1 - r) sd h(z); dh/dz = h (h - z).
func (m moments) fall() gradient {
	z := (m.cutoff - m.mean) / m.sd
	h := hazard(z)
	slope := h * (h - z)
	return gradient{value: (1 - m.r) * m.sd * h, mean: -(1 - m.r) * slope, sd: (1 - m.r) * (h - z*slope), r: -m.sd * h}
}

// givenMean is the fall expected of subjects with these baselines, however selected on them: (1 - r)(average - mean).
func (m moments) givenMean(baseline []float64) gradient {
	above := stat.Mean(baseline, nil) - m.mean
	return gradient{value: (1 - m.r) * above, mean: -(1 - m.r), r: -above}
}

// influence is that of one subject on a fall by way of mean and sd, times the number of subjects.
func (m moments) influence(g gradient, i int) float64 {
	if !m.estimated {
		return 0
	}
	return g.mean*m.influences[i][0] + g.sd*m.influences[i][1]
}

// uncertainty is the standard error of a sum of a fall and what the subjects bring to it.
func (m moments) uncertainty(g gradient, subjects []float64) float64 {
	variance := square(g.r*m.rSlope+g.sd*m.sdSlope) * m.relVar
	if !m.estimated {
		variance += g.mean*g.mean*m.meanVar + g.sd*g.sd*m.sdVar
	}
	for _, v := range subjects {
		variance += v * v
	}
	return math.Sqrt(variance)
}

// estimate gives a fall; where everything is taken as exact it has no error.
func (m moments) estimate(e Entry, g gradient, subjects []float64) stats.Estimate {
	se := m.uncertainty(g, subjects)
	out := stats.ZEstimate(g.value, se, e.Level)
	if se == 0 {
		out.SE = stats.Number{}
	}
	return out
}

// truncated estimates mean and sd of a normal distribution of which only values beyond the cut-off were seen, by maximum
// likelihood (Cohen 1959, Technometrics 1:217): mean and variance of the truncated distribution equal those of the sample. With
// d = average - cutoff and v the variance that is (1 - h(h - z))/(h - z)^2 = v/d^2, whose left side rises with z from 0 to 1: no
// normal tail is as heavy as an exponential one.
func (e Entry) truncated(baseline []float64) (moments, error) {
	m := e.given()
	n := float64(len(baseline))
	d, v := stat.Mean(baseline, nil)-m.cutoff, 0.0
	for _, x := range baseline {
		v += square(x-m.cutoff-d) / n
	}
	if !(d > 0) || !(v > 1e-24*d*d) {
		return m, stats.Errorf(stats.Constant, "baseline", "does not vary beyond the cut-off, so the population cannot be told from it")
	}
	ratio := func(z float64) float64 {
		h := hazard(z)
		return (1 - h*(h-z)) / square(h-z)
	}
	low, high := -40.0, 20.0
	if target := v / square(d); !(target < ratio(high)) || !(target > ratio(low)) {
		return m, stats.Errorf(stats.NotConverged, "baseline", "the selected values do not look like the tail of a normal distribution "+
			"(variance over squared distance from the cut-off: %.3g); give the population's mean and standard deviation", target)
	}
	for range 200 {
		mid := (low + high) / 2
		if ratio(mid) < v/square(d) {
			low = mid
		} else {
			high = mid
		}
	}
	z := (low + high) / 2
	m.sd = d / (hazard(z) - z)
	m.mean = m.cutoff - z*m.sd
	return m, m.scores(baseline, z)
}

// scores fills each subject's influence on mean and sd: the inverse information times its score.
func (m *moments) scores(baseline []float64, z float64) error {
	h := hazard(z)
	slope := h * (h - z)
	n := float64(len(baseline))
	score := func(x float64) (a, b float64) {
		u := (x - m.mean) / m.sd
		return (u - h) / m.sd, (u*u - 1 - z*h) / m.sd
	}
	// the information per subject; at the optimum the sample's moments are the model's, so observed and expected are one
	s2 := m.sd * m.sd
	i11 := (1 - slope) / s2
	i12 := (h - z*slope) / s2
	i22 := (2 + z*h - z*z*slope) / s2
	det := i11*i22 - i12*i12
	if !(det > 1e-14*i11*i22) {
		return stats.Errorf(stats.NotConverged, "baseline", "the selected values hardly tell mean and standard deviation apart; give the population's")
	}
	m.estimated = true
	for _, x := range baseline {
		a, b := score(x)
		da, db := (i22*a-i12*b)/det, (i11*b-i12*a)/det
		m.influences = append(m.influences, [2]float64{da, db})
		m.meanVar += da * da / (n * n)
		m.sdVar += db * db / (n * n)
	}
	return nil
}

func (m moments) population(e Entry) Population {
	z := (m.cutoff - m.mean) / m.sd
	h := hazard(z)
	p := Population{Mean: stats.Of(e.sign() * m.mean), SD: stats.Of(m.sd), Reliability: m.r, Source: "given",
		ProportionBeyond: stats.Of(math.Erfc(z/math.Sqrt2) / 2), MeanBeyond: stats.Of(e.sign() * (m.mean + m.sd*h)),
		MeanLater: stats.Of(e.sign() * (m.mean + m.r*m.sd*h))}
	if m.estimated {
		p.Source = "selected baselines, as a truncated normal distribution"
	}
	if m.meanVar > 0 {
		p.MeanSE = stats.Of(math.Sqrt(m.meanVar))
	}
	if m.sdVar > 0 {
		p.SDSE = stats.Of(math.Sqrt(m.sdVar))
	}
	return p
}

func (m moments) notes(e Entry) []string {
	notes := []string{
		"the expected fall is what selection at entry alone causes, without any treatment and without any other change over time; it assumes normal values and selection on this one measurement",
	}
	if !e.Reliability.SE.Defined {
		notes = append(notes, "the reliability is taken as exact; an interval that includes its error is wider")
	}
	if m.estimated {
		notes = append(notes, "mean and standard deviation before selection are extrapolated from the selected baselines alone, which depends on the normal shape of a part that was not observed")
	} else if !e.Mean.SE.Defined || !e.SD.SE.Defined {
		notes = append(notes, "mean and standard deviation before selection are taken as exact")
	}
	if e.Measurements > 1 {
		notes = append(notes, fmt.Sprintf("entry looked at the mean of %d measurements, the later value is a single one", e.Measurements))
	}
	return notes
}
