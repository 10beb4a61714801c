package analyze

import (
	"math/rand/v2"

	"afterglow/internal/stats"
	"afterglow/internal/stats/bootstrap"
)

var bootstrapKinds = []kind{
	as("bootstrap", "a statistic resampled", resampled),
}

type bootstrapInput struct {
	Statistic string  `json:"statistic"`
	X         string  `json:"x"`
	Y         string  `json:"y"`
	Response  string  `json:"response"`
	Group     string  `json:"group"`
	Group1    string  `json:"group1"`
	Group2    string  `json:"group2"`
	IndexFile string  `json:"index_file"`
	IndexBase int     `json:"index_base"`
	Draws     int     `json:"draws"`
	Seed      uint64  `json:"seed"`
	Level     float64 `json:"level"`
}

func resampled(j job, in bootstrapInput) (bootstrap.Result, error) {
	var x, y []float64
	var first []bool
	var strata [][]int
	if bootstrap.Paired(in.Statistic) {
		pairs, err := j.complete(in.X, in.Y)
		if err != nil {
			return bootstrap.Result{}, err
		}
		x, y = pairs[0], pairs[1]
		strata = [][]int{nil}
		for i := range x {
			strata[0] = append(strata[0], i)
		}
	} else {
		if err := eachOnce("levels of "+in.Group, []string{in.Group1, in.Group2}); err != nil {
			return bootstrap.Result{}, err
		}
		columns, err := j.numbers(in.Response)
		if err != nil {
			return bootstrap.Result{}, err
		}
		if in.Group == "" {
			return bootstrap.Result{}, stats.Errorf(stats.BadInput, "group", "name the column of the two groups")
		}
		_, groups, err := j.levels(in.Group, []string{in.Group1, in.Group2}, len(columns[0]))
		if err != nil {
			return bootstrap.Result{}, err
		}
		strata = make([][]int, 2)
		for i, v := range columns[0] {
			g := groups[i]
			if !v.Defined || g < 0 {
				continue
			}
			strata[g] = append(strata[g], len(x))
			x, first = append(x, v.Value), append(first, g == 0)
		}
		if len(strata[0]) == 0 || len(strata[1]) == 0 {
			return bootstrap.Result{}, stats.Errorf(stats.EmptyCell, in.Group, "one of the groups has no value of %s", in.Response)
		}
	}
	statistic, err := bootstrap.Named(in.Statistic, x, y, first)
	if err != nil {
		return bootstrap.Result{}, err
	}
	resamples, err := j.resamples(in, strata)
	if err != nil {
		return bootstrap.Result{}, err
	}
	result, err := bootstrap.Run(len(x), statistic, resamples, in.Level)
	if bootstrap.Paired(in.Statistic) {
		result.NExcluded = j.open(in.X, in.Y)
	} else {
		result.NExcluded = j.unanswered(in.Response, in.Group, in.Group1, in.Group2)
	}
	return result, err
}

// resamples reads stored positions, a replicate a row, or draws them from the case's seed.
func (j job) resamples(in bootstrapInput, strata [][]int) ([][]int, error) {
	if in.IndexFile == "" {
		if in.Draws < 2 {
			return nil, stats.Errorf(stats.BadInput, "draws", "name an index_file, or say how many draws from which seed")
		}
		size := 0
		for _, rows := range strata {
			size += len(rows)
		}
		if in.Draws > bootstrap.MostPositions/max(size, 1) {
			return nil, stats.Errorf(stats.BadInput, "draws", "at most %d draws of %d rows", bootstrap.MostPositions/max(size, 1), size)
		}
		return bootstrap.Draw(strata, in.Draws, rand.New(rand.NewPCG(in.Seed, in.Seed))), nil
	}
	file, err := j.file(in.IndexFile)
	if err != nil {
		return nil, err
	}
	rows, err := file.Integers()
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		for i := range row {
			row[i] -= in.IndexBase
		}
	}
	return rows, nil
}
