package care

// BenefitState says what became of a benefit that a course of scores shows.
type BenefitState string

// The states: it is there; the newest answer is reliably worse than the best;
// so are the two newest.
const (
	BenefitKept   BenefitState = "kept"
	BenefitLosing BenefitState = "losing"
	BenefitLost   BenefitState = "lost"
)

// Benefit is what one person gained on one scale and what is left of it. It exists
// only where the best is reliably better than the baseline.
type Benefit struct {
	State BenefitState
	// Best is the best score after the baseline that more than chance stands behind;
	// BestDay is the day of the answer that gave it.
	Best    float64
	BestDay int
	// Gained is the improvement from baseline to best and Left that from baseline
	// to the newest answer, in points; Left is negative where the newest answer is
	// worse than the baseline.
	Gained, Left float64
	// ReturnLine is the first score, from the best towards the worse, that is
	// reliably worse than it; nil where the scale ends before it.
	ReturnLine *float64
	// Since is the day of the first of the newest answers that are reliably worse
	// than the best; 0 while the benefit is kept.
	Since int
}

// IsGoing reports whether the newest answer is reliably worse than the best.
func (b *Benefit) IsGoing() bool { return b != nil && b.State != BenefitKept }

// ShareLeft is what is left of the benefit in percent: below 0 where the newest
// answer is worse than the baseline, above 100 where it is better than the best.
func (b *Benefit) ShareLeft() float64 { return 100 * b.Left / b.Gained }
