package bootstrap

import (
	"math"
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/descriptive"
)

// Named is a statistic by its name: of pairs x, y (mean_diff_paired, median_diff_paired, d_z), or of a response in two
// groups, first true for the rows of the first (mean_diff_arms, hedges_g_arms).
func Named(name string, x, y []float64, first []bool) (Statistic, error) {
	switch name {
	case "mean_diff_paired":
		return func(rows []int) float64 { return mean(differences(x, y, rows)) }, nil
	case "median_diff_paired":
		return func(rows []int) float64 {
			return descriptive.Median(slices.Sorted(slices.Values(differences(x, y, rows))))
		}, nil
	case "d_z":
		return func(rows []int) float64 {
			d := differences(x, y, rows)
			return mean(d) / math.Sqrt(squares(d)/float64(len(d)-1))
		}, nil
	case "mean_diff_arms":
		return func(rows []int) float64 {
			a, b := split(x, first, rows)
			return mean(a) - mean(b)
		}, nil
	case "hedges_g_arms":
		return func(rows []int) float64 {
			a, b := split(x, first, rows)
			df := float64(len(a) + len(b) - 2)
			return stats.SmallSampleFactor(df) * (mean(a) - mean(b)) / math.Sqrt((squares(a)+squares(b))/df)
		}, nil
	}
	return nil, stats.Errorf(stats.BadInput, "statistic", "no statistic %q; there are mean_diff_paired, median_diff_paired, d_z, mean_diff_arms and hedges_g_arms", name)
}

// Paired tells whether the named statistic is of pairs.
func Paired(name string) bool {
	return slices.Contains([]string{"mean_diff_paired", "median_diff_paired", "d_z"}, name)
}

func differences(x, y []float64, rows []int) []float64 {
	out := make([]float64, len(rows))
	for i, r := range rows {
		out[i] = x[r] - y[r]
	}
	return out
}

func split(x []float64, first []bool, rows []int) (a, b []float64) {
	for _, r := range rows {
		if first[r] {
			a = append(a, x[r])
		} else {
			b = append(b, x[r])
		}
	}
	return a, b
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

func squares(x []float64) float64 {
	m, sum := mean(x), 0.0
	for _, v := range x {
		sum += (v - m) * (v - m)
	}
	return sum
}
