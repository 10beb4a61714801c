package analyze

import (
	"afterglow/internal/stats"
	"afterglow/internal/stats/proportion"
)

var proportionKinds = []kind{
	as("proportion_ci", "a share with its intervals", proportionCI),
	as("two_by_two", "two shares compared", twoByTwo),
}

type proportionInput struct {
	X     *int    `json:"x"`
	N     *int    `json:"n"`
	Level float64 `json:"level"`
}

func proportionCI(_ job, in proportionInput) (proportion.One, error) {
	c, err := givenCounts([]string{"x", "n"}, in.X, in.N)
	if err != nil {
		return proportion.One{}, err
	}
	return proportion.Interval(c[0], c[1], in.Level)
}

type tableInput struct {
	A     *int    `json:"a"`
	B     *int    `json:"b"`
	C     *int    `json:"c"`
	D     *int    `json:"d"`
	Level float64 `json:"level"`
}

func twoByTwo(_ job, in tableInput) (proportion.Two, error) {
	c, err := givenCounts([]string{"a", "b", "c", "d"}, in.A, in.B, in.C, in.D)
	if err != nil {
		return proportion.Two{}, err
	}
	return proportion.Compare(proportion.Table{A: c[0], B: c[1], C: c[2], D: c[3]}, in.Level)
}

// givenCounts refuses a count that is not given: it is not 0.
func givenCounts(names []string, given ...*int) ([]int, error) {
	out := make([]int, len(given))
	for i, v := range given {
		if v == nil {
			return nil, stats.Errorf(stats.BadInput, names[i], "the count is missing")
		}
		out[i] = *v
	}
	return out, nil
}
