package glm

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// profileSteps is how many steps a profile takes to either side at most.
const profileSteps = 9

// Profile gives the profile likelihood interval of coefficient j (Venables & Ripley 2002, Modern Applied Statistics with
// S, section 7.2): the signed root of the fall of the deviance on a grid, a cubic spline through it, and where the spline,
// drawn with three points a grid point, crosses the normal quantiles. A side without an end is undefined.
func (f *Fit) Profile(j int, level float64) (lower, upper stats.Number) {
	furthest := stats.NormalQuantile(1 - (1-level)/8)
	c := f.basis.Direction(j)
	type knot struct{ value, root float64 }
	knots := []knot{{f.Beta[j], 0}}
	for _, sign := range []float64{-1, 1} {
		probe := *f
		root := 0.0
		for step := 1; step <= profileSteps && math.Abs(root) < furthest; step++ {
			value := f.Beta[j] + sign*float64(step)*furthest/5*f.SE(j)
			if probe.climb(probe.q, probe.at, &constraint{c, value}) != nil {
				break
			}
			root = sign * math.Sqrt(math.Max(0, 2*(f.LogLik-probe.at.logLik)))
			knots = append(knots, knot{value, root})
		}
	}
	if len(knots) < 4 {
		return lower, upper
	}
	slices.SortFunc(knots, func(a, b knot) int { return cmp.Compare(a.value, b.value) })
	x, y := make([]float64, len(knots)), make([]float64, len(knots))
	for i, k := range knots {
		x[i], y[i] = k.value, k.root
	}
	points := 3 * len(x)
	curve := newSpline(x, y)
	z := stats.NormalQuantile(0.5 + level/2)
	var last [2]float64
	for i := range points {
		at := x[0] + (x[len(x)-1]-x[0])*float64(i)/float64(points-1)
		here := [2]float64{at, curve.at(at)}
		if i > 0 {
			for side, target := range []float64{-z, z} {
				if (last[1]-target)*(here[1]-target) <= 0 && last[1] != here[1] {
					end := stats.Of(last[0] + (target-last[1])/(here[1]-last[1])*(here[0]-last[0]))
					if side == 0 {
						lower = end
					} else {
						upper = end
					}
				}
			}
		}
		last = here
	}
	return lower, upper
}

// spline is the cubic spline whose third derivatives at the ends are those of the cubics through the four outer points
// (Forsythe, Malcolm & Moler 1977, Computer Methods for Mathematical Computations, section 4.4). bend is a sixth of the
// second derivative at the points.
type spline struct{ x, y, bend []float64 }

func newSpline(x, y []float64) spline {
	n := len(x)
	h, slope := make([]float64, n-1), make([]float64, n-1)
	for i := range h {
		h[i] = x[i+1] - x[i]
		slope[i] = (y[i+1] - y[i]) / h[i]
	}
	third := func(i int) float64 { // divided difference of the four points from i on
		a, b := (slope[i+1]-slope[i])/(x[i+2]-x[i]), (slope[i+2]-slope[i+1])/(x[i+3]-x[i+1])
		return (b - a) / (x[i+3] - x[i])
	}
	system, right := mat.NewDense(n, n, nil), mat.NewVecDense(n, nil)
	system.Set(0, 0, -h[0])
	system.Set(0, 1, h[0])
	right.SetVec(0, h[0]*h[0]*third(0))
	for i := 1; i < n-1; i++ {
		system.Set(i, i-1, h[i-1])
		system.Set(i, i, 2*(h[i-1]+h[i]))
		system.Set(i, i+1, h[i])
		right.SetVec(i, slope[i]-slope[i-1])
	}
	system.Set(n-1, n-2, h[n-2])
	system.Set(n-1, n-1, -h[n-2])
	right.SetVec(n-1, -h[n-2]*h[n-2]*third(n-4))
	bend := mat.NewVecDense(n, nil)
	if bend.SolveVec(system, right) != nil {
		bend.Zero() // straight lines between the points
	}
	return spline{x, y, bend.RawVector().Data}
}

func (s spline) at(x float64) float64 {
	i := 0
	for i < len(s.x)-2 && x > s.x[i+1] {
		i++
	}
	h := s.x[i+1] - s.x[i]
	w := (x - s.x[i]) / h
	v := 1 - w
	return w*s.y[i+1] + v*s.y[i] + h*h*((w*w*w-w)*s.bend[i+1]+(v*v*v-v)*s.bend[i])
}
