package proportion

import (
	"math"

	"afterglow/internal/stats"
)

// Table is a two-by-two table of counts: events and non-events in group 1 (A, B) and in group 2 (C, D).
type Table struct{ A, B, C, D int }

// Two compares two shares. Where a ratio has no estimate (an empty cell), it is undefined. The limits of NNT
// are reciprocals of Newcombe's: where the difference's interval holds 0, NNT has no interval but two open
// ends through infinity (Altman 1998, BMJ 317:1309), and NNTCrossesInfinity says so.
type Two struct {
	P1                 stats.Number `json:"p1"`
	P2                 stats.Number `json:"p2"`
	RiskDifference     stats.Number `json:"risk_difference"`
	NewcombeLower      stats.Number `json:"rd_newcombe_lower"`
	NewcombeUpper      stats.Number `json:"rd_newcombe_upper"`
	WaldLower          stats.Number `json:"rd_wald_lower"`
	WaldUpper          stats.Number `json:"rd_wald_upper"`
	RiskRatio          stats.Number `json:"risk_ratio"`
	LogRRSE            stats.Number `json:"log_rr_se"`
	RRLower            stats.Number `json:"rr_lower"`
	RRUpper            stats.Number `json:"rr_upper"`
	OddsRatio          stats.Number `json:"odds_ratio"`
	LogORSE            stats.Number `json:"log_or_se"`
	ORLower            stats.Number `json:"or_lower"`
	ORUpper            stats.Number `json:"or_upper"`
	NNT                stats.Number `json:"nnt"`
	NNTCrossesInfinity bool         `json:"nnt_ci_crosses_infinity"`
	NNTFromUpper       stats.Number `json:"nnt_limit_from_rd_upper"`
	NNTFromLower       stats.Number `json:"nnt_limit_from_rd_lower"`
	FisherOddsRatio    stats.Number `json:"fisher_odds_ratio"`
	FisherLower        stats.Number `json:"fisher_lower"`
	FisherUpper        stats.Number `json:"fisher_upper"`
	FisherP            stats.Number `json:"fisher_p"`
	ChiSquare          stats.Number `json:"chisq"`
	ChiSquareP         stats.Number `json:"chisq_p"`
	Yates              stats.Number `json:"chisq_yates"`
	YatesP             stats.Number `json:"chisq_yates_p"`
	Notes              []string     `json:"notes,omitempty"`
}

// Compare compares the shares of events. The difference's interval is Newcombe's (1998), Statistics in
// Medicine 17:873, method 10: the score intervals of both shares, squared and added. See
// docs/methods/proportions.md.
func Compare(t Table, level float64) (Two, error) {
	if err := stats.CheckLevel(level); err != nil {
		return Two{}, err
	}
	if min(t.A, t.B, t.C, t.D) < 0 || max(t.A, t.B, t.C, t.D) > mostCounted {
		return Two{}, stats.Errorf(stats.BadInput, "table", "a count is below 0 or above 10^15")
	}
	for i, size := range []int{t.A + t.B, t.C + t.D} {
		if size == 0 {
			return Two{}, stats.Errorf(stats.EmptyCell, []string{"group 1", "group 2"}[i], "nobody is in the group")
		}
	}
	a, b, c, d := float64(t.A), float64(t.B), float64(t.C), float64(t.D)
	n1, n2 := a+b, c+d
	p1, p2 := a/n1, c/n2
	z := stats.NormalQuantile(0.5 + level/2)
	difference := p1 - p2
	l1, u1 := Wilson(t.A, t.A+t.B, level)
	l2, u2 := Wilson(t.C, t.C+t.D, level)
	low, high := difference-math.Hypot(p1-l1, u2-p2), difference+math.Hypot(u1-p1, p2-l2)
	wald := z * math.Sqrt(p1*(1-p1)/n1+p2*(1-p2)/n2)
	two := Two{
		P1: stats.Of(p1), P2: stats.Of(p2), RiskDifference: stats.Of(difference), NewcombeLower: stats.Of(low), NewcombeUpper: stats.Of(high),
		WaldLower: stats.Of(difference - wald), WaldUpper: stats.Of(difference + wald),
		NNT: stats.Of(1 / math.Abs(difference)), NNTCrossesInfinity: low < 0 && high > 0, NNTFromUpper: stats.Of(1 / high), NNTFromLower: stats.Of(1 / low),
	}
	two.RiskRatio, two.LogRRSE, two.RRLower, two.RRUpper = ratio(p1/p2, 1/a-1/n1+1/c-1/n2, z)
	two.OddsRatio, two.LogORSE, two.ORLower, two.ORUpper = ratio(a*d/(b*c), 1/a+1/b+1/c+1/d, z)
	two.fisher(t, level)
	two.chiSquare(a, b, c, d)
	return two, nil
}

// ratio gives a ratio with its interval on the log scale, undefined where a cell is empty or where the error is 0 because
// everyone in both groups has the event.
func ratio(r, variance, z float64) (estimate, se, lower, upper stats.Number) {
	estimate, se = stats.Of(r), stats.Of(math.Sqrt(variance))
	if !estimate.Defined || !(se.Value > 0) || r == 0 {
		return estimate, stats.Number{}, stats.Number{}, stats.Number{}
	}
	return estimate, se, stats.Of(r * math.Exp(-z*se.Value)), stats.Of(r * math.Exp(z*se.Value))
}

func (two *Two) chiSquare(a, b, c, d float64) {
	n := a + b + c + d
	margins := (a + b) * (c + d) * (a + c) * (b + d)
	if margins == 0 {
		return
	}
	gap := math.Abs(a*d - b*c)
	x := n * gap * gap / margins
	corrected := math.Max(0, gap-math.Min(n/2, gap))
	y := n * corrected * corrected / margins
	two.ChiSquare, two.ChiSquareP = stats.Of(x), stats.Of(stats.UpperChiSquare(x, 1))
	two.Yates, two.YatesP = stats.Of(y), stats.Of(stats.UpperChiSquare(y, 1))
}
