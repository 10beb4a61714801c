// Package formula reads model formulas in R's notation, says which columns they stand for and evaluates these in memory.
// Floor: ground.
// It must not let the data change what a formula means: a design follows from its text and the levels alone, so that sums
// made elsewhere, as in SQL, are of the same columns.
//
// Source of the rules: Wilkinson & Rogers (1973), Applied Statistics 22:392, and the reference manual of
// R's terms.formula and model.matrix.
package formula

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// maxVariables bounds the variables of one formula (a term is a set of bits), maxTerms the terms
// that products may unfold to, maxDepth the nesting of parentheses.
const (
	maxVariables = 62
	maxTerms     = 1000
	maxDepth     = 100
)

// SyntaxError is a formula that cannot be read; Position counts bytes from 1.
type SyntaxError struct {
	Position int
	Message  string
}

// Error is the message, led by the position.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("formula, position %d: %s", e.Position, e.Message)
}

// Variable is a column, or its power where the formula writes I(x^k).
type Variable struct {
	Column string
	Power  int
}

// Name is how R prints the variable: x or I(x^2).
func (v Variable) Name() string {
	if v.Power == 1 {
		return v.Column
	}
	return fmt.Sprintf("I(%s^%d)", quoted(v.Column), v.Power)
}

// Term is an interaction of one or more variables, in the order in which the formula names them first.
type Term struct {
	Variables []Variable
}

// Label is R's label of the term: the variables' names joined by colons.
func (t Term) Label() string {
	names := make([]string, len(t.Variables))
	for i, v := range t.Variables {
		names[i] = v.Name()
	}
	return strings.Join(names, ":")
}

// Random is a random part (terms | group); Correlated is false for the double bar.
type Random struct {
	Intercept  bool
	Terms      []Term
	Group      string
	Correlated bool
}

// Formula is a parsed formula; Terms are in R's order, by degree and then by appearance, without the intercept.
type Formula struct {
	Response  string
	Intercept bool
	Terms     []Term
	Random    []Random
}

// Parse reads "response ~ terms" or "~ terms" with + - : *, 0 and 1, parentheses, (terms)^k, I(x^k), names in
// backticks, and random parts (terms | group) and (terms || group). The error is a *SyntaxError. See
// docs/methods/formula.md.
func Parse(text string) (Formula, error) {
	p := &parser{text: text}
	p.next()
	f, err := p.formula()
	if err != nil {
		return Formula{}, err
	}
	return f, nil
}

// Columns lists the columns that the fixed part reads, response excluded, in order of appearance.
func (f Formula) Columns() []string {
	var out []string
	for _, t := range f.Terms {
		for _, v := range t.Variables {
			if !slices.Contains(out, v.Column) {
				out = append(out, v.Column)
			}
		}
	}
	return out
}

// String writes the formula with every term spelled out; Parse reads it back to the same terms.
func (f Formula) String() string {
	var b strings.Builder
	if f.Response != "" {
		b.WriteString(quoted(f.Response) + " ")
	}
	b.WriteString("~ " + sumText(f.Intercept, f.Terms))
	for _, r := range f.Random {
		bar := " | "
		if !r.Correlated {
			bar = " || "
		}
		b.WriteString(" + (" + sumText(r.Intercept, r.Terms) + bar + quoted(r.Group) + ")")
	}
	return b.String()
}

func sumText(intercept bool, terms []Term) string {
	parts := []string{"0"}
	if intercept {
		parts[0] = "1"
	}
	for _, t := range terms {
		names := make([]string, len(t.Variables))
		for i, v := range t.Variables {
			names[i] = v.Name()
			if v.Power == 1 {
				names[i] = quoted(v.Column)
			}
		}
		parts = append(parts, strings.Join(names, ":"))
	}
	return strings.Join(parts, " + ")
}

// quoted puts a name in backticks where it is not a plain one.
func quoted(name string) string {
	for i := range len(name) {
		if !nameByte(name[i], i == 0) {
			return "`" + name + "`"
		}
	}
	if name == "I" {
		return "`I`"
	}
	return name
}

// variables numbers the variables of a formula in order of appearance.
type variables []Variable

func (vs *variables) bit(v Variable) (uint64, bool) {
	i := slices.Index(*vs, v)
	if i < 0 {
		if len(*vs) == maxVariables {
			return 0, false
		}
		i = len(*vs)
		*vs = append(*vs, v)
	}
	return 1 << i, true
}

// terms turns bit sets into terms, by degree and then by appearance.
func (vs variables) terms(sets []uint64) []Term {
	sorted := slices.Clone(sets)
	slices.SortStableFunc(sorted, func(a, b uint64) int { return bits.OnesCount64(a) - bits.OnesCount64(b) })
	var out []Term
	for _, set := range sorted {
		var t Term
		for i, v := range vs {
			if set&(1<<i) != 0 {
				t.Variables = append(t.Variables, v)
			}
		}
		out = append(out, t)
	}
	return out
}
