// Package singlecase describes one series of scores: its trend, its phases, where it changes. Floor: ground.
// It must not speak for anyone but the one whose series it is.
package singlecase

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/descriptive"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/linear"
)

// Trend is a series' trend by three methods.
type Trend struct {
	N           int         `json:"n"`
	OLS         OLS         `json:"ols"`
	TheilSen    TheilSen    `json:"theil_sen"`
	MannKendall MannKendall `json:"mann_kendall"`
	Level       float64     `json:"level"`
}

// OLS is the straight line by least squares; DurbinWatson and Lag1 say how much neighbouring residuals resemble each other,
// which its errors take as not at all. Everything about errors is undefined where the points lie on the line.
type OLS struct {
	Intercept    stats.Number `json:"intercept"`
	Slope        stats.Number `json:"slope"`
	InterceptSE  stats.Number `json:"intercept_se"`
	SlopeSE      stats.Number `json:"slope_se"`
	SlopeT       stats.Number `json:"slope_t"`
	SlopeP       stats.Number `json:"slope_p"`
	SlopeLower   stats.Number `json:"slope_lower"`
	SlopeUpper   stats.Number `json:"slope_upper"`
	Sigma        stats.Number `json:"sigma"`
	RSquared     stats.Number `json:"r_squared"`
	DF           int          `json:"df"`
	DurbinWatson stats.Number `json:"durbin_watson"`
	Lag1         stats.Number `json:"lag1"`
}

// TheilSen is the median of the slopes between all pairs of different times, with Sen's limits rounded outwards.
type TheilSen struct {
	Slope     stats.Number `json:"slope"`
	Intercept stats.Number `json:"intercept"`
	NSlopes   int          `json:"n_slopes"`
	Lower     stats.Number `json:"lower"`
	Upper     stats.Number `json:"upper"`
}

// MannKendall tests for a monotone trend, ties in time and in value counted, with continuity correction.
type MannKendall struct {
	S      int          `json:"s"`
	VarS   stats.Number `json:"var_s"`
	Z      stats.Number `json:"z"`
	PValue stats.Number `json:"p_value"`
	TauB   stats.Number `json:"tau_b"`
}

// FitTrend describes y over t (Sen 1968, JASA 63:1379; Kendall 1970, Rank Correlation Methods, chapter 4). See
// docs/methods/single-case.md.
func FitTrend(t, y []float64, level float64) (Trend, error) {
	if err := stats.CheckLevel(level); err != nil {
		return Trend{}, err
	}
	t, y, err := inTime(t, y, 3)
	if err != nil {
		return Trend{}, err
	}
	if slices.Min(y) == slices.Max(y) {
		return Trend{}, stats.Errorf(stats.Constant, "response", "has the same value at all times")
	}
	out := Trend{N: len(t), Level: level}
	out.MannKendall = mannKendall(t, y)
	out.TheilSen = theilSen(t, y, out.MannKendall.VarS.Value, level)
	out.OLS, err = ols(t, y, level)
	return out, err
}

// inTime checks a series and puts it in the order of time, ties in the order given.
func inTime(t, y []float64, least int) ([]float64, []float64, error) {
	if len(t) != len(y) {
		return nil, nil, stats.Errorf(stats.BadInput, "time", "%d times for %d values", len(t), len(y))
	}
	if len(t) < least {
		return nil, nil, stats.Errorf(stats.TooFew, "rows", "%d values; at least %d are needed", len(t), least)
	}
	order := make([]int, len(t))
	for i := range order {
		order[i] = i
		if math.IsNaN(t[i]+y[i]) || math.IsInf(t[i]+y[i], 0) {
			return nil, nil, stats.Errorf(stats.NotFinite, "response", "value %d or its time is not finite", i+1)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(t[a], t[b]) })
	times, values := make([]float64, len(t)), make([]float64, len(t))
	for i, at := range order {
		times[i], values[i] = t[at], y[at]
	}
	if times[0] == times[len(times)-1] {
		return nil, nil, stats.Errorf(stats.OneLevel, "time", "all values are of one time")
	}
	return times, values, nil
}

func ols(t, y []float64, level float64) (OLS, error) {
	m := formula.Matrix{Names: []string{"(Intercept)", "time"}}
	for i, v := range t {
		m.X = append(m.X, 1, v)
		m.Rows = append(m.Rows, i)
	}
	fit, err := linear.Least(m, y)
	var failure *stats.Failure
	if errors.As(err, &failure) && failure.Kind == stats.Constant {
		return perfect(t, y), nil
	}
	if err != nil {
		return OLS{}, err
	}
	covariance := fit.Covariance()
	slope := stats.TEstimate(fit.Beta[1], math.Sqrt(covariance.At(1, 1)), stats.Of(float64(fit.DF)), level)
	out := OLS{Intercept: stats.Of(fit.Beta[0]), InterceptSE: stats.Of(math.Sqrt(covariance.At(0, 0))), Slope: slope.Estimate, SlopeSE: slope.SE,
		SlopeT: slope.Statistic, SlopeP: slope.PValue, SlopeLower: slope.Lower, SlopeUpper: slope.Upper, Sigma: stats.Of(fit.Sigma),
		RSquared: stats.Of(1 - fit.RSS/fit.TSS), DF: fit.DF}
	steps, products := 0.0, 0.0
	for i := 1; i < len(fit.Residual); i++ {
		d := fit.Residual[i] - fit.Residual[i-1]
		steps += d * d
		products += fit.Residual[i] * fit.Residual[i-1]
	}
	out.DurbinWatson, out.Lag1 = stats.Of(steps/fit.RSS), stats.Of(products/fit.RSS)
	return out, nil
}

// perfect is the line through points that lie on one: there is no error to judge it by.
func perfect(t, y []float64) OLS {
	last := len(t) - 1
	slope := (y[last] - y[0]) / (t[last] - t[0])
	return OLS{Intercept: stats.Of(y[0] - slope*t[0]), Slope: stats.Of(slope), RSquared: stats.Of(1), DF: len(t) - 2}
}

func theilSen(t, y []float64, variance, level float64) TheilSen {
	var slopes []float64
	for i := range t {
		for j := i + 1; j < len(t); j++ {
			if t[j] != t[i] {
				slopes = append(slopes, (y[j]-y[i])/(t[j]-t[i]))
			}
		}
	}
	slices.Sort(slopes)
	slope := descriptive.Median(slopes)
	rest := make([]float64, len(t))
	for i := range t {
		rest[i] = y[i] - slope*t[i]
	}
	slices.Sort(rest)
	n := float64(len(slopes))
	c := stats.NormalQuantile(0.5+level/2) * math.Sqrt(variance)
	low, high := int(math.Floor((n-c)/2)), int(math.Ceil((n+c)/2+1))
	return TheilSen{stats.Of(slope), stats.Of(descriptive.Median(rest)), len(slopes), stats.Of(slopes[max(low, 1)-1]), stats.Of(slopes[min(high, len(slopes))-1])}
}

func mannKendall(t, y []float64) MannKendall {
	n := float64(len(t))
	out := MannKendall{}
	for i := range t {
		for j := i + 1; j < len(t); j++ {
			out.S += sign(t[j]-t[i]) * sign(y[j]-y[i])
		}
	}
	t1, t2, t3 := ties(t)
	u1, u2, u3 := ties(y)
	variance := (n*(n-1)*(2*n+5)-t3-u3)/18 + t1*u1/(2*n*(n-1))
	if n > 2 {
		variance += t2 * u2 / (9 * n * (n - 1) * (n - 2))
	}
	out.VarS = stats.Of(variance)
	if variance > 0 {
		z := float64(out.S-sign(float64(out.S))) / math.Sqrt(variance)
		out.Z, out.PValue = stats.Of(z), stats.Of(stats.TwoSidedNormal(z))
	}
	pairs := n * (n - 1)
	out.TauB = stats.Of(2 * float64(out.S) / math.Sqrt((pairs-t1)*(pairs-u1)))
	return out
}

// ties sums k(k-1), k(k-1)(k-2) and k(k-1)(2k+5) over the runs of equal values.
func ties(x []float64) (two, three, five float64) {
	sorted := slices.Clone(x)
	slices.Sort(sorted)
	for i := 0; i < len(sorted); {
		from := i
		for i < len(sorted) && sorted[i] == sorted[from] {
			i++
		}
		k := float64(i - from)
		two += k * (k - 1)
		three += k * (k - 1) * (k - 2)
		five += k * (k - 1) * (2*k + 5)
	}
	return two, three, five
}

func sign(x float64) int {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}
