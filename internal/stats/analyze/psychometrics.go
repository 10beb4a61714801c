package analyze

import (
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/psychometric"
)

var psychometricsKinds = []kind{
	as("rci", "reliable and clinically significant change", reliableChange),
	as("cronbach_alpha", "Cronbach's alpha", cronbachAlpha),
	as("mcdonald_omega", "McDonald's omega of one factor", mcdonaldOmega),
	as("icc", "intraclass correlations", intraclass),
}

type changeInput struct {
	Pre            string       `json:"pre"`
	Post           string       `json:"post"`
	Reliability    float64      `json:"reliability"`
	FunctionalMean stats.Number `json:"functional_mean"`
	FunctionalSD   float64      `json:"functional_sd"`
	LowerIsBetter  bool         `json:"lower_is_better"`
	Z              float64      `json:"z"`
}

// changeResult adds the first persons by name.
type changeResult struct {
	psychometric.Change
	First     []changePerson `json:"first"`
	NExcluded int            `json:"n_excluded"`
}

type changePerson struct {
	Subject string             `json:"subject,omitempty"`
	Pre     stats.Number       `json:"pre"`
	Post    stats.Number       `json:"post"`
	RCI     stats.Number       `json:"rci"`
	Class   psychometric.Class `json:"class"`
}

// firstPersons is how many persons a result shows.
const firstPersons = 12

func reliableChange(j job, in changeInput) (changeResult, error) {
	if !in.FunctionalMean.Defined {
		return changeResult{}, stats.Errorf(stats.BadInput, "functional_mean", "is missing")
	}
	columns, err := j.numbers(in.Pre, in.Post)
	if err != nil {
		return changeResult{}, err
	}
	change, err := psychometric.ReliableChange(columns[0], columns[1], psychometric.ChangeOptions{
		Reliability: in.Reliability, FunctionalMean: in.FunctionalMean.Value, FunctionalSD: in.FunctionalSD, LowerIsBetter: in.LowerIsBetter, Z: in.Z})
	if err != nil {
		return changeResult{}, placed(err, map[string]string{"pre": in.Pre, "post": in.Post})
	}
	subjects, err := j.text("subject")
	if err != nil {
		subjects = make([]string, len(columns[0])) // data without names
	}
	result := changeResult{Change: change, First: []changePerson{}, NExcluded: j.open(in.Pre, in.Post)}
	for _, p := range change.Persons[:min(firstPersons, len(change.Persons))] {
		result.First = append(result.First, changePerson{subjects[p.Row], stats.Of(p.Pre), stats.Of(p.Post), stats.Of(p.RCI), p.Class})
	}
	return result, nil
}

// itemsInput is a scale: those of its items that are keyed in reverse count min + max - x. Persons who left
// an item open are left out.
type itemsInput struct {
	Items    []string `json:"items"`
	Reversed []string `json:"reversed"`
	Min      float64  `json:"min"`
	Max      float64  `json:"max"`
	Missing  string   `json:"missing"`
	Level    float64  `json:"level"`
}

func (in itemsInput) columns(j job) ([][]float64, error) {
	if in.Missing != "" && in.Missing != "listwise" {
		return nil, stats.Errorf(stats.BadInput, "missing", "%q is not listwise", in.Missing)
	}
	if err := eachOnce("items", in.Items); err != nil {
		return nil, err
	}
	for _, name := range in.Reversed {
		if !slices.Contains(in.Items, name) {
			return nil, stats.Errorf(stats.BadInput, "reversed", "%q is not one of the items", name)
		}
	}
	items, err := j.complete(in.Items...)
	if err != nil {
		return nil, err
	}
	for i, name := range in.Items {
		if slices.Contains(in.Reversed, name) {
			for row := range items[i] {
				items[i][row] = in.Min + in.Max - items[i][row]
			}
		}
	}
	return items, nil
}

func cronbachAlpha(j job, in itemsInput) (psychometric.Alpha, error) {
	items, err := in.columns(j)
	if err != nil {
		return psychometric.Alpha{}, err
	}
	result, err := psychometric.CronbachAlpha(items, in.Items, in.Level)
	result.NExcluded = j.open(in.Items...)
	return result, err
}

func mcdonaldOmega(j job, in itemsInput) (psychometric.Omega, error) {
	items, err := in.columns(j)
	if err != nil {
		return psychometric.Omega{}, err
	}
	result, err := psychometric.McDonaldOmega(items, in.Items)
	result.NExcluded = j.open(in.Items...)
	return result, err
}

type iccInput struct {
	Columns []string `json:"columns"`
	Level   float64  `json:"level"`
}

func intraclass(j job, in iccInput) (psychometric.Agreement, error) {
	if err := eachOnce("columns", in.Columns); err != nil {
		return psychometric.Agreement{}, err
	}
	columns, err := j.complete(in.Columns...)
	if err != nil {
		return psychometric.Agreement{}, err
	}
	result, err := psychometric.Intraclass(columns, in.Level)
	result.NExcluded = j.open(in.Columns...)
	return result, err
}
