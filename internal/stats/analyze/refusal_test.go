package analyze_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/analyze"
	"afterglow/internal/stats/reference"
)

func TestWhatCannotBeReadIsRefusedByItsName(t *testing.T) {
	set := func(name string) ([]byte, error) {
		if name != "set.csv" {
			return nil, os.ErrNotExist
		}
		return []byte("id,y,x,g\n1,3.5,1,a\n2,4.1,2,b\n3,,3,a\n4,5.2,4,b\n5,6.6,5,a\n6,7.1,x,b\n"), nil
	}
	cases := map[string]struct{ kind, dataset, input, where string }{
		"unknown kind":                {"nosuch", "", `{}`, "kind"},
		"no input":                    {"km", "set.csv", ``, "input"},
		"input of another type":       {"p_adjust", "", `{"p": "0.01"}`, "p"},
		"no wave":                     {"gee", "set.csv", `{"formula": "y ~ id", "subject": "g", "family": "gaussian", "corstr": "exchangeable", "level": 0.95}`, "wave"},
		"no subject":                  {"gee", "set.csv", `{"formula": "y ~ id", "wave": "id", "family": "gaussian", "corstr": "exchangeable", "level": 0.95}`, "subject"},
		"input that is no object":     {"p_adjust", "", `[0.01]`, "input"},
		"a number for a text":         {"mmrm", "", `{"formula": 3}`, "formula"},
		"a level in an object":        {"mmrm", "", `{"formula": "y ~ x", "factors": {"g": 1}}`, "factors"},
		"text for a number":           {"ancova", "set.csv", `{"formula": "y ~ x", "baseline_at": "high"}`, "baseline_at"},
		"a baseline of another model": {"ancova", "set.csv", `{"formula": "y ~ id + g", "arm": "g", "arm_levels": ["a", "b"], "control": "a", "baseline": "z", "baseline_at": 3, "level": 0.95}`, "baseline"},
		"a gap in a list":             {"decay_fit", "", `{"t": [1, null, 3], "y": [3, 2, 1], "model": "exp", "level": 0.95}`, "t"},
		"a gap in a list of lists":    {"rubin_vector", "", `{"q": [[1, 2], [1, null]], "u": []}`, "q"},
		"unknown data set":            {"descriptives", "other.csv", `{"column": "y", "level": 0.95}`, "dataset"},
		"unknown column":              {"descriptives", "set.csv", `{"column": "z", "level": 0.95}`, "z"},
		"a column with a text cell":   {"descriptives", "set.csv", `{"column": "x", "level": 0.95}`, "x"},
		"an arm outside the formula":  {"ancova", "set.csv", `{"formula": "y ~ id", "arm": "g", "arm_levels": ["a", "b"], "control": "a", "level": 0.95}`, "arm"},
		"a formula that is none":      {"logistic", "set.csv", `{"formula": "y ~", "level": 0.95}`, "formula"},
		"a level of the interval > 1": {"descriptives", "set.csv", `{"column": "y", "level": 95}`, "level"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := analyze.Run([]reference.Case{{ID: "one", Kind: c.kind, Dataset: c.dataset, Input: []byte(c.input)}}, set)
			require.NotNil(t, got[0].Error)
			require.NotEqual(t, stats.Internal, got[0].Error.Kind)
			require.Equal(t, c.where, got[0].Error.Where, got[0].Error.Message)
			for _, inner := range []string{"json:", "Go struct", "unmarshal", "Input."} {
				require.NotContains(t, got[0].Error.Message, inner)
			}
		})
	}
}

// A failure names the column and the row, never what the cell holds: that is somebody's data.
func TestAFailureDoesNotQuoteACell(t *testing.T) {
	rows := "id,wave,x,y\n"
	for id := range 20 {
		rows += fmt.Sprintf("p%d,first,%d,%d\np%d,secret,%d,%d\n", id, id%7, id%5, id, id%3, id%4)
	}
	file := func(string) ([]byte, error) { return []byte(rows), nil }
	got := analyze.Run([]reference.Case{{ID: "one", Kind: "gee", Dataset: "set.csv", Input: []byte(`{"response": "y", "formula": "y ~ x",
		"subject": "id", "wave": "wave", "family": "gaussian", "corstr": "exchangeable", "factors": {"wave": ["first"]}, "level": 0.95}`)}}, file)[0]
	require.NotNil(t, got.Error)
	require.Equal(t, "wave", got.Error.Where)
	require.Contains(t, got.Error.Message, "row 2")
	require.NotContains(t, got.Error.Message, "secret")
}
