package analyze

import (
	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/meta"
)

var metaKinds = []kind{
	as("meta_analysis", "effects of several studies pooled", metaAnalysis),
	as("pooled_sites", "estimates of several sites pooled with random effects", func(_ job, in sitesInput) (meta.Pooled, error) { return meta.PoolSites(in.Sites, in.Level) }),
}

type sitesInput struct {
	Sites []meta.Site `json:"sites"`
	Level float64     `json:"level"`
}

type metaInput struct {
	Measure  meta.Measure      `json:"measure"`
	Columns  map[string]string `json:"columns"`
	Mods     string            `json:"mods"`
	Methods  []meta.Estimator  `json:"methods"`
	Adjusted []meta.Estimator  `json:"methods_knha"`
	Level    float64           `json:"level"`
}

func metaAnalysis(j job, in metaInput) (meta.Analysis, error) {
	arguments := in.Measure.Columns()
	if arguments == nil {
		return meta.Analysis{}, stats.Errorf(stats.BadInput, "measure", "no measure %q; there are RR, OR, RD, MD, SMD and GEN", in.Measure)
	}
	var names []string
	for _, argument := range arguments {
		name, given := in.Columns[argument]
		if !given {
			return meta.Analysis{}, stats.Errorf(stats.BadInput, "columns", "%s needs %s", in.Measure, argument)
		}
		names = append(names, name)
	}
	design, frame := formula.Matrix{}, j.data.Frame()
	if in.Mods != "" {
		var err error
		if design, frame, err = j.covariates(in.Mods, nil, nil, names...); err != nil {
			return meta.Analysis{}, err
		}
	} else {
		var err error
		if design, err = frame.Evaluate(formula.Design{}, nil, names...); err != nil {
			return meta.Analysis{}, err
		}
	}
	var effects []meta.Effect
	for i, row := range design.Rows {
		x := make([]float64, len(names))
		for c, name := range names {
			column, ok := frame.Numbers[name]
			if !ok {
				return meta.Analysis{}, stats.Errorf(stats.BadInput, name, "is not a column of numbers")
			}
			x[c] = column[row].Value
		}
		e, err := in.Measure.Compute(x, i)
		if err != nil {
			return meta.Analysis{}, err
		}
		effects = append(effects, e)
	}
	var moderators []meta.Moderator
	for c, name := range design.Names {
		m := meta.Moderator{Name: name}
		for i := range design.Rows {
			m.Values = append(m.Values, design.Row(i)[c])
		}
		moderators = append(moderators, m)
	}
	plain, adjusted := meta.Defaults(in.Measure, in.Mods != "")
	if in.Methods != nil {
		plain = in.Methods
	}
	if in.Adjusted != nil {
		adjusted = in.Adjusted
	}
	return meta.Analyse(effects, moderators, plain, adjusted, in.Level)
}
