// Package latent finds classes of subjects whose means follow different courses over time. Floor: ground.
// It must not report a fit that one start alone reached, nor number classes by the accident of a start.
package latent

import (
	"math/rand/v2"
	"slices"

	"afterglow/internal/stats"
)

// RandomEffects are what varies between subjects of one class.
type RandomEffects string

// No random effect makes subjects of a class differ by error alone (Nagin's group-based trajectories).
const (
	NoRandom        RandomEffects = "none"
	RandomIntercept RandomEffects = "intercept"
	RandomSlope     RandomEffects = "slope" // intercept and slope, correlated
)

// Order is what numbers the classes, from the smallest value up.
type Order string

// ByStart orders by the class mean at the first time, BySlope by its mean change per unit of time from the first to the last.
const (
	ByStart Order = "start"
	BySlope Order = "slope"
)

// Model is a growth mixture: in class k the values of a subject at its own times are X b_k + Z u + e, X the powers of time up
// to Degree, u normal with covariance G, e with variance sigma squared; G and sigma squared are shared by the classes unless
// CovarianceByClass or VarianceByClass say otherwise.
type Model struct {
	Classes           int
	Degree            int
	Random            RandomEffects
	CovarianceByClass bool
	VarianceByClass   bool
	Order             Order // "" is BySlope, or ByStart where Degree is 0
	// Starts is how many random starts are run to their end; 0 means 20. One class needs one.
	Starts int
	// At are the times at which trajectories are given; none: the observed times, or 11 between the ends where there are more
	// than 20.
	At    []float64
	Level float64
}

// Subject is a subject's values at its times; an undefined value is missing.
type Subject struct {
	Name   string
	Times  []float64
	Values []stats.Number
}

const (
	maxClasses    = 8
	maxDegree     = 4
	maxStarts     = 1000
	defaultStarts = 20
)

func (m Model) check(subjects []Subject) (Model, error) {
	if err := stats.CheckLevel(m.Level); err != nil {
		return m, err
	}
	if m.Starts == 0 {
		m.Starts = defaultStarts
	}
	if m.Classes == 1 {
		m.Starts = 1
	}
	if m.Order == "" {
		m.Order = BySlope
		if m.Degree == 0 {
			m.Order = ByStart
		}
	}
	bad := func(where, message string, args ...any) error {
		return stats.Errorf(stats.BadInput, where, message, args...)
	}
	switch {
	case m.Classes < 1 || m.Classes > maxClasses:
		return m, bad("classes", "%d; from 1 to %d are fitted", m.Classes, maxClasses)
	case m.Degree < 0 || m.Degree > maxDegree:
		return m, bad("degree", "%d; from 0 to %d are fitted", m.Degree, maxDegree)
	case m.random() < 0:
		return m, bad("random", "no random effects %q; there are none, intercept and slope", m.Random)
	case m.random() > m.Degree+1:
		return m, bad("random", "a random slope needs a trajectory of degree 1 or more")
	case m.Order != ByStart && m.Order != BySlope:
		return m, bad("order", "no order %q; there are start and slope", m.Order)
	case m.Order == BySlope && m.Degree == 0:
		return m, bad("order", "constant trajectories have no slope")
	case m.Starts > maxStarts || m.Classes > 1 && m.Starts < 2:
		return m, bad("starts", "%d; from 2 to %d, since one start cannot show that another would not end higher", m.Starts, maxStarts)
	}
	for _, t := range m.At {
		if !stats.Finite(t) {
			return m, stats.Errorf(stats.NotFinite, "at", "a time is not finite")
		}
	}
	names := map[string]bool{}
	for _, s := range subjects {
		if names[s.Name] {
			return m, bad("subject", "two subjects have one name")
		}
		names[s.Name] = true
		if len(s.Times) != len(s.Values) {
			return m, bad("time", "a subject has another number of times than of values")
		}
	}
	return m, nil
}

// random is the number of random effects, below 0 where the word is unknown.
func (m Model) random() int {
	return slices.Index([]RandomEffects{NoRandom, RandomIntercept, RandomSlope}, m.Random)
}

// Fit fits the model by EM from several starts, each finished by Newton steps on the observed log-likelihood (Verbeke & Lesaffre
// 1996, JASA 91:217; Muthen & Shedden 1999, Biometrics 55:463; Proust & Jacqmin-Gadda 2005, Comput Methods Programs Biomed
// 78:165). The source draws the starts; the highest end must have been reached by two of them. Failures: too few subjects, a
// class that emptied or closed in on a few values in every start, an end that only one start reached, random effects that the
// data do not tell apart. See docs/methods/latent-classes.md.
func Fit(model Model, subjects []Subject, source *rand.Rand) (Result, error) {
	model, err := model.check(subjects)
	if err != nil {
		return Result{}, err
	}
	d, err := gather(model, subjects)
	if err != nil {
		return Result{}, err
	}
	ends, best, err := d.run(model, source)
	if err != nil {
		return Result{}, err
	}
	return d.report(model, ends, best)
}
