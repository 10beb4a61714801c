package survival

import (
	"math"
	"sort"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
)

// WeightedCurve is a Kaplan-Meier curve of weighted rows, which may start late and belong to clusters.
type WeightedCurve struct {
	Level string `json:"level"`
	// N counts subjects; NRows their rows, where there are more of these.
	N      int `json:"n"`
	NRows  int `json:"n_rows,omitempty"`
	Events int `json:"events"`
	// Last is the last time anyone was followed to.
	Last  float64       `json:"last_time"`
	Table []WeightedRow `json:"table"`
	RMST  *RMST         `json:"rmst,omitempty"`
	Notes []string      `json:"notes,omitempty"`

	// shares is each cluster's influence on the restricted mean, by its number; nil where rows are their own clusters.
	shares []float64
}

// WeightedRow is the curve at a time with an event: rows at risk and events, counted and weighted. SE is robust.
type WeightedRow struct {
	Time        float64      `json:"time"`
	NRisk       int          `json:"n_risk"`
	NEvent      int          `json:"n_event"`
	WeightRisk  float64      `json:"weight_risk"`
	WeightEvent float64      `json:"weight_event"`
	Surv        float64      `json:"surv"`
	SE          stats.Number `json:"se"`
	LowerLogLog stats.Number `json:"lower_loglog"`
	UpperLogLog stats.Number `json:"upper_loglog"`
}

// WeightedKaplanMeier estimates the curve of all rows, whatever their covariates and strata: the product of 1 - weight of
// events over weight at risk. Its errors are the infinitesimal jackknife's, summed within clusters, a row being its own
// where none are given; with weights of 1 and no late start they are Greenwood's. Rows of one Subject are counted once; where
// subjects are not numbered, a cluster whose rows never overlap in time is taken for one. tau asks for a restricted mean. See
// docs/methods/kaplan-meier.md.
func WeightedKaplanMeier(level string, s Spells, ci float64, tau stats.Number) (WeightedCurve, error) {
	out := WeightedCurve{Level: level}
	if err := (Options{Tau: tau, Level: ci}).Validate(); err != nil {
		return out, err
	}
	if s.Frequency && s.Weight != nil {
		return out, stats.Errorf(stats.BadInput, "weights", "frequencies are counts: KaplanMeier takes them")
	}
	h, err := newHazards(level, s)
	if err != nil {
		return out, err
	}
	out.N, out.Last, out.Table, out.Notes = h.subjects(s), h.last, []WeightedRow{}, h.notes()
	if h.n > out.N {
		out.NRows = h.n
	}
	z := stats.NormalQuantile(0.5 + ci/2)
	variance := h.variances()
	for k, m := range h.at {
		out.Events += m.NEvent
		row := Row{Surv: m.Surv}
		row.limits(math.Sqrt(variance[k]), z)
		m.SE, m.LowerLogLog, m.UpperLogLog = row.SE, row.LowerLogLog, row.UpperLogLog
		out.Table = append(out.Table, m)
	}
	if tau.Defined {
		out.RMST = &RMST{Tau: tau.Value}
		if h.followedTo(tau.Value) {
			area, influence := h.restrictedMean(tau.Value)
			out.RMST.fill(area, basis.Norm(influence), ci)
			out.Notes = append(out.Notes, out.RMST.certain(level)...)
			if s.Cluster != nil {
				out.shares = influence
			}
		}
	}
	return out, nil
}

// CompareWeighted compares restricted means of weighted curves, each with the first; nil where there is nothing to compare. A
// cluster's number is its own in all curves: one that has rows in two of them ties their errors together.
func CompareWeighted(curves []WeightedCurve, level float64) *RestrictedMeans {
	if len(curves) < 2 || curves[0].RMST == nil {
		return nil
	}
	plain, last := make([]Curve, len(curves)), stats.Number{}
	for g, c := range curves {
		plain[g] = Curve{Level: c.Level, N: c.N, RMST: c.RMST}
		if n := len(c.Table); n == 0 || c.Table[n-1].Surv > 0 {
			last = earlier(last, c.Last)
		}
	}
	out := restrictedMeans(plain, curves[0].RMST.Tau, level)
	out.TauMax = last
	for g := 1; g < len(curves); g++ {
		covariance := 0.0
		for c := range min(len(curves[0].shares), len(curves[g].shares)) {
			covariance += curves[0].shares[c] * curves[g].shares[c]
		}
		out.Differences[g-1], out.Ratios[g-1] = compareRMST(plain[0], plain[g], covariance, level)
	}
	return &out
}

func (r *RMST) fill(estimate, se, level float64) {
	e := stats.ZEstimate(estimate, se, level)
	r.Estimate, r.SE, r.Lower, r.Upper = e.Estimate, e.SE, e.Lower, e.Upper
	r.RMTL = stats.Of(r.Tau - estimate)
}

// hazards are rows with the event times of their curve.
type hazards struct {
	n, clusters    int
	start, stop, w []float64
	event          []bool
	cluster        []int
	at             []WeightedRow
	last           float64
	tolerance      float64
}

func newHazards(level string, s Spells) (*hazards, error) {
	if len(s.Stop) == 0 {
		return nil, stats.Errorf(stats.EmptyCell, level, "no subject in this group")
	}
	h := &hazards{n: len(s.Stop), event: s.Event, w: s.Weight, cluster: s.Cluster}
	h.stop, h.start = append(h.stop, s.Stop...), append(h.start, s.Start...)
	s.Names, s.X = nil, nil
	if err := s.check(h.start, h.stop); err != nil {
		return nil, err
	}
	h.tolerance = alignTimes(h.start, h.stop)
	for i := range h.start {
		if h.start[i] >= h.stop[i] {
			return nil, stats.Errorf(stats.BadInput, "stop", "row %d ends before or when it starts", i+1)
		}
	}
	if err := s.overlap(h.start, h.stop); err != nil {
		return nil, err
	}
	if h.w == nil {
		h.w = make([]float64, h.n)
		for i := range h.w {
			h.w[i] = 1
		}
	}
	if h.cluster == nil {
		h.cluster = make([]int, h.n)
		for i := range h.cluster {
			h.cluster[i] = i
		}
	}
	for _, c := range h.cluster {
		h.clusters = max(h.clusters, c+1)
	}
	h.walk()
	return h, nil
}

// walk fills the event times. Rows enter from the first start on and leave after their stop.
func (h *hazards) walk() {
	leave, enter := backwards(latestFirst(h.stop, nil)), h.entries()
	risk, atRisk, next, surv := 0.0, 0, 0, 1.0
	h.last = h.stop[leave[len(leave)-1]]
	for i := 0; i < h.n; {
		t := h.stop[leave[i]]
		for ; next < h.n && (h.start == nil || h.start[enter[next]] < t); next++ {
			risk += h.w[enter[next]]
			atRisk++
		}
		m := WeightedRow{Time: t, NRisk: atRisk, WeightRisk: risk}
		gone := 0.0
		for ; i < h.n && h.stop[leave[i]] == t; i++ {
			w := h.w[leave[i]]
			if h.event[leave[i]] {
				m.NEvent++
				m.WeightEvent += w
			}
			gone += w
			atRisk--
		}
		if m.NEvent > 0 {
			if m.NEvent == m.NRisk {
				m.WeightRisk = m.WeightEvent
			}
			surv *= 1 - m.WeightEvent/m.WeightRisk
			m.Surv = surv
			h.at = append(h.at, m)
		}
		if risk -= gone; atRisk == 0 {
			risk = 0
		}
	}
}

func backwards(rows []int) []int {
	for i, j := 0, len(rows)-1; i < j; i, j = i+1, j-1 {
		rows[i], rows[j] = rows[j], rows[i]
	}
	return rows
}

func (h *hazards) entries() []int {
	if h.start == nil {
		return backwards(latestFirst(make([]float64, h.n), nil))
	}
	return backwards(latestFirst(h.start, nil))
}

// share is what being at risk at the k-th time adds to a row's influence on the log of the curve, by its weight; own is
// what its event takes off. Nothing moves a curve that falls to 0 with everyone at risk.
func (h *hazards) share(k int) (share, own float64) {
	m := h.at[k]
	left := m.WeightRisk - m.WeightEvent
	if m.NEvent == m.NRisk || !(left > 0) {
		return 0, 0
	}
	return m.WeightEvent / (m.WeightRisk * left), 1 / left
}

// variances is the sum over clusters of the squared influence on log S, after each event time. A cluster's influence grows
// by its weight at risk times the same share at every time, so that it is brought up to date only when its weight changes.
func (h *hazards) variances() []float64 {
	leave, enter := backwards(latestFirst(h.stop, nil)), h.entries()
	weight, influence, seen := make([]float64, h.clusters), make([]float64, h.clusters), make([]float64, h.clusters)
	squares, products, weights, sum := 0.0, 0.0, 0.0, 0.0 // of influence, influence by weight, weight; the shares so far
	change := func(c int, dWeight, dInfluence float64) {
		influence[c] += weight[c] * (sum - seen[c])
		seen[c] = sum
		u, w := influence[c]+dInfluence, weight[c]+dWeight
		squares += u*u - influence[c]*influence[c]
		products += u*w - influence[c]*weight[c]
		weights += w*w - weight[c]*weight[c]
		influence[c], weight[c] = u, w
	}
	out := make([]float64, len(h.at))
	next, gone := 0, 0
	for k, m := range h.at {
		for ; next < h.n && (h.start == nil || h.start[enter[next]] < m.Time); next++ {
			change(h.cluster[enter[next]], h.w[enter[next]], 0)
		}
		for ; gone < h.n && h.stop[leave[gone]] < m.Time; gone++ {
			change(h.cluster[leave[gone]], -h.w[leave[gone]], 0)
		}
		share, own := h.share(k)
		squares += 2*share*products + share*share*weights
		products += share * weights
		sum += share
		for i := gone; i < h.n && h.stop[leave[i]] == m.Time; i++ {
			if h.event[leave[i]] {
				change(h.cluster[leave[i]], 0, -h.w[leave[i]]*own)
			}
		}
		out[k] = math.Max(0, squares)
	}
	return out
}

func (h *hazards) followedTo(tau float64) bool {
	return tau <= h.last+h.tolerance || len(h.at) > 0 && h.at[len(h.at)-1].Surv <= 0
}

// restrictedMean is the area under the curve to tau, and every cluster's influence on it: its influence on log S at each
// event time times the area from there on.
func (h *hazards) restrictedMean(tau float64) (float64, []float64) {
	m := len(h.at)
	area, next := 0.0, tau
	own, sums := make([]float64, m), make([]float64, m+1) // by event time; sums of shares over the times up to each
	for k := m - 1; k >= 0; k-- {
		if h.at[k].Time >= tau {
			continue
		}
		area += h.at[k].Surv * (next - h.at[k].Time)
		next = h.at[k].Time
		share, one := h.share(k)
		own[k], sums[k+1] = one*area, share*area
	}
	for k := range m {
		sums[k+1] += sums[k]
	}
	influence := make([]float64, h.clusters)
	upTo := func(t float64) int { return sort.Search(m, func(k int) bool { return h.at[k].Time > t }) }
	for i, t := range h.stop {
		k, from := upTo(t), 0
		if h.start != nil {
			from = upTo(h.start[i])
		}
		u := sums[k] - sums[from]
		if h.event[i] {
			u -= own[k-1]
		}
		influence[h.cluster[i]] += h.w[i] * u
	}
	return area + next, influence
}
