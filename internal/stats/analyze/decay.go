package analyze

import (
	"afterglow/internal/stats"
	"afterglow/internal/stats/decay"
)

var decayKinds = []kind{
	as("decay_fit", "exponential decay of estimates with their covariance", func(_ job, in decay.FitInput) (decay.FitResult, error) { return decay.Fit(in) }),
	as("ratio_ci", "ratio of two correlated estimates, Fieller's and the delta method's intervals", func(_ job, in decay.RatioInput) (decay.RatioResult, error) { return decay.Ratio(in) }),
	as("nls_half_life", "half-life of single values by nonlinear least squares", nlsHalfLife),
	as("nlme_decay", "decay with a coefficient that varies between subjects", nlmeDecay),
}

type halfLifeInput struct {
	Time     string `json:"time"`
	Response string `json:"response"`
	// Model, where it is given, has to be halvingModel: there is one.
	Model string  `json:"model"`
	Level float64 `json:"level"`
}

const halvingModel = "b0 + b1 * 2^(-t/th)"

type halfLifeResult struct {
	decay.Halving
	NExcluded int `json:"n_excluded"`
}

func nlsHalfLife(j job, in halfLifeInput) (halfLifeResult, error) {
	if in.Model != "" && in.Model != halvingModel {
		return halfLifeResult{}, stats.Errorf(stats.BadInput, "model", "no model %q; there is %s", in.Model, halvingModel)
	}
	columns, err := j.complete(in.Time, in.Response)
	if err != nil {
		return halfLifeResult{}, err
	}
	out, err := decay.FitHalving(columns[0], columns[1], in.Level)
	return halfLifeResult{out, j.open(in.Time, in.Response)}, err
}

type nlmeInput struct {
	Response string           `json:"response"`
	Time     string           `json:"time"`
	Subject  string           `json:"subject"`
	Model    decay.MixedModel `json:"model"`
	Arm      string           `json:"arm"`
	Arm1     string           `json:"arm1"`
	Level    float64          `json:"level"`
	// Mean and Random are remarks: the model's mean, and its random part, in R's notation.
	Mean   string `json:"mean"`
	Random string `json:"random"`
}

type nlmeResult struct {
	decay.MixedResult
	NExcluded int `json:"n_excluded"`
}

func nlmeDecay(j job, in nlmeInput) (nlmeResult, error) {
	columns, err := j.numbers(in.Time, in.Response)
	if err != nil {
		return nlmeResult{}, err
	}
	subjects, err := j.text(in.Subject)
	if err != nil {
		return nlmeResult{}, err
	}
	arms := make([]string, len(subjects))
	if in.Arm != "" {
		if arms, err = j.text(in.Arm); err != nil {
			return nlmeResult{}, err
		}
	} else if in.Model == decay.AsymptoteRandomArm {
		return nlmeResult{}, stats.Errorf(stats.BadInput, "arm", "the model needs an arm")
	}
	fit := decay.MixedInput{Model: in.Model, Level: in.Level}
	var rows []int
	other := ""
	for i := range subjects {
		if !columns[0][i].Defined || !columns[1][i].Defined || subjects[i] == "" || in.Arm != "" && arms[i] == "" {
			continue
		}
		rows = append(rows, i)
		fit.T, fit.Y = append(fit.T, columns[0][i].Value), append(fit.Y, columns[1][i].Value)
		if in.Arm != "" {
			arm := 0.0
			switch {
			case arms[i] == in.Arm1:
				arm = 1
			case other == "":
				other = arms[i]
			case arms[i] != other:
				return nlmeResult{}, stats.Errorf(stats.BadInput, in.Arm, "has more levels than %s and one other: keep two of them", in.Arm1)
			}
			fit.Arm = append(fit.Arm, arm)
		}
	}
	fit.Group = numbered(inRows(subjects, rows))
	out, err := decay.FitMixed(fit)
	return nlmeResult{out, j.data.Length() - len(rows)}, err
}
