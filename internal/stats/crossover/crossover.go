// Package crossover compares two treatments that every subject takes, in the order AB or BA. Floor: ground.
// It must not choose the analysis by a test for carry-over: the two-stage procedure is wrong more often than either stage.
package crossover

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"afterglow/internal/stats"
)

// Order is the sequence in which a subject takes the treatments.
type Order string

// The two sequences.
const (
	AB Order = "AB"
	BA Order = "BA"
)

// Subject is one subject's order and its response in both periods; an undefined response is missing.
type Subject struct {
	Order         Order
	First, Second stats.Number
}

// Result is a two-period crossover. Treatment is A minus B, Period the second minus the first, CarryOver that of A minus that of
// B into the second period, FirstPeriod A minus B from the first period alone.
type Result struct {
	Treatment   stats.Estimate `json:"treatment"`
	Period      stats.Estimate `json:"period"`
	CarryOver   stats.Estimate `json:"carry_over"`
	FirstPeriod stats.Estimate `json:"first_period_only"`
	// WithinSD is the standard deviation of one response about its subject's own level, BetweenVariance the variance of those
	// levels (below 0 where responses of a subject are less alike than those of two).
	WithinSD        stats.Number `json:"within_sd"`
	BetweenVariance stats.Number `json:"between_variance"`
	Cells           []Cell       `json:"cells"`
	N               int          `json:"n"`
	NIncomplete     int          `json:"n_incomplete"`
	Level           float64      `json:"level"`
	Notes           []string     `json:"notes"`
}

// Cell is one sequence in one period, over the subjects with both responses.
type Cell struct {
	Order     Order        `json:"order"`
	Period    int          `json:"period"`
	Treatment string       `json:"treatment"`
	N         int          `json:"n"`
	Mean      stats.Number `json:"mean"`
	SD        stats.Number `json:"sd"`
}

// sequence holds the complete subjects of one order.
type sequence struct{ first, second, difference, sum []float64 }

// Compare analyses the subjects with both responses by t tests of within-subject differences and sums between the two orders
// (Grizzle 1965, Biometrics 21:467; Hills & Armitage 1979, Br J Clin Pharmacol 8:7; Jones & Kenward 2014, Design and Analysis
// of Cross-Over Trials, section 2.3), with n - 2 degrees of freedom. See docs/methods/crossover.md.
func Compare(subjects []Subject, level float64) (Result, error) {
	if err := stats.CheckLevel(level); err != nil {
		return Result{}, err
	}
	out := Result{Level: level}
	of := map[Order]*sequence{AB: {}, BA: {}}
	for i, s := range subjects {
		to, known := of[s.Order]
		if !known {
			return Result{}, stats.Errorf(stats.BadInput, "order", "subject %d has an order that is neither AB nor BA", i+1)
		}
		if !s.First.Defined || !s.Second.Defined {
			out.NIncomplete++
			continue
		}
		a, b := s.First.Value, s.Second.Value
		if x := math.Abs(a) + math.Abs(b); math.IsNaN(x) || x > 1e150 {
			return Result{}, stats.Errorf(stats.NotFinite, "response", "subject %d has a response that is not finite, or too large to square", i+1)
		}
		to.first, to.second = append(to.first, a), append(to.second, b)
		to.difference, to.sum = append(to.difference, a-b), append(to.sum, a+b)
	}
	ab, ba := of[AB], of[BA]
	for _, order := range []Order{AB, BA} {
		if len(of[order].first) == 0 {
			return Result{}, stats.Errorf(stats.EmptyCell, "order "+string(order), "no subject with both responses took this order")
		}
	}
	out.N = len(ab.first) + len(ba.first)
	if out.N < 3 {
		return Result{}, stats.Errorf(stats.TooFew, "subjects", "%d subjects leave no degree of freedom after the two orders", out.N)
	}
	if err := out.compare(ab, ba); err != nil {
		return Result{}, err
	}
	out.Cells = []Cell{cell(AB, 1, "A", ab.first), cell(AB, 2, "B", ab.second), cell(BA, 1, "B", ba.first), cell(BA, 2, "A", ba.second)}
	out.notes()
	return out, nil
}

func (r *Result) compare(ab, ba *sequence) error {
	within, err := pooled(ab.difference, ba.difference, "differences")
	if err != nil {
		return err
	}
	// sums or first responses without spread leave their own comparison untested, not the treatment's
	between, constantSums := pooled(ab.sum, ba.sum, "sums")
	first, constantFirst := pooled(ab.first, ba.first, "first period")
	for what, constant := range map[string]error{"carry-over": constantSums, "first period alone": constantFirst} {
		if constant != nil {
			r.Notes = append(r.Notes, what+" is not tested: "+constant.Error())
		}
	}
	slices.Sort(r.Notes)
	df := stats.Of(float64(r.N - 2))
	n1, n2 := float64(len(ab.first)), float64(len(ba.first))
	root := math.Sqrt(1/n1 + 1/n2)
	d1, d2 := stat.Mean(ab.difference, nil), stat.Mean(ba.difference, nil)
	r.Treatment = stats.TEstimate((d1-d2)/2, within*root/2, df, r.Level)
	r.Period = stats.TEstimate(-(d1+d2)/2, within*root/2, df, r.Level)
	r.CarryOver = stats.TEstimate(stat.Mean(ab.sum, nil)-stat.Mean(ba.sum, nil), between*root, df, r.Level)
	r.FirstPeriod = stats.TEstimate(stat.Mean(ab.first, nil)-stat.Mean(ba.first, nil), first*root, df, r.Level)
	r.WithinSD = stats.Of(within / math.Sqrt2)
	r.BetweenVariance = stats.Of((between*between - within*within) / 4)
	return nil
}

// pooled is the standard deviation within the two orders.
func pooled(a, b []float64, what string) (float64, error) {
	square, total := 0.0, 0.0
	for _, values := range [][]float64{a, b} {
		mean := stat.Mean(values, nil)
		for _, v := range values {
			square += (v - mean) * (v - mean)
			total += v * v
		}
	}
	if !(square > 1e-24*total) {
		return 0, stats.Errorf(stats.Constant, what, "do not vary within either order, so the error cannot be estimated")
	}
	return math.Sqrt(square / float64(len(a)+len(b)-2)), nil
}

func cell(order Order, period int, treatment string, values []float64) Cell {
	c := Cell{Order: order, Period: period, Treatment: treatment, N: len(values), Mean: stats.Of(stat.Mean(values, nil))}
	if len(values) > 1 {
		c.SD = stats.Of(stat.StdDev(values, nil))
	}
	return c
}

func (r *Result) notes() {
	r.Notes = append([]string{
		"treatment is A minus B from within-subject differences, adjusted for period; it is unbiased only where carry-over is the same after A and after B",
		"the test for carry-over compares subjects, so it has little power, and choosing the analysis by it is misleading (Freeman 1989): judge carry-over by the wash-out, and do not fall back on the first period because this test came out small",
	}, r.Notes...)
	if r.NIncomplete > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d subjects without both responses are left out; a mixed model with a random subject uses them", r.NIncomplete))
	}
}
