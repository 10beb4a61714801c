package decay

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/testkit/statstest"
)

func TestFitsThatDoNotExistAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*FitInput)
		kind   stats.Kind
		where  string
	}{
		"no such decay":            {func(in *FitInput) { in.Model = "weibull" }, stats.BadInput, "model"},
		"level of 0":               {func(in *FitInput) { in.Level = 0 }, stats.BadInput, "level"},
		"two points for three":     {func(in *FitInput) { *in = FitInput{T: in.T[:2], Y: in.Y[:2], Model: in.Model, Level: 0.95} }, stats.TooFew, "t"},
		"nothing":                  {func(in *FitInput) { *in = FitInput{Model: in.Model, Level: 0.95} }, stats.TooFew, "t"},
		"one time":                 {func(in *FitInput) { in.T = []float64{3, 3, 3, 3, 3, 3, 3} }, stats.OneLevel, "t"},
		"a value that is none":     {func(in *FitInput) { in.Y[2] = math.NaN() }, stats.NotFinite, "y"},
		"a time that is none":      {func(in *FitInput) { in.T[2] = math.Inf(1) }, stats.NotFinite, "y"},
		"an error of 0":            {func(in *FitInput) { in.SE[2] = 0 }, stats.BadInput, "se"},
		"errors of another length": {func(in *FitInput) { in.SE = in.SE[1:] }, stats.BadInput, "t"},
		"a singular covariance": {func(in *FitInput) {
			for i := range in.Covariance {
				for j := range in.Covariance {
					in.Covariance[i][j] = 1
				}
			}
		}, stats.BadInput, "covariance"},
		"a ragged covariance":       {func(in *FitInput) { in.Covariance[3] = in.Covariance[3][:2] }, stats.BadInput, "covariance"},
		"a lopsided covariance":     {func(in *FitInput) { in.Covariance[3][1]++ }, stats.BadInput, "covariance"},
		"a covariance that is none": {func(in *FitInput) { in.Covariance[3][3] = math.NaN() }, stats.NotFinite, "covariance"},
		"a constant series": {func(in *FitInput) {
			for i := range in.Y {
				in.Y[i] = 5
			}
		}, stats.Constant, "y"},
		"a straight line": {func(in *FitInput) {
			for i := range in.Y {
				in.Y[i] = 100 - in.T[i] + 0.01*math.Cos(float64(i))
			}
		}, stats.NotConverged, "k"},
	} {
		t.Run(name, func(t *testing.T) {
			in := decaying(3, 0.2)
			c.change(&in)
			_, err := Fit(in)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
}

// A series that rises has a fit but no half-life; one that does not move has a half-life that means nothing.
func TestWithoutAFallThereIsNoHalfLife(t *testing.T) {
	rising := FitInput{T: []float64{0, 1, 2, 4, 8}, Y: []float64{1, 1.3, 1.4, 2.1, 4}, SE: []float64{1, 1, 1, 1, 1}, Model: Exponential, Level: 0.95}
	r, err := Fit(rising)
	require.NoError(t, err)
	require.Equal(t, HalfLife{Notes: []string{noteRising}}, *r.HalfLifeKnown)
	still := FitInput{T: []float64{0, 1, 2, 4, 8}, Y: []float64{1, 0.3, -0.4, 0.5, 0.1}, SE: []float64{1, 1, 1, 1, 1}, Model: Exponential, Level: 0.95}
	r, err = Fit(still)
	require.NoError(t, err)
	require.False(t, r.HalfLifeKnown.Estimable)
	require.Contains(t, r.HalfLifeKnown.Notes, noteNoChange)
	require.False(t, r.HalfLifeKnown.ProfileUpper.Defined)
	slow := FitInput{T: []float64{0, 1, 2, 3}, Y: []float64{10, 9.5, 9.05, 8.6}, SE: []float64{0.01, 0.01, 0.01, 0.01}, Model: Exponential, Level: 0.95}
	r, err = Fit(slow)
	require.NoError(t, err)
	require.Equal(t, []string{noteBeyond}, r.HalfLifeKnown.Notes)
	require.True(t, r.HalfLifeKnown.Estimable)
	step := FitInput{T: []float64{0, 1, 2, 3}, Y: []float64{10, 5.02, 4.99, 5}, SE: []float64{0.1, 0.1, 0.1, 0.1}, Model: Asymptotic, Level: 0.95}
	r, err = Fit(step)
	require.NoError(t, err)
	require.Equal(t, []string{noteInstant}, r.HalfLifeKnown.Notes)
	require.False(t, r.HalfLifeKnown.ProfileLower.Defined)
	require.True(t, r.HalfLifeKnown.ProfileUpper.Defined)
}

func TestMixedFitsThatDoNotExistAreNamed(t *testing.T) {
	c := mixedCases["btheb"]
	for name, one := range map[string]struct {
		change func(*MixedInput)
		kind   stats.Kind
		where  string
	}{
		"no such model": {func(in *MixedInput) { in.Model = "weibull" }, stats.BadInput, "model"},
		"no arm":        {func(in *MixedInput) { in.Model = AsymptoteRandomArm }, stats.BadInput, "subject"},
		"one arm":       {func(in *MixedInput) { in.Model, in.Arm = AsymptoteRandomArm, make([]float64, len(in.T)) }, stats.OneLevel, "arm"},
		"few rows":      {func(in *MixedInput) { in.T, in.Y, in.Group = in.T[:5], in.Y[:5], in.Group[:5] }, stats.TooFew, "rows"},
		"one subject":   {func(in *MixedInput) { in.Group = make([]int, len(in.T)) }, stats.TooFew, "subject"},
		"one row a subject": {func(in *MixedInput) {
			for i := range in.Group {
				in.Group[i] = i
			}
		}, stats.TooFew, "subject"},
		"a negative subject": {func(in *MixedInput) { in.Group[3] = -1 }, stats.BadInput, "subject"},
		"an arm of 2":        {func(in *MixedInput) { in.Model, in.Arm = AsymptoteRandomArm, make([]float64, len(in.T)); in.Arm[3] = 2 }, stats.BadInput, "arm"},
		"one time": {func(in *MixedInput) {
			for i := range in.T {
				in.T[i] = 3
			}
		}, stats.OneLevel, "time"},
		"a constant": {func(in *MixedInput) {
			for i := range in.Y {
				in.Y[i] = 3
			}
		}, stats.Constant, "response"},
		"not finite": {func(in *MixedInput) { in.Y[3] = math.Inf(1) }, stats.NotFinite, "y"},
		"rising": {func(in *MixedInput) {
			for i := range in.Y {
				in.Y[i] += in.T[i] * in.T[i] * 10
			}
		}, stats.NotConverged, "lk"},
		"on a curve": {func(in *MixedInput) {
			for i := range in.Y {
				in.Y[i] = 3 + 4*math.Exp(-in.T[i]) + float64(in.Group[i]%5)
			}
		}, stats.NotConverged, "lk"},
	} {
		t.Run(name, func(t *testing.T) {
			in := mixedOf(t, c.set, c.group, c.time, c.response, c.from, c.model)
			one.change(&in)
			_, err := FitMixed(in)
			statstest.RequireFailure(t, err, one.kind, one.where)
		})
	}
}

func TestHalvingsThatDoNotExistAreNamed(t *testing.T) {
	times := []float64{0, 1, 2, 3, 4, 5}
	_, err := FitHalving(times[:3], times[:3], 0.95)
	statstest.RequireFailure(t, err, stats.TooFew, "rows")
	_, err = FitHalving(times, []float64{2, 2, 2, 2, 2, 2}, 0.95)
	statstest.RequireFailure(t, err, stats.Constant, "y")
	_, err = FitHalving([]float64{1, 1, 1, 1, 1}, []float64{2, 3, 2, 2, 2}, 0.95)
	statstest.RequireFailure(t, err, stats.OneLevel, "t")
	_, err = FitHalving(times, []float64{2, 3, math.NaN(), 2, 2, 2}, 0.95)
	statstest.RequireFailure(t, err, stats.NotFinite, "y")
}

// small makes times, values and groups of bytes.
func small(b []byte) (t, y []float64, group []int) {
	for i := 0; i+2 < len(b) && i < 120; i += 3 {
		t, y, group = append(t, float64(b[i]%16)), append(y, float64(b[i+1])/4-20), append(group, int(b[i+2]%6))
	}
	return t, y, group
}

func FuzzFit(f *testing.F) {
	f.Add([]byte{0, 200, 1, 2, 150, 2, 4, 120, 1, 9, 100, 2, 15, 90, 3}, true, true)
	f.Add([]byte{0, 100, 1, 2, 100, 2, 4, 100, 1, 9, 100, 2, 15, 100, 3}, false, true)
	f.Add([]byte("several visits of the same people, some of them late"), true, false)
	f.Fuzz(func(t *testing.T, b []byte, asymptote, errorsKnown bool) {
		in := FitInput{Model: Exponential, Level: 0.95}
		if asymptote {
			in.Model = Asymptotic
		}
		var group []int
		in.T, in.Y, group = small(b)
		if errorsKnown {
			for i := range in.T {
				in.SE = append(in.SE, float64(group[i]+1)/3)
				in.Covariance = append(in.Covariance, make([]float64, len(in.T)))
				for j := range in.T {
					in.Covariance[i][j] = float64(group[i]+1) / 3 * float64(group[j]+1) / 3 * math.Pow(0.5, math.Abs(float64(i-j)))
				}
			}
		}
		result, err := Fit(in)
		statstest.RequireAnswer(t, result, err)
	})
}

func FuzzFitHalving(f *testing.F) {
	f.Add([]byte{0, 200, 1, 2, 150, 2, 4, 120, 1, 9, 100, 2, 15, 90, 3, 15, 93, 3})
	f.Add([]byte("several visits of one of the same people"))
	f.Fuzz(func(t *testing.T, b []byte) {
		times, y, _ := small(b)
		result, err := FitHalving(times, y, 0.9)
		statstest.RequireAnswer(t, result, err)
	})
}

func FuzzFitMixed(f *testing.F) {
	f.Add([]byte{0, 200, 1, 2, 150, 1, 4, 120, 1, 0, 230, 2, 5, 90, 2, 6, 93, 2, 0, 200, 3, 3, 130, 3, 9, 100, 3}, uint8(0))
	f.Add([]byte("several visits of several of the same people, who come back now and then"), uint8(1))
	f.Add([]byte("several visits of several of the same people, who come back now and then"), uint8(2))
	f.Add([]byte("several visits of several of the same people, who come back now and then"), uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, choice uint8) {
		in := MixedInput{Model: []MixedModel{AsymptoteRandom, AsymptoteRandomArm, AmplitudeRandom, SelfStarting}[choice%4], Level: 0.95}
		in.T, in.Y, in.Group = small(b)
		for _, g := range in.Group {
			in.Arm = append(in.Arm, float64(g%2))
		}
		result, err := FitMixed(in)
		statstest.RequireAnswer(t, result, err)
	})
}
