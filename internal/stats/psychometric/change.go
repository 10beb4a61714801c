// Package psychometric judges scales: reliable change of a person, reliability of a total and agreement of
// ratings. Floor: ground.
// It must not know an instrument: thresholds and reliabilities are given to it.
package psychometric

import (
	"math"

	"gonum.org/v1/gonum/stat"

	"afterglow/internal/stats"
)

// Class is what became of a person by the criteria of Jacobson & Truax.
type Class string

// The classes. Recovered is a reliable improvement that crosses the cut-off to the functional side.
const (
	Recovered    Class = "recovered"
	Improved     Class = "improved"
	Unchanged    Class = "unchanged"
	Deteriorated Class = "deteriorated"
)

// ChangeOptions are what reliable and clinically significant change is judged by. Reliability is of the
// scale, the functional mean and standard deviation are a healthy population's, Z is the quantile that a
// change must pass (1.96).
type ChangeOptions struct {
	Reliability    float64
	FunctionalMean float64
	FunctionalSD   float64
	LowerIsBetter  bool
	Z              float64
}

// Change is reliable and clinically significant change. SEM is the standard error of measurement, SDiff that
// of a difference, ChangeNeeded the change that passes Z. The cut-offs lie two standard deviations from the
// dysfunctional mean (A), two from the functional mean (B), and where both populations are equally near (C).
type Change struct {
	N            int           `json:"n"`
	NBaseline    int           `json:"n_baseline"`
	MeanPre      stats.Number  `json:"mean_pre"`
	SDPre        stats.Number  `json:"sd_pre"`
	SEM          stats.Number  `json:"sem"`
	SDiff        stats.Number  `json:"s_diff"`
	ChangeNeeded stats.Number  `json:"change_needed"`
	CutoffA      stats.Number  `json:"cutoff_a"`
	CutoffB      stats.Number  `json:"cutoff_b"`
	CutoffC      stats.Number  `json:"cutoff_c"`
	Counts       map[Class]int `json:"counts"`
	// Persons are those with both scores; Row is their place in the columns.
	Persons []Person `json:"-"`
}

// Person is one person's change.
type Person struct {
	Row       int
	Pre, Post float64
	RCI       float64
	Class     Class
}

// ReliableChange judges the change from pre to post. The dysfunctional population is everyone with a score
// before. Source: Jacobson & Truax (1991), Journal of Consulting and Clinical Psychology 59:12. See
// docs/methods/reliable-change.md.
func ReliableChange(pre, post []stats.Number, o ChangeOptions) (Change, error) {
	if !(o.Reliability > 0 && o.Reliability < 1) {
		return Change{}, stats.Errorf(stats.BadInput, "reliability", "must lie between 0 and 1")
	}
	if !(o.FunctionalSD > 0) || !(o.Z > 0) {
		return Change{}, stats.Errorf(stats.BadInput, "functional_sd", "the functional standard deviation and z must be above 0")
	}
	if err := stats.CheckFinite("functional_mean", o.FunctionalMean, o.FunctionalSD, o.Z); err != nil {
		return Change{}, err
	}
	if len(pre) != len(post) {
		return Change{}, stats.Errorf(stats.BadInput, "post", "has another length than pre")
	}
	var before []float64
	for _, v := range pre {
		if v.Defined {
			before = append(before, v.Value)
		}
	}
	if err := stats.CheckFinite("pre", before...); err != nil {
		return Change{}, err
	}
	if len(before) < 2 {
		return Change{}, stats.Errorf(stats.TooFew, "pre", "has fewer than two scores")
	}
	mean, sd := stat.MeanStdDev(before, nil)
	if stats.NoSpread(sd, mean) {
		return Change{}, stats.Errorf(stats.Constant, "pre", "does not vary, so no change can be told from error")
	}
	toHealth := 1.0
	if o.LowerIsBetter {
		toHealth = -1
	}
	sem := sd * math.Sqrt(1-o.Reliability)
	sDiff := math.Sqrt2 * sem
	cutC := (o.FunctionalSD*mean + sd*o.FunctionalMean) / (o.FunctionalSD + sd)
	c := Change{
		NBaseline: len(before), MeanPre: stats.Of(mean), SDPre: stats.Of(sd), SEM: stats.Of(sem), SDiff: stats.Of(sDiff), ChangeNeeded: stats.Of(o.Z * sDiff),
		CutoffA: stats.Of(mean + toHealth*2*sd), CutoffB: stats.Of(o.FunctionalMean - toHealth*2*o.FunctionalSD), CutoffC: stats.Of(cutC),
		Counts: map[Class]int{Recovered: 0, Improved: 0, Unchanged: 0, Deteriorated: 0},
	}
	for i := range pre {
		if !pre[i].Defined || !post[i].Defined {
			continue
		}
		if err := stats.CheckFinite("post", post[i].Value); err != nil {
			return Change{}, err
		}
		p := Person{Row: i, Pre: pre[i].Value, Post: post[i].Value, RCI: (post[i].Value - pre[i].Value) / sDiff, Class: Unchanged}
		switch better := toHealth * p.RCI; {
		case better > o.Z && toHealth*(p.Post-cutC) > 0 && toHealth*(p.Pre-cutC) < 0:
			p.Class = Recovered
		case better > o.Z:
			p.Class = Improved
		case better < -o.Z:
			p.Class = Deteriorated
		}
		c.Counts[p.Class]++
		c.Persons = append(c.Persons, p)
	}
	c.N = len(c.Persons)
	if c.N == 0 {
		return Change{}, stats.Errorf(stats.TooFew, "post", "nobody has a score before and after")
	}
	return c, nil
}
