package analyze

import (
	"encoding/json"
	"maps"
	"math"
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/mixed"
)

var lmmKinds = []kind{
	as("lmm", "linear mixed model", lmm),
	as("lrt", "likelihood ratio test of two linear mixed models, or of two mixed models for repeated measures", lrt),
}

type lmmInput struct {
	Formula string `json:"formula"`
	// Response, where it is given, has to be the formula's; Fixed and Random are remarks: the formula's parts once more.
	Response      string              `json:"response"`
	Fixed         string              `json:"fixed"`
	Random        json.RawMessage     `json:"random"`
	Method        mixed.Method        `json:"method"`
	Factors       map[string][]string `json:"factors"`
	Level         float64             `json:"level"`
	Means         []string            `json:"emmeans"`
	Contrasts     []string            `json:"contrasts"`
	MeansGrid     []mixed.Grid        `json:"emmeans_grid"`
	ContrastsGrid []mixed.Grid        `json:"contrasts_grid"`
	Subjects      []string            `json:"subjects"`
	// Bands asks for predictions, at points of the model's columns, of the mean, of a new subject and of one subject.
	Bands []bandsInput `json:"bands"`
}

// bandsInput holds the points: columns of equal length, numbers or levels, and a subject of the data (empty: none).
type bandsInput struct {
	Subject string               `json:"subject"`
	Numbers map[string][]float64 `json:"numbers"`
	Levels  map[string][]string  `json:"levels"`
}

func (in bandsInput) frame() (formula.Frame, error) {
	out := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: in.Levels}
	length := -1
	check := func(name string, n int) error {
		if length >= 0 && n != length {
			return stats.Errorf(stats.BadInput, name, "%d points, but %d expected", n, length)
		}
		length = n
		return nil
	}
	for name, values := range in.Numbers {
		for _, v := range values {
			out.Numbers[name] = append(out.Numbers[name], stats.Of(v))
		}
		if err := check(name, len(values)); err != nil {
			return out, err
		}
	}
	for name, levels := range in.Levels {
		if err := check(name, len(levels)); err != nil {
			return out, err
		}
	}
	return out, nil
}

// lmmResult is the fit's result with the rows that were left out and the bands asked for, in their order.
type lmmResult struct {
	mixed.RandomResult
	Bands     [][]mixed.BandPoint `json:"bands,omitempty"`
	NExcluded int                 `json:"n_excluded"`
}

func (in lmmInput) fit(j job) (*mixed.RandomFit, error) {
	f, err := parsed(in.Formula)
	if err != nil {
		return nil, err
	}
	if _, err := responseOf(f, in.Response); err != nil {
		return nil, err
	}
	var texts []string
	factors := map[string][]string{}
	for _, name := range slices.Concat(f.Columns(), randomColumns(f)) {
		if levels, ok := in.Factors[name]; ok {
			factors[name] = levels
			texts = append(texts, name)
		}
	}
	for _, r := range f.Random {
		texts = append(texts, r.Group)
	}
	return mixed.FitRandom(mixed.RandomModel{Formula: in.Formula, Factors: factors, Method: in.Method, Level: in.Level}, j.frame(texts, factors, f))
}

func randomColumns(f formula.Formula) []string {
	var out []string
	for _, r := range f.Random {
		out = append(out, formula.Formula{Terms: r.Terms}.Columns()...)
	}
	return out
}

func lmm(j job, in lmmInput) (lmmResult, error) {
	means, err := grids("emmeans", in.MeansGrid, in.Means, false)
	if err != nil {
		return lmmResult{}, err
	}
	contrasts, err := grids("contrasts", in.ContrastsGrid, in.Contrasts, true)
	if err != nil {
		return lmmResult{}, err
	}
	fit, err := in.fit(j)
	if err != nil {
		return lmmResult{}, err
	}
	out := lmmResult{}
	if out.RandomResult, err = fit.Result(means, contrasts, in.Subjects); err != nil {
		return lmmResult{}, err
	}
	out.NExcluded = j.data.Length() - out.NObs
	for _, b := range in.Bands {
		out.Notes = append(out.Notes, j.beyond(b.Numbers)...)
		at, err := b.frame()
		if err != nil {
			return lmmResult{}, err
		}
		points, err := fit.Bands(at, b.Subject)
		if err != nil {
			return lmmResult{}, err
		}
		out.Bands = append(out.Bands, points)
	}
	return out, nil
}

// beyond says which columns of the points are asked for past what the data hold.
func (j job) beyond(points map[string][]float64) []string {
	var notes []string
	frame := j.data.Frame()
	for _, name := range slices.Sorted(maps.Keys(points)) {
		low, high := math.Inf(1), math.Inf(-1)
		for _, v := range frame.Numbers[name] {
			if v.Defined {
				low, high = math.Min(low, v.Value), math.Max(high, v.Value)
			}
		}
		if slices.ContainsFunc(points[name], func(x float64) bool { return x < low || x > high }) {
			notes = append(notes, "bands: "+name+" lies beyond the data at some of the points: what is given there is extrapolated")
		}
	}
	return notes
}

type lrtInput struct {
	Small string `json:"small"`
	Big   string `json:"big"`
}

// lrt compares two cases of one kind.
func lrt(j job, in lrtInput) (mixed.LikelihoodRatio, error) {
	c, err := j.other(in.Small, "lmm", "mmrm")
	if err != nil {
		return mixed.LikelihoodRatio{}, err
	}
	if c.Kind == "mmrm" {
		small, big, err := pair(j, in, c.Kind, func(of job, model mmrmFullInput) (*mixed.Fit, error) {
			fit, _, err := model.fit(of)
			return fit, err
		})
		if err != nil {
			return mixed.LikelihoodRatio{}, err
		}
		return mixed.Compare(small, big)
	}
	small, big, err := pair(j, in, c.Kind, func(of job, model lmmInput) (*mixed.RandomFit, error) { return model.fit(of) })
	if err != nil {
		return mixed.LikelihoodRatio{}, err
	}
	return mixed.CompareRandom(small, big)
}

// pair fits both cases, which must be of the kind.
func pair[In, Fit any](j job, in lrtInput, kind string, fit func(job, In) (Fit, error)) (small, big Fit, err error) {
	var fits [2]Fit
	for i, id := range []string{in.Small, in.Big} {
		c, err := j.other(id, kind)
		if err != nil {
			return small, big, err
		}
		model, err := read[In](kind, c.Input)
		if err != nil {
			return small, big, err
		}
		of, err := j.of(c)
		if err != nil {
			return small, big, err
		}
		if fits[i], err = fit(of, model); err != nil {
			return small, big, err
		}
	}
	return fits[0], fits[1], nil
}
