package analyze

import (
	"encoding/json"
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/mixed"
)

var lmmKinds = []kind{
	as("lmm", "linear mixed model", lmm),
	as("lrt", "likelihood ratio test of two linear mixed models", lrt),
}

type lmmInput struct {
	Formula       string              `json:"formula"`
	Method        mixed.Method        `json:"method"`
	Factors       map[string][]string `json:"factors"`
	Level         float64             `json:"level"`
	Means         []string            `json:"emmeans"`
	Contrasts     []string            `json:"contrasts"`
	MeansGrid     []mixed.Grid        `json:"emmeans_grid"`
	ContrastsGrid []mixed.Grid        `json:"contrasts_grid"`
	Subjects      []string            `json:"subjects"`
}

func (in lmmInput) fit(j job) (*mixed.RandomFit, error) {
	parsed, err := formula.Parse(in.Formula)
	if err != nil {
		return nil, stats.Errorf(stats.BadInput, "formula", "%v", err)
	}
	var texts []string
	factors := map[string][]string{}
	for _, name := range slices.Concat(parsed.Columns(), randomColumns(parsed)) {
		if levels, ok := in.Factors[name]; ok {
			factors[name] = levels
			texts = append(texts, name)
		}
	}
	for _, r := range parsed.Random {
		texts = append(texts, r.Group)
	}
	return mixed.FitRandom(mixed.RandomModel{Formula: in.Formula, Factors: factors, Method: in.Method, Level: in.Level}, j.data.Frame(texts...))
}

func randomColumns(f formula.Formula) []string {
	var out []string
	for _, r := range f.Random {
		out = append(out, formula.Formula{Terms: r.Terms}.Columns()...)
	}
	return out
}

func lmm(j job, in lmmInput) (mixed.RandomResult, error) {
	fit, err := in.fit(j)
	if err != nil {
		return mixed.RandomResult{}, err
	}
	return fit.Result(specified(in.MeansGrid, in.Means), specified(in.ContrastsGrid, in.Contrasts), in.Subjects)
}

// specified names the grids by the words in which they were asked.
func specified(grids []mixed.Grid, specs []string) []mixed.Grid {
	for i := range grids {
		if i < len(specs) {
			grids[i].Spec = specs[i]
		}
	}
	return grids
}

type lrtInput struct {
	Small string `json:"small"`
	Big   string `json:"big"`
}

func lrt(j job, in lrtInput) (mixed.LikelihoodRatio, error) {
	var fits [2]*mixed.RandomFit
	for i, id := range []string{in.Small, in.Big} {
		c, err := j.other(id, "lmm")
		if err != nil {
			return mixed.LikelihoodRatio{}, err
		}
		var model lmmInput
		if err := json.Unmarshal(c.Input, &model); err != nil {
			return mixed.LikelihoodRatio{}, stats.Errorf(stats.BadInput, id, "is not what lmm takes: %v", err)
		}
		of, err := j.of(c)
		if err != nil {
			return mixed.LikelihoodRatio{}, err
		}
		if fits[i], err = model.fit(of); err != nil {
			return mixed.LikelihoodRatio{}, err
		}
	}
	return mixed.CompareRandom(fits[0], fits[1])
}
