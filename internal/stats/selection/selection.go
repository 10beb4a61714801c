// Package selection says what selection at entry does to a mean: regression to the mean. Floor: ground.
// It must not take an expected fall for a correction of the data: it is given with the observed one.
package selection

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"afterglow/internal/stats"
)

// Side is where entry selects.
type Side string

// Subjects enter at or beyond the cut-off on this side.
const (
	Above Side = "above"
	Below Side = "below"
)

// Known is a number from elsewhere; an undefined standard error takes it as exact.
type Known struct {
	Value float64      `json:"value"`
	SE    stats.Number `json:"se"`
}

// Entry says how subjects were selected and what is known of the measurement. Reliability is the correlation of two single
// measurements of one subject without any change; entry looks at the mean of Measurements of them (0 means 1). Mean and SD are
// those of a single measurement in the population before selection; undefined, they are estimated from the selected baselines
// as those of a truncated normal distribution.
type Entry struct {
	Cutoff       float64
	Side         Side
	Measurements int
	Reliability  Known
	Mean, SD     *Known
	Level        float64
}

// Pair is a selected subject: the baseline that entry looked at, and one later measurement, undefined where it is missing.
type Pair struct {
	Baseline, Later stats.Number
}

// Result gives an observed change and the one that selection alone would cause. Falls are baseline minus later where entry
// selects above the cut-off, later minus baseline below it, so that regression to the mean is positive.
type Result struct {
	Expected   stats.Estimate `json:"expected_fall"`
	GivenMean  stats.Estimate `json:"expected_fall_given_baselines"`
	Observed   stats.Estimate `json:"observed_fall"`
	Excess     stats.Estimate `json:"excess_fall"`
	ExcessMean stats.Estimate `json:"excess_fall_given_baselines"`
	Population Population     `json:"population"`
	N          int            `json:"n"`
	NPairs     int            `json:"n_pairs"`
	NMissing   int            `json:"n_without_baseline"`
	Level      float64        `json:"level"`
	Notes      []string       `json:"notes"`
}

// Population is the distribution before selection, of what entry looked at.
type Population struct {
	Mean             stats.Number `json:"mean"`
	MeanSE           stats.Number `json:"mean_se"`
	SD               stats.Number `json:"sd"`
	SDSE             stats.Number `json:"sd_se"`
	Reliability      float64      `json:"reliability_of_entry"`
	Source           string       `json:"source"`
	ProportionBeyond stats.Number `json:"proportion_beyond_cutoff"`
	MeanBeyond       stats.Number `json:"expected_baseline"`
	MeanLater        stats.Number `json:"expected_later"`
}

// Expected is the fall that selection alone brings, in closed form: with sd the standard deviation of what entry looked at, r
// the regression of a single later measurement on it, z = (cutoff - mean)/sd and
// h the normal hazard, E[X1] = mean + sd h(z) and E[X1 - X2] = (1 - r) sd h(z) (Davis 1976, Am J Epidemiol 104:493; Barnett,
// van der Pols & Dobson 2005, Int J Epidemiol 34:215). See docs/methods/regression-to-the-mean.md.
func Expected(entry Entry) (Result, error) {
	if err := entry.check(); err != nil {
		return Result{}, err
	}
	if entry.Mean == nil {
		return Result{}, stats.Errorf(stats.BadInput, "mean", "without baselines the population's mean and standard deviation must be given")
	}
	m := entry.given()
	out := Result{Level: entry.Level, Population: m.population(entry)}
	out.Expected = m.estimate(entry, m.fall(), nil)
	out.Notes = m.notes(entry)
	return out, nil
}

// Compare gives the observed mean fall of selected subjects, the expected one, and their difference with its interval.
// Errors of the population's values and of the sample, which share subjects where the population is estimated from the selected
// baselines, are combined by their influence on the difference (delta method). See docs/methods/regression-to-the-mean.md.
func Compare(entry Entry, pairs []Pair) (Result, error) {
	if err := entry.check(); err != nil {
		return Result{}, err
	}
	s, err := entry.sample(pairs)
	if err != nil {
		return Result{}, err
	}
	m := entry.given()
	if entry.Mean == nil {
		if m, err = entry.truncated(s.baseline); err != nil {
			return Result{}, err
		}
	}
	n, k := float64(len(s.baseline)), float64(len(s.fall))
	out := Result{Level: entry.Level, N: len(s.baseline), NPairs: len(s.fall), NMissing: s.missing, Population: m.population(entry), Notes: m.notes(entry)}
	observed := stat.Mean(s.fall, nil)
	out.Observed = stats.TEstimate(observed, stat.StdDev(s.fall, nil)/math.Sqrt(k), stats.Of(k-1), entry.Level)

	// a subject's influence on a mean of k values is (value - mean)/k; subjects without a later value bear on the baselines alone
	expected, given := make([]float64, len(s.baseline)), make([]float64, len(s.baseline))
	seen := make([]float64, len(s.baseline))
	gradient := m.fall()
	for i := range s.baseline {
		expected[i] = m.influence(gradient, i) / n
	}
	meanGradient, center := m.givenMean(s.paired), stat.Mean(s.paired, nil)
	for j, i := range s.at {
		seen[i] = (s.fall[j] - observed) / k
		given[i] = (1 - m.r) * (s.paired[j] - center) / k
	}
	for i := range s.baseline {
		given[i] += m.influence(meanGradient, i) / n
	}
	out.Expected = m.estimate(entry, gradient, expected)
	out.GivenMean = m.estimate(entry, meanGradient, given)
	df := stats.Of(k - 1)
	out.Excess = stats.TEstimate(observed-gradient.value, m.uncertainty(gradient, floats.SubTo(make([]float64, len(seen)), expected, seen)), df, entry.Level)
	out.ExcessMean = stats.TEstimate(observed-meanGradient.value, m.uncertainty(meanGradient, floats.SubTo(make([]float64, len(seen)), given, seen)), df, entry.Level)
	if d := len(s.baseline) - len(s.fall); d > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("%d selected subjects have no later value: the observed fall is of the others", d))
	}
	return out, nil
}

func (e Entry) check() error {
	if err := stats.CheckLevel(e.Level); err != nil {
		return err
	}
	if e.Side != Above && e.Side != Below {
		return stats.Errorf(stats.BadInput, "side", "there are above and below")
	}
	if !stats.Finite(e.Cutoff) {
		return stats.Errorf(stats.NotFinite, "cutoff", "is not finite")
	}
	if e.Measurements < 0 {
		return stats.Errorf(stats.BadInput, "measurements", "a negative number")
	}
	if r := e.Reliability.Value; !(r >= 0 && r <= 1) {
		return stats.Errorf(stats.BadInput, "reliability", "must lie between 0 and 1")
	}
	if (e.Mean == nil) != (e.SD == nil) {
		return stats.Errorf(stats.BadInput, "population", "mean and standard deviation are given together or not at all")
	}
	for i, k := range []*Known{&e.Reliability, e.Mean, e.SD} {
		if k == nil {
			continue
		}
		name := []string{"reliability", "population", "population sd"}[i]
		if !stats.Finite(k.Value) {
			return stats.Errorf(stats.NotFinite, name, "is not finite")
		}
		if k.SE.Defined && !(k.SE.Value >= 0 && stats.Finite(k.SE.Value)) {
			return stats.Errorf(stats.BadInput, name, "its standard error is not a number from 0 up")
		}
	}
	if e.SD != nil && !(e.SD.Value > 0) {
		return stats.Errorf(stats.BadInput, "population sd", "is not positive")
	}
	if e.Mean != nil {
		if z := (e.Cutoff - e.Mean.Value) / e.SD.Value; !(math.Abs(z) < maxZ) {
			return stats.Errorf(stats.BadInput, "cutoff", "lies more than %d standard deviations from the population's mean", maxZ)
		}
	}
	return nil
}

// maxZ bounds the cut-off: beyond it the normal tail says nothing about subjects.
const maxZ = 30

// sample is what the selected subjects bring, turned so that entry lies above the cut-off.
type sample struct {
	baseline []float64
	fall     []float64
	paired   []float64 // the baselines of those with a fall
	at       []int     // their places among the baselines
	missing  int
}

func (e Entry) sample(pairs []Pair) (sample, error) {
	s, sign := sample{}, e.sign()
	outside := 0
	for i, p := range pairs {
		if !p.Baseline.Defined {
			s.missing++
			continue
		}
		x, y := sign*p.Baseline.Value, sign*p.Later.Value
		if !(math.Abs(x)+math.Abs(y) < 1e150) {
			return s, stats.Errorf(stats.NotFinite, "pairs", "subject %d has a value that is not finite, or too large to square", i+1)
		}
		if x < sign*e.Cutoff {
			outside++
		}
		if p.Later.Defined {
			s.at = append(s.at, len(s.baseline))
			s.fall, s.paired = append(s.fall, x-y), append(s.paired, x)
		}
		s.baseline = append(s.baseline, x)
	}
	switch {
	case outside > 0:
		return s, stats.Errorf(stats.BadInput, "cutoff", "%d baselines are not %s it: these subjects were not selected by it", outside, e.Side)
	case len(s.fall) < 2:
		return s, stats.Errorf(stats.TooFew, "pairs", "%d subjects with both values have no spread", len(s.fall))
	}
	if sd := stat.StdDev(s.fall, nil); !(sd > 1e-12*(1+math.Abs(stat.Mean(s.baseline, nil)))) {
		return s, stats.Errorf(stats.Constant, "pairs", "the falls do not vary, so the error cannot be estimated")
	}
	return s, nil
}

func (e Entry) sign() float64 {
	if e.Side == Below {
		return -1
	}
	return 1
}
