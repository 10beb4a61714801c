package gee

import (
	"math"

	"afterglow/internal/stats"
)

// Result is what is reported about a fit.
type Result struct {
	NObs         int               `json:"n_obs"`
	NClusters    int               `json:"n_clusters"`
	MaxCluster   int               `json:"max_cluster"`
	Coefficients []Coefficient     `json:"coefficients"`
	VCovRobust   stats.NamedMatrix `json:"vcov_robust"`
	VCovNaive    [][]stats.Number  `json:"vcov_naive"`
	Alpha        []stats.Number    `json:"alpha"`
	Scale        stats.Number      `json:"scale"`
	// SEOverNMinusP are the robust errors times root K/(K - p), K clusters, a rough correction for few clusters.
	SEOverNMinusP []stats.Number `json:"se_robust_over_n_minus_p"`
	Level         float64        `json:"level"`
	Notes         []string       `json:"notes"`
}

// Coefficient has its robust error, Wald's chi-square and interval, and the naive error.
type Coefficient struct {
	Name     string       `json:"name"`
	Estimate stats.Number `json:"estimate"`
	SE       stats.Number `json:"se"`
	Wald     stats.Number `json:"wald"`
	PValue   stats.Number `json:"p_value"`
	Lower    stats.Number `json:"ci_lower"`
	Upper    stats.Number `json:"ci_upper"`
	SENaive  stats.Number `json:"se_naive"`
}

// Report gives the result at a confidence level.
func (f *Fit) Report(names []string, rows int, level float64) (Result, error) {
	if err := stats.CheckLevel(level); err != nil {
		return Result{}, err
	}
	r := Result{NObs: rows, NClusters: f.Clusters, Notes: stats.FewClusters(f.Clusters), MaxCluster: f.Largest, VCovRobust: stats.NamedMatrix{Names: names, Matrix: stats.Matrix(f.Robust)},
		VCovNaive: stats.Matrix(f.Naive), Alpha: []stats.Number{}, Scale: stats.Of(f.Scale), Level: level}
	for _, a := range f.Alpha {
		r.Alpha = append(r.Alpha, stats.Of(a))
	}
	k, p := float64(f.Clusters), float64(len(names))
	for j, name := range names {
		e := stats.ZEstimate(f.Beta[j], math.Sqrt(f.Robust.At(j, j)), level)
		c := Coefficient{Name: name, Estimate: e.Estimate, SE: e.SE, PValue: e.PValue, Lower: e.Lower, Upper: e.Upper,
			SENaive: stats.Of(math.Sqrt(f.Naive.At(j, j)))}
		if e.Statistic.Defined {
			c.Wald = stats.Of(e.Statistic.Value * e.Statistic.Value)
		}
		r.Coefficients = append(r.Coefficients, c)
		r.SEOverNMinusP = append(r.SEOverNMinusP, stats.Of(e.SE.Value*math.Sqrt(k/(k-p))))
	}
	return r, nil
}
