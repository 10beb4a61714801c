package formula

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// notation is what a formula may hold, for messages.
const notation = "a formula may hold names (in backticks where they are not plain), + - : *, 0 and 1, parentheses, I(name^k) and random parts (terms | group)"

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenNumber
	tokenPunctuation // one of ~ + - * : ^ ( ) | and ||
	tokenBad
)

type token struct {
	kind tokenKind
	text string
	at   int // byte offset
}

type parser struct {
	text  string
	at    int
	token token
	depth int
	vars  variables
}

func nameByte(c byte, first bool) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= 0x80:
		return true
	case c == '.', c == '_', c >= '0' && c <= '9':
		return !first
	}
	return false
}

func (p *parser) next() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
	start := p.at
	if start == len(p.text) {
		p.token = token{tokenEnd, "the end", start}
		return
	}
	take := func(kind tokenKind, end int) {
		p.token, p.at = token{kind, p.text[start:end], start}, end
	}
	end := start
	switch c := p.text[start]; {
	case nameByte(c, true):
		for end < len(p.text) && nameByte(p.text[end], false) {
			end++
		}
		take(tokenName, end)
	case c >= '0' && c <= '9':
		for end < len(p.text) && p.text[end] >= '0' && p.text[end] <= '9' {
			end++
		}
		take(tokenNumber, end)
	case c == '`':
		if n := strings.IndexByte(p.text[start+1:], '`'); n > 0 {
			p.token, p.at = token{tokenName, p.text[start+1 : start+1+n], start}, start+n+2
			return
		}
		take(tokenBad, len(p.text))
	case strings.HasPrefix(p.text[start:], "||"):
		take(tokenPunctuation, start+2)
	case strings.IndexByte("~+-*:^()|", c) >= 0:
		take(tokenPunctuation, start+1)
	default:
		take(tokenBad, start+1)
	}
}

func (p *parser) is(text string) bool {
	return p.token.kind == tokenPunctuation && p.token.text == text
}

func (p *parser) accept(text string) bool {
	if p.is(text) {
		p.next()
		return true
	}
	return false
}

func (p *parser) fail(at int, format string, args ...any) error {
	return &SyntaxError{Position: at + 1, Message: fmt.Sprintf(format, args...)}
}

func (p *parser) expect(text string) error {
	if !p.accept(text) {
		return p.fail(p.token.at, "expected %q, found %q", text, p.token.text)
	}
	return nil
}

// sets is the value of an expression: terms as sets of variables in order of appearance. The
// intercept is a set of its own kind: +1 and -0 put it in, -1 and +0 take it out.
type sets struct {
	terms     []uint64
	intercept bool
	number    bool // the expression is a bare 0 or 1
	one       bool
	random    []Random
}

func (p *parser) formula() (Formula, error) {
	var f Formula
	if p.token.kind == tokenName {
		f.Response = p.token.text
		p.next()
		if p.is("(") {
			return f, p.fail(p.token.at, "%s() of the response is not read: make a column of it first", f.Response)
		}
	}
	if err := p.expect("~"); err != nil {
		return f, err
	}
	s, err := p.sum(true)
	if err != nil {
		return f, err
	}
	if p.token.kind != tokenEnd {
		return f, p.fail(p.token.at, "unexpected %q: %s", p.token.text, notation)
	}
	f.Intercept, f.Terms, f.Random = s.intercept, p.vars.terms(s.terms), s.random
	return f, nil
}

// sum reads terms joined by + and -; random parts may stand in it only where random is true.
func (p *parser) sum(random bool) (sets, error) {
	total := sets{intercept: true}
	minus := false
	if p.accept("-") {
		minus = true
	} else {
		p.accept("+")
	}
	for {
		at := p.token.at
		part, err := p.product(random)
		if err != nil {
			return total, err
		}
		if err := p.combine(&total, part, minus, at); err != nil {
			return total, err
		}
		switch {
		case p.accept("+"):
			minus = false
		case p.accept("-"):
			minus = true
		default:
			return total, nil
		}
	}
}

func (p *parser) combine(total *sets, part sets, minus bool, at int) error {
	switch {
	case part.number:
		total.intercept = part.one != minus
	case minus && len(part.random) > 0:
		return p.fail(at, "a random part cannot be taken away")
	case minus:
		total.terms = slices.DeleteFunc(total.terms, func(t uint64) bool { return slices.Contains(part.terms, t) })
	default:
		for _, t := range part.terms {
			if !slices.Contains(total.terms, t) {
				total.terms = append(total.terms, t)
			}
		}
		total.random = append(total.random, part.random...)
	}
	if len(total.terms) > maxTerms {
		return p.fail(at, "more than %d terms", maxTerms)
	}
	return nil
}

// product reads a * b = a + b + a:b, which binds less tightly than the colon.
func (p *parser) product(random bool) (sets, error) {
	left, err := p.interaction(random)
	for err == nil && p.is("*") {
		at := p.token.at
		p.next()
		var right, crossed sets
		if right, err = p.interaction(false); err != nil {
			break
		}
		if crossed, err = p.cross(left, right, at); err != nil {
			break
		}
		for _, part := range []sets{right, crossed} {
			if err = p.combine(&left, part, false, at); err != nil {
				break
			}
		}
	}
	return left, err
}

func (p *parser) interaction(random bool) (sets, error) {
	left, err := p.raised(random)
	for err == nil && p.is(":") {
		at := p.token.at
		p.next()
		var right sets
		if right, err = p.raised(false); err != nil {
			break
		}
		left, err = p.cross(left, right, at)
	}
	return left, err
}

// raised reads (terms)^k, the terms and their interactions of up to k of them, which binds more tightly than the colon.
func (p *parser) raised(random bool) (sets, error) {
	base, err := p.operand(random)
	if err != nil || !p.is("^") {
		return base, err
	}
	at := p.token.at
	p.next()
	k, err := strconv.Atoi(p.token.text)
	if p.token.kind != tokenNumber || err != nil || k < 1 || k > 9 {
		return sets{}, p.fail(p.token.at, "terms are raised to a whole number from 1 to 9, found %q", p.token.text)
	}
	p.next()
	power := base
	for range k - 1 {
		crossed, err := p.cross(power, base, at)
		if err != nil {
			return sets{}, err
		}
		if err := p.combine(&power, crossed, false, at); err != nil {
			return sets{}, err
		}
	}
	return power, nil
}

func (p *parser) cross(a, b sets, at int) (sets, error) {
	if a.number || b.number || len(a.random) > 0 || len(b.random) > 0 {
		return sets{}, p.fail(at, "0, 1 and random parts stand alone, not in a product")
	}
	if len(a.terms)*len(b.terms) > maxTerms {
		return sets{}, p.fail(at, "more than %d terms", maxTerms)
	}
	var out sets
	for _, x := range a.terms {
		for _, y := range b.terms {
			if t := x | y; !slices.Contains(out.terms, t) {
				out.terms = append(out.terms, t)
			}
		}
	}
	return out, nil
}

func (p *parser) operand(random bool) (sets, error) {
	t := p.token
	switch {
	case t.kind == tokenNumber:
		if t.text != "0" && t.text != "1" {
			return sets{}, p.fail(t.at, "only the numbers 0 and 1 may stand as terms, found %s", t.text)
		}
		p.next()
		return sets{number: true, one: t.text == "1"}, nil
	case t.kind == tokenName:
		return p.variable()
	case p.is("("):
		return p.parenthesis(random)
	case t.kind == tokenBad:
		return sets{}, p.fail(t.at, "unexpected %q: %s", t.text, notation)
	}
	return sets{}, p.fail(t.at, "expected a term, found %q", t.text)
}

// variable reads a name or I(name^k).
func (p *parser) variable() (sets, error) {
	name := p.token
	p.next()
	v := Variable{Column: name.text, Power: 1}
	if p.is("(") {
		if name.text != "I" {
			return sets{}, p.fail(name.at, "%s() is not read, the only function is I(name^k): make a column of it first", name.text)
		}
		p.next()
		var err error
		if v, err = p.power(); err != nil {
			return sets{}, err
		}
	}
	bit, ok := p.vars.bit(v)
	if !ok {
		return sets{}, p.fail(name.at, "more than %d variables", maxVariables)
	}
	return sets{terms: []uint64{bit}}, nil
}

func (p *parser) power() (Variable, error) {
	name := p.token
	if name.kind != tokenName {
		return Variable{}, p.fail(name.at, "expected a column inside I(), found %q", name.text)
	}
	p.next()
	if !p.accept("^") {
		return Variable{}, p.fail(p.token.at, "only a power, I(name^k), may stand inside I(), found %q", p.token.text)
	}
	k, err := strconv.Atoi(p.token.text)
	if p.token.kind != tokenNumber || err != nil || k < 2 || k > 9 {
		return Variable{}, p.fail(p.token.at, "the power inside I() is a whole number from 2 to 9, found %q", p.token.text)
	}
	p.next()
	return Variable{Column: name.text, Power: k}, p.expect(")")
}

// parenthesis reads ( terms ) or, where allowed, ( terms | group ).
func (p *parser) parenthesis(random bool) (sets, error) {
	at := p.token.at
	if p.depth++; p.depth > maxDepth {
		return sets{}, p.fail(at, "parentheses nested more than %d deep", maxDepth)
	}
	defer func() { p.depth-- }()
	p.next()
	outer := p.vars
	p.vars = slices.Clone(outer)
	inner, err := p.sum(false)
	if err != nil {
		return sets{}, err
	}
	if !p.is("|") && !p.is("||") {
		if !inner.intercept {
			return sets{}, p.fail(at, "0 and -1 stand outside parentheses")
		}
		return sets{terms: inner.terms}, p.expect(")")
	}
	bar := p.token
	if !random {
		return sets{}, p.fail(bar.at, "a random part stands on its own between plus signs")
	}
	part := Random{Intercept: inner.intercept, Terms: p.vars.terms(inner.terms), Correlated: bar.text == "|"}
	p.vars = outer // variables of a random part do not enter the order of the fixed ones
	p.next()
	if p.token.kind != tokenName {
		return sets{}, p.fail(p.token.at, "expected the grouping column, found %q", p.token.text)
	}
	part.Group = p.token.text
	p.next()
	return sets{random: []Random{part}}, p.expect(")")
}
