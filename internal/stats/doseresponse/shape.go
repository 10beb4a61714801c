// Package doseresponse asks what shape the relation of an outcome to an amount has, and compares nested models. Floor: ground.
// It must not predict outside the amounts that were observed, nor compare models fitted to different rows.
package doseresponse

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/descriptive"
)

// Shape is how the expected outcome, on the scale of the link, depends on the exposure.
type Shape string

const (
	// Null leaves the exposure out.
	Null Shape = "null"
	// Straight is a line.
	Straight Shape = "straight"
	// Quadratic is a parabola.
	Quadratic Shape = "quadratic"
	// Spline3, Spline4 and Spline5 are restricted cubic splines with so many knots: cubic between the knots, with a
	// continuous second derivative, straight beyond the outer ones.
	Spline3 Shape = "rcs3"
	Spline4 Shape = "rcs4"
	Spline5 Shape = "rcs5"
)

// Shapes lists all shapes.
func Shapes() []Shape { return []Shape{Null, Straight, Quadratic, Spline3, Spline4, Spline5} }

// quantiles are where Harrell (2015, Regression Modeling Strategies, second edition, table 2.3) puts the knots.
var quantiles = map[Shape][]float64{
	Spline3: {0.10, 0.50, 0.90},
	Spline4: {0.05, 0.35, 0.65, 0.95},
	Spline5: {0.05, 0.275, 0.50, 0.725, 0.95},
}

// Knots gives the knots of a spline at Harrell's quantiles (type 7) of the exposure; nil for other shapes. Knots that
// coincide are a failure: the exposure takes too few values, or one value too often.
func (s Shape) Knots(exposure []float64) ([]float64, error) {
	at, spline := quantiles[s]
	if !spline {
		return nil, nil
	}
	sorted := slices.Clone(exposure)
	slices.Sort(sorted)
	var knots []float64
	for _, p := range at {
		knots = append(knots, descriptive.Quantile(sorted, p, 7))
	}
	span := knots[len(knots)-1] - knots[0]
	for j := 1; j < len(knots); j++ {
		if !(knots[j]-knots[j-1] > 1e-9*span) {
			return nil, stats.Errorf(stats.TooFew, string(s), "knots %d and %d fall on the same value: the exposure does not vary enough for so many knots", j, j+1)
		}
	}
	return knots, nil
}

// Spline gives the basis of a restricted cubic spline at x, for three or more rising knots t_1 < ... < t_k: x itself and, for
// j = 1 to k - 2,
//
//	[ (x-t_j)+^3 - (x-t_(k-1))+^3 (t_k-t_j)/(t_k-t_(k-1)) + (x-t_k)+^3 (t_(k-1)-t_j)/(t_k-t_(k-1)) ] / (t_k-t_1)^2
//
// (Stone & Koo 1985, Proc Stat Comp Section ASA:45; rcspline.eval of R's Hmisc with norm = 2). See
// docs/methods/dose-response.md.
func Spline(knots []float64, x float64) []float64 {
	k := len(knots)
	first, before, last := knots[0], knots[k-2], knots[k-1]
	cube := func(t float64) float64 {
		d := math.Max(0, x-t)
		return d * d * d
	}
	out := []float64{x}
	for _, t := range knots[:k-2] {
		term := cube(t) - cube(before)*(last-t)/(last-before) + cube(last)*(before-t)/(last-before)
		if x > last { // the cubes cancel: the straight line that is left, by its value and slope at the last knot
			value := (last-t)*(last-t)*(last-t) - (last-before)*(last-before)*(last-t)
			slope := 3 * ((last-t)*(last-t) - (last-before)*(last-t))
			term = value + slope*(x-last)
		}
		out = append(out, term/((last-first)*(last-first)))
	}
	return out
}

// curve is a shape with what it needs to be evaluated: z = (x - origin) / unit, knots in z.
type curve struct {
	shape        Shape
	knots        []float64 // in the exposure's own unit
	scaled       []float64
	origin, unit float64
}

func newCurve(shape Shape, exposure []float64) (curve, error) {
	c := curve{shape: shape, origin: mean(exposure)}
	for _, x := range exposure {
		c.unit = math.Max(c.unit, math.Abs(x-c.origin))
	}
	if !slices.Contains(Shapes(), shape) {
		return c, stats.Errorf(stats.BadInput, "shapes", "no shape %q; there are null, straight, quadratic, rcs3, rcs4 and rcs5", shape)
	}
	var err error
	c.knots, err = shape.Knots(exposure)
	for _, t := range c.knots {
		c.scaled = append(c.scaled, (t-c.origin)/c.unit)
	}
	return c, err
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v / float64(len(x))
	}
	return sum
}

// columns gives the shape's columns at x, in z.
func (c curve) columns(x float64) []float64 {
	z := (x - c.origin) / c.unit
	switch c.shape {
	case Null:
		return nil
	case Straight:
		return []float64{z}
	case Quadratic:
		return []float64{z, z * z}
	}
	return Spline(c.scaled, z)
}

// names are those of R: dose, I(dose^2), and dose', dose" and so on for a spline's bends.
func (c curve) names(exposure string) []string {
	switch c.shape {
	case Null:
		return nil
	case Straight:
		return []string{exposure}
	case Quadratic:
		return []string{exposure, fmt.Sprintf("I(%s^2)", exposure)}
	}
	var out []string
	for j := range len(c.knots) - 1 {
		out = append(out, exposure+strings.Repeat("'", j))
	}
	return out
}

// raw is the matrix that takes coefficients of the intercept and the columns in z to those of the exposure in its own unit.
// A spline's bends do not depend on the origin and scale as the exposure does, since they are divided by a squared length.
func (c curve) raw() *mat.Dense {
	p := 1 + len(c.names(""))
	out := mat.NewDense(p, p, nil)
	out.Set(0, 0, 1)
	for j := 1; j < p; j++ {
		out.Set(j, j, 1/c.unit)
	}
	if p > 1 {
		out.Set(0, 1, -c.origin/c.unit)
	}
	if c.shape == Quadratic {
		square := c.unit * c.unit
		out.Set(0, 2, c.origin*c.origin/square)
		out.Set(1, 2, -2*c.origin/square)
		out.Set(2, 2, 1/square)
	}
	return out
}
