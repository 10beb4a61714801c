package stats

import "fmt"

// Kind says why a result cannot be given. The set is closed; every method uses these.
type Kind string

const (
	// BadInput is an option, level or shape that the method does not take.
	BadInput Kind = "bad-input"
	// NotFinite is a NaN or an infinity among the data.
	NotFinite Kind = "not-finite"
	// EmptyCell is a combination of levels, or a visit, without an observation.
	EmptyCell Kind = "empty-cell"
	// OneLevel is a factor or column that takes a single value in the analysed data.
	OneLevel Kind = "one-level"
	// Constant is an outcome without residual variation.
	Constant Kind = "constant-outcome"
	// Collinear is a column that is a linear combination of earlier ones.
	Collinear Kind = "collinear"
	// TooFew is too few subjects or observations for what is asked.
	TooFew Kind = "too-few"
	// NotConverged is an iteration that ended away from an optimum.
	NotConverged Kind = "not-converged"
	// Separation is a column, or several together, that tell the outcomes apart without exception.
	Separation Kind = "separation"
	// NoEvents is a comparison of times to event without a single event.
	NoEvents Kind = "no-events"
	// Internal is a defect of this program.
	Internal Kind = "internal"
)

// Failure is a result that cannot be given: its kind, the column, cell or option it lies in, and
// a sentence for people. It never holds a data value of a person.
type Failure struct {
	Kind    Kind   `json:"kind"`
	Where   string `json:"where"`
	Message string `json:"message"`
}

// Error is the sentence, led by the place.
func (f *Failure) Error() string {
	if f.Where == "" {
		return f.Message
	}
	return f.Where + ": " + f.Message
}

// Errorf makes a Failure.
func Errorf(kind Kind, where, format string, args ...any) error {
	return &Failure{Kind: kind, Where: where, Message: fmt.Sprintf(format, args...)}
}
