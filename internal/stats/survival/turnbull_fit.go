package survival

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// mixture is the problem: masses of the cells, and observations that each cover the cells from..to, so many of them.
type mixture struct {
	covers     []covering
	n          float64
	mass       []float64
	slope      []float64 // of the log-likelihood by each mass
	logLik     float64
	iterations int
}

type covering struct {
	from, to int // to included
	count    float64
}

func newMixture(times []Censored, cells []cell) *mixture {
	f := &mixture{mass: make([]float64, len(cells)), slope: make([]float64, len(cells))}
	counts := map[[2]int]float64{}
	for _, c := range times {
		left, right := c.ends()
		from, _ := slices.BinarySearchFunc(cells, left, func(c cell, e end) int {
			first, _ := Censored{Lower: c.lower, Upper: c.upper}.ends()
			return first.compare(e)
		})
		to, _ := slices.BinarySearchFunc(cells, right, func(c cell, e end) int {
			return cmp.Or(end{c.upper, 1}.compare(e), -1)
		})
		counts[[2]int{from, to - 1}] += float64(c.Count)
		f.n += float64(c.Count)
	}
	for at, count := range counts {
		f.covers = append(f.covers, covering{at[0], at[1], count})
	}
	slices.SortFunc(f.covers, func(a, b covering) int { return cmp.Or(a.from-b.from, a.to-b.to) })
	for j := range f.mass {
		f.mass[j] = 1 / float64(len(cells))
	}
	return f
}

// at gives the log-likelihood of masses, less N times what they have beyond 1 in all, and its slopes where asked.
func (f *mixture) at(mass, slope []float64) float64 {
	sums := make([]float64, len(mass)+1)
	for j, m := range mass {
		sums[j+1] = sums[j] + m
	}
	logLik := -f.n * (sums[len(mass)] - 1)
	jumps := make([]float64, len(mass)+1)
	for _, c := range f.covers {
		p := sums[c.to+1] - sums[c.from]
		if !(p > 0) {
			return math.Inf(-1)
		}
		logLik += c.count * math.Log(p)
		jumps[c.from] += c.count / p
		jumps[c.to+1] -= c.count / p
	}
	if slope != nil {
		sum := 0.0
		for j := range slope {
			sum += jumps[j]
			slope[j] = sum
		}
	}
	return logLik
}

// violation is the largest miss of the conditions: slope/N is 1 where there is mass, and at most 1 where there is none.
func (f *mixture) violation() float64 {
	worst := 0.0
	for j, m := range f.mass {
		d := f.slope[j]/f.n - 1
		if m > 0 {
			d = math.Abs(d)
		}
		worst = math.Max(worst, d)
	}
	return worst
}

const (
	flatGradient   = 1e-9
	turnbullSteps  = 2000
	selfConsistent = 100 // steps of EM between those of Newton; they cost little
)

// climb alternates a few self-consistency steps, which revive masses that were taken as 0 too early, with Newton's steps.
func (f *mixture) climb() error {
	f.logLik = f.at(f.mass, f.slope)
	best := math.Inf(1)
	for f.iterations = 1; f.iterations <= turnbullSteps; f.iterations++ {
		for range selfConsistent {
			f.revive()
			for j := range f.mass {
				f.mass[j] *= f.slope[j] / f.n
			}
			f.logLik = f.at(f.mass, f.slope)
		}
		f.prune()
		for f.newton() {
			if f.violation() < flatGradient {
				break
			}
		}
		worst := f.violation()
		best = math.Min(best, worst)
		if worst < flatGradient {
			return nil
		}
	}
	return stats.Errorf(stats.NotConverged, "intervals", "no maximum of the likelihood was found in %d steps: the conditions are missed by %.1g", turnbullSteps, best)
}

// revive gives a small mass to cells without one whose slope says that they should have it.
func (f *mixture) revive() {
	total := 0.0
	for j, m := range f.mass {
		if m == 0 && f.slope[j] > f.n*(1+flatGradient/2) {
			f.mass[j] = 1e-6
		}
		total += f.mass[j]
	}
	for j := range f.mass {
		f.mass[j] /= total
	}
	f.logLik = f.at(f.mass, f.slope)
}

// prune takes masses as 0 that are small and whose slope says that they fall, as long as every observation keeps one.
func (f *mixture) prune() {
	small := 0.1 / float64(len(f.mass))
	pruned, total := slices.Clone(f.mass), 0.0
	for j, m := range pruned {
		if m < small && f.slope[j] < f.n*(1-1e-6) {
			pruned[j] = 0
		}
		total += pruned[j]
	}
	for j := range pruned {
		pruned[j] /= total
	}
	slope := make([]float64, len(pruned))
	if logLik := f.at(pruned, slope); !math.IsInf(logLik, -1) {
		f.mass, f.slope, f.logLik = pruned, slope, logLik
	}
}

// newton moves the positive masses by Newton's step, cut where a mass reaches 0; it tells whether the likelihood rose.
func (f *mixture) newton() bool {
	free := f.positive()
	info, slope := f.information(free), mat.NewVecDense(len(free), nil)
	ridge := 0.0
	for a, j := range free {
		slope.SetVec(a, f.slope[j]-f.n)
		ridge = math.Max(ridge, info.At(a, a))
	}
	var chol mat.Cholesky
	var step mat.VecDense
	for a := range free {
		info.SetSym(a, a, info.At(a, a)+1e-12*ridge)
	}
	if !chol.Factorize(info) {
		return false
	}
	if err := chol.SolveVecTo(&step, slope); err != nil && math.IsInf(chol.Cond(), 1) {
		return false
	}
	size := 1.0
	for range 40 {
		moved := slices.Clone(f.mass)
		for a, j := range free {
			moved[j] = math.Max(0, f.mass[j]+size*step.AtVec(a))
			if moved[j] < 1e-14 {
				moved[j] = 0
			}
		}
		next := make([]float64, len(moved))
		if logLik := f.at(moved, next); logLik > f.logLik {
			f.mass, f.slope, f.logLik = moved, next, logLik
			return true
		}
		size /= 2
	}
	return false
}

func (f *mixture) positive() []int {
	var free []int
	for j, m := range f.mass {
		if m > 0 {
			free = append(free, j)
		}
	}
	return free
}

// information is minus the second derivative by the masses of these cells.
func (f *mixture) information(of []int) *mat.SymDense {
	sums, before := make([]float64, len(f.mass)+1), make([]int, len(f.mass)+1)
	next := 0
	for j, m := range f.mass {
		sums[j+1], before[j+1] = sums[j]+m, before[j]
		if next < len(of) && of[next] == j {
			next++
			before[j+1]++
		}
	}
	// second differences: an observation adds to the square of its cells
	k := len(of)
	square := mat.NewDense(k+1, k+1, nil)
	for _, c := range f.covers {
		p := sums[c.to+1] - sums[c.from]
		v := c.count / (p * p)
		from, to := before[c.from], before[c.to+1]
		square.Set(from, from, square.At(from, from)+v)
		square.Set(from, to, square.At(from, to)-v)
		square.Set(to, from, square.At(to, from)-v)
		square.Set(to, to, square.At(to, to)+v)
	}
	out := mat.NewSymDense(k, nil)
	for i := range k {
		row := square.RawRowView(i)
		for j := range k {
			if j > 0 {
				row[j] += row[j-1]
			}
			if i > 0 {
				row[j] += square.At(i-1, j)
				if j > 0 {
					row[j] -= square.At(i-1, j-1)
				}
			}
			if j <= i {
				out.SetSym(i, j, row[j])
			}
		}
	}
	return out
}
