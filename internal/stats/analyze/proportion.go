package analyze

import "afterglow/internal/stats/proportion"

var proportionKinds = []kind{
	as("proportion_ci", "a share with its intervals", proportionCI),
	as("two_by_two", "two shares compared", twoByTwo),
}

type proportionInput struct {
	X     int     `json:"x"`
	N     int     `json:"n"`
	Level float64 `json:"level"`
}

func proportionCI(_ job, in proportionInput) (proportion.One, error) {
	return proportion.Interval(in.X, in.N, in.Level)
}

type tableInput struct {
	A     int     `json:"a"`
	B     int     `json:"b"`
	C     int     `json:"c"`
	D     int     `json:"d"`
	Level float64 `json:"level"`
}

func twoByTwo(_ job, in tableInput) (proportion.Two, error) {
	return proportion.Compare(proportion.Table{A: in.A, B: in.B, C: in.C, D: in.D}, in.Level)
}
