package mixed

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/bootstrap"
	"afterglow/internal/stats/formula"
	"afterglow/internal/testkit/statstest"
)

// lastDifference is the difference of the arms at the last visit.
func lastDifference(fit *Fit) ([]float64, error) {
	m := fit.design.Model
	rows, err := fit.differenceRows(m.Factors[m.Arm][1], m.Factors[m.Arm][0])
	if err != nil {
		return nil, err
	}
	i, err := fit.Contrast(rows[len(rows)-1])
	return []float64{i.Estimate}, err
}

func bucketsOf(t testing.TB, tr trial, f string, frame formula.Frame, n int, o Options) (*Buckets, []*Sums) {
	d, parts, _ := clinics(t, tr, f, frame, n)
	b, err := NewBuckets(d, parts, o)
	require.NoError(t, err)
	return b, parts
}

func TestBucketsAddUpToAllPatients(t *testing.T) {
	tr := trial{patients: 80, arms: 2, visits: 3, missing: gaps}
	d, parts, all := clinics(t, tr, "score ~ base + arm * week", tr.frame(71), 20)
	b, err := NewBuckets(d, parts, options(tr, Unstructured, REML))
	require.NoError(t, err)
	fit, err := b.Fit()
	require.NoError(t, err)
	whole, err := FitSums(d, all, options(tr, Unstructured, REML))
	require.NoError(t, err)
	same(t, whole, fit, 1e-8)
}

// One patient in each bucket: leaving out a bucket is leaving out a patient's rows.
func TestTheJackknifeOverBucketsOfOneIsThatOverPatients(t *testing.T) {
	tr := trial{patients: 24, arms: 2, visits: 2}
	frame := tr.frame(72)
	d, all := tr.sums(t, "score ~ base + arm * week", frame)
	patients, _, err := d.patients(Rows{Data: frame, Subject: "id"})
	require.NoError(t, err)
	var singles []*Sums
	for _, one := range patients {
		s, err := d.NewSums(all.Origin)
		require.NoError(t, err)
		p := s.emptyPattern(one.observed)
		newAccumulator(s).add(p, one)
		require.NoError(t, s.Put(*p))
		singles = append(singles, s)
	}
	o := options(tr, Unstructured, REML)
	b, err := NewBuckets(d, singles, o)
	require.NoError(t, err)
	got, err := b.Jackknife(lastDifference)
	require.NoError(t, err)

	var left []float64
	for i := range patients {
		without := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}
		for row, id := range frame.Texts["id"] {
			if id == patients[i].id {
				continue
			}
			for name, column := range frame.Numbers {
				without.Numbers[name] = append(without.Numbers[name], column[row])
			}
			for name, column := range frame.Texts {
				without.Texts[name] = append(without.Texts[name], column[row])
			}
		}
		values, err := lastDifference(fitRows(t, tr, "score ~ base + arm * week", Rows{Data: without, Subject: "id"}, o))
		require.NoError(t, err)
		left = append(left, values[0])
	}
	mean, squares, m := 0.0, 0.0, float64(len(left))
	for _, v := range left {
		mean += v / m
	}
	for _, v := range left {
		squares += (v - mean) * (v - mean)
	}
	require.InEpsilon(t, math.Sqrt((m-1)/m*squares), got[0].SE.Value, 1e-6)
	require.InDelta(t, m-1, got[0].DF.Value, 0)
}

// A resample of buckets is the fit to the rows of its patients, as often as drawn; the interval is the percentile one.
func TestAResampleOfBucketsIsTheFitToItsPatients(t *testing.T) {
	tr := trial{patients: 60, arms: 2, visits: 3, missing: gaps}
	frame := tr.frame(73)
	o := options(tr, CompoundSymmetry, REML)
	const buckets, replicates = 15, 40
	b, _ := bucketsOf(t, tr, "score ~ base + arm * week", frame, buckets, o)
	got, err := b.Bootstrap(lastDifference, replicates, rand.New(rand.NewPCG(5, 5)))
	require.NoError(t, err)

	all := make([]int, buckets)
	for i := range all {
		all[i] = i
	}
	var values []float64
	for _, drawn := range bootstrap.Draw([][]int{all}, replicates, rand.New(rand.NewPCG(5, 5))) {
		copies := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}
		for k, bucket := range drawn {
			for row, id := range frame.Texts["id"] {
				if bucketOf(id, buckets) != bucket {
					continue
				}
				for name, column := range frame.Numbers {
					copies.Numbers[name] = append(copies.Numbers[name], column[row])
				}
				for name, column := range frame.Texts {
					value := column[row]
					if name == "id" {
						value = fmt.Sprint(value, "/", k)
					}
					copies.Texts[name] = append(copies.Texts[name], value)
				}
			}
		}
		v, err := lastDifference(fitRows(t, tr, "score ~ base + arm * week", Rows{Data: copies, Subject: "id"}, o))
		require.NoError(t, err)
		values = append(values, v[0])
	}
	mean, squares := 0.0, 0.0
	for _, v := range values {
		mean += v / replicates
	}
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	require.InEpsilon(t, math.Sqrt(squares/(replicates-1)), got[0].SE.Value, 1e-5)
	require.Less(t, got[0].Percentile.Lower.Value, got[0].Estimate)
	require.Greater(t, got[0].Percentile.Upper.Value, got[0].Estimate)
	require.GreaterOrEqual(t, got[0].Percentile.Lower.Value, slices.Min(values)-1e-6)
	require.Equal(t, replicates, got[0].Replicates)
}

// Over many trials of a known difference, jackknife and bootstrap errors are near the model's, which are right there.
func TestResamplingBucketsRecoversTheModelsErrors(t *testing.T) {
	tr := trial{patients: 400, arms: 2, visits: 3, missing: gaps}
	o := options(tr, Unstructured, REML)
	b, _ := bucketsOf(t, tr, "score ~ base + arm * week", tr.frame(74), 100, o)
	got, err := b.Bootstrap(lastDifference, 200, rand.New(rand.NewPCG(6, 6)))
	require.NoError(t, err)
	fit, err := b.Fit()
	require.NoError(t, err)
	differences, err := fit.Differences()
	require.NoError(t, err)
	model := differences[2].SE
	require.InEpsilon(t, model, got[0].SE.Value, 0.2)
	require.InEpsilon(t, model, got[0].Jackknife.SE.Value, 0.2)
	require.True(t, got[0].BCa.Lower.Defined)
}

// A choice made on the fit, such as the best visit, is made again in every resample.
func TestAChoiceIsRepeatedInEveryResample(t *testing.T) {
	tr := trial{patients: 60, arms: 2, visits: 3}
	o := options(tr, CompoundSymmetry, REML)
	b, _ := bucketsOf(t, tr, "score ~ base + arm * week", tr.frame(75), 20, o)
	chosen := map[int]int{}
	best := func(fit *Fit) ([]float64, error) {
		differences, err := fit.Differences()
		if err != nil {
			return nil, err
		}
		at := 0
		for v, d := range differences {
			if d.Estimate < differences[at].Estimate {
				at = v
			}
		}
		chosen[at]++
		return []float64{differences[at].Estimate, float64(at)}, nil
	}
	got, err := b.Bootstrap(best, 60, rand.New(rand.NewPCG(7, 7)))
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Greater(t, len(chosen), 1, "resamples choose different visits")
	again, err := b.Bootstrap(best, 60, rand.New(rand.NewPCG(7, 7)))
	require.NoError(t, err)
	require.Equal(t, got, again, "the same seed gives the same numbers")
}

// SR-121: resamples without a fit are counted, and too many of them are a failure.
func TestSR121_ResamplesWithoutAFitAreNotDroppedInSilence(t *testing.T) {
	tr := trial{patients: 60, arms: 2, visits: 2}
	o := options(tr, CompoundSymmetry, REML)
	b, parts := bucketsOf(t, tr, "score ~ arm * week", tr.frame(76), 20, o)
	calls := 0
	sometimes := func(share int) Statistic {
		calls = 0
		return func(fit *Fit) ([]float64, error) {
			if calls++; calls > 1 && calls%share == 0 && calls < 35 {
				return nil, errors.New("no such visit")
			}
			return lastDifference(fit)
		}
	}
	got, err := b.Bootstrap(sometimes(17), 60, rand.New(rand.NewPCG(8, 8)))
	require.NoError(t, err)
	require.Equal(t, 2, got[0].FailedFits)
	require.Equal(t, 58, got[0].Replicates)
	require.Len(t, got[0].Notes, 2)
	_, err = b.Bootstrap(sometimes(3), 60, rand.New(rand.NewPCG(8, 8)))
	statstest.RequireFailure(t, err, stats.TooFew, "replicates")
	_, err = b.Bootstrap(func(*Fit) ([]float64, error) { return []float64{math.NaN()}, nil }, 10, rand.New(rand.NewPCG(8, 8)))
	statstest.RequireFailure(t, err, stats.NotFinite, "statistic")
	_, err = b.Bootstrap(lastDifference, 1, rand.New(rand.NewPCG(8, 8)))
	statstest.RequireFailure(t, err, stats.BadInput, "replicates")
	_, err = NewBuckets(b.design, parts[:1], o)
	statstest.RequireFailure(t, err, stats.TooFew, "buckets")
	longer := func(fit *Fit) ([]float64, error) {
		calls++
		return make([]float64, 1+calls%2), nil
	}
	_, err = b.Bootstrap(longer, 10, rand.New(rand.NewPCG(8, 8)))
	require.Error(t, err)
}
