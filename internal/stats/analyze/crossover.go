package analyze

import (
	"afterglow/internal/stats/crossover"
)

var crossoverKinds = []kind{
	as("crossover", "two treatments in two periods, in the orders AB and BA", crossed),
}

// crossoverInput names a row per subject: its order (ab and ba are the levels that stand for the two) and both responses.
type crossoverInput struct {
	Order  string  `json:"order"`
	AB     string  `json:"ab"`
	BA     string  `json:"ba"`
	First  string  `json:"first"`
	Second string  `json:"second"`
	Level  float64 `json:"level"`
}

func crossed(j job, in crossoverInput) (crossover.Result, error) {
	responses, err := j.numbers(in.First, in.Second)
	if err != nil {
		return crossover.Result{}, err
	}
	orders, err := j.text(in.Order)
	if err != nil {
		return crossover.Result{}, err
	}
	var subjects []crossover.Subject
	for i, order := range orders {
		s := crossover.Subject{First: responses[0][i], Second: responses[1][i]}
		switch order {
		case in.AB:
			s.Order = crossover.AB
		case in.BA:
			s.Order = crossover.BA
		}
		subjects = append(subjects, s)
	}
	return crossover.Compare(subjects, in.Level)
}
