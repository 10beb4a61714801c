package instrument

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

const decimalScale = 10_000

// Decimal is an exact number with four decimal places, kept in ten-thousandths:
// bands and thresholds are compared without rounding error.
type Decimal int64

// Whole makes a Decimal of a whole number.
func Whole(n int) Decimal { return Decimal(n) * decimalScale }

// Float gives the nearest float64.
func (d Decimal) Float() float64 { return float64(d) / decimalScale }

// String writes the shortest exact form.
func (d Decimal) String() string {
	sign, n := "", int64(d)
	if n < 0 {
		sign, n = "-", -n
	}
	s := fmt.Sprintf("%s%d.%04d", sign, n/decimalScale, n%decimalScale)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// MarshalJSON writes a JSON number.
func (d Decimal) MarshalJSON() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalJSON reads a JSON number with at most four decimals.
func (d *Decimal) UnmarshalJSON(text []byte) error {
	v, err := parseDecimal(string(text))
	if err != nil {
		return err
	}
	*d = v
	return nil
}

func parseDecimal(text string) (Decimal, error) {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	r.Mul(r, big.NewRat(decimalScale, 1))
	if !r.IsInt() || !r.Num().IsInt64() {
		return 0, fmt.Errorf("%s has more than four decimals or is too large", text)
	}
	return Decimal(r.Num().Int64()), nil
}

func (d Decimal) rat() *big.Rat { return big.NewRat(int64(d), decimalScale) }

// roundHalfUp rounds to a number of decimals (0 to 4), ties toward plus infinity.
func roundHalfUp(r *big.Rat, decimals int) Decimal {
	unit := int64(decimalScale)
	for range decimals {
		unit /= 10
	}
	steps := new(big.Rat).Mul(r, big.NewRat(decimalScale/unit, 1))
	steps.Add(steps, big.NewRat(1, 2))
	// Div is Euclidean: with a positive denominator it is the floor.
	floor := new(big.Int).Div(steps.Num(), steps.Denom())
	return Decimal(floor.Int64() * unit)
}

// ratOf takes a float64 for the decimal that a person would write for it, so
// that 17.5 % of 40 is exactly 7.
func ratOf(f float64) *big.Rat {
	r, ok := new(big.Rat).SetString(strconv.FormatFloat(f, 'f', -1, 64))
	if !ok {
		return nil
	}
	return r
}

// Comparison is how a value is compared with a limit.
type Comparison string

// The comparisons a definition may use.
const (
	AtLeast Comparison = "at-least"
	AtMost  Comparison = "at-most"
	Above   Comparison = "above"
	Below   Comparison = "below"
	Equals  Comparison = "equals"
)

func (c Comparison) holds(order int) bool {
	switch c {
	case AtLeast:
		return order >= 0
	case AtMost:
		return order <= 0
	case Above:
		return order > 0
	case Below:
		return order < 0
	case Equals:
		return order == 0
	}
	return false
}

func (c Comparison) ints(a, limit int) bool {
	switch {
	case a < limit:
		return c.holds(-1)
	case a > limit:
		return c.holds(1)
	}
	return c.holds(0)
}
