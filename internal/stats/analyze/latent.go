package analyze

import (
	"math/rand/v2"

	"afterglow/internal/stats"
	"afterglow/internal/stats/latent"
)

var latentKinds = []kind{
	as("latent_classes", "classes of subjects whose means follow different courses over time", latentClasses),
	as("latent_class_numbers", "the criteria of one class, two classes and so on, up to the number given", latentNumbers),
}

type latentInput struct {
	Response          string               `json:"response"`
	Time              string               `json:"time"`
	Subject           string               `json:"subject"`
	Classes           int                  `json:"classes"`
	Degree            int                  `json:"degree"`
	Random            latent.RandomEffects `json:"random"`
	CovarianceByClass bool                 `json:"covariance_by_class"`
	VarianceByClass   bool                 `json:"variance_by_class"`
	Order             latent.Order         `json:"order"`
	Starts            int                  `json:"starts"`
	Seed              uint64               `json:"seed"`
	At                []float64            `json:"at"`
	Level             float64              `json:"level"`
}

func latentClasses(j job, in latentInput) (latent.Result, error) {
	subjects, err := in.subjects(j)
	if err != nil {
		return latent.Result{}, err
	}
	return latent.Fit(in.model(), subjects, rand.New(rand.NewPCG(in.Seed, in.Seed)))
}

func latentNumbers(j job, in latentInput) (latent.Numbers, error) {
	subjects, err := in.subjects(j)
	if err != nil {
		return latent.Numbers{}, err
	}
	return latent.Compare(in.model(), in.Classes, subjects, rand.New(rand.NewPCG(in.Seed, in.Seed)))
}

func (in latentInput) model() latent.Model {
	return latent.Model{Classes: in.Classes, Degree: in.Degree, Random: in.Random, CovarianceByClass: in.CovarianceByClass, VarianceByClass: in.VarianceByClass,
		Order: in.Order, Starts: in.Starts, At: in.At, Level: in.Level}
}

// subjects gathers the rows of each subject.
func (in latentInput) subjects(j job) ([]latent.Subject, error) {
	columns, err := j.numbers(in.Time, in.Response)
	if err != nil {
		return nil, err
	}
	names, err := j.text(in.Subject)
	if err != nil {
		return nil, err
	}
	place := map[string]int{}
	var subjects []latent.Subject
	for i, name := range names {
		if name == "" {
			return nil, stats.Errorf(stats.BadInput, in.Subject, "row %d has no subject", i+1)
		}
		at, known := place[name]
		if !known {
			at = len(subjects)
			place[name] = at
			subjects = append(subjects, latent.Subject{Name: name})
		}
		value := columns[1][i]
		if !columns[0][i].Defined {
			value = stats.Number{} // a value at no known time
		}
		s := &subjects[at]
		s.Times, s.Values = append(s.Times, columns[0][i].Value), append(s.Values, value)
	}
	return subjects, nil
}
