// Package stats holds the result types that every statistical method shares. Floor: ground.
// It must not know a domain word, a clock, a file or a store: a number may not depend on where it runs.
//
// Below it lies one folder a family of methods; they import this package and named siblings only.
package stats

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Number is a result that may be undefined (not estimable, infinite, not reached). An undefined
// number is null in JSON; NaN and infinities never leave this package's types.
type Number struct {
	Value   float64
	Defined bool
}

// Of gives x as a Number; NaN and infinities become the undefined number.
func Of(x float64) Number {
	if !Finite(x) {
		return Number{}
	}
	return Number{Value: x, Defined: true}
}

// Finite tells whether x is neither NaN nor infinite.
func Finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// MarshalJSON writes the number, or null where it is undefined.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.Defined || !Finite(n.Value) {
		return []byte("null"), nil
	}
	return json.Marshal(n.Value)
}

// UnmarshalJSON reads a number or null.
func (n *Number) UnmarshalJSON(b []byte) error {
	*n = Number{}
	if bytes.Equal(bytes.TrimSpace(b), []byte("null")) {
		return nil
	}
	if err := json.Unmarshal(b, &n.Value); err != nil {
		return fmt.Errorf("read a number: %w", err)
	}
	n.Defined = true
	return nil
}

// Interval is a confidence interval; a limit that is not reached is undefined.
type Interval struct {
	Lower Number  `json:"ci_lower"`
	Upper Number  `json:"ci_upper"`
	Level float64 `json:"level"`
}

// Estimate is a scalar with its standard error, degrees of freedom (undefined: normal
// approximation), test of zero and confidence interval.
type Estimate struct {
	Estimate  Number `json:"estimate"`
	SE        Number `json:"se"`
	DF        Number `json:"df"`
	Statistic Number `json:"statistic"`
	PValue    Number `json:"p_value"`
	Interval
}

// TEstimate gives the estimate with a two-sided t test of zero and an interval, both with df
// degrees of freedom; an undefined df leaves the test and the interval undefined.
func TEstimate(estimate, se float64, df Number, level float64) Estimate {
	e := Estimate{Estimate: Of(estimate), SE: Of(se), DF: df, Interval: Interval{Level: level}}
	if !df.Defined || df.Value <= 0 || !(se > 0) {
		return e
	}
	t := estimate / se
	half := TQuantile(0.5+level/2, df.Value) * se
	e.Statistic, e.PValue = Of(t), Of(TwoSidedT(t, df.Value))
	e.Lower, e.Upper = Of(estimate-half), Of(estimate+half)
	return e
}

// ZEstimate is TEstimate with the normal quantile.
func ZEstimate(estimate, se, level float64) Estimate {
	e := Estimate{Estimate: Of(estimate), SE: Of(se), Interval: Interval{Level: level}}
	if !(se > 0) {
		return e
	}
	half := NormalQuantile(0.5+level/2) * se
	e.Statistic, e.PValue = Of(estimate/se), Of(TwoSidedNormal(estimate/se))
	e.Lower, e.Upper = Of(estimate-half), Of(estimate+half)
	return e
}

// NamedMatrix is a symmetric matrix with the names of its rows.
type NamedMatrix struct {
	Names  []string   `json:"names"`
	Matrix [][]Number `json:"matrix"`
}

// Matrix gives a matrix row by row, as results hold it.
func Matrix(m mat.Matrix) [][]Number {
	rows, columns := m.Dims()
	out := make([][]Number, rows)
	for i := range out {
		for j := range columns {
			out[i] = append(out[i], Of(m.At(i, j)))
		}
	}
	return out
}

// Test is an F test.
type Test struct {
	Statistic     Number `json:"statistic"`
	NumeratorDF   int    `json:"ndf"`
	DenominatorDF Number `json:"ddf"`
	PValue        Number `json:"p_value"`
}

// FTest is the test of an F statistic; where it or its denominator is undefined, so is the test.
func FTest(f Number, ndf int, ddf Number) Test {
	t := Test{Statistic: f, NumeratorDF: ndf, DenominatorDF: ddf}
	if f.Defined && ddf.Defined && ddf.Value > 0 {
		t.PValue = Of(UpperF(f.Value, float64(ndf), ddf.Value))
	}
	return t
}

// ChiSquare is a chi-square test.
type ChiSquare struct {
	ChiSq  Number `json:"chisq"`
	DF     int    `json:"df"`
	PValue Number `json:"p_value"`
}

// ChiSquareTest is the test of a chi-square statistic.
func ChiSquareTest(x float64, df int) ChiSquare {
	return ChiSquare{ChiSq: Of(x), DF: df, PValue: Of(UpperChiSquare(x, float64(df)))}
}

// CheckLevel refuses a confidence level outside (0, 1).
func CheckLevel(level float64) error {
	if !(level > 0 && level < 1) {
		return Errorf(BadInput, "level", "the confidence level must lie between 0 and 1")
	}
	return nil
}

// NoSpread tells whether a standard deviation or error is nothing but rounding compared with the size of the values that it is of:
// R's rule for data that are essentially constant.
func NoSpread(spread, size float64) bool { return !(spread > 10*0x1p-52*math.Abs(size)) }

// largest is the size up to which a value's square, and the sum of many, stays a number.
const largest = 1e150

// CheckFinite refuses values that are not finite numbers, or too large to be squared; where names the column.
func CheckFinite(where string, x ...float64) error {
	for i, v := range x {
		if !Finite(v) {
			return Errorf(NotFinite, where, "value %d is not a finite number", i+1)
		}
		if math.Abs(v) > largest {
			return Errorf(NotFinite, where, "value %d is too large to be squared", i+1)
		}
	}
	return nil
}
