package mixed

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/testkit/statstest"
)

// attempt goes from rows to a result and gives the failure, nil where there is a result.
func attempt(m Model, frame formula.Frame, o Options) (Result, error) {
	m, err := m.Classify(frame, "id")
	if err != nil {
		return Result{}, err
	}
	d, err := m.Design()
	if err != nil {
		return Result{}, err
	}
	s, err := d.SumRows(frame, "id")
	if err != nil {
		return Result{}, err
	}
	fit, err := FitSums(d, s, o)
	if err != nil {
		return Result{}, err
	}
	return fit.Result()
}

// degenerate lists data and plans for which no fit exists, with the failure expected.
var degenerate = []struct {
	name    string
	formula string
	change  func(formula.Frame, int)
	options func(*Options)
	model   func(*Model)
	kind    stats.Kind
	where   string
}{
	{name: "a constant outcome", change: func(f formula.Frame, r int) { f.Numbers["score"][r] = stats.Of(7) },
		kind: stats.Constant, where: "w0"},
	{name: "an outcome without residuals", change: func(f formula.Frame, r int) { f.Numbers["score"][r] = f.Numbers["base"][r] },
		kind: stats.Constant, where: "w0"},
	{name: "no outcome at all", change: func(f formula.Frame, r int) { f.Numbers["score"][r] = stats.Number{} },
		kind: stats.TooFew, where: "score"},
	{name: "an outcome that is no number", change: func(f formula.Frame, r int) {
		f.Numbers["score"][r] = stats.Number{Value: math.NaN(), Defined: true}
	}, kind: stats.NotFinite, where: "score"},
	{name: "an infinite baseline", change: func(f formula.Frame, r int) {
		f.Numbers["base"][r] = stats.Number{Value: math.Inf(1), Defined: true}
	}, kind: stats.NotFinite, where: "base"},
	{name: "an enormous outcome", change: func(f formula.Frame, r int) {
		f.Numbers["score"][r] = stats.Of(math.Copysign(1.7e308, float64(r%2)-0.5))
	}, kind: stats.NotFinite, where: "pattern"},
	{name: "a visit without anyone", change: func(f formula.Frame, r int) {
		if f.Texts["week"][r] == "w1" {
			f.Numbers["score"][r] = stats.Number{}
		}
	}, kind: stats.EmptyCell, where: "w1"},
	{name: "an arm that nobody reached at a visit", change: func(f formula.Frame, r int) {
		if f.Texts["week"][r] == "w2" && f.Texts["arm"][r] == "B" {
			f.Numbers["score"][r] = stats.Number{}
		}
	}, kind: stats.EmptyCell, where: "arm B, week w2"},
	{name: "an arm without patients", change: func(f formula.Frame, r int) { f.Texts["arm"][r] = "B" },
		kind: stats.EmptyCell, where: "arm A, week w0"},
	{name: "a constant baseline", change: func(f formula.Frame, r int) { f.Numbers["base"][r] = stats.Of(20) },
		kind: stats.OneLevel, where: "base"},
	{name: "a covariate of one level", formula: "score ~ base + site + arm * week",
		change: func(f formula.Frame, r int) { f.Texts["site"][r] = "north" }, kind: stats.OneLevel, where: "site south"},
	{name: "the same covariate twice", formula: "score ~ base + twice + arm * week", change: func(f formula.Frame, r int) {
		f.Numbers["twice"] = append(f.Numbers["twice"], stats.Of(2*f.Numbers["base"][r].Value+1))
	}, kind: stats.Collinear, where: "twice"},
	{name: "visits that nobody shared", formula: "score ~ arm + week", change: func(f formula.Frame, r int) {
		if (f.Texts["week"][r] == "w0") == (len(f.Texts["id"][r]) == 2) {
			f.Numbers["score"][r] = stats.Number{}
		}
	}, kind: stats.TooFew, where: "w0, w1"},
	{name: "a patient twice at a visit", change: func(f formula.Frame, r int) { f.Texts["week"][r] = "w1" },
		kind: stats.BadInput, where: "w1"},
	{name: "a factor with one level in the plan", model: func(m *Model) { m.Factors["arm"] = []string{"A"} },
		kind: stats.OneLevel, where: "arm"},
	{name: "a column that is not there", formula: "score ~ nowhere + week", kind: stats.BadInput, where: "nowhere"},
	{name: "a random part", formula: "score ~ week + (1 | id)", kind: stats.BadInput, where: "formula"},
	{name: "an unknown structure", options: func(o *Options) { o.Covariance = "banded" }, kind: stats.BadInput, where: "covariance"},
	{name: "an unknown method", options: func(o *Options) { o.Method = "MAP" }, kind: stats.BadInput, where: "method"},
	{name: "a level of 95", options: func(o *Options) { o.Level = 95 }, kind: stats.BadInput, where: "level"},
	{name: "no times for the spatial structure", options: func(o *Options) { o.Covariance, o.Times = SpatialExponential, nil },
		kind: stats.BadInput, where: "times"},
	{name: "one step only", options: func(o *Options) { o.MaxIterations = 1 }, kind: stats.NotConverged, where: "covariance"},
}

// SR-121: degenerate data give a failure that names the place, never NaN and never a panic.
func TestSR121_WhatCannotBeEstimatedIsNamed(t *testing.T) {
	tr := trial{patients: 40, arms: 2, visits: 3}
	for _, c := range degenerate {
		t.Run(c.name, func(t *testing.T) {
			frame := tr.frame(20)
			if c.change != nil {
				for row := range frame.Texts["id"] {
					c.change(frame, row)
				}
			}
			if c.formula == "" {
				c.formula = "score ~ base * week + arm * week"
			}
			m, o := tr.model(c.formula), options(tr, Unstructured, REML)
			if c.model != nil {
				c.model(&m)
			}
			if c.options != nil {
				c.options(&o)
			}
			_, err := attempt(m, frame, o)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
}

func TestTooFewPatientsForTheStructureAreSaid(t *testing.T) {
	tr := trial{patients: 6, arms: 2, visits: 6}
	_, err := attempt(tr.model("score ~ arm + week"), tr.frame(21), options(tr, Unstructured, REML))
	var failure *stats.Failure
	require.ErrorAs(t, err, &failure)
	require.Equal(t, stats.TooFew, failure.Kind, err)
}

func TestPatternsThatCannotBeAreRefused(t *testing.T) {
	tr := trial{patients: 20, arms: 2, visits: 2}
	d, s := tr.sums(t, "score ~ arm * week", tr.frame(22))
	good := s.Patterns[0]
	cases := map[string]func(*Pattern){
		"a visit too many": func(p *Pattern) { p.Observed = 4 },
		"nobody":           func(p *Pattern) { p.N = 0 },
		"a short triangle": func(p *Pattern) { p.XX = p.XX[1:] },
		"no number":        func(p *Pattern) { p.YY = []float64{1, 2, math.NaN()} },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			fresh, err := d.NewSums(s.Origin)
			require.NoError(t, err)
			p := good
			change(&p)
			require.Error(t, fresh.Put(p))
			require.Empty(t, fresh.Patterns)
		})
	}
	origin := PlainOrigin(len(d.Columns))
	origin.Scale[1] = 0
	_, err := d.NewSums(origin)
	require.Error(t, err)
}

// Any small data set gives either a failure with a kind or a result that JSON can hold.
func FuzzFitRows(f *testing.F) {
	f.Add([]byte{1, 200, 3, 40, 50, 6, 77, 8, 9, 100, 11, 12, 130, 14, 15, 160, 1, 99, 3, 44, 5, 66, 7, 88}, uint8(0))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, uint8(9))
	f.Add([]byte(strings.Repeat("random visits of some patients ", 12)), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, choice uint8) {
		if len(data) > 400 {
			return
		}
		structures := Structures()
		tr := trial{arms: 2 + int(choice)%2, visits: 1 + int(choice/2)%4}
		frame := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}
		m := tr.model([]string{"score ~ base + arm * week", "score ~ week", "score ~ base * week + site"}[int(choice/8)%3])
		if tr.visits == 1 {
			m.Formula = "score ~ base + arm"
		}
		for i, b := range data {
			patient := i / tr.visits
			y := stats.Of(float64(b) - 100)
			if b%5 == 0 {
				y = stats.Number{}
			}
			frame.Numbers["score"] = append(frame.Numbers["score"], y)
			frame.Numbers["base"] = append(frame.Numbers["base"], stats.Of(float64(data[patient]%16)))
			frame.Texts["arm"] = append(frame.Texts["arm"], m.Factors["arm"][int(data[patient])%tr.arms])
			frame.Texts["site"] = append(frame.Texts["site"], m.Factors["site"][int(data[patient]/2)%2])
			frame.Texts["week"] = append(frame.Texts["week"], m.Visits[i%tr.visits])
			frame.Texts["id"] = append(frame.Texts["id"], "p"+string(rune(patient+64)))
		}
		method := REML
		if choice > 127 {
			method = ML
		}
		result, err := attempt(m, frame, options(tr, structures[int(choice)%len(structures)], method))
		if err != nil {
			var failure *stats.Failure
			require.True(t, errors.As(err, &failure), "%v", err)
			return
		}
		_, err = json.Marshal(result)
		require.NoError(t, err)
	})
}
