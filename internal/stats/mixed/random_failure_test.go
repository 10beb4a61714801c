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

func attemptRandom(model RandomModel, frame formula.Frame) (RandomResult, error) {
	fit, err := FitRandom(model, frame)
	if err != nil {
		return RandomResult{}, err
	}
	return fit.Result(nil, nil, []string{"g0"})
}

var degenerateRandom = []struct {
	name    string
	formula string
	change  func(formula.Frame, int)
	model   func(*RandomModel)
	kind    stats.Kind
	where   string
}{
	{name: "a constant outcome", change: func(f formula.Frame, r int) { f.Numbers["y"][r] = stats.Of(3) }, kind: stats.Constant, where: "y"},
	{name: "an outcome without residuals", change: func(f formula.Frame, r int) { f.Numbers["y"][r] = f.Numbers["day"][r] },
		kind: stats.Constant, where: "y"},
	{name: "an outcome that is no number", change: func(f formula.Frame, r int) {
		f.Numbers["y"][r] = stats.Number{Value: math.NaN(), Defined: true}
	}, kind: stats.NotFinite, where: "y"},
	{name: "an infinite covariate", change: func(f formula.Frame, r int) {
		f.Numbers["day"][r] = stats.Number{Value: math.Inf(1), Defined: true}
	}, kind: stats.NotFinite, where: "day"},
	{name: "no outcome at all", change: func(f formula.Frame, r int) { f.Numbers["y"][r] = stats.Number{} }, kind: stats.TooFew, where: "rows"},
	{name: "one group", change: func(f formula.Frame, r int) { f.Texts["id"][r] = "all" }, formula: "y ~ day + (1 | id)", kind: stats.TooFew, where: "id"},
	{name: "a row in each group", change: func(f formula.Frame, r int) { f.Texts["id"][r] = strings.Repeat("x", r+1) },
		kind: stats.TooFew, where: "id"},
	{name: "the same covariate twice", formula: "y ~ day + twice + (1 | id)", kind: stats.Collinear, where: "twice"},
	{name: "a covariate that is zero", formula: "y ~ day + zero + (1 | id)", kind: stats.Collinear, where: "zero"},
	{name: "one arm", change: func(f formula.Frame, r int) { f.Texts["arm"][r] = "A" }, kind: stats.EmptyCell, where: "arm B"},
	{name: "the same random effect twice", formula: "y ~ day + (1 + day + twice | id)", kind: stats.Collinear, where: "twice"},
	{name: "a random effect of nothing", formula: "y ~ day + (1 + zero | id)", kind: stats.OneLevel, where: "zero"},
	{name: "a random effect named twice", formula: "y ~ day + (1 + day | id) + (0 + day | id)", kind: stats.Collinear, where: "day"},
	{name: "two grouping columns", formula: "y ~ day + (1 | id) + (1 | arm)", kind: stats.BadInput, where: "arm"},
	{name: "no random part", formula: "y ~ day", kind: stats.BadInput, where: "formula"},
	{name: "an unknown column", formula: "y ~ nowhere + (1 | id)", kind: stats.BadInput, where: "nowhere"},
	{name: "an unknown grouping column", formula: "y ~ day + (1 | nobody)", kind: stats.BadInput, where: "nobody"},
	{name: "an unknown response", formula: "nothing ~ day + (1 | id)", kind: stats.BadInput, where: "nothing"},
	{name: "a formula that is none", formula: "y ~ (1 | id", kind: stats.BadInput, where: "formula"},
	{name: "an unknown method", model: func(m *RandomModel) { m.Method = "MAP" }, kind: stats.BadInput, where: "method"},
	{name: "a level of 95", model: func(m *RandomModel) { m.Level = 95 }, kind: stats.BadInput, where: "level"},
	{name: "one step only", model: func(m *RandomModel) { m.MaxIterations = 1 }, kind: stats.NotConverged, where: "random effects"},
}

// SR-121: degenerate data give a failure that names the place, never NaN and never a panic.
func TestSR121_WhatAMixedModelCannotEstimateIsNamed(t *testing.T) {
	for _, c := range degenerateRandom {
		t.Run(c.name, func(t *testing.T) {
			shape := clusters{groups: 12, rows: uneven, level: 3, slope: 0.5, formula: "y ~ day * arm + (1 + day | id)", seed: 2}
			frame := shape.frame()
			if c.change != nil {
				for row := range frame.Texts["id"] {
					c.change(frame, row)
				}
			}
			if c.formula != "" {
				shape.formula = c.formula
			}
			model := shape.model(REML)
			if c.model != nil {
				c.model(&model)
			}
			_, err := attemptRandom(model, frame)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
}

func TestMoreCoefficientsThanRowsAreRefused(t *testing.T) {
	shape := clusters{groups: 2, rows: func(int) int { return 2 }, level: 3, formula: "y ~ day * dose + (1 | id)", seed: 2}
	_, err := attemptRandom(shape.model(REML), shape.frame())
	statstest.RequireFailure(t, err, stats.TooFew, "rows")
}

// Any small data set gives either a failure with a kind or a result that JSON can hold.
func FuzzFitRandom(f *testing.F) {
	f.Add([]byte{1, 200, 3, 40, 50, 6, 77, 8, 9, 100, 11, 12, 130, 14, 15, 160, 1, 99, 3, 44, 5, 66, 7, 88}, uint8(0))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, uint8(9))
	f.Add([]byte(strings.Repeat("random lines of some groups ", 12)), uint8(3))
	f.Add([]byte(strings.Repeat("abcd", 30)), uint8(130))
	formulas := []string{"y ~ day + (1 | id)", "y ~ day * arm + (1 + day | id)", "y ~ day + (1 + day || id)", "y ~ arm + (1 + day + dose | id)",
		"y ~ 0 + day + (0 + day | id)", "y ~ 1 + (arm | id)"}
	f.Fuzz(func(t *testing.T, data []byte, choice uint8) {
		if len(data) > 300 {
			return
		}
		frame := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}
		rows := 1 + int(choice/8)%5
		for i, b := range data {
			y := stats.Of(float64(b) - 100)
			if b%7 == 0 {
				y = stats.Number{}
			}
			frame.Numbers["y"] = append(frame.Numbers["y"], y)
			frame.Numbers["day"] = append(frame.Numbers["day"], stats.Of(float64(i%rows)))
			frame.Numbers["dose"] = append(frame.Numbers["dose"], stats.Of(float64(b%4)))
			frame.Texts["arm"] = append(frame.Texts["arm"], twoArms["arm"][int(data[i/rows])%2])
			frame.Texts["id"] = append(frame.Texts["id"], "g"+string(rune(i/rows+64)))
		}
		method := REML
		if choice > 127 {
			method = ML
		}
		fit, err := FitRandom(RandomModel{Formula: formulas[int(choice)%len(formulas)], Factors: twoArms, Method: method, Level: 0.9}, frame)
		if err != nil {
			requireNamed(t, err)
			return
		}
		result, err := fit.Result(nil, nil, fit.data.group)
		if err != nil {
			requireNamed(t, err)
			return
		}
		_, err = json.Marshal(result)
		require.NoError(t, err)
		bands, err := fit.Bands(formula.Frame{Numbers: map[string][]stats.Number{"day": {stats.Of(0), stats.Of(2.5)}, "dose": {stats.Of(1), stats.Of(2)}},
			Texts: map[string][]string{"arm": {"A", "B"}}}, fit.data.group[0])
		require.NoError(t, err)
		_, err = json.Marshal(bands)
		require.NoError(t, err)
	})
}

// requireNamed asks that an error is a failure with a place.
func requireNamed(t testing.TB, err error) {
	t.Helper()
	var failure *stats.Failure
	require.True(t, errors.As(err, &failure), "%v", err)
	require.NotEmpty(t, failure.Where, "%v", err)
}

// Sums of any numbers, such as a store that adds up wrongly, give a failure with a kind or a result that JSON can hold.
func FuzzFitSums(f *testing.F) {
	f.Add([]byte{7, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}, uint8(0))
	f.Add([]byte(strings.Repeat("sums of patterns that nobody is ", 6)), uint8(5))
	f.Add([]byte(strings.Repeat("\x03\x30\x60", 50)), uint8(12))
	f.Add([]byte("K\xc5>0\xc10W\xff*1\x800\xff\xe8\x03\t\xf9\x1900\xb7\xb7\xb7\x990"), uint8('<')) // weights that add up to the coefficients
	f.Fuzz(func(t *testing.T, data []byte, choice uint8) {
		if len(data) > 600 {
			return
		}
		tr := trial{arms: 2, visits: 1 + int(choice)%3}
		formulas := []string{"score ~ arm * week", "score ~ base + arm + week", "score ~ base * week"}
		if tr.visits == 1 {
			formulas = []string{"score ~ arm", "score ~ base", "score ~ base + arm"}
		}
		d, err := tr.model(formulas[int(choice/4)%3]).Design()
		require.NoError(t, err)
		s, err := d.NewSums(PlainOrigin(len(d.Columns)))
		require.NoError(t, err)
		at := 0
		next := func() float64 {
			at++
			if at > len(data) {
				return 0
			}
			return float64(data[at-1])
		}
		for at < len(data) {
			p := s.emptyPattern(uint64(next()) % (1 << tr.visits))
			p.N = int(next())
			for _, sums := range [][]float64{p.XX, p.XY, p.YY} {
				for i := range sums {
					sums[i] = (next() - 60) * math.Pow(10, float64(int(choice)%5))
				}
			}
			if choice > 100 && len(p.XX) > 0 { // as of patients alike, which a store could hold
				p.XX[0] = float64(p.N)
			}
			if err := s.Put(*p); err != nil {
				requireNamed(t, err)
			}
		}
		structures := Structures()
		method := REML
		if choice%2 == 1 {
			method = ML
		}
		fit, err := FitSums(d, s, options(tr, structures[int(choice)%len(structures)], method))
		if err != nil {
			requireNamed(t, err)
			return
		}
		result, err := fit.Result()
		if err != nil {
			requireNamed(t, err)
			return
		}
		_, err = json.Marshal(result)
		require.NoError(t, err)
	})
}
