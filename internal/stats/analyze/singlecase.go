package analyze

import (
	"afterglow/internal/stats"
	"afterglow/internal/stats/mixed"
	"afterglow/internal/stats/singlecase"
)

var singlecaseKinds = []kind{
	as("single_case_trend", "the trend of one series", caseTrend),
	as("single_case_phases", "two phases of one series compared", casePhases),
	as("change_point", "where one series changes most", changePoint),
	as("gls_ar1", "a linear model of one series with autocorrelated errors", glsAR1),
}

type seriesInput struct {
	Time       string  `json:"time"`
	Response   string  `json:"response"`
	MinSegment int     `json:"min_segment"`
	Level      float64 `json:"level"`
}

type trendResult struct {
	singlecase.Trend
	NExcluded int `json:"n_excluded"`
}

func caseTrend(j job, in seriesInput) (trendResult, error) {
	columns, err := j.complete(in.Time, in.Response)
	if err != nil {
		return trendResult{}, err
	}
	out, err := singlecase.FitTrend(columns[0], columns[1], in.Level)
	return trendResult{out, j.open(in.Time, in.Response)}, err
}

type changePointResult struct {
	singlecase.ChangePoint
	NExcluded int `json:"n_excluded"`
}

func changePoint(j job, in seriesInput) (changePointResult, error) {
	columns, err := j.complete(in.Time, in.Response)
	if err != nil {
		return changePointResult{}, err
	}
	out, err := singlecase.FindChange(columns[0], columns[1], in.MinSegment)
	return changePointResult{out, j.open(in.Time, in.Response)}, err
}

type phasesInput struct {
	Response string `json:"response"`
	Phase    string `json:"phase"`
	A        string `json:"a"`
	B        string `json:"b"`
}

type phasesResult struct {
	singlecase.Phases
	NExcluded int `json:"n_excluded"`
}

func casePhases(j job, in phasesInput) (phasesResult, error) {
	groups, err := j.groups(in.Response, in.Phase, in.A, in.B)
	if err != nil {
		return phasesResult{}, err
	}
	out, err := singlecase.ComparePhases(groups[0], groups[1])
	return phasesResult{out, j.unanswered(in.Response, in.Phase, in.A, in.B)}, err
}

type ar1Input struct {
	Response string              `json:"response"`
	Formula  string              `json:"formula"`
	Method   mixed.Method        `json:"method"`
	Factors  map[string][]string `json:"factors"`
}

type ar1Result struct {
	singlecase.AR1
	NExcluded int `json:"n_excluded"`
}

func glsAR1(j job, in ar1Input) (ar1Result, error) {
	if in.Method != mixed.REML && in.Method != mixed.ML {
		return ar1Result{}, stats.Errorf(stats.BadInput, "method", "no method %q; there are REML and ML", in.Method)
	}
	m, y, _, err := j.model(in.Formula, in.Response, in.Factors, nil)
	if err != nil {
		return ar1Result{}, err
	}
	out, err := singlecase.FitAR1(m, y, in.Method == mixed.REML)
	return ar1Result{out, j.data.Length() - m.N()}, err
}
