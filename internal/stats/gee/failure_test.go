package gee

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/glm"
	"afterglow/internal/testkit/statstest"
)

// SR-121: what cannot be estimated is a failure that names its column or option.
func TestSR121_WhatCannotBeEstimatedIsNamed(t *testing.T) {
	each := func(d *Data, change func(i int, x []float64)) {
		for i := range d.Y {
			change(i, d.X[i*3:i*3+3])
		}
	}
	cases := []struct {
		name      string
		family    glm.Family
		structure Structure
		change    func(*Data)
		kind      stats.Kind
		where     string
	}{
		{"a column that separates", glm.Logit, Exchangeable, func(d *Data) { each(d, func(i int, x []float64) { x[1] = 2*d.Y[i] - 1 + x[2]/9 }) },
			stats.Separation, "dose"},
		{"an indicator without an event", glm.Logit, Independence, func(d *Data) { each(d, func(i int, x []float64) { x[1] *= 1 - d.Y[i] }) },
			stats.Separation, "dose"},
		{"a constant outcome", glm.Gaussian, Exchangeable, func(d *Data) { clear(d.Y) }, stats.Constant, "score"},
		{"an outcome that the columns give", glm.Gaussian, Exchangeable, func(d *Data) { each(d, func(i int, x []float64) { d.Y[i] = x[1] - x[2] }) },
			stats.Constant, "score"},
		{"a collinear column", glm.Gaussian, AR1, func(d *Data) { each(d, func(_ int, x []float64) { x[2] = 4 * x[1] }) }, stats.Collinear, "wave"},
		{"a column of one value", glm.Gaussian, AR1, func(d *Data) { each(d, func(_ int, x []float64) { x[1] = 3 }) }, stats.Collinear, "dose"},
		{"an infinite covariate", glm.Gaussian, AR1, func(d *Data) { d.X[1] = math.Inf(1) }, stats.NotFinite, "dose"},
		{"an outcome that is no number", glm.Logit, AR1, func(d *Data) { d.Y[1] = math.NaN() }, stats.NotFinite, "score"},
		{"too few clusters", glm.Gaussian, Independence, func(d *Data) { each(d, func(i int, _ []float64) { d.Cluster[i] %= 3 }) }, stats.TooFew, "subject"},
		{"one cluster with a high number", glm.Gaussian, Independence, func(d *Data) { each(d, func(i int, _ []float64) { d.Cluster[i] = 999 }) },
			stats.TooFew, "subject"},
		{"no cluster with two rows", glm.Gaussian, Exchangeable, func(d *Data) { each(d, func(i int, _ []float64) { d.Cluster[i] = i }) }, stats.TooFew, "subject"},
		{"no cluster with two rows for a power", glm.Gaussian, AR1, func(d *Data) { each(d, func(i int, _ []float64) { d.Cluster[i] = i }) },
			stats.TooFew, "subject"},
		{"a pair of waves that nobody has", glm.Gaussian, Unstructured, func(d *Data) {
			each(d, func(i int, _ []float64) {
				if d.Wave[i] == 3 && d.Cluster[i]%2 == 0 || d.Wave[i] == 0 && d.Cluster[i]%2 == 1 {
					d.Cluster[i] += 100
				}
			})
		}, stats.EmptyCell, "wave"},
		{"a person twice at a wave", glm.Gaussian, Unstructured, func(d *Data) { d.Wave[1] = d.Wave[0] }, stats.BadInput, "wave"},
		{"a wave below 0", glm.Gaussian, AR1, func(d *Data) { d.Wave[1] = -1 }, stats.BadInput, "wave"},
		{"a cluster below 0", glm.Gaussian, AR1, func(d *Data) { d.Cluster[1] = -1 }, stats.BadInput, "subject"},
		{"columns of other lengths", glm.Gaussian, AR1, func(d *Data) { d.Wave = d.Wave[1:] }, stats.BadInput, "columns"},
		{"no row", glm.Gaussian, AR1, func(d *Data) { *d = Data{Names: d.Names, Response: d.Response} }, stats.TooFew, "score"},
		{"an unknown structure", glm.Gaussian, "banded", func(*Data) {}, stats.BadInput, "corstr"},
		{"an unknown family", glm.CLogLog, AR1, func(*Data) {}, stats.BadInput, "family"},
		{"a correlation that is no correlation", glm.Gaussian, Unstructured, func(d *Data) {
			// waves 0 and 1, 1 and 2 alike, 0 and 2 opposite, each pair seen in other people, and one person with all
			*d = Data{Names: []string{"(Intercept)"}, Response: "score"}
			for i := range 60 {
				pair := [][]int{{0, 1}, {1, 2}, {0, 2}}[i%3]
				if i == 0 {
					pair = []int{0, 1, 2}
				}
				level := float64(i/3%2)*2 - 1 + float64(i/6)/100
				for k, wave := range pair {
					y := level
					if i%3 == 2 && k == 1 {
						y = -level
					}
					d.X, d.Y = append(d.X, 1), append(d.Y, y)
					d.Cluster, d.Wave = append(d.Cluster, i), append(d.Wave, wave)
				}
			}
		}, stats.NotConverged, "corstr"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := clinic(40, c.family, true, 9)
			c.change(&d)
			_, err := New(c.family, c.structure, d)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
	d := clinic(40, glm.Gaussian, true, 9)
	_, err := fit(t, glm.Gaussian, AR1, d).Report(d.Names, len(d.Y), 1)
	require.ErrorContains(t, err, "level")
}

// Any small data set gives either a failure that names its place or a result that JSON can hold.
func FuzzGEE(f *testing.F) {
	random, fair := rand.New(rand.NewPCG(1, 1)), make([]byte, 120)
	for i := range fair {
		fair[i] = byte(random.IntN(256))
	}
	for choice := range uint8(8) {
		f.Add(fair, choice)
	}
	f.Add([]byte("random visits of some people"), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, choice uint8) {
		family := families[choice%2]
		d := Data{Names: []string{"(Intercept)", "dose"}, Response: "score"}
		for i := 0; i+1 < len(data) && i < 160; i += 2 {
			y := float64(data[i] % 32)
			if family == glm.Logit {
				y = float64(data[i] % 2)
			}
			wave := i / 2 % 4
			if choice > 200 {
				wave = int(data[i]/64) % 4
			}
			d.X, d.Y = append(d.X, 1, float64(data[i+1]%16)), append(d.Y, y)
			d.Cluster, d.Wave = append(d.Cluster, i/8), append(d.Wave, wave)
		}
		got, err := New(family, structures[int(choice/2)%4], d)
		if err != nil {
			var failure *stats.Failure
			require.ErrorAs(t, err, &failure)
			require.NotEmpty(t, failure.Where, err)
			return
		}
		r, err := got.Report(d.Names, len(d.Y), 0.95)
		require.NoError(t, err)
		for _, c := range r.Coefficients {
			require.True(t, c.Estimate.Defined && c.SE.Defined && c.SENaive.Defined)
		}
		_, err = json.Marshal(r)
		require.NoError(t, err)
	})
}
