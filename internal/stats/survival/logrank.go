package survival

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// Stratum holds the groups of one stratum, in the same order in all strata; a group without a subject
// there has no counts.
type Stratum struct {
	Groups []Group
}

// LogRankTest is the comparison of groups: observed and expected events (weighted where rho is not 0), the
// hypergeometric variance of their difference, and the chi-square test.
type LogRankTest struct {
	Levels   []string     `json:"levels"`
	N        []int        `json:"n"`
	Observed []float64    `json:"observed"`
	Expected []float64    `json:"expected"`
	Variance [][]float64  `json:"variance"`
	ChiSq    stats.Number `json:"chisq"`
	DF       int          `json:"df"`
	PValue   stats.Number `json:"p_value"`
	// RMST is given with the test if it was asked for (Beside): what the curves differ by, in time.
	RMST *RestrictedMeans `json:"rmst,omitempty"`
}

// Beside adds restricted means to tau of the groups, strata together, to the test.
func (t *LogRankTest) Beside(strata []Stratum, tau, level float64) error {
	groups := make([]Group, len(t.Levels))
	for i, name := range t.Levels {
		groups[i].Level = name
		for _, s := range strata {
			groups[i].Counts = append(groups[i].Counts, s.Groups[i].Counts...)
		}
	}
	means, err := CompareRestrictedMeans(groups, tau, level)
	t.RMST = &means
	return err
}

// largestRho bounds the power of a weight, which is a share and may be as small as one of all subjects.
const largestRho = 10

// LogRank tests that the groups have one curve within every stratum. Each event time is weighted by
// S(t-)^rho of the stratum's pooled curve: rho 0 is the log-rank test (Mantel 1966, Cancer Chemother Rep 50:163),
// rho 1 Peto and Peto's (Harrington & Fleming 1982, Biometrika 69:553). See docs/methods/log-rank.md.
func LogRank(strata []Stratum, rho float64) (LogRankTest, error) {
	if !stats.Finite(rho) {
		return LogRankTest{}, stats.Errorf(stats.NotFinite, "rho", "the weight's power is not finite")
	}
	if rho < -largestRho || rho > largestRho {
		return LogRankTest{}, stats.Errorf(stats.BadInput, "rho", "the weight's power lies beyond %d", largestRho)
	}
	aligned, out, err := alignStrata(strata)
	if err != nil {
		return out, err
	}
	g := len(out.Levels)
	variance := mat.NewSymDense(g, nil)
	events := 0
	for _, groups := range aligned {
		events += out.addStratum(groups, rho, variance)
	}
	if events == 0 {
		return out, stats.Errorf(stats.NoEvents, "event", "no event in any group")
	}
	for i := range g {
		out.Variance = append(out.Variance, mat.Row(nil, i, variance))
	}
	return out, out.chiSquare(variance)
}

// alignStrata checks that strata hold the same groups, and aligns times over all of them.
func alignStrata(strata []Stratum) ([][]Group, LogRankTest, error) {
	var out LogRankTest
	var flat []Group
	for s, stratum := range strata {
		if s > 0 && len(stratum.Groups) != len(out.Levels) {
			return nil, out, stats.Errorf(stats.BadInput, "strata", "hold different numbers of groups")
		}
		for i, g := range stratum.Groups {
			if s == 0 {
				out.Levels = append(out.Levels, g.Level)
			} else if g.Level != out.Levels[i] {
				return nil, out, stats.Errorf(stats.BadInput, g.Level, "the strata hold different groups")
			}
			if len(g.Counts) > 0 {
				flat = append(flat, g)
			}
		}
	}
	if len(out.Levels) < 2 {
		return nil, out, stats.Errorf(stats.OneLevel, "group", "a comparison needs at least two groups")
	}
	joined, _, err := align(flat)
	if err != nil {
		return nil, out, err
	}
	out.N, out.Observed, out.Expected = make([]int, len(out.Levels)), make([]float64, len(out.Levels)), make([]float64, len(out.Levels))
	aligned, next := make([][]Group, len(strata)), 0
	for s, stratum := range strata {
		for i, g := range stratum.Groups {
			if len(g.Counts) > 0 {
				g = joined[next]
				next++
			}
			n, _ := total(g.Counts)
			out.N[i] += n
			aligned[s] = append(aligned[s], g)
		}
	}
	for i, n := range out.N {
		if n == 0 {
			return nil, out, stats.Errorf(stats.EmptyCell, out.Levels[i], "no subject in this group")
		}
	}
	return aligned, out, nil
}

// addStratum walks the times of a stratum and returns its events.
func (t *LogRankTest) addStratum(groups []Group, rho float64, variance *mat.SymDense) int {
	atRisk, at, pooled, events := make([]float64, len(groups)), make([]int, len(groups)), 1.0, 0
	for i, g := range groups {
		n, _ := total(g.Counts)
		atRisk[i] = float64(n)
	}
	for {
		time, left := math.Inf(1), false
		for i, g := range groups {
			if at[i] < len(g.Counts) {
				time, left = math.Min(time, g.Counts[at[i]].Time), true
			}
		}
		if !left {
			return events
		}
		d, n, gone := 0.0, 0.0, make([]float64, len(groups))
		weight := math.Pow(pooled, rho)
		for i, g := range groups {
			n += atRisk[i]
			if at[i] < len(g.Counts) && g.Counts[at[i]].Time == time {
				c := g.Counts[at[i]]
				d += float64(c.Events)
				events += c.Events
				gone[i] = float64(c.Events + c.Censored)
				t.Observed[i] += weight * float64(c.Events)
				at[i]++
			}
		}
		t.addTime(atRisk, d, n, weight, variance)
		pooled *= (n - d) / n
		for i := range atRisk {
			atRisk[i] -= gone[i]
		}
	}
}

func (t *LogRankTest) addTime(atRisk []float64, d, n, weight float64, variance *mat.SymDense) {
	if d == 0 {
		return
	}
	for i, a := range atRisk {
		t.Expected[i] += weight * d * a / n
		if n == 1 {
			continue
		}
		spread := weight * weight * d * (n - d) / (n - 1)
		for j := i; j < len(atRisk); j++ {
			share := -a * atRisk[j] / (n * n)
			if i == j {
				share += a / n
			}
			variance.SetSym(i, j, variance.At(i, j)+spread*share)
		}
	}
}

// chiSquare leaves out the first group at risk of an event: the differences sum to zero.
func (t *LogRankTest) chiSquare(variance *mat.SymDense) error {
	var keep []int
	for i, e := range t.Expected {
		if e > 0 {
			keep = append(keep, i)
		}
	}
	if len(keep) < 2 {
		return stats.Errorf(stats.TooFew, "group", "fewer than two groups were ever at risk of an event")
	}
	keep = keep[1:]
	part, difference := mat.NewSymDense(len(keep), nil), mat.NewVecDense(len(keep), nil)
	for a, i := range keep {
		difference.SetVec(a, t.Observed[i]-t.Expected[i])
		for b, j := range keep {
			part.SetSym(a, b, variance.At(i, j))
		}
	}
	var chol mat.Cholesky
	var solved mat.VecDense
	if !chol.Factorize(part) || chol.SolveVecTo(&solved, difference) != nil {
		return stats.Errorf(stats.TooFew, "group", "no event time with two groups at risk: the difference has no variance")
	}
	test := stats.ChiSquareTest(mat.Dot(difference, &solved), len(keep))
	t.ChiSq, t.DF, t.PValue = test.ChiSq, test.DF, test.PValue
	return nil
}
