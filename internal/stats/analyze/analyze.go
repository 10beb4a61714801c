// Package analyze runs a specification of analyses: cases of named kinds, each with a data set, filters and input,
// in the shape of the reference files of other statistical software. Floor: ground.
// It must not compute: each kind's adapter reads its input, calls the room of its method and hands back that room's result.
package analyze

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/reference"
)

// Files gives the content of a file of the data folder by its name.
type Files func(name string) ([]byte, error)

// Result is what became of a case: a result of its kind, or why there is none.
type Result struct {
	ID     string   `json:"id"`
	Kind   string   `json:"kind,omitempty"`
	Result any      `json:"result,omitempty"`
	Error  *Failure `json:"error,omitempty"`
}

// Failure is why a case has no result. The message is led by the place: a column, cell, option or file.
type Failure struct {
	Kind    stats.Kind `json:"kind"`
	Where   string     `json:"where"`
	Message string     `json:"message"`
}

// Run runs the cases in their order; a case that fails does not stop the rest.
func Run(cases []reference.Case, files Files) []Result {
	r := &run{cases: cases, files: files, data: map[string]reference.Data{}, done: map[string]any{}}
	results := make([]Result, len(cases))
	for i, c := range cases {
		value, err := r.guarded(c)
		if err != nil {
			results[i] = Result{ID: c.ID, Error: failure(err)}
			continue
		}
		results[i] = Result{ID: c.ID, Kind: c.Kind, Result: value}
	}
	return results
}

// failure says of err what kind it is and where; what no method named is bad input, and a name that the input left empty is
// in the input.
func failure(err error) *Failure {
	out := &Failure{Kind: stats.BadInput, Message: err.Error()}
	var named *stats.Failure
	var syntax *formula.SyntaxError
	switch {
	case errors.As(err, &named):
		out.Kind, out.Where = named.Kind, named.Where
	case errors.As(err, &syntax):
		out.Where = "formula"
	}
	if out.Where == "" {
		out.Where, out.Message = "input", "input: "+out.Message
	}
	return out
}

// run is one specification under way.
type run struct {
	cases []reference.Case
	files Files
	data  map[string]reference.Data
	done  map[string]any
}

// guarded gives a defect in one method the form of that case's failure, so that the other cases are still answered.
func (r *run) guarded(c reference.Case) (value any, err error) {
	defer func() {
		if defect := recover(); defect != nil {
			value, err = nil, stats.Errorf(stats.Internal, c.Kind, "a defect in this program, please report it with the case: %v", defect)
		}
	}()
	return r.result(c)
}

func (r *run) result(c reference.Case) (any, error) {
	if len(c.Unknown) > 0 {
		name := c.Unknown[0]
		known := reference.CaseFields
		if strings.HasPrefix(name, "rows.") {
			known = reference.FilterFields
		}
		return nil, unknown("a case has", name, strings.TrimPrefix(name, "rows."), known)
	}
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == c.Kind })
	if i < 0 {
		return nil, stats.Errorf(stats.BadInput, "kind", "%q is not a kind of analysis: analyze --kinds lists them", c.Kind)
	}
	j, err := r.job(c)
	if err != nil {
		return nil, err
	}
	return kinds[i].run(j)
}

func (r *run) job(c reference.Case) (job, error) {
	j := job{run: r, input: c.Input}
	if c.Dataset == "" {
		return j, nil
	}
	all, err := r.dataset(c.Dataset)
	if err != nil {
		return j, err
	}
	j.data, err = all.Keep(c.Rows)
	return j, err
}

func (r *run) dataset(name string) (reference.Data, error) {
	if d, read := r.data[name]; read {
		return d, nil
	}
	file, err := r.files(name)
	if err != nil {
		return reference.Data{}, stats.Errorf(stats.BadInput, "dataset", "%s cannot be read: %v", name, err)
	}
	d, err := reference.ReadCSV(file)
	if err != nil {
		return reference.Data{}, fmt.Errorf("read %s: %w", name, err)
	}
	r.data[name] = d
	return d, nil
}

// job is what an adapter works with: the case's input and its filtered rows (none where the case has no data set).
type job struct {
	run   *run
	input json.RawMessage
	data  reference.Data
}

// file gives another data set of the data folder, unfiltered.
func (j job) file(name string) (reference.Data, error) { return j.run.dataset(name) }

// other gives another case of the same specification, for kinds that compare cases; it must be of one of the given kinds.
func (j job) other(id string, of ...string) (reference.Case, error) {
	i := slices.IndexFunc(j.run.cases, func(c reference.Case) bool { return c.ID == id })
	if i < 0 {
		return reference.Case{}, stats.Errorf(stats.BadInput, id, "no case of this specification has this id")
	}
	if c := j.run.cases[i]; slices.Contains(of, c.Kind) {
		return c, nil
	}
	return reference.Case{}, stats.Errorf(stats.BadInput, id, "the case is of kind %s, which cannot be used here", j.run.cases[i].Kind)
}

// of is the job of another case, with its own rows.
func (j job) of(c reference.Case) (job, error) { return j.run.job(c) }

// kind is a kind of analysis. input and result are the types whose JSON fields describe it; where what is given depends on
// the input, results are its forms.
type kind struct {
	name, about string
	input       reflect.Type
	results     []reflect.Type
	run         func(job) (any, error)
}

// as makes a kind of an adapter: In is the case's input, Out the room's result. Where the room does not see the rows that the
// adapter leaves out, Out holds the room's result and their count, n_excluded.
func as[In, Out any](name, about string, adapter func(job, In) (Out, error)) kind {
	return kind{name: name, about: about, input: reflect.TypeFor[In](), results: []reflect.Type{reflect.TypeFor[Out]()}, run: func(j job) (any, error) {
		in, err := read[In](name, j.input)
		if err != nil {
			return nil, err
		}
		return adapter(j, in)
	}}
}

// read reads the input of a case of the kind.
func read[In any](kind string, input json.RawMessage) (In, error) {
	var in In
	if len(input) == 0 {
		return in, stats.Errorf(stats.BadInput, "input", "the case has none")
	}
	decoder := json.NewDecoder(bytes.NewReader(input))
	if err := decoder.Decode(&in); err != nil {
		return in, stats.Errorf(stats.BadInput, "input", "is not what %s takes: %v", kind, err)
	}
	if err := onlyKnown(kind, input, reflect.TypeFor[In]()); err != nil {
		return in, err
	}
	return in, noGaps(input, reflect.TypeFor[In]())
}

// noGaps refuses a list with a null in it, which would be read as 0 or as an empty name; lists whose numbers may be missing
// take it.
func noGaps(input json.RawMessage, of reflect.Type) error {
	var members map[string]any
	if err := json.Unmarshal(input, &members); err != nil {
		return stats.Errorf(stats.BadInput, "input", "is not an object: %v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if hasGap(members[name]) && !takesGaps(of, name) {
			return stats.Errorf(stats.BadInput, name, "a value of the list is missing (null)")
		}
	}
	return nil
}

func takesGaps(of reflect.Type, name string) bool {
	for i := range of.NumField() {
		tag, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		if tag != name {
			continue
		}
		element := of.Field(i).Type
		for element.Kind() == reflect.Slice {
			element = element.Elem()
		}
		return element == number
	}
	return false
}

func hasGap(value any) bool {
	switch v := value.(type) {
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return e == nil || hasGap(e) })
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), hasGap)
	}
	return false
}

// giving names the forms that the result takes, by the input.
func (k kind) giving(forms ...any) kind {
	k.results = nil
	for _, f := range forms {
		k.results = append(k.results, reflect.TypeOf(f))
	}
	return k
}
