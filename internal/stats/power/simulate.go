// Package power says by simulation how often a planned study would find an effect. Floor: ground.
// It must not use a formula in place of the fit: every replicate is drawn and analysed by the method that will be used.
package power

import (
	"errors"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/proportion"
)

// Design is a planned study of two arms (or of one, for changes): Means, Repeated or Survival.
type Design interface {
	// prepare refuses what is no design and gives what draws and analyses replicates.
	prepare() (trial, error)
	// arms gives the sizes of the arms where the first has n subjects.
	arms(n int) []int
}

// trial draws one study and analyses it.
type trial interface {
	replicate(arms []int, source *rand.Rand) (outcome, error)
}

// outcome is what one replicate's analysis gives. Events is 0 where there are none to count.
type outcome struct {
	estimate, se, p float64
	events          int
}

// Options say how many studies are drawn, at which two-sided level they are tested (Alpha), from which seed, and the level
// of the interval for the simulation's own error.
type Options struct {
	Replicates int
	Alpha      float64
	Seed       uint64
	Level      float64
}

const (
	maxReplicates = 100_000
	maxSubjects   = 1_000_000
)

func (o Options) check() error {
	if o.Replicates < 10 || o.Replicates > maxReplicates {
		return stats.Errorf(stats.BadInput, "replicates", "there may be 10 to %d", maxReplicates)
	}
	if !(o.Alpha > 0 && o.Alpha < 1) {
		return stats.Errorf(stats.BadInput, "alpha", "must lie between 0 and 1")
	}
	return stats.CheckLevel(o.Level)
}

// Power is the share of replicates whose two-sided test rejects, with Wilson's interval for that share: the error of the
// simulation, not of the study. A replicate that could not be analysed counts as one that does not reject. Opposite counts
// rejections with an estimate of the other sign than the average estimate. EstimateMean and EstimateSD are over the analysed
// replicates; SEMean is the average standard error, near EstimateSD where the analysis judges its error rightly.
type Power struct {
	N            []int        `json:"n_by_arm"`
	Replicates   int          `json:"replicates"`
	Rejected     int          `json:"rejected"`
	Opposite     int          `json:"rejected_opposite"`
	Failed       int          `json:"failed"`
	Failure      string       `json:"first_failure,omitempty"`
	Power        float64      `json:"power"`
	SE           float64      `json:"simulation_se"`
	EstimateMean stats.Number `json:"estimate_mean"`
	EstimateSD   stats.Number `json:"estimate_sd"`
	SEMean       stats.Number `json:"se_mean"`
	EventsMean   stats.Number `json:"events_mean"`
	Alpha        float64      `json:"alpha"`
	Seed         uint64       `json:"seed"`
	stats.Interval
}

// Simulate draws and analyses replicates with n subjects in the first arm. Each replicate has a generator of its own, made
// of the seed and its number, so that the result depends neither on the number of processors nor on the order, and sizes
// are compared on the same streams. See docs/methods/power.md.
func Simulate(design Design, n int, o Options) (Power, error) {
	if err := o.check(); err != nil {
		return Power{}, err
	}
	t, err := design.prepare()
	if err != nil {
		return Power{}, err
	}
	return simulate(t, design.arms(n), o)
}

func simulate(t trial, arms []int, o Options) (Power, error) {
	for _, n := range arms {
		if n < 2 || n > maxSubjects {
			return Power{}, stats.Errorf(stats.BadInput, "n", "an arm of %d; 2 to %d are possible", n, maxSubjects)
		}
	}
	outcomes, failures := make([]outcome, o.Replicates), make([]error, o.Replicates)
	stats.Spread(o.Replicates, func() func(int) {
		return func(i int) {
			outcomes[i], failures[i] = t.replicate(arms, rand.New(rand.NewPCG(o.Seed, uint64(i))))
		}
	})
	return summary(arms, outcomes, failures, o)
}

func summary(arms []int, outcomes []outcome, failures []error, o Options) (Power, error) {
	out := Power{N: arms, Replicates: o.Replicates, Alpha: o.Alpha, Seed: o.Seed}
	var estimates, errorsOf, events []float64
	var first error
	for i, one := range outcomes {
		err := failures[i]
		if err == nil && (math.IsNaN(one.p) || math.IsNaN(one.estimate+one.se)) {
			err = stats.Errorf(stats.NotConverged, "replicate", "the test is undefined")
		}
		if err != nil {
			out.Failed++
			if first == nil {
				first, out.Failure = err, err.Error()
			}
			continue
		}
		estimates, errorsOf, events = append(estimates, one.estimate), append(errorsOf, one.se), append(events, float64(one.events))
		if one.p < o.Alpha {
			out.Rejected++
		}
	}
	if len(estimates) == 0 {
		var failure *stats.Failure
		if errors.As(first, &failure) {
			return out, stats.Errorf(failure.Kind, failure.Where, "no replicate can be analysed: %s", failure.Message)
		}
		return out, first
	}
	mean := stat.Mean(estimates, nil)
	for i, one := range outcomes {
		if failures[i] == nil && one.p < o.Alpha && one.estimate*mean < 0 {
			out.Opposite++
		}
	}
	out.EstimateMean, out.SEMean = stats.Of(mean), stats.Of(stat.Mean(errorsOf, nil))
	if len(estimates) > 1 {
		out.EstimateSD = stats.Of(stat.StdDev(estimates, nil))
	}
	if all := stat.Mean(events, nil); all > 0 {
		out.EventsMean = stats.Of(all)
	}
	b := float64(o.Replicates)
	out.Power = float64(out.Rejected) / b
	out.SE = math.Sqrt(out.Power * (1 - out.Power) / b)
	low, high := proportion.Wilson(out.Rejected, o.Replicates, o.Level)
	out.Interval = stats.Interval{Lower: stats.Of(low), Upper: stats.Of(high), Level: o.Level}
	return out, nil
}

// Curve simulates at each size of the first arm. See docs/methods/power.md.
func Curve(design Design, sizes []int, o Options) ([]Power, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	t, err := design.prepare()
	if err != nil {
		return nil, err
	}
	if len(sizes) == 0 {
		return nil, stats.Errorf(stats.BadInput, "n", "no size is named")
	}
	var out []Power
	for _, n := range sizes {
		p, err := simulate(t, design.arms(n), o)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// withRatio gives both arms' sizes; a ratio of 0 means 1.
func withRatio(n int, ratio float64) []int {
	if ratio == 0 {
		ratio = 1
	}
	return []int{n, int(math.Round(math.Min(float64(n)*ratio, 2*maxSubjects)))}
}

func checkRatio(ratio float64) error {
	if ratio != 0 && !(ratio >= 0.01 && ratio <= 100) {
		return stats.Errorf(stats.BadInput, "ratio", "the second arm's size over the first's must lie between 0.01 and 100")
	}
	return nil
}

func checkShare(where string, values ...float64) error {
	for _, v := range values {
		if !(v >= 0 && v < 1) {
			return stats.Errorf(stats.BadInput, where, "a share must be at least 0 and below 1")
		}
	}
	return nil
}
