package finding

import (
	"fmt"
	"math"
	"strings"
)

// NumberWords writes a number with the given decimals, a real minus sign and no
// minus before zero. A number that is not finite is "not defined".
func NumberWords(v float64, digits int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "not defined"
	}
	s := fmt.Sprintf("%.*f", digits, math.Abs(v))
	if v < 0 && strings.Trim(s, "0.") != "" {
		return "\u2212" + s
	}
	return s
}

// PValueWords writes a p value as journals do: three decimals, "< 0.001" below.
func PValueWords(p float64) string {
	if p < 0.001 {
		return "< 0.001"
	}
	return NumberWords(p, 3)
}

// Words writes a cell of the column as a page shows it; an empty cell is a dash.
func (c Column) Words(cell Cell) string {
	switch {
	case cell.Number == nil && cell.Text == "":
		return "\u2013"
	case cell.Number == nil:
		return cell.Text
	case strings.HasSuffix(c.Name, "p_value"):
		return PValueWords(*cell.Number)
	default:
		return NumberWords(*cell.Number, c.Digits)
	}
}
