package survival

import (
	"math"

	"afterglow/internal/stats"
)

// Options say what is reported with the curve.
type Options struct {
	// At lists times at which the curve is read.
	At []float64
	// Tau is the end of the restricted mean; undefined: no restricted mean.
	Tau stats.Number
	// Level is the confidence level, such as 0.95.
	Level float64
}

// Validate refuses options that mean nothing.
func (o Options) Validate() error {
	for _, t := range o.At {
		if !stats.Finite(t) || t < 0 {
			return stats.Errorf(stats.BadInput, "at", "a time that is negative or not finite")
		}
	}
	if o.Tau.Defined && !(o.Tau.Value > 0 && !math.IsInf(o.Tau.Value, 0)) {
		return stats.Errorf(stats.BadInput, "tau", "the restricted mean needs a positive time")
	}
	return stats.CheckLevel(o.Level)
}

// Row is the curve at a time where something happened. SE is that of S(t) by Greenwood's formula; the
// cumulative hazard is Nelson and Aalen's. Limits are complementary log-log, plain and log; they and SE are
// undefined where S = 0, the log-log ones also where S = 1.
type Row struct {
	Time        float64      `json:"time"`
	NRisk       int          `json:"n_risk"`
	NEvent      int          `json:"n_event"`
	NCensor     int          `json:"n_censor"`
	Surv        float64      `json:"surv"`
	SE          stats.Number `json:"se"`
	CumHaz      float64      `json:"cumhaz"`
	CumHazSE    float64      `json:"cumhaz_se"`
	LowerLogLog stats.Number `json:"lower_loglog"`
	UpperLogLog stats.Number `json:"upper_loglog"`
	LowerPlain  stats.Number `json:"lower_plain"`
	UpperPlain  stats.Number `json:"upper_plain"`
	LowerLog    stats.Number `json:"lower_log"`
	UpperLog    stats.Number `json:"upper_log"`
}

// Point is the curve read at a time asked for. NRisk counts those still followed at that time; past the
// last observation the curve is undefined unless it has reached 0. Before the first one S and its limits are 1, as
// in R's summary.
type Point struct {
	Time        float64      `json:"time"`
	NRisk       int          `json:"n_risk"`
	Surv        stats.Number `json:"surv"`
	SE          stats.Number `json:"se"`
	LowerLogLog stats.Number `json:"lower_loglog"`
	UpperLogLog stats.Number `json:"upper_loglog"`
}

// Curve is the Kaplan-Meier estimate of one group.
type Curve struct {
	Level     string     `json:"level"`
	N         int        `json:"n"`
	Events    int        `json:"events"`
	Table     []Row      `json:"table"`
	Quantiles []Quantile `json:"quantiles"`
	At        []Point    `json:"at"`
	RMST      *RMST      `json:"rmst,omitempty"`
	Notes     []string   `json:"notes,omitempty"`
}

// Result is the curves of all groups; with several groups and a tau also the comparison of restricted means,
// each against the first.
type Result struct {
	Groups         []Curve          `json:"groups"`
	RMSTDifference *RMSTDifference  `json:"rmst_difference,omitempty"`
	RMSTRatio      *RMSTRatio       `json:"rmst_ratio,omitempty"`
	RMST           *RestrictedMeans `json:"rmst_comparisons,omitempty"`
	Level          float64          `json:"ci_level"`
}

// KaplanMeier estimates the curve of every group (Kaplan & Meier 1958, JASA 53:457). Failures name the
// group without a subject or the count that cannot be. See docs/methods/kaplan-meier.md.
func KaplanMeier(groups []Group, o Options) (Result, error) {
	if err := o.Validate(); err != nil {
		return Result{}, err
	}
	aligned, tolerance, err := align(groups)
	if err != nil {
		return Result{}, err
	}
	result := Result{Level: o.Level}
	for _, g := range aligned {
		c := curve(g, o.Level)
		c.Quantiles = c.quantiles()
		c.At = make([]Point, 0, len(o.At))
		for _, t := range o.At {
			c.At = append(c.At, c.read(t, tolerance))
		}
		if o.Tau.Defined {
			c.RMST = c.restrictedMean(o.Tau.Value, o.Level, tolerance)
			c.Notes = c.RMST.certain(c.Level)
		}
		result.Groups = append(result.Groups, c)
	}
	if len(result.Groups) == 2 && o.Tau.Defined {
		difference, ratio := CompareRMST(result.Groups[0], result.Groups[1], o.Level)
		result.RMSTDifference, result.RMSTRatio = &difference, &ratio
	}
	if len(result.Groups) > 1 && o.Tau.Defined {
		means := restrictedMeans(result.Groups, o.Tau.Value, o.Level)
		result.RMST = &means
	}
	return result, nil
}

func curve(g Group, level float64) Curve {
	out := Curve{Level: g.Level}
	out.N, out.Events = total(g.Counts)
	z := stats.NormalQuantile(0.5 + level/2)
	atRisk, surv, greenwood, hazard, hazardVariance := out.N, 1.0, 0.0, 0.0, 0.0
	for _, c := range g.Counts {
		n, d := float64(atRisk), float64(c.Events)
		surv *= (n - d) / n
		if d > 0 {
			greenwood += d / (n * (n - d)) // infinite where S reaches 0
			hazard += d / n
			hazardVariance += d / (n * n)
		}
		row := Row{Time: c.Time, NRisk: atRisk, NEvent: c.Events, NCensor: c.Censored, Surv: surv,
			CumHaz: hazard, CumHazSE: math.Sqrt(hazardVariance)}
		row.limits(math.Sqrt(greenwood), z)
		out.Table = append(out.Table, row)
		atRisk -= c.Events + c.Censored
	}
	return out
}

// limits fills the standard error and the pointwise limits; relative is the standard error of log S.
func (r *Row) limits(relative, z float64) {
	s := r.Surv
	if s <= 0 || math.IsInf(relative, 0) {
		return
	}
	r.SE = stats.Of(s * relative)
	r.LowerPlain, r.UpperPlain = stats.Of(math.Max(0, s-z*relative*s)), stats.Of(math.Min(1, s+z*relative*s))
	r.LowerLog, r.UpperLog = stats.Of(s*math.Exp(-z*relative)), stats.Of(math.Min(1, s*math.Exp(z*relative)))
	if s < 1 {
		center, half := math.Log(-math.Log(s)), z*relative/-math.Log(s)
		r.LowerLogLog = stats.Of(math.Exp(-math.Exp(center + half)))
		r.UpperLogLog = stats.Of(math.Exp(-math.Exp(center - half)))
	}
}

// read gives the curve at t.
func (c Curve) read(t, tolerance float64) Point {
	p := Point{Time: t, Surv: stats.Of(1), SE: stats.Of(0), LowerLogLog: stats.Of(1), UpperLogLog: stats.Of(1)}
	p.NRisk = c.N
	for _, r := range c.Table {
		if r.Time < t-tolerance {
			p.NRisk = r.NRisk - r.NEvent - r.NCensor
		}
		if r.Time <= t+tolerance {
			p.Surv, p.SE, p.LowerLogLog, p.UpperLogLog = stats.Of(r.Surv), r.SE, r.LowerLogLog, r.UpperLogLog
		}
	}
	if last := c.Table[len(c.Table)-1]; t > last.Time+tolerance && last.Surv > 0 {
		return Point{Time: t}
	}
	return p
}
