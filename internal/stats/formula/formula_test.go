package formula_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
)

var levels = map[string][]string{"a": {"a1", "a2"}, "b": {"b1", "b2", "b3"}, "g": {"only"}}

// Expected names are those of R's model.matrix for the same formula.
func TestColumnsAreThoseOfModelMatrix(t *testing.T) {
	cases := []struct {
		formula string
		names   []string
	}{
		{"y ~ 1", []string{"(Intercept)"}},
		{"y ~ x", []string{"(Intercept)", "x"}},
		{"y ~ 0 + x", []string{"x"}},
		{"y ~ x - 1", []string{"x"}},
		{"y ~ x - 1 + 1", []string{"(Intercept)", "x"}},
		{"y ~ x + I(x^2)", []string{"(Intercept)", "x", "I(x^2)"}},
		{"y ~ a * b", []string{"(Intercept)", "aa2", "bb2", "bb3", "aa2:bb2", "aa2:bb3"}},
		{"y ~ a:b", []string{"(Intercept)", "aa1:bb1", "aa2:bb1", "aa1:bb2", "aa2:bb2", "aa1:bb3", "aa2:bb3"}},
		{"y ~ 0 + a + b", []string{"aa1", "aa2", "bb2", "bb3"}},
		{"y ~ 0 + x + b", []string{"x", "bb1", "bb2", "bb3"}},
		{"y ~ a + a:b", []string{"(Intercept)", "aa2", "aa1:bb2", "aa2:bb2", "aa1:bb3", "aa2:bb3"}},
		{"y ~ x:a", []string{"(Intercept)", "x:aa1", "x:aa2"}},
		{"y ~ x * a", []string{"(Intercept)", "x", "aa2", "x:aa2"}},
		{"y ~ x * b + a * b", []string{"(Intercept)", "x", "bb2", "bb3", "aa2", "x:bb2", "x:bb3", "bb2:aa2", "bb3:aa2"}},
		{"y ~ x + a * b", []string{"(Intercept)", "x", "aa2", "bb2", "bb3", "aa2:bb2", "aa2:bb3"}},
		{"y ~ a * b - a:b", []string{"(Intercept)", "aa2", "bb2", "bb3"}},
		{"y ~ (a + x):b", []string{"(Intercept)", "aa1:bb1", "aa2:bb1", "aa1:bb2", "aa2:bb2", "aa1:bb3", "aa2:bb3", "x:bb1", "x:bb2", "x:bb3"}},
		{"y ~ (a + x + b)^2", []string{"(Intercept)", "aa2", "x", "bb2", "bb3", "aa2:x", "aa2:bb2", "aa2:bb3", "x:bb2", "x:bb3"}},
		{"y ~ (x + b)^2 - x:b", []string{"(Intercept)", "x", "bb2", "bb3"}},
		{"y ~ x + x + a:a", []string{"(Intercept)", "x", "aa2"}},
	}
	for _, c := range cases {
		t.Run(c.formula, func(t *testing.T) {
			f, err := formula.Parse(c.formula)
			require.NoError(t, err)
			d, err := f.Design(levels)
			require.NoError(t, err)
			var names []string
			for _, column := range d.Columns {
				names = append(names, column.Name)
			}
			require.Equal(t, c.names, names)
		})
	}
}

func TestRandomPartsAreReported(t *testing.T) {
	f, err := formula.Parse("y ~ x + (1 + x | subject) + (0 + z || `the site`)")
	require.NoError(t, err)
	require.Equal(t, "y ~ 1 + x + (1 + x | subject) + (0 + z || `the site`)", f.String())
	require.Equal(t, []string{"x"}, f.Columns())
}

func TestErrorsNameThePosition(t *testing.T) {
	cases := []struct {
		formula  string
		position int
	}{
		{"", 1}, {"y", 2}, {"y ~", 4}, {"y ~ x +", 8}, {"y ~ x $ z", 7}, {"y ~ log(x)", 5}, {"y ~ I(x)", 8},
		{"y ~ I(x^1)", 9}, {"y ~ 2", 5}, {"y ~ x:1", 6}, {"y ~ (x", 7}, {"y ~ x)", 6}, {"y ~ (1 | )", 10},
		{"y ~ a:(1 | g)", 10}, {"y ~ `x", 5}, {"y ~ x - (1 | g)", 9},
		{"y ~ (x + z)^0", 13}, {"y ~ (x + z)^y", 13},
	}
	for _, c := range cases {
		t.Run(c.formula, func(t *testing.T) {
			_, err := formula.Parse(c.formula)
			var syntax *formula.SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.Equal(t, c.position, syntax.Position, err)
		})
	}
}

// What R reads and we do not is refused with what would be read, never taken for something else.
func TestNotationThatIsNotReadIsSaid(t *testing.T) {
	for text, want := range map[string]string{
		"y ~ log(x)": "log() is not read", "log(y) ~ x": "make a column of it first", "y ~ x / a": "may hold", "y ~ (a + b)^x": "a whole number", "y ~ x %in% a": "may hold",
		"y ~ .": "may hold", "y ~ poly(x, 2)": "poly() is not read", "y ~ I(x * 2)": "only a power", "y ~ x - offset(z)": "offset() is not read", "y ~ x = z": "may hold",
	} {
		_, err := formula.Parse(text)
		require.ErrorContains(t, err, want, text)
	}
}

// R: model.matrix(~ x + I(x^2) + a:b, data.frame(x = c(1, 2, NA, 3), a = c("a2", "a1", "a1", "a2"), b = c("b3", "b1", "b2", ""))),
// the last row without b: rows with something missing leave, the rest are products of what the names say.
func TestTheMatrixIsThatOfModelMatrix(t *testing.T) {
	f, err := formula.Parse("~ x + I(x^2) + a:b")
	require.NoError(t, err)
	two := map[string][]string{"a": levels["a"], "b": levels["b"]}
	design, err := f.Design(two)
	require.NoError(t, err)
	frame := formula.Frame{Numbers: map[string][]stats.Number{"x": {stats.Of(1), stats.Of(2), {}, stats.Of(3)}},
		Texts: map[string][]string{"a": {"a2", "a1", "a1", "a2"}, "b": {"b3", "b1", "b2", ""}}}
	m, err := frame.Evaluate(design, two)
	require.NoError(t, err)
	require.Equal(t, []string{"(Intercept)", "x", "I(x^2)", "aa1:bb1", "aa2:bb1", "aa1:bb2", "aa2:bb2", "aa1:bb3", "aa2:bb3"}, m.Names)
	require.Equal(t, []int{0, 1}, m.Rows)
	require.Equal(t, []float64{1, 1, 1, 0, 0, 0, 0, 0, 1}, m.Row(0))
	require.Equal(t, []float64{1, 2, 4, 1, 0, 0, 0, 0, 0}, m.Row(1))
	require.Equal(t, []float64{1, 4}, m.Column(2))
}

func TestValuesThatCannotBeUsedAreNamed(t *testing.T) {
	frame := formula.Frame{Numbers: map[string][]stats.Number{"x": {stats.Of(1), {Value: math.NaN(), Defined: true}}}, Texts: map[string][]string{"a": {"a1", "a2"}}}
	for text, want := range map[string]struct {
		kind  stats.Kind
		where string
	}{"~ x": {stats.NotFinite, "x"}, "~ z": {stats.BadInput, "z"}, "~ b": {stats.BadInput, "b"}, "~ I(a^2)": {stats.BadInput, "I(a^2)"}} {
		f, err := formula.Parse(text)
		require.NoError(t, err)
		design, err := f.Design(levels)
		if err == nil {
			_, err = frame.Evaluate(design, levels)
		}
		var failure *stats.Failure
		require.ErrorAs(t, err, &failure, text)
		require.Equal(t, want.kind, failure.Kind, text)
		require.Equal(t, want.where, failure.Where, text)
	}
}

func TestAFactorWithOneLevelIsNamed(t *testing.T) {
	f, err := formula.Parse("y ~ x + g")
	require.NoError(t, err)
	_, err = f.Design(levels)
	var failure *stats.Failure
	require.True(t, errors.As(err, &failure))
	require.Equal(t, stats.OneLevel, failure.Kind)
	require.Equal(t, "g", failure.Where)
}

// termSets lists the terms with their variables in alphabetical order: a spelled-out formula may name
// the variables in another order.
func termSets(f formula.Formula) [][]string {
	var out [][]string
	for _, t := range f.Terms {
		var names []string
		for _, v := range t.Variables {
			names = append(names, v.Name())
		}
		slices.Sort(names)
		out = append(out, names)
	}
	return out
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"y ~ a * b + I(x^2) - 1", "~ (a + b):c + (x || g)", "y~`a b`*-1", "y ~ ((((a))))", "~a*b*c*d*e*f*g*h*i*j*k"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		parsed, err := formula.Parse(s)
		if err != nil {
			var syntax *formula.SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.LessOrEqual(t, syntax.Position, len(s)+1)
			return
		}
		again, err := formula.Parse(parsed.String())
		require.NoError(t, err, parsed.String())
		require.Equal(t, termSets(parsed), termSets(again))
	})
}
