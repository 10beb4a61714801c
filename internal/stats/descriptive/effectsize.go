package descriptive

import (
	"math"

	"gonum.org/v1/gonum/stat"

	"afterglow/internal/stats"
)

// IndependentEffect is the standardised difference of two independent samples, mean 1 minus mean 2. D divides
// by the pooled standard deviation, G is D times the exact small-sample factor J (Hedges 1981); the intervals
// invert the noncentral t distribution. DVarianceHO is the large-sample variance of Hedges & Olkin (1985).
// NExcluded are the rows that the caller left out because a value was missing.
type IndependentEffect struct {
	N1           int          `json:"n1"`
	N2           int          `json:"n2"`
	MeanDiff     stats.Number `json:"mean_diff"`
	SDPooled     stats.Number `json:"sd_pooled"`
	DF           int          `json:"df"`
	D            stats.Number `json:"d"`
	DLower       stats.Number `json:"d_ci_lower"`
	DUpper       stats.Number `json:"d_ci_upper"`
	J            stats.Number `json:"j"`
	JApproximate stats.Number `json:"j_approx"`
	G            stats.Number `json:"g"`
	GLower       stats.Number `json:"g_ci_lower"`
	GUpper       stats.Number `json:"g_ci_upper"`
	DVarianceHO  stats.Number `json:"d_var_ho"`
	GlassDelta   stats.Number `json:"glass_delta_group2"`
	SDAverageD   stats.Number `json:"sd_average_d"`
	NExcluded    int          `json:"n_excluded"`
}

// PairedEffect is the standardised mean of differences x - y. DZ divides by their standard deviation, DAv by
// the root of the mean variance of x and y, DAvMeanSD by their mean standard deviation, DRM corrects DZ for
// the correlation, DBaselineSD divides by the standard deviation of y, the earlier value. They are different
// quantities: a report names the one it uses (Lakens 2013, Frontiers in Psychology 4:863). NExcluded as above.
type PairedEffect struct {
	N           int          `json:"n"`
	MeanDiff    stats.Number `json:"mean_diff"`
	SDDiff      stats.Number `json:"sd_diff"`
	R           stats.Number `json:"r"`
	DZ          stats.Number `json:"d_z"`
	DZLower     stats.Number `json:"d_z_ci_lower"`
	DZUpper     stats.Number `json:"d_z_ci_upper"`
	J           stats.Number `json:"j"`
	GZ          stats.Number `json:"g_z"`
	SDAv        stats.Number `json:"sd_av"`
	DAv         stats.Number `json:"d_av"`
	DAvLower    stats.Number `json:"d_av_ci_lower"`
	DAvUpper    stats.Number `json:"d_av_ci_upper"`
	GAv         stats.Number `json:"g_av"`
	DAvMeanSD   stats.Number `json:"d_av_mean_sd"`
	DRM         stats.Number `json:"d_rm"`
	DBaselineSD stats.Number `json:"d_baseline_sd"`
	NExcluded   int          `json:"n_excluded"`
}

// EffectIndependent standardises mean(x) - mean(y). See docs/methods/effect-sizes.md.
func EffectIndependent(x, y []float64, level float64) (IndependentEffect, error) {
	if err := stats.CheckLevel(level); err != nil {
		return IndependentEffect{}, err
	}
	m1, v1, err := moments(groupNames[0], x)
	if err != nil {
		return IndependentEffect{}, err
	}
	m2, v2, err := moments(groupNames[1], y)
	if err != nil {
		return IndependentEffect{}, err
	}
	n1, n2 := float64(len(x)), float64(len(y))
	df := n1 + n2 - 2
	pooled := math.Sqrt(((n1-1)*v1 + (n2-1)*v2) / df)
	if stats.NoSpread(pooled, math.Max(math.Abs(m1), math.Abs(m2))) {
		return IndependentEffect{}, stats.Errorf(stats.Constant, "values", "do not vary within the groups, so a difference cannot be standardised")
	}
	d, scale, j := (m1-m2)/pooled, math.Sqrt(n1*n2/(n1+n2)), stats.SmallSampleFactor(df)
	low, high := stats.NoncentralityInterval(d*scale, df, level)
	return IndependentEffect{
		N1: len(x), N2: len(y), MeanDiff: stats.Of(m1 - m2), SDPooled: stats.Of(pooled), DF: len(x) + len(y) - 2,
		D: stats.Of(d), DLower: stats.Of(low / scale), DUpper: stats.Of(high / scale),
		J: stats.Of(j), JApproximate: stats.Of(1 - 3/(4*df-1)), G: stats.Of(j * d), GLower: stats.Of(j * low / scale), GUpper: stats.Of(j * high / scale),
		DVarianceHO: stats.Of((n1+n2)/(n1*n2) + d*d/(2*(n1+n2))), GlassDelta: stats.Of((m1 - m2) / math.Sqrt(v2)),
		SDAverageD: stats.Of((m1 - m2) / math.Sqrt((v1+v2)/2)),
	}, nil
}

// EffectPaired standardises the mean of x - y; y is the earlier value. The interval of DAv is that of Algina &
// Keselman (2003), Educational and Psychological Measurement 63:537. See
// docs/methods/effect-sizes.md.
func EffectPaired(x, y []float64, level float64) (PairedEffect, error) {
	if err := stats.CheckLevel(level); err != nil {
		return PairedEffect{}, err
	}
	d, err := differences(x, y)
	if err != nil {
		return PairedEffect{}, err
	}
	mean, variance, err := moments("differences", d)
	if err != nil {
		return PairedEffect{}, err
	}
	_, vx, err := moments("x", x)
	if err != nil {
		return PairedEffect{}, err
	}
	_, vy, err := moments("y", y)
	if err != nil {
		return PairedEffect{}, err
	}
	n, sd := float64(len(d)), math.Sqrt(variance)
	if stats.NoSpread(sd, mean) {
		return PairedEffect{}, stats.Errorf(stats.Constant, "differences", "do not vary, so their mean cannot be standardised")
	}
	covariance := stat.Covariance(x, y, nil)
	r := covariance / math.Sqrt(vx*vy)
	dz, average, j := mean/sd, math.Sqrt((vx+vy)/2), stats.SmallSampleFactor(n-1)
	low, high := stats.NoncentralityInterval(dz*math.Sqrt(n), n-1, level)
	scale := math.Sqrt(2 * variance / (n * (vx + vy)))
	return PairedEffect{
		N: len(d), MeanDiff: stats.Of(mean), SDDiff: stats.Of(sd), R: stats.Of(r),
		DZ: stats.Of(dz), DZLower: stats.Of(low / math.Sqrt(n)), DZUpper: stats.Of(high / math.Sqrt(n)), J: stats.Of(j), GZ: stats.Of(j * dz),
		SDAv: stats.Of(average), DAv: stats.Of(mean / average), DAvLower: stats.Of(low * scale), DAvUpper: stats.Of(high * scale), GAv: stats.Of(j * mean / average),
		DAvMeanSD: stats.Of(mean / ((math.Sqrt(vx) + math.Sqrt(vy)) / 2)), DRM: stats.Of(dz * math.Sqrt(2*math.Max(0, 1-r))), DBaselineSD: stats.Of(mean / math.Sqrt(vy)),
	}, nil
}
