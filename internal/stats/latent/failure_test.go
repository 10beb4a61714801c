package latent

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/mixed"
	"afterglow/internal/testkit/statstest"
)

// twoCourses are quick to fit.
func twoCourses() ([]Subject, Model) {
	subjects, _ := simulated(8, 80, []kindOf{three[0], three[2]})
	return subjects, Model{Classes: 2, Degree: 1, Random: RandomIntercept, Starts: 4, Level: 0.95, At: []float64{0, 6}}
}

func alike(t *testing.T, a, b Result, unit, shift float64) {
	t.Helper()
	require.Len(t, b.Classes, len(a.Classes))
	require.InDelta(t, a.LogLik-float64(a.NObs)*math.Log(unit), b.LogLik, 1e-6)
	for k := range a.Classes {
		require.InDelta(t, a.Classes[k].Share.Estimate.Value, b.Classes[k].Share.Estimate.Value, 1e-6)
		require.InEpsilon(t, unit*a.Classes[k].Random.Sigma, b.Classes[k].Random.Sigma, 1e-6)
		for j, m := range a.Classes[k].Trajectory {
			require.InEpsilon(t, unit*m.Estimate.Estimate.Value+shift, b.Classes[k].Trajectory[j].Estimate.Estimate.Value, 1e-6)
			require.InEpsilon(t, unit*m.SE.Value, b.Classes[k].Trajectory[j].SE.Value, 1e-5)
		}
	}
}

// Another seed, other names, another order of subjects and of rows: the classes and their numbers stay.
func TestNeitherStartsNorOrderNorNamesNumberTheClasses(t *testing.T) {
	subjects, m := twoCourses()
	want, err := Fit(m, subjects, seeded(1))
	require.NoError(t, err)
	require.Less(t, want.Classes[0].OrderedAt.Value, want.Classes[1].OrderedAt.Value)
	for seed := range uint64(4) {
		changed := slices.Clone(subjects)
		slices.Reverse(changed)
		for i, s := range changed {
			s.Times, s.Values = slices.Clone(s.Times), slices.Clone(s.Values)
			slices.Reverse(s.Times)
			slices.Reverse(s.Values)
			s.Name = fmt.Sprintf("%d-%s", (i*int(seed)*7)%13, s.Name)
			changed[i] = s
		}
		got, err := Fit(m, changed, seeded(seed+10))
		require.NoError(t, err)
		alike(t, want, got, 1, 0)
	}
	again, err := Fit(m, subjects, seeded(1))
	require.NoError(t, err)
	require.Equal(t, want, again, "the same seed gives the same result")
}

func TestTheUnitsOfOutcomeAndTimeScaleTheResult(t *testing.T) {
	subjects, m := twoCourses()
	want, err := Fit(m, subjects, seeded(1))
	require.NoError(t, err)
	changed := slices.Clone(subjects)
	for i, s := range changed {
		changed[i].Times, changed[i].Values = slices.Clone(s.Times), slices.Clone(s.Values)
		for j := range s.Times {
			changed[i].Times[j] = 7*s.Times[j] + 1000
			if s.Values[j].Defined {
				changed[i].Values[j] = stats.Of(10*s.Values[j].Value + 5)
			}
		}
	}
	m.At = []float64{1000, 1042}
	got, err := Fit(m, changed, seeded(1))
	require.NoError(t, err)
	alike(t, want, got, 10, 5)
	for k := range want.Classes {
		require.InEpsilon(t, 10*want.Classes[k].Coefficients[1].Estimate.Estimate.Value/7, got.Classes[k].Coefficients[1].Estimate.Estimate.Value, 1e-6)
		require.InEpsilon(t, want.Classes[k].OrderedAt.Value*10/7, got.Classes[k].OrderedAt.Value, 1e-6)
	}
}

// The classes' shares are the mean of the subjects' probabilities, which sum to 1: the score of the logits is zero.
func TestSharesAreMeansOfProbabilities(t *testing.T) {
	subjects, m := twoCourses()
	r, err := Fit(m, append(subjects, Subject{Name: "nobody"}), seeded(1))
	require.NoError(t, err)
	require.Equal(t, 1, r.NWithoutValue)
	sums := make([]float64, 2)
	for _, s := range r.Subjects {
		require.InDelta(t, 1, s.Posterior[0]+s.Posterior[1], 1e-12)
		sums[0] += s.Posterior[0]
		require.GreaterOrEqual(t, s.Posterior[s.Class-1], 0.5)
	}
	require.InEpsilon(t, r.Classes[0].Share.Estimate.Value, sums[0]/float64(r.NSubjects), 1e-8)
	require.InEpsilon(t, r.Classes[0].Share.SE.Value, r.Classes[1].Share.SE.Value, 1e-9, "two shares sum to 1")
	m.Order = ByStart
	turned, err := Fit(m, subjects, seeded(1))
	require.NoError(t, err)
	require.Less(t, turned.Classes[0].OrderedAt.Value, turned.Classes[1].OrderedAt.Value)
	require.InDelta(t, r.LogLik, turned.LogLik, 1e-8)
}

// A variance of zero is an inner point: subjects that differ by class and error alone.
func TestAVarianceOfZeroIsFitted(t *testing.T) {
	subjects, m := twoCourses()
	source := seeded(5)
	for i := range subjects {
		// the levels within a subject repel, so that the intercept's variance would be below 0
		for j, time := range subjects[i].Times {
			subjects[i].Values[j] = stats.Of([]float64{20 - 2*time, 20}[i%2] + float64(j%2*2-1) + 0.05*source.NormFloat64())
		}
	}
	r, err := Fit(m, subjects, seeded(1))
	require.NoError(t, err)
	require.InDelta(t, 0, r.Classes[0].Random.SD[0], 1e-6)
	m.Random = NoRandom
	none, err := Fit(m, subjects, seeded(1))
	require.NoError(t, err)
	require.InDelta(t, none.LogLik, r.LogLik, 1e-7)
	require.Equal(t, 1, r.NParams-none.NParams)
	require.InDelta(t, none.Classes[1].Trajectory[0].SE.Value, r.Classes[1].Trajectory[0].SE.Value, 1e-6)
}

// SR-121: what cannot be estimated is named.
func TestSR121_WhatCannotBeFittedIsNamed(t *testing.T) {
	each := func(change func(i int, s *Subject)) func(*[]Subject, *Model) {
		return func(all *[]Subject, _ *Model) {
			for i := range *all {
				change(i, &(*all)[i])
			}
		}
	}
	cases := []struct {
		name   string
		change func(*[]Subject, *Model)
		kind   stats.Kind
		where  string
	}{
		{"a level of 95", func(_ *[]Subject, m *Model) { m.Level = 95 }, stats.BadInput, "level"},
		{"no classes", func(_ *[]Subject, m *Model) { m.Classes = 0 }, stats.BadInput, "classes"},
		{"a degree of 9", func(_ *[]Subject, m *Model) { m.Degree = 9 }, stats.BadInput, "degree"},
		{"random effects without a name", func(_ *[]Subject, m *Model) { m.Random = "" }, stats.BadInput, "random"},
		{"a random slope of constant trajectories", func(_ *[]Subject, m *Model) { m.Degree, m.Random = 0, RandomSlope }, stats.BadInput, "random"},
		{"an order by slope without one", func(_ *[]Subject, m *Model) { m.Degree, m.Order = 0, BySlope }, stats.BadInput, "order"},
		{"another order", func(_ *[]Subject, m *Model) { m.Order = "size" }, stats.BadInput, "order"},
		{"one start", func(_ *[]Subject, m *Model) { m.Starts = 1 }, stats.BadInput, "starts"},
		{"a time that is no number", func(_ *[]Subject, m *Model) { m.At = []float64{math.NaN()} }, stats.NotFinite, "at"},
		{"two subjects of one name", func(s *[]Subject, _ *Model) { (*s)[1].Name = (*s)[0].Name }, stats.BadInput, "subject"},
		{"fewer times than values", func(s *[]Subject, _ *Model) { (*s)[1].Times = nil }, stats.BadInput, "time"},
		{"too few subjects", func(s *[]Subject, _ *Model) { *s = (*s)[:7] }, stats.TooFew, "subjects"},
		{"nobody", func(s *[]Subject, _ *Model) { *s = nil }, stats.TooFew, "subjects"},
		{"one value each", each(func(_ int, s *Subject) {
			s.Times, s.Values = []float64{float64(len(s.Name))}, []stats.Number{stats.Of(1)}
		}), stats.TooFew, "subjects"},
		{"one time", each(func(_ int, s *Subject) {
			for j := range s.Times {
				s.Times[j] = 3
			}
		}), stats.OneLevel, "time"},
		{"two times for a parabola", func(s *[]Subject, m *Model) {
			m.Degree = 2
			for i := range *s {
				for j := range (*s)[i].Times {
					(*s)[i].Times[j] = float64(j % 2)
				}
			}
		}, stats.Collinear, "I(time^2)"},
		{"a constant outcome", each(func(_ int, s *Subject) {
			for j := range s.Values {
				s.Values[j] = stats.Of(7)
			}
		}), stats.Constant, "response"},
		{"a straight line for all", each(func(_ int, s *Subject) {
			for j := range s.Values {
				s.Values[j] = stats.Of(7 - s.Times[j])
			}
		}), stats.Constant, "response"},
		{"an outcome that is no number", func(s *[]Subject, _ *Model) {
			(*s)[0].Values[0] = stats.Number{Value: math.NaN(), Defined: true}
		}, stats.NotFinite, "response"},
		{"an enormous outcome", func(s *[]Subject, _ *Model) { (*s)[0].Values[0] = stats.Of(1e300) }, stats.NotFinite, "response"},
		{"an infinite time", func(s *[]Subject, _ *Model) { (*s)[0].Times[0], (*s)[0].Values[0] = math.Inf(1), stats.Of(1) }, stats.NotFinite, "time"},
		{"times too close together for their powers", func(s *[]Subject, m *Model) {
			m.Degree = 4
			for i := range *s {
				for j := range (*s)[i].Times {
					(*s)[i].Times[j] *= 1e-100
				}
			}
		}, stats.NotFinite, "time"},
		{"two lines without error", each(func(i int, s *Subject) {
			for j := range s.Values {
				s.Values[j] = stats.Of([]float64{9 - s.Times[j], 9}[i%2])
			}
		}), stats.EmptyCell, "class"},
		{"classes of variances that close in on equal values", func(s *[]Subject, m *Model) {
			m.VarianceByClass, m.Random = true, NoRandom
			for i := range 30 {
				for j := range (*s)[i].Values {
					(*s)[i].Values[j] = stats.Of(0)
				}
			}
		}, stats.EmptyCell, "class"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			subjects, m := twoCourses()
			c.change(&subjects, &m)
			_, err := Fit(m, subjects, seeded(3))
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
}

// Where the highest of the starts was reached once, no result is given: noise without classes, asked for four.
func TestALocalMaximumIsNoResult(t *testing.T) {
	subjects, _ := simulated(4, 60, []kindOf{{1, func(float64) float64 { return 20 }}})
	_, err := Fit(Model{Classes: 4, Degree: 1, Random: RandomIntercept, Starts: 4, Level: 0.95}, subjects, seeded(3))
	statstest.RequireFailure(t, err, stats.NotConverged, "starts")
}

// Any small data set gives either a failure with a place or a result that JSON can hold.
func FuzzFit(f *testing.F) {
	f.Add([]byte{1, 200, 3, 40, 50, 6, 77, 8, 9, 100, 11, 12, 130, 14, 15, 160, 1, 99, 3, 44, 5, 66, 7, 88, 10, 20, 33, 31, 90, 12, 14, 200, 201, 11}, uint8(0))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, uint8(9))
	f.Add([]byte("random visits of some subjects, that fall and rise and fall again and stay where they are"), uint8(61))
	f.Fuzz(func(t *testing.T, bytes []byte, choice uint8) {
		if len(bytes) > 120 {
			return
		}
		m := Model{Classes: 1 + int(choice)%3, Degree: int(choice/3) % 3, Random: []RandomEffects{NoRandom, RandomIntercept, RandomSlope}[int(choice/9)%3],
			CovarianceByClass: choice%2 == 0, VarianceByClass: choice%5 == 0, Starts: 3, Level: 0.9}
		var subjects []Subject
		for i, b := range bytes {
			if i%4 == 0 {
				subjects = append(subjects, Subject{Name: fmt.Sprint(i)})
			}
			s := &subjects[len(subjects)-1]
			y := stats.Of(float64(b))
			if b%7 == 0 {
				y = stats.Number{}
			}
			s.Times, s.Values = append(s.Times, float64(i%4)+float64(b%3)/4), append(s.Values, y)
		}
		r, err := Fit(m, subjects, seeded(uint64(choice)))
		if !statstest.RequireAnswer(t, r, err) {
			return
		}
		for _, c := range r.Classes {
			for _, p := range c.Trajectory {
				require.True(t, p.SE.Defined && p.SE.Value > 0)
			}
		}
	})
}

// Slopes that vary about levels that do not: the covariance lies on its edge, where the mixed model finds it too, and that is said.
func TestACovarianceOnItsEdgeIsFittedAndSaid(t *testing.T) {
	source := seeded(5)
	var subjects []Subject
	frame := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}
	for i := range 60 {
		s := Subject{Name: fmt.Sprintf("s%02d", i)}
		slope := source.NormFloat64()
		for j := range 8 {
			// errors that cancel within a subject
			y := stats.Of(20 + slope*(float64(j)-3.5) + []float64{1, -1, -1, 1, 1, -1, -1, 1}[j]*(1+0.3*source.NormFloat64()))
			s.Times, s.Values = append(s.Times, float64(j)), append(s.Values, y)
			frame.Numbers["y"], frame.Numbers["t"] = append(frame.Numbers["y"], y), append(frame.Numbers["t"], stats.Of(float64(j)))
			frame.Texts["id"] = append(frame.Texts["id"], s.Name)
		}
		subjects = append(subjects, s)
	}
	got, err := Fit(Model{Classes: 1, Degree: 1, Random: RandomSlope, Level: 0.95}, subjects, seeded(1))
	require.NoError(t, err)
	want, err := mixed.FitRandom(mixed.RandomModel{Formula: "y ~ t + (1 + t | id)", Method: mixed.ML, Level: 0.95}, frame)
	require.NoError(t, err)
	require.InDelta(t, want.LogLik(), got.LogLik, 1e-7)
	require.InDelta(t, -1, got.Classes[0].Random.Correlation[0][1].Value, 1e-6)
	require.Contains(t, got.Notes, "the random effects' covariance is estimated on its edge: one of them is a combination of the others, or does not vary")
}
