package gformula

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

// SR-121: what cannot be split is a failure that names its column or option.
func TestSR121_WhatCannotBeSplitIsNamed(t *testing.T) {
	cases := []struct {
		name   string
		change func(*Data, *Options)
		kind   stats.Kind
		where  string
	}{
		{"a constant exposure", func(d *Data, _ *Options) { clear(d.A) }, stats.Constant, "prepared"},
		{"a constant mediator", func(d *Data, _ *Options) { clear(d.M) }, stats.Constant, "safety"},
		{"a constant outcome", func(d *Data, _ *Options) { clear(d.Y) }, stats.Constant, "score"},
		{"an infinite exposure", func(d *Data, _ *Options) { d.A[2] = math.Inf(1) }, stats.NotFinite, "prepared"},
		{"a mediator that is no number", func(d *Data, _ *Options) { d.M[2] = math.NaN() }, stats.NotFinite, "safety"},
		{"a mediator that the exposure gives without error", func(d *Data, _ *Options) { copy(d.M, d.A) }, stats.Constant, "safety"},
		{"an outcome that the mediator gives without error", func(d *Data, _ *Options) { copy(d.Y, d.M) }, stats.Constant, "score"},
		{"a covariate that is the exposure", func(d *Data, _ *Options) { copy(d.X, d.A) }, stats.Collinear, "c"},
		{"an infinite covariate", func(d *Data, _ *Options) { d.X[0] = math.Inf(1) }, stats.NotFinite, "c"},
		{"a mediator of two values as a number of several", func(d *Data, _ *Options) { d.MediatorFamily = glm.Logit }, stats.BadInput, "safety"},
		{"a binary outcome that the exposure separates", func(d *Data, _ *Options) { copy(d.Y, d.A); d.OutcomeFamily = glm.Logit },
			stats.Separation, "prepared"},
		{"no row", func(d *Data, _ *Options) { d.A, d.M, d.Y, d.X = nil, nil, nil, nil }, stats.TooFew, "prepared"},
		{"five rows", func(d *Data, _ *Options) { d.A, d.M, d.Y, d.X = d.A[:4], d.M[:4], d.Y[:4], d.X[:4] }, stats.TooFew, "rows"},
		{"columns of other lengths", func(d *Data, _ *Options) { d.M = d.M[1:] }, stats.BadInput, "columns"},
		{"an unknown family", func(d *Data, _ *Options) { d.OutcomeFamily = glm.CLogLog }, stats.BadInput, "family"},
		{"one cluster", func(d *Data, _ *Options) { d.Cluster = make([]int, len(d.Y)) }, stats.TooFew, "cluster"},
		{"a cluster below 0", func(d *Data, _ *Options) { d.Cluster = make([]int, len(d.Y)); d.Cluster[1] = -1 }, stats.BadInput, "cluster"},
		{"the same level twice", func(_ *Data, o *Options) { o.To = o.From }, stats.BadInput, "to"},
		{"no generator", func(_ *Data, o *Options) { o.Random = nil }, stats.BadInput, "draws"},
		{"one resample", func(_ *Data, o *Options) { o.Draws = 1 }, stats.BadInput, "draws"},
		{"a level of 95", func(_ *Data, o *Options) { o.Level = 95 }, stats.BadInput, "level"},
		{"rows too few to resample", func(d *Data, _ *Options) { d.A, d.M, d.Y, d.X = d.A[:6], d.M[:6], d.Y[:6], d.X[:6] }, stats.TooFew, "replicates"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d, o := world{rows: 60, mediator: glm.Gaussian, outcome: glm.Gaussian, direct: 1, through: 1, out: 1, seed: 40}.data(), options(50)
			c.change(&d, &o)
			_, err := Mediate(d, o)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
}

func TestNoProportionOfATotalEffectThatMayBeNone(t *testing.T) {
	d := world{rows: 80, mediator: glm.Gaussian, outcome: glm.Gaussian, direct: -0.8, through: 1, out: 0.8, seed: 41}.data()
	r := mediate(t, d, options(100))
	require.False(t, apart(r.Total))
	require.False(t, r.ProportionMediated.Estimate.Defined)
	require.Contains(t, r.Notes[len(r.Notes)-1], "no proportion mediated")
}

func FuzzMediate(f *testing.F) {
	random, fair := rand.New(rand.NewPCG(1, 1)), make([]byte, 160)
	for i := range fair {
		fair[i] = byte(random.IntN(256))
	}
	for choice := range uint8(8) {
		f.Add(fair, choice)
	}
	f.Add([]byte("a mediator that the exposure gives without error"), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, choice uint8) {
		families := []glm.Family{glm.Gaussian, glm.Logit}
		d := Data{Exposure: "a", Mediator: "m", Outcome: "y", Names: []string{"c"}, MediatorFamily: families[choice%2],
			OutcomeFamily: families[choice/2%2], Interaction: choice/4%2 == 1}
		value := func(b byte, family glm.Family) float64 {
			if family == glm.Logit {
				return float64(b % 2)
			}
			return float64(b % 32)
		}
		for i := 0; i+3 < len(data) && i < 160; i += 4 {
			d.A, d.M = append(d.A, float64(data[i]%3)), append(d.M, value(data[i+1], d.MediatorFamily))
			d.Y, d.X = append(d.Y, value(data[i+2], d.OutcomeFamily)), append(d.X, float64(data[i+3]%8))
			if choice > 127 {
				d.Cluster = append(d.Cluster, i/8)
			}
		}
		got, err := Mediate(d, Options{From: 0, To: 1, Draws: 4, Random: rand.New(rand.NewPCG(1, 1)), Level: 0.9})
		if err != nil {
			var failure *stats.Failure
			require.ErrorAs(t, err, &failure)
			require.NotEmpty(t, failure.Where, err)
			return
		}
		require.True(t, got.Total.Estimate.Defined && got.NaturalIndirect.SE.Defined)
		_, err = json.Marshal(got)
		require.NoError(t, err)
	})
}
