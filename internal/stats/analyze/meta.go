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
	Measure  meta.Measure        `json:"measure"`
	Columns  map[string]string   `json:"columns"`
	Mods     string              `json:"mods"`
	Factors  map[string][]string `json:"factors"`
	Methods  []meta.Estimator    `json:"methods"`
	Adjusted []meta.Estimator    `json:"methods_knha"`
	Level    float64             `json:"level"`
	// Escalc is a remark: the columns once more, as R's escalc takes them.
	Escalc string `json:"escalc"`
}

// groupSizes are the arguments that may stand in place of the counts without the event.
var groupSizes = map[string]string{"bi": "n1i", "di": "n2i"}

// factors gives the levels of the text columns of a formula's right side: those that are given, else sorted as in R.
func (j job) factors(right string, given map[string][]string) map[string][]string {
	out := map[string][]string{}
	parsed, err := formula.Parse("~ " + right)
	if err != nil {
		return given
	}
	frame := j.data.Frame()
	for _, name := range parsed.Columns() {
		if levels, ok := given[name]; ok {
			out[name] = levels
		} else if column, text := frame.Texts[name]; text {
			out[name] = distinct(column)
		}
	}
	return out
}

type metaResult struct {
	meta.Analysis
	NExcluded int `json:"n_excluded"`
}

func metaAnalysis(j job, in metaInput) (metaResult, error) {
	arguments := in.Measure.Columns()
	if arguments == nil {
		return metaResult{}, stats.Errorf(stats.BadInput, "measure", "no measure %q; there are RR, OR, RD, MD, SMD and GEN", in.Measure)
	}
	var names []string
	sized := make([]bool, len(arguments)) // the group's size is given in place of those without the event
	for c, argument := range arguments {
		name, given := in.Columns[argument]
		if size, one := groupSizes[argument]; one && !given {
			name, given = in.Columns[size]
			sized[c] = true
		}
		if !given {
			return metaResult{}, stats.Errorf(stats.BadInput, "columns", "%s needs %s", in.Measure, argument)
		}
		names = append(names, name)
	}
	design, frame := formula.Matrix{}, j.data.Frame()
	if in.Mods != "" {
		var err error
		if design, frame, err = j.covariates(in.Mods, j.factors(in.Mods, in.Factors), nil, names...); err != nil {
			return metaResult{}, err
		}
	} else {
		var err error
		if design, err = frame.Evaluate(formula.Design{}, nil, names...); err != nil {
			return metaResult{}, err
		}
	}
	var effects []meta.Effect
	for i, row := range design.Rows {
		x := make([]float64, len(names))
		for c, name := range names {
			column, err := numeric(frame, name)
			if err != nil {
				return metaResult{}, err
			}
			x[c] = column[row].Value
			if sized[c] {
				x[c] -= x[c-1]
			}
		}
		e, err := in.Measure.Compute(x, i)
		if err != nil {
			return metaResult{}, err
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
	out, err := meta.Analyse(effects, moderators, plain, adjusted, in.Level)
	return metaResult{out, j.data.Length() - len(effects)}, err
}
