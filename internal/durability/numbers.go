package durability

import (
	"errors"
	"math"
	"strings"

	"afterglow/internal/fault"
	"afterglow/internal/finding"
	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/mixed"
)

// pointer gives a finding's form of a number that may be undefined.
func pointer(n stats.Number) *float64 {
	if !n.Defined {
		return nil
	}
	v := n.Value
	return &v
}

func defined(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// dfMethods names the small-sample methods that a person may choose, the
// reference method first.
var dfMethods = []string{"satterthwaite", "kenward-roger", "kenward-roger-observed"}

// inference is one linear combination under the chosen small-sample method.
type inference struct {
	estimate             float64
	se, df, lower, upper *float64
	p                    *float64
}

func choose(i mixed.Inference, method string) inference {
	out := inference{estimate: i.Estimate, se: defined(i.SE), df: pointer(i.DF), lower: pointer(i.Lower), upper: pointer(i.Upper), p: pointer(i.PValue)}
	switch method {
	case "kenward-roger":
		out.se, out.df, out.lower, out.upper, out.p = pointer(i.SEKR), pointer(i.DFKR), pointer(i.LowerKR), pointer(i.UpperKR), pointer(i.PValueKR)
	case "kenward-roger-observed":
		out.se, out.df, out.lower, out.upper, out.p = pointer(i.SEKRObserved), pointer(i.DFKRObserved), pointer(i.LowerKRObserved), pointer(i.UpperKRObserved), pointer(i.PValueObserved)
	}
	return out
}

// shifted moves the estimate and its limits by a constant; the error stays.
func (i inference) shifted(by float64) inference {
	move := func(v *float64) *float64 {
		if v == nil {
			return nil
		}
		return defined(*v + by)
	}
	i.estimate += by
	i.lower, i.upper = move(i.lower), move(i.upper)
	return i
}

// at makes a finding's estimate of it.
func (i inference) at(name, group, visit string, day int, level float64, n int) finding.Estimate {
	d := float64(day)
	return finding.Estimate{Name: name, Group: group, Visit: visit, Day: &d, Estimate: defined(i.estimate), SE: i.se, DF: i.df,
		CILower: i.lower, CIUpper: i.upper, Level: level, P: i.p, N: n}
}

// words writes 'x points (95 % CI a to b)'.
func (i inference) words(unit string, level float64) string {
	if i.lower == nil || i.upper == nil {
		return withUnit(signed(i.estimate, 1), unit)
	}
	d := digitsFor(*i.upper - *i.lower)
	return withUnit(signed(i.estimate, d), unit) + " (" + levelWords(level) + " " + signed(*i.lower, d) + " to " + signed(*i.upper, d) + ")"
}

// withUnit puts the unit after a number, without its s after one.
func withUnit(number, unit string) string {
	if strings.TrimLeft(number, "+\u2212") == "1" {
		unit = strings.TrimSuffix(unit, "s")
	}
	return number + " " + unit
}

// signedWords is words with a plus before what is above 0, since a change has a
// direction; the level is named where told.
func (i inference) signedWords(unit string, level float64, named bool) string {
	plus := func(v float64, digits int) string {
		if s := signed(v, digits); v > 0 && s != signed(0, digits) {
			return "+" + s
		}
		return signed(v, digits)
	}
	if i.lower == nil || i.upper == nil {
		return withUnit(plus(i.estimate, 1), unit)
	}
	d, ci := digitsFor(*i.upper-*i.lower), ""
	if named {
		ci = levelWords(level) + " "
	}
	return withUnit(plus(i.estimate, d), unit) + " (" + ci + signed(*i.lower, d) + " to " + signed(*i.upper, d) + ")"
}

// unfit sorts what a method could not do: what a person asked wrongly is an
// invalid fault; what the data cannot answer is a reason, in words that name the
// column or cell.
func unfit(err error) (reason string, asked error) {
	var syntax *formula.SyntaxError
	if errors.As(err, &syntax) {
		return "", fault.Invalid("fixed", "%s", syntax.Error())
	}
	var failure *stats.Failure
	switch {
	case !errors.As(err, &failure):
		return "", err
	case failure.Kind == stats.BadInput:
		return "", fault.Invalid("settings", "%s", failure.Error())
	default:
		return failure.Error(), nil
	}
}
