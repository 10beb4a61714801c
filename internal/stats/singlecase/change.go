package singlecase

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// ChangePoint is where a series changes most: by a step of its mean, or by a bend of its line. Both are found by search, so
// SupF has no F distribution.
type ChangePoint struct {
	N          int        `json:"n"`
	MeanShift  MeanShift  `json:"mean_shift"`
	BrokenLine BrokenLine `json:"broken_line"`
}

// MeanShift splits after value LastIndexBefore, counted from 1 in the order of time.
type MeanShift struct {
	LastIndexBefore int          `json:"last_index_before"`
	LastTimeBefore  stats.Number `json:"last_time_before"`
	MeanBefore      stats.Number `json:"mean_before"`
	MeanAfter       stats.Number `json:"mean_after"`
	SSE             stats.Number `json:"sse"`
	SSENoChange     stats.Number `json:"sse_no_change"`
	SupF            stats.Number `json:"sup_f"`
}

// BrokenLine is a line of two pieces that meet at an observed time.
type BrokenLine struct {
	Knot        stats.Number `json:"knot"`
	Intercept   stats.Number `json:"intercept"`
	SlopeBefore stats.Number `json:"slope_before"`
	SlopeChange stats.Number `json:"slope_change"`
	SlopeAfter  stats.Number `json:"slope_after"`
	SSE         stats.Number `json:"sse"`
	SSEStraight stats.Number `json:"sse_straight"`
}

// FindChange searches all splits and knots that leave at least segment values on each side, by least squares (Quandt 1958,
// JASA 53:873; Hudson 1966, JASA 61:1097). Where no knot is possible the broken line is undefined. See
// docs/methods/single-case.md.
func FindChange(t, y []float64, segment int) (ChangePoint, error) {
	if segment < 1 {
		return ChangePoint{}, stats.Errorf(stats.BadInput, "min_segment", "a segment needs at least one value")
	}
	t, y, err := inTime(t, y, max(2*segment, 3))
	if err != nil {
		return ChangePoint{}, err
	}
	if slices.Min(y) == slices.Max(y) {
		return ChangePoint{}, stats.Errorf(stats.Constant, "response", "has the same value at all times: nothing changes")
	}
	return ChangePoint{N: len(t), MeanShift: meanShift(t, y, segment), BrokenLine: brokenLine(t, y, segment)}, nil
}

func meanShift(t, y []float64, segment int) MeanShift {
	n := len(y)
	spread := func(values []float64) (mean, sum float64) {
		for _, v := range values {
			mean += v / float64(len(values))
		}
		for _, v := range values {
			sum += (v - mean) * (v - mean)
		}
		return mean, sum
	}
	_, none := spread(y)
	best := math.Inf(1)
	out := MeanShift{SSENoChange: stats.Of(none)}
	for k := segment; k <= n-segment; k++ {
		before, s1 := spread(y[:k])
		after, s2 := spread(y[k:])
		if s1+s2 < best {
			best = s1 + s2
			out.LastIndexBefore, out.LastTimeBefore = k, stats.Of(t[k-1])
			out.MeanBefore, out.MeanAfter, out.SSE = stats.Of(before), stats.Of(after), stats.Of(best)
		}
	}
	out.SupF = stats.Of((none - best) / (best / float64(n-2)))
	return out
}

func brokenLine(t, y []float64, segment int) BrokenLine {
	n := len(t)
	_, straight, _ := line(t, y, math.Inf(1))
	out, best := BrokenLine{SSEStraight: stats.Of(straight)}, math.Inf(1)
	for i, knot := range t {
		if i > 0 && t[i-1] == knot || knot == t[0] || knot == t[n-1] {
			continue
		}
		upTo, from := 0, 0
		for _, v := range t {
			if v <= knot {
				upTo++
			}
			if v >= knot {
				from++
			}
		}
		if upTo < segment || from < segment {
			continue
		}
		b, sse, ok := line(t, y, knot)
		if ok && sse < best {
			best = sse
			out.Knot, out.SSE = stats.Of(knot), stats.Of(sse)
			out.Intercept, out.SlopeBefore, out.SlopeChange, out.SlopeAfter = stats.Of(b[0]), stats.Of(b[1]), stats.Of(b[2]), stats.Of(b[1]+b[2])
		}
	}
	return out
}

// line fits y = b0 + b1 t + b2 (t - knot)+, times centred at the knot for the fit; an infinite knot gives the straight line.
func line(t, y []float64, knot float64) ([]float64, float64, bool) {
	n, p := len(t), 3
	origin := knot
	if math.IsInf(knot, 1) {
		p, origin = 2, t[0]
	}
	x := mat.NewDense(n, p, nil)
	for i, v := range t {
		x.Set(i, 0, 1)
		x.Set(i, 1, v-origin)
		if p == 3 {
			x.Set(i, 2, math.Max(0, v-origin))
		}
	}
	var qr mat.QR
	qr.Factorize(x)
	var beta mat.VecDense
	if qr.SolveVecTo(&beta, false, mat.NewVecDense(n, y)) != nil {
		return nil, 0, false
	}
	sse := 0.0
	for i := range t {
		r := y[i] - mat.Dot(x.RowView(i), &beta)
		sse += r * r
	}
	b := append([]float64(nil), beta.RawVector().Data...)
	b[0] -= b[1] * origin
	return b, sse, true
}
