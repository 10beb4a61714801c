package analyze

import (
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/imputation"
)

var imputationKinds = []kind{
	as("rubin", "an estimate pooled over imputations", rubin),
	as("rubin_vector", "coefficients pooled over imputations, with their joint test", rubinVector),
	as("tipping_point", "the arm effect as imputed responses are shifted", tippingPoint),
}

type rubinInput struct {
	Q          []float64    `json:"q"`
	U          []float64    `json:"u"`
	DFComplete stats.Number `json:"df_complete"`
	Level      float64      `json:"level"`
}

func rubin(_ job, in rubinInput) (imputation.Pooled, error) {
	return imputation.Pool(in.Q, in.U, in.DFComplete, in.Level)
}

type rubinVectorInput struct {
	Q [][]float64   `json:"q"`
	U [][][]float64 `json:"u"`
}

func rubinVector(_ job, in rubinVectorInput) (imputation.PooledVector, error) {
	return imputation.PoolVector(in.Q, in.U)
}

type tippingInput struct {
	Response string    `json:"response"`
	Arm      string    `json:"arm"`
	Arm1     string    `json:"arm1"`
	Baseline string    `json:"baseline"`
	Deltas   []float64 `json:"deltas"`
	Level    float64   `json:"level"`
}

// The columns that say which completed data set a row belongs to and whether its response is imputed.
const (
	imputationColumn = "imputation"
	imputedColumn    = "imputed"
)

type tippingResult struct {
	imputation.TippingPoint
	NExcluded int `json:"n_excluded"`
}

func tippingPoint(j job, in tippingInput) (tippingResult, error) {
	columns, err := j.numbers(in.Response, in.Baseline, imputedColumn)
	if err != nil {
		return tippingResult{}, err
	}
	arms, err := j.text(in.Arm)
	if err != nil {
		return tippingResult{}, err
	}
	numbers, err := j.text(imputationColumn)
	if err != nil {
		return tippingResult{}, err
	}
	if !slices.Contains(arms, in.Arm1) {
		return tippingResult{}, stats.Errorf(stats.EmptyCell, in.Arm+" "+in.Arm1, "no row has this level")
	}
	var order []string
	other := ""
	excluded, sets := 0, map[string]*imputation.Completed{}
	for i, number := range numbers {
		if !columns[0][i].Defined || !columns[1][i].Defined || arms[i] == "" || number == "" {
			excluded++
			continue
		}
		s := sets[number]
		if s == nil {
			s = &imputation.Completed{}
			sets[number] = s
			order = append(order, number)
		}
		arm := 0.0
		switch {
		case arms[i] == in.Arm1:
			arm = 1
		case other == "":
			other = arms[i]
		case arms[i] != other:
			return tippingResult{}, stats.Errorf(stats.BadInput, in.Arm, "has more levels than %s and one other: keep two of them", in.Arm1)
		}
		s.Response, s.Baseline = append(s.Response, columns[0][i].Value), append(s.Baseline, columns[1][i].Value)
		s.Arm, s.Imputed = append(s.Arm, arm), append(s.Imputed, columns[2][i].Value == 1)
	}
	completed := make([]imputation.Completed, len(order))
	for i, number := range order {
		completed[i] = *sets[number]
	}
	out, err := imputation.Tip(completed, in.Deltas, in.Level)
	return tippingResult{out, excluded}, err
}
