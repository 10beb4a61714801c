package singlecase

import (
	"math"
	"slices"

	"afterglow/internal/stats"
)

// Phases compares a baseline phase A with a phase B of one series by all pairs of values. Tau is from -1 to 1, positive
// where B is higher. The literature calls two figures Tau-U: one divides by the pairs between the phases and may leave that
// range, the other by those and the pairs within A.
type Phases struct {
	NA      int          `json:"n_a"`
	NB      int          `json:"n_b"`
	MeanA   stats.Number `json:"mean_a"`
	MeanB   stats.Number `json:"mean_b"`
	SAB     int          `json:"s_ab"`
	SAA     int          `json:"s_aa"`
	SBB     int          `json:"s_bb"`
	TauAB   stats.Number `json:"tau_ab"`
	TauABSE stats.Number `json:"tau_ab_se"`
	TauABZ  stats.Number `json:"tau_ab_z"`
	TauABP  stats.Number `json:"tau_ab_p"`
	// TauABPTies allows for ties: the rank-sum test without continuity correction.
	TauABPTies  stats.Number `json:"tau_ab_p_ties"`
	NAP         stats.Number `json:"nap"`
	TauUPairs   stats.Number `json:"tau_u_a_vs_b_minus_trend_a"`
	TauUKendall stats.Number `json:"tau_u_trend_adjusted_kendall"`
	TauUFull    stats.Number `json:"tau_u_full"`
	// The tests of Tau-U, with the baseline's trend taken off, and with that of B added too, are those of its numerator.
	TauUZ       stats.Number `json:"tau_u_z"`
	TauUP       stats.Number `json:"tau_u_p"`
	TauUFullZ   stats.Number `json:"tau_u_full_z"`
	TauUFullP   stats.Number `json:"tau_u_full_p"`
	PNDIncrease stats.Number `json:"pnd_increase"`
	PNDDecrease stats.Number `json:"pnd_decrease"`
	TauABPairs  int          `json:"n_pairs"`
}

// ComparePhases follows Parker, Vannest, Davis & Sauber (2011, Behavior Therapy 42:284) and Parker & Vannest (2009) for
// the non-overlap of all pairs; the standard errors are those under no difference, no trend and no ties. In that case the
// order within a phase is independent of the ranks that it holds, so that the variances of the parts of Tau-U add up. Values
// are in the order of time within each phase. Neighbouring values that resemble each other make all these tests too sure. See
// docs/methods/single-case.md.
func ComparePhases(a, b []float64) (Phases, error) {
	if len(a) == 0 || len(b) == 0 {
		return Phases{}, stats.Errorf(stats.EmptyCell, "phase", "a phase has no value")
	}
	for _, values := range [][]float64{a, b} {
		if err := stats.CheckFinite("response", values...); err != nil {
			return Phases{}, err
		}
	}
	out := Phases{NA: len(a), NB: len(b), SAA: within(a), SBB: within(b), TauABPairs: len(a) * len(b)}
	for _, x := range a {
		for _, y := range b {
			out.SAB += sign(y - x)
		}
	}
	na, nb := float64(len(a)), float64(len(b))
	sumA, sumB, above, below := 0.0, 0.0, 0.0, 0.0
	for _, x := range a {
		sumA += x
	}
	for _, y := range b {
		sumB += y
		if y > slices.Max(a) {
			above++
		}
		if y < slices.Min(a) {
			below++
		}
	}
	tau, se := float64(out.SAB)/(na*nb), math.Sqrt((na+nb+1)/(3*na*nb))
	out.MeanA, out.MeanB = stats.Of(sumA/na), stats.Of(sumB/nb)
	out.TauAB, out.TauABSE, out.TauABZ, out.NAP = stats.Of(tau), stats.Of(se), stats.Of(tau/se), stats.Of((tau+1)/2)
	adjusted := float64(out.SAB - out.SAA)
	out.TauUPairs, out.TauUKendall = stats.Of(adjusted/(na*nb)), stats.Of(adjusted/(na*nb+na*(na-1)/2))
	out.TauUFull = stats.Of((adjusted + float64(out.SBB)) / ((na + nb) * (na + nb - 1) / 2))
	between, alone := na*nb*(na+nb+1)/3, func(n float64) float64 { return n * (n - 1) * (2*n + 5) / 18 }
	out.TauABP = tailOf(out.TauABZ)
	out.TauUZ = stats.Of(adjusted / math.Sqrt(between+alone(na)))
	out.TauUFullZ = stats.Of((adjusted + float64(out.SBB)) / math.Sqrt(between+alone(na)+alone(nb)))
	out.TauUP, out.TauUFullP = tailOf(out.TauUZ), tailOf(out.TauUFullZ)
	n := na + nb
	// the sum of k^3 - k over runs of k equal values
	two, three, _ := ties(append(slices.Clone(a), b...))
	if variance := na * nb / 3 * (n + 1 - (three+3*two)/(n*(n-1))); variance > 0 {
		out.TauABPTies = tailOf(stats.Of(float64(out.SAB) / math.Sqrt(variance)))
	}
	out.PNDIncrease, out.PNDDecrease = stats.Of(above/nb), stats.Of(below/nb)
	return out, nil
}

func tailOf(z stats.Number) stats.Number {
	if !z.Defined {
		return z
	}
	return stats.Of(stats.TwoSidedNormal(z.Value))
}

func within(x []float64) int {
	s := 0
	for i := range x {
		for _, later := range x[i+1:] {
			s += sign(later - x[i])
		}
	}
	return s
}
