package yamldoc

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"afterglow/internal/fault"
)

const (
	maxDepth  = 32
	maxIndent = 8 * maxDepth
	maxTokens = 50_000
)

// plainNumber is a number as JSON writes it. YAML's other spellings (0x1F,
// 0o17, 1_000, .5, 012) are read differently by different tools.
var plainNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,9})?$`)

// reader turns YAML into the tree that a JSON decoder would give, noting lines
// and gathering faults.
type reader struct {
	lines  map[string]int
	faults []fault.Detail
}

func (r *reader) read(data []byte) any {
	tokens := lexer.Tokenize(string(data))
	if tooDeep, line := deepNesting(tokens); tooDeep {
		r.faults = append(r.faults, fault.Detail{Item: "document (line " + strconv.Itoa(line) + ")", Message: fmt.Sprintf("nested deeper than %d levels", maxDepth)})
		return nil
	}
	if len(tokens) > maxTokens {
		r.faults = append(r.faults, fault.Detail{Item: "document", Message: fmt.Sprintf("has more than %d parts", maxTokens)})
		return nil
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		r.faults = append(r.faults, syntaxFault(err))
		return nil
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if doc.Body.Type() == ast.DirectiveType {
			r.refuse(nil, doc.Body, "YAML directives are not used here")
			continue
		}
		bodies = append(bodies, doc.Body)
	}
	switch len(bodies) {
	case 0:
		r.faults = append(r.faults, fault.Detail{Item: "document", Message: "the file holds nothing"})
		return nil
	case 1:
		return r.value(nil, bodies[0])
	default:
		r.refuse(nil, bodies[1], "the file holds more than one document")
		return nil
	}
}

// deepNesting looks at brackets, at lists in lists on one line and at the width
// of the indent before the parser runs: its time grows with the square of the
// depth, and a small file could hold it for minutes.
func deepNesting(tokens token.Tokens) (tooDeep bool, line int) {
	depth, entries := 0, 0
	for _, tk := range tokens {
		if tk.Position == nil {
			continue
		}
		if tk.Position.Line != line {
			line, entries = tk.Position.Line, 0
		}
		switch tk.Type {
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.SequenceEntryType, token.MappingKeyType:
			entries++
		}
		if depth > maxDepth || entries > maxDepth || tk.Position.IndentNum > maxIndent {
			return true, line
		}
	}
	return false, 0
}

func syntaxFault(err error) fault.Detail {
	var syntax yaml.Error
	if errors.As(err, &syntax) {
		where := "document"
		if tk := syntax.GetToken(); tk != nil && tk.Position != nil {
			where = "document (line " + strconv.Itoa(tk.Position.Line) + ")"
		}
		return fault.Detail{Item: where, Message: "not YAML: " + syntax.GetMessage()}
	}
	return fault.Detail{Item: "document", Message: "not YAML: " + err.Error()}
}

func (r *reader) refuse(path []string, node ast.Node, format string, args ...any) {
	r.note(path, node)
	r.faults = append(r.faults, fault.Detail{Item: place(r.lines, path), Message: fmt.Sprintf(format, args...)})
}

func (r *reader) note(path []string, node ast.Node) {
	if node == nil {
		return
	}
	if tk := node.GetToken(); tk != nil && tk.Position != nil {
		key := pointer(path)
		if _, known := r.lines[key]; !known {
			r.lines[key] = tk.Position.Line
		}
	}
}

func (r *reader) value(path []string, node ast.Node) any {
	if len(path) > maxDepth {
		r.refuse(path[:maxDepth], node, "nested deeper than %d levels", maxDepth)
		return nil
	}
	r.note(path, node)
	switch n := node.(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.BoolNode:
		return n.Value
	case *ast.IntegerNode:
		return r.number(path, node, n.Token.Value)
	case *ast.FloatNode:
		return r.number(path, node, n.Token.Value)
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	case *ast.MappingNode:
		return r.mapping(path, n.Values)
	case *ast.MappingValueNode:
		return r.mapping(path, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		list := make([]any, 0, len(n.Values))
		for i, v := range n.Values {
			list = append(list, r.value(below(path, strconv.Itoa(i)), v))
		}
		return list
	default:
		r.refuse(path, node, "%s is not used here; write the value out", node.Type())
		return nil
	}
}

func (r *reader) mapping(path []string, values []*ast.MappingValueNode) any {
	tree := make(map[string]any, len(values))
	for _, v := range values {
		key, ok := v.Key.(*ast.StringNode)
		if !ok {
			r.refuse(path, v, "the key %s is not text; put it in quotes", v.Key.String())
			continue
		}
		at := below(path, key.Value)
		r.note(at, key)
		if _, twice := tree[key.Value]; twice {
			r.refuse(at, key, "given twice")
			continue
		}
		tree[key.Value] = r.value(at, v.Value)
	}
	return tree
}

func (r *reader) number(path []string, node ast.Node, text string) any {
	if !plainNumber.MatchString(text) {
		r.refuse(path, node, "%s is not a plain decimal number; if it is text, put it in quotes", text)
		return nil
	}
	return json.Number(text)
}

// below copies: siblings must not share the memory of their paths.
func below(path []string, step string) []string {
	next := make([]string, len(path)+1)
	copy(next, path)
	next[len(path)] = step
	return next
}
