package mixed

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/bootstrap"
)

// Buckets are the sums of patients told apart by a hash of their names: what a store gives that groups by pattern and
// bucket. Buckets stand for patients in resampling, so there should be a few hundred, each with several patients. See
// docs/methods/mmrm.md, "Bootstrap by bucket".
type Buckets struct {
	design  *Design
	sums    []*Sums
	options Options
}

// NewBuckets takes the sums of every bucket; design, visits, columns and origin are one.
func NewBuckets(d *Design, sums []*Sums, o Options) (*Buckets, error) {
	if len(sums) < 2 {
		return nil, stats.Errorf(stats.TooFew, "buckets", "%d buckets cannot be resampled", len(sums))
	}
	return &Buckets{d, sums, o}, nil
}

// Fit fits all buckets together.
func (b *Buckets) Fit() (*Fit, error) {
	all := make([]int, len(b.sums))
	for i := range all {
		all[i] = 1
	}
	return b.fit(all)
}

// fit takes every bucket so many times.
func (b *Buckets) fit(times []int) (*Fit, error) {
	var total *Sums
	for i, n := range times {
		if n == 0 {
			continue
		}
		if total == nil {
			total = &Sums{Visits: b.sums[i].Visits, Columns: b.sums[i].Columns, Origin: b.sums[i].Origin}
		}
		if err := total.add(b.sums[i], n); err != nil {
			return nil, err
		}
	}
	return FitSums(b.design, total, b.options)
}

// Statistic reads numbers off a fit: contrasts, ratios, or the outcome of a choice that the fit itself makes (such as
// the best visit), which resampling then repeats. It gives the same number of finite numbers every time.
type Statistic func(*Fit) ([]float64, error)

// Resampled is one number of a statistic with its spread over buckets.
type Resampled struct {
	Estimate       float64        `json:"estimate"`
	SE             stats.Number   `json:"se"`
	Bias           stats.Number   `json:"bias"`
	Percentile     stats.Interval `json:"percentile"`
	BCa            stats.Interval `json:"bca"`
	Jackknife      stats.Estimate `json:"jackknife"`
	Replicates     int            `json:"replicates"`
	FailedFits     int            `json:"failed_fits"`
	FailedJackfits int            `json:"failed_jackknife_fits"`
	Notes          []string       `json:"notes"`
}

// maxFailed is the share of replicates without a fit beyond which their spread is not read.
const maxFailed = 0.1

// Bootstrap draws as many buckets as there are, with replacement, so many times, refits and reads the statistic; source
// is seeded by the caller. Beside it stands the jackknife over buckets. A replicate without a fit is counted and left
// out; more than a tenth of them is a failure.
func (b *Buckets) Bootstrap(statistic Statistic, replicates int, source *rand.Rand) ([]Resampled, error) {
	if replicates < 2 {
		return nil, stats.Errorf(stats.BadInput, "replicates", "%d replicates have no spread", replicates)
	}
	all, base, err := b.start(statistic)
	if err != nil {
		return nil, err
	}
	var kept [][]int
	known := map[string][]float64{fmt.Sprint(all): base}
	var last error
	for _, drawn := range bootstrap.Draw([][]int{all}, replicates, source) {
		slices.Sort(drawn) // a resample has no order, and one drawn twice is fitted once
		key := fmt.Sprint(drawn)
		if _, fitted := known[key]; !fitted {
			values, err := b.read(statistic, drawn)
			if err != nil || len(values) != len(base) {
				last = err
				continue
			}
			known[key] = values
		}
		kept = append(kept, drawn)
	}
	failed := replicates - len(kept)
	if float64(failed) > maxFailed*float64(replicates) {
		return nil, stats.Errorf(stats.TooFew, "replicates", "%d of %d resamples have no fit (%v): the buckets are too few or too small", failed, replicates, last)
	}
	left := b.leaveOneOut(statistic, all, len(base), known)
	out := make([]Resampled, len(base))
	for k := range base {
		result, err := bootstrap.Run(len(all), func(rows []int) float64 {
			if values, fitted := known[fmt.Sprint(rows)]; fitted {
				return values[k]
			}
			return math.NaN()
		}, kept, b.options.Level)
		if err != nil {
			return nil, err
		}
		out[k] = Resampled{Estimate: base[k], SE: result.SE, Bias: result.Bias, Replicates: len(kept), FailedFits: failed,
			FailedJackfits: len(all) - len(left), Notes: b.notes(failed),
			Percentile: stats.Interval{Lower: result.PercentileLower, Upper: result.PercentileUpper, Level: b.options.Level},
			BCa:        stats.Interval{Lower: result.BCaLower, Upper: result.BCaUpper, Level: b.options.Level},
			Jackknife:  jackknifed(base[k], left, k, len(all), b.options.Level)}
	}
	return out, nil
}

// Jackknife leaves out one bucket at a time: the variance is (m - 1)/m times the sum of squares about the mean over the
// m buckets (Tukey's, for groups: Shao & Tu 1995, The Jackknife and Bootstrap, section 2.3), on m - 1 degrees of freedom.
func (b *Buckets) Jackknife(statistic Statistic) ([]stats.Estimate, error) {
	all, base, err := b.start(statistic)
	if err != nil {
		return nil, err
	}
	left := b.leaveOneOut(statistic, all, len(base), map[string][]float64{})
	if len(left) < len(all) {
		return nil, stats.Errorf(stats.TooFew, "buckets", "without one bucket there is no fit (%d of %d): the buckets are too few", len(all)-len(left), len(all))
	}
	out := make([]stats.Estimate, len(base))
	for k := range base {
		out[k] = jackknifed(base[k], left, k, len(all), b.options.Level)
	}
	return out, nil
}

// start numbers the buckets, reads the statistic of all and keeps the parameters from which resamples start.
func (b *Buckets) start(statistic Statistic) (all []int, base []float64, err error) {
	all = make([]int, len(b.sums))
	for i := range all {
		all[i] = i
	}
	fit, err := b.Fit()
	if err != nil {
		return nil, nil, err
	}
	b.options.start = fit.best.theta
	base, err = b.read(statistic, all)
	return all, base, err
}

// read fits the drawn buckets and reads the statistic.
func (b *Buckets) read(statistic Statistic, drawn []int) ([]float64, error) {
	times := make([]int, len(b.sums))
	for _, i := range drawn {
		times[i]++
	}
	fit, err := b.fit(times)
	if err != nil {
		return nil, err
	}
	values, err := statistic(fit)
	if err == nil && !finite(values...) {
		err = stats.Errorf(stats.NotFinite, "statistic", "is not finite")
	}
	return values, err
}

// leaveOneOut reads the statistic without each bucket and adds it to what is known; those without a fit are left out.
func (b *Buckets) leaveOneOut(statistic Statistic, all []int, width int, known map[string][]float64) [][]float64 {
	var out [][]float64
	for i := range all {
		rest := slices.Delete(slices.Clone(all), i, i+1)
		values, err := b.read(statistic, rest)
		if err != nil || len(values) != width {
			continue
		}
		known[fmt.Sprint(rest)] = values
		out = append(out, values)
	}
	return out
}

// jackknifed is undefined but for the estimate where a bucket's own fit is missing.
func jackknifed(estimate float64, left [][]float64, k, buckets int, level float64) stats.Estimate {
	if len(left) < buckets {
		return stats.Estimate{Estimate: stats.Of(estimate), Interval: stats.Interval{Level: level}}
	}
	values := make([]float64, buckets)
	for i := range left {
		values[i] = left[i][k]
	}
	m := float64(buckets)
	se := (m - 1) / math.Sqrt(m) * stat.StdDev(values, nil)
	return stats.TEstimate(estimate, se, stats.Of(m-1), level)
}

func (b *Buckets) notes(failed int) []string {
	patients, largest := 0, 0
	for _, s := range b.sums {
		n := 0
		for _, p := range s.Patterns {
			if p.Observed != 0 {
				n += p.N
			}
		}
		patients += n
		largest = max(largest, n)
	}
	notes := []string{fmt.Sprintf("%d buckets of at most %d of %d patients were resampled in the patients' place", len(b.sums), largest, patients)}
	if failed > 0 {
		notes = append(notes, fmt.Sprintf("%d resamples had no fit and are left out", failed))
	}
	return notes
}
