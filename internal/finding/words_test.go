package finding_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/finding"
)

func TestCellsInWords(t *testing.T) {
	score := finding.Column{Name: "ls_mean", Digits: 1}
	for _, c := range []struct {
		name   string
		column finding.Column
		cell   finding.Cell
		want   string
	}{
		{"as many decimals as the column has", score, finding.Number(14.25), "14.2"},
		{"a real minus sign", score, finding.Number(-4.04), "−4.0"},
		{"no minus before zero", score, finding.Number(-0.04), "0.0"},
		{"a count", finding.Column{Name: "n"}, finding.Count(52), "52"},
		{"a text", score, finding.Text("BtheB"), "BtheB"},
		{"not defined", score, finding.Optional(nil), "–"},
		{"never NaN", score, finding.Number(math.NaN()), "not defined"},
		{"a p value", finding.Column{Name: "p_value", Digits: 4}, finding.Number(0.0312), "0.031"},
		{"a small p value", finding.Column{Name: "p_value"}, finding.Number(0.00001), "< 0.001"},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, c.column.Words(c.cell)) })
	}
}
