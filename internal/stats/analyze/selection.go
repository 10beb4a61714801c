package analyze

import (
	"afterglow/internal/stats"
	"afterglow/internal/stats/selection"
)

var selectionKinds = []kind{
	as("regression_to_mean", "the fall that selection at entry alone causes, and the observed fall", regressionToMean),
}

// regressionInput takes the population before selection as given (mean and sd of one measurement) or, without them, from the
// baselines of the rows; baseline and later name columns, and without them the expected fall alone is given.
type regressionInput struct {
	Cutoff        float64        `json:"cutoff"`
	Side          selection.Side `json:"side"`
	Measurements  int            `json:"measurements"`
	Reliability   float64        `json:"reliability"`
	ReliabilitySE stats.Number   `json:"reliability_se"`
	Mean          stats.Number   `json:"population_mean"`
	MeanSE        stats.Number   `json:"population_mean_se"`
	SD            stats.Number   `json:"population_sd"`
	SDSE          stats.Number   `json:"population_sd_se"`
	Baseline      string         `json:"baseline"`
	Later         string         `json:"later"`
	Level         float64        `json:"level"`
}

func regressionToMean(j job, in regressionInput) (selection.Result, error) {
	entry := selection.Entry{Cutoff: in.Cutoff, Side: in.Side, Measurements: in.Measurements, Level: in.Level,
		Reliability: selection.Known{Value: in.Reliability, SE: in.ReliabilitySE}}
	if in.Mean.Defined {
		entry.Mean = &selection.Known{Value: in.Mean.Value, SE: in.MeanSE}
	}
	if in.SD.Defined {
		entry.SD = &selection.Known{Value: in.SD.Value, SE: in.SDSE}
	}
	if in.Baseline == "" {
		return selection.Expected(entry)
	}
	columns, err := j.numbers(in.Baseline, in.Later)
	if err != nil {
		return selection.Result{}, err
	}
	pairs := make([]selection.Pair, len(columns[0]))
	for i := range pairs {
		pairs[i] = selection.Pair{Baseline: columns[0][i], Later: columns[1][i]}
	}
	return selection.Compare(entry, pairs)
}
