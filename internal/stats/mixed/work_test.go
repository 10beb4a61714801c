package mixed

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// asked counts what a fit asks of its patterns.
type asked struct {
	*held
	levels, slopeSets int
}

func (a *asked) level(s, beta []float64) (level, bool) {
	a.levels++
	return a.held.level(s, beta)
}

func (a *asked) slopes(s []float64, directions [][]float64, beta, phi []float64) (slopes, bool) {
	a.slopeSets++
	return a.held.slopes(s, directions, beta, phi)
}

// The work of a fit is its evaluations times the patterns of each: both are those of 50 patients for 10 million, and so
// is the memory.
func TestTheWorkOfAFitDoesNotDependOnThePatients(t *testing.T) {
	tr := trial{patients: 50, arms: 2, visits: 4, missing: gaps}
	d, few := tr.sums(t, "score ~ base * week + arm * week", tr.frame(16))
	many, err := d.NewSums(few.Origin)
	require.NoError(t, err)
	require.NoError(t, many.add(few, 200_000))
	work := func(s *Sums) (count asked, allocations float64) {
		p, err := newProblem(d, s, false)
		require.NoError(t, err)
		c, err := newCovariance(Unstructured, 4, nil)
		require.NoError(t, err)
		moments, err := p.moments(s, Unstructured)
		require.NoError(t, err)
		count = asked{held: p.cohort.(*held)}
		p.cohort = &count
		_, err = p.minimise(c, c.start(moments), 200)
		require.NoError(t, err)
		o := options(tr, Unstructured, ML)
		return count, testing.AllocsPerRun(1, func() {
			fit, err := FitSums(d, s, o)
			require.NoError(t, err)
			_, err = fit.Result()
			require.NoError(t, err)
		})
	}
	a, allocationsFew := work(few)
	b, allocationsMany := work(many)
	require.Equal(t, len(a.patterns), len(b.patterns))
	require.InDelta(t, a.levels, b.levels, 3, "the larger likelihood may take a step or two to the same rounding")
	require.InDelta(t, a.slopeSets, b.slopeSets, 3)
	require.InEpsilon(t, allocationsFew, allocationsMany, 0.3)
}

// With a patient in almost every pattern no two share sums, and the fit is still the dense likelihood's.
func TestTheOptimumOfOnePatientPerPatternIsDense(t *testing.T) {
	shape := shapes["almost every pattern once"]
	for _, method := range []Method{REML, ML} {
		for _, structure := range []Structure{CompoundSymmetry, HeterogeneousAutoRegressive} {
			frame := shape.trial.frame(8)
			result, fit := fitTrial(t, shape.trial, shape.formula, frame, structure, method)
			require.Greater(t, len(fit.sums.Patterns), 25)
			best, _ := dense(t, fit.design.Model, frame, result.Covariance, method == REML)
			require.InEpsilon(t, best, result.Minus2LogLik, 1e-10)
		}
	}
}
