package glm

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
	"afterglow/internal/testkit/statstest"
)

var degenerate = []struct {
	name   string
	family Family
	change func(*Data)
	kind   stats.Kind
	where  string
}{
	{"complete separation by one column", Logit, func(d *Data) { each(d, func(x []float64, y *float64) { *y = indicator(x[2] > 0.1) }) },
		stats.Separation, "x2"},
	{"quasi-complete separation by an indicator", Logit, func(d *Data) {
		each(d, func(x []float64, y *float64) {
			x[3] = indicator(x[3] > 1)
			*y = math.Max(*y, x[3])
		})
	}, stats.Separation, "x3"},
	{"separation under the complementary log-log link", CLogLog, func(d *Data) { each(d, func(x []float64, y *float64) { *y = indicator(x[1] > 0) }) },
		stats.Separation, "x1"},
	{"a constant outcome", Logit, func(d *Data) { each(d, func(_ []float64, y *float64) { *y = 1 }) }, stats.Constant, "event"},
	{"a constant number", Gaussian, func(d *Data) { each(d, func(_ []float64, y *float64) { *y = 3.5 }) }, stats.Constant, "event"},
	{"an outcome of three values", Logit, func(d *Data) { d.Y[4] = 2 }, stats.BadInput, "event"},
	{"an outcome that is no number", Logit, func(d *Data) { d.Y[4] = math.NaN() }, stats.NotFinite, "event"},
	{"an outcome too large to square", Gaussian, func(d *Data) { d.Y[4] = 1e200 }, stats.NotFinite, "event"},
	{"no row", Logit, func(d *Data) { d.X, d.Y = nil, nil }, stats.TooFew, "event"},
	{"as many rows as columns", Logit, func(d *Data) { d.X, d.Y = d.X[:16], []float64{0, 1, 1, 0} }, stats.TooFew, "rows"},
	{"the same column twice", Logit, func(d *Data) { each(d, func(x []float64, _ *float64) { x[3] = 2 - 3*x[1] }) }, stats.Collinear, "x3"},
	{"a column of one value", Logit, func(d *Data) { each(d, func(x []float64, _ *float64) { x[2] = 4 }) }, stats.Collinear, "x2"},
	{"an infinite covariate", Logit, func(d *Data) { d.X[7] = math.Inf(1) }, stats.NotFinite, "x3"},
	{"a covariate that is no number", Gaussian, func(d *Data) { d.X[5] = math.NaN() }, stats.NotFinite, "x1"},
	{"a shape that does not fit", Logit, func(d *Data) { d.X = d.X[1:] }, stats.BadInput, "columns"},
	{"a negative weight", Logit, func(d *Data) { d.Weights = make([]float64, len(d.Y)); d.Weights[2] = -1 }, stats.BadInput, "weights"},
	{"too few weights", Logit, func(d *Data) { d.Weights = []float64{1} }, stats.BadInput, "weights"},
	{"weights of none", Logit, func(d *Data) { d.Weights = make([]float64, len(d.Y)) }, stats.TooFew, "weights"},
	{"a number that its columns give without error", Gaussian, func(d *Data) { each(d, func(x []float64, y *float64) { *y = 1 + 2*x[1] - x[3] }) },
		stats.Constant, "event"},
}

func indicator(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func each(d *Data, change func(x []float64, y *float64)) {
	p := len(d.Names)
	for i := range d.Y {
		change(d.X[i*p:(i+1)*p], &d.Y[i])
	}
}

// SR-121: what cannot be estimated is a failure that names its column.
func TestSR121_WhatCannotBeEstimatedIsNamed(t *testing.T) {
	for _, c := range degenerate {
		t.Run(c.name, func(t *testing.T) {
			d := simulated(60, 3, 9)
			c.change(&d)
			_, err := New(c.family, d)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
	f, err := New(Logit, simulated(60, 3, 9))
	require.NoError(t, err)
	_, err = f.Logistic(95)
	statstest.RequireFailure(t, err, stats.BadInput, "level")
}

// A fit that ends elsewhere than at an optimum is none: with small predictors no column is blamed.
func TestAFitThatDoesNotSettleIsNone(t *testing.T) {
	f := prepared(t, Logit, 50)
	statstest.RequireFailure(t, f.runaway([]float64{0, 0, 0, 0}, point{maxEta: 3}), stats.NotConverged, "event")
	b, err := basis.Of([]string{"(Intercept)", "x1", "x2"}, threeClasses(50, 1).X, 50)
	require.NoError(t, err)
	m := &MultinomialFit{data: threeClasses(50, 1), basis: b}
	statstest.RequireFailure(t, m.runaway(point{maxEta: 3}), stats.NotConverged, "group")
	// no step ends an ascent that cannot reach its constraint: the likelihood there is not a number
	far := f.climb(make([]float64, 4), f.evaluate(make([]float64, 4)), &constraint{[]float64{1, 0, 0, 0}, 1e308})
	require.Error(t, far)
}

func TestWhatAMultinomialModelCannotEstimateIsNamed(t *testing.T) {
	cases := []struct {
		name   string
		change func(*Classes)
		kind   stats.Kind
		where  string
	}{
		{"one level", func(c *Classes) { c.Levels = c.Levels[:1] }, stats.OneLevel, "group"},
		{"a level without a row", func(c *Classes) { c.Levels = append(c.Levels, "d") }, stats.EmptyCell, "group d"},
		{"a row of no level", func(c *Classes) { c.Group[3] = 3 }, stats.BadInput, "group"},
		{"no row", func(c *Classes) { c.X, c.Group = nil, nil }, stats.TooFew, "group"},
		{"too few rows", func(c *Classes) { c.X, c.Group = c.X[:18], []int{0, 1, 2, 0, 1, 2} }, stats.TooFew, "rows"},
		{"a shape that does not fit", func(c *Classes) { c.X = c.X[1:] }, stats.BadInput, "columns"},
		{"one level told apart by a column", func(c *Classes) {
			for i, g := range c.Group {
				c.X[i*3+2] = indicator(g == 2)
			}
		}, stats.Separation, "x2"},
		{"an indicator that one level never has", func(c *Classes) {
			for i, g := range c.Group {
				c.X[i*3+1] = indicator(g != 1 && i%2 == 0)
			}
		}, stats.Separation, "x1"},
		{"a collinear column", func(c *Classes) {
			for i := range c.Group {
				c.X[i*3+2] = c.X[i*3+1]
			}
		}, stats.Collinear, "x2"},
		{"an infinite covariate", func(c *Classes) { c.X[4] = math.Inf(-1) }, stats.NotFinite, "x1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := threeClasses(90, 4)
			c.change(&d)
			_, err := NewMultinomial(d)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
	f, err := NewMultinomial(threeClasses(90, 4))
	require.NoError(t, err)
	_, err = f.Report(0)
	statstest.RequireFailure(t, err, stats.BadInput, "level")
}

// small reads a few rows of three columns from bytes.
func small(data []byte) (x []float64, y []byte) {
	for i := 0; i+2 < len(data) && i < 180; i += 3 {
		x = append(x, 1, float64(data[i]%16)-7, float64(int8(data[i+1]))/8)
		y = append(y, data[i+2])
	}
	return x, y
}

func requireAnswer(t *testing.T, result func() (any, error)) {
	got, err := result()
	statstest.RequireAnswer(t, got, err)
}

// Any small data set gives either a failure that names its place or finite coefficients.
func FuzzLogistic(f *testing.F) {
	f.Add([]byte("twelve patients, some of whom respond to the treatment"), uint8(0))
	f.Add([]byte{0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 255, 9, 1}, uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, choice uint8) {
		d := Data{Names: []string{"(Intercept)", "a", "b"}, Response: "y"}
		family := everyFamily[int(choice)%3]
		x, y := small(data)
		d.X = x
		for _, v := range y {
			if family == Gaussian {
				d.Y = append(d.Y, float64(v))
			} else {
				d.Y = append(d.Y, float64(v%2))
			}
			if choice > 127 {
				d.Weights = append(d.Weights, float64(v/2%4))
			}
		}
		requireAnswer(t, func() (any, error) {
			fit, err := New(family, d)
			if err != nil {
				return nil, err
			}
			for j, b := range fit.Beta {
				require.False(t, math.IsNaN(b) || math.IsInf(b, 0))
				require.Positive(t, fit.SE(j))
			}
			if family != Logit || d.Weights != nil {
				return nil, nil
			}
			return fit.Logistic(0.95)
		})
	})
}

func FuzzMultinomial(f *testing.F) {
	f.Add([]byte("twelve patients, some of whom respond to the treatment"), uint8(0))
	f.Add([]byte{0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 255, 9, 1}, uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, choice uint8) {
		levels := []string{"a", "b", "c", "d"}[:2+choice%3]
		c := Classes{Names: []string{"(Intercept)", "a", "b"}, Response: "g", Levels: levels}
		x, y := small(data)
		c.X = x
		for _, v := range y {
			c.Group = append(c.Group, int(v)%len(levels))
		}
		requireAnswer(t, func() (any, error) {
			fit, err := NewMultinomial(c)
			if err != nil {
				return nil, err
			}
			for k := range fit.q {
				require.Positive(t, fit.Covariance.At(k, k))
			}
			return fit.Report(0.95)
		})
	})
}
