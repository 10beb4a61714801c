package analyze

import (
	"math/rand/v2"
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/imputation"
)

var multipleImputationKinds = []kind{
	as("multiple_imputation", "the arm effect at every visit over imputations of what is missing, at random or by reference", multipleImputation),
}

// multipleInput names long data, a row per subject and visit; a visit without a row is missing.
type multipleInput struct {
	Response    string              `json:"response"`
	Subject     string              `json:"subject"`
	Visit       string              `json:"visit"`
	Visits      []string            `json:"visit_levels"`
	Arm         string              `json:"arm"`
	Arms        []string            `json:"arm_levels"`
	Covariates  []string            `json:"covariates"`
	Imputations int                 `json:"imputations"`
	Covariance  imputation.Sharing  `json:"covariance"`
	Strategy    imputation.Strategy `json:"strategy"`
	Reference   string              `json:"reference"`
	Shift       map[string]float64  `json:"shift"`
	BurnIn      int                 `json:"burn_in"`
	Thin        int                 `json:"thin"`
	Deltas      []float64           `json:"deltas"`
	Seed        uint64              `json:"seed"`
	Level       float64             `json:"level"`
}

func multipleImputation(j job, in multipleInput) (imputation.Multiple, error) {
	trial, err := in.trial(j)
	if err != nil {
		return imputation.Multiple{}, err
	}
	return imputation.Impute(trial, imputation.Plan{Imputations: in.Imputations, Covariance: in.Covariance, Strategy: in.Strategy, Reference: in.Reference, Shift: in.Shift,
		BurnIn: in.BurnIn, Thin: in.Thin, Deltas: in.Deltas, Level: in.Level}, rand.New(rand.NewPCG(in.Seed, in.Seed)))
}

// trial gathers the rows of each subject; arm and covariates must not change within one.
func (in multipleInput) trial(j job) (imputation.Trial, error) {
	t := imputation.Trial{Visits: in.Visits, Arms: in.Arms, Covariates: in.Covariates}
	columns, err := j.numbers(append([]string{in.Response}, in.Covariates...)...)
	if err != nil {
		return t, err
	}
	texts := make([][]string, 3)
	for i, name := range []string{in.Subject, in.Visit, in.Arm} {
		if texts[i], err = j.text(name); err != nil {
			return t, err
		}
	}
	place, seen := map[string]int{}, map[[2]string]bool{}
	for row, name := range texts[0] {
		visit := slices.Index(in.Visits, texts[1][row])
		switch key := [2]string{name, texts[1][row]}; {
		case name == "":
			return t, stats.Errorf(stats.BadInput, in.Subject, "row %d has no subject", row+1)
		case visit < 0:
			return t, stats.Errorf(stats.BadInput, in.Visit, "row %d is of a visit that is not among visit_levels", row+1)
		case seen[key]:
			return t, stats.Errorf(stats.BadInput, in.Visit+" "+texts[1][row], "a subject has two rows at this visit")
		default:
			seen[key] = true
		}
		at, known := place[name]
		if !known {
			at = len(t.Subjects)
			place[name] = at
			s := imputation.Subject{Arm: texts[2][row], Values: make([]stats.Number, len(in.Visits))}
			for _, column := range columns[1:] {
				s.Covariates = append(s.Covariates, column[row])
			}
			t.Subjects = append(t.Subjects, s)
		}
		s := &t.Subjects[at]
		if s.Arm != texts[2][row] {
			return t, stats.Errorf(stats.BadInput, in.Arm, "changes within a subject (row %d)", row+1)
		}
		for k, column := range columns[1:] {
			if s.Covariates[k] != column[row] {
				return t, stats.Errorf(stats.BadInput, in.Covariates[k], "changes within a subject (row %d)", row+1)
			}
		}
		s.Values[visit] = columns[0][row]
	}
	return t, nil
}
