package survival

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// shapes of rows whose likelihood is checked against its definition.
var shapes = map[string]struct{ starts, strata, weights, frequencies bool }{
	"right censoring":         {},
	"late starts":             {starts: true},
	"strata":                  {strata: true},
	"late starts and strata":  {starts: true, strata: true},
	"probability weights":     {weights: true, starts: true},
	"frequencies":             {frequencies: true},
	"frequencies and strata":  {frequencies: true, strata: true, starts: true},
	"weights in every strata": {weights: true, strata: true},
}

func drawn(shape struct{ starts, strata, weights, frequencies bool }, n int, seed uint64) Spells {
	random := rand.New(rand.NewPCG(seed, 1))
	s := Spells{Names: []string{"a", "b", "c"}, Frequency: shape.frequencies}
	for range n {
		start := math.Floor(4 * random.Float64())
		if !shape.starts {
			start = 0
		}
		s.Stop, s.Event = append(s.Stop, start+1+math.Floor(8*random.Float64())), append(s.Event, random.Float64() < 0.6)
		if shape.starts {
			s.Start = append(s.Start, start)
		}
		if shape.strata {
			s.Stratum = append(s.Stratum, random.IntN(3))
			s.Strata = []string{"x", "y", "z"}
		}
		switch {
		case shape.frequencies:
			s.Weight = append(s.Weight, float64(1+random.IntN(3)))
		case shape.weights:
			s.Weight = append(s.Weight, 0.2+2*random.Float64())
		}
		s.X = append(s.X, 3+random.NormFloat64(), float64(random.IntN(2)), 100*random.Float64())
	}
	return s
}

// defined is the partial log-likelihood from its definition, tie by tie, at coefficients of the columns as they are.
func defined(s Spells, ties Ties, beta []float64) float64 {
	p := len(s.Names)
	eta := func(i int) float64 {
		sum := 0.0
		for j, b := range beta {
			sum += b * s.X[i*p+j]
		}
		return sum
	}
	weight := func(i int) float64 {
		if s.Weight == nil {
			return 1
		}
		return s.Weight[i]
	}
	type at struct {
		stratum int
		time    float64
	}
	stratum := func(i int) int {
		if s.Stratum == nil {
			return 0
		}
		return s.Stratum[i]
	}
	members := map[at][]int{}
	for i, t := range s.Stop {
		if s.Event[i] {
			members[at{stratum(i), t}] = append(members[at{stratum(i), t}], i)
		}
	}
	sum := 0.0
	for when, rows := range members {
		risk, shared, total, copies := 0.0, 0.0, 0.0, 0
		for i, t := range s.Stop {
			if stratum(i) == when.stratum && t >= when.time && (s.Start == nil || s.Start[i] < when.time) {
				risk += weight(i) * math.Exp(eta(i))
			}
		}
		for _, i := range rows {
			sum += weight(i) * eta(i)
			shared += weight(i) * math.Exp(eta(i))
			total += weight(i)
			copies++
			if s.Frequency {
				copies += int(weight(i)) - 1
			}
		}
		for k := range copies {
			off := float64(k) / float64(copies)
			if ties == Breslow {
				off = 0
			}
			sum -= total / float64(copies) * math.Log(risk-off*shared)
		}
	}
	return sum
}

func TestTheLikelihoodAtFixedCoefficientsIsItsDefinition(t *testing.T) {
	for name, shape := range shapes {
		for _, ties := range []Ties{Efron, Breslow} {
			t.Run(fmt.Sprintf("%s, %s", name, ties), func(t *testing.T) {
				s := drawn(shape, 60, 2)
				o, err := order(s)
				require.NoError(t, err)
				f := &CoxFit{spells: s, data: o, ties: ties}
				beta := []float64{0.7, -0.4, 1.1}
				raw := make([]float64, 3)
				for j := range raw {
					raw[j] = beta[j] / o.scale[j]
				}
				// centring shifts every linear predictor alike, which cancels
				require.InDelta(t, defined(s, ties, raw), f.evaluate(beta).logLik, 1e-9)
			})
		}
	}
}

func TestScoreAndInformationAreTheLikelihoodsDerivatives(t *testing.T) {
	for name, shape := range shapes {
		for _, ties := range []Ties{Efron, Breslow} {
			t.Run(fmt.Sprintf("%s, %s", name, ties), func(t *testing.T) {
				s := drawn(shape, 60, 3)
				o, err := order(s)
				require.NoError(t, err)
				f := &CoxFit{spells: s, data: o, ties: ties}
				beta := []float64{0.3, -0.5, 0.2}
				at := f.evaluate(beta)
				const h = 1e-5
				for j := range beta {
					beta[j] += h
					above := f.evaluate(beta)
					beta[j] -= 2 * h
					below := f.evaluate(beta)
					beta[j] += h
					require.InDelta(t, (above.logLik-below.logLik)/(2*h), at.score[j], 1e-6*(1+math.Abs(at.score[j])))
					for k := range beta {
						bend := -(above.score[k] - below.score[k]) / (2 * h)
						require.InDelta(t, bend, at.info.At(j, k), 1e-6*(1+math.Abs(bend)))
					}
				}
			})
		}
	}
}

// Score residuals sum to the score at any coefficients, here not 0; weighted rows count by their weight.
func TestScoreResidualsSumToTheScore(t *testing.T) {
	for name, shape := range shapes {
		if shape.frequencies {
			continue
		}
		t.Run(name, func(t *testing.T) {
			s := drawn(shape, 60, 4)
			o, err := order(s)
			require.NoError(t, err)
			f := &CoxFit{spells: s, data: o, ties: Efron, beta: []float64{0.3, -0.5, 0.2}}
			sum := make([]float64, 3)
			f.scoreResiduals(func(_ int, residual []float64) {
				for j, r := range residual {
					sum[j] += r
				}
			})
			for j, u := range f.evaluate(f.beta).score {
				if shape.weights {
					continue // Efron's members share their tie evenly, whatever their weights: the sum is the score without ties only
				}
				require.InDelta(t, u, sum[j], 1e-9)
			}
			f.ties = Breslow
			clear(sum)
			f.scoreResiduals(func(_ int, residual []float64) {
				for j, r := range residual {
					sum[j] += r
				}
			})
			for j, u := range f.evaluate(f.beta).score {
				require.InDelta(t, u, sum[j], 1e-9)
			}
		})
	}
}

// The radix sort used from 20 000 rows on gives the order of the plain one.
func TestTheRadixSortIsASort(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 9))
	times := make([]float64, 2*radixFrom)
	for i := range times {
		times[i] = []float64{math.Floor(50 * random.Float64()), 1e9 * random.NormFloat64(), -1e-9 * random.Float64(), 0}[random.IntN(4)]
	}
	times[7] = math.Copysign(0, -1)
	rows := latestFirst(times, nil)
	for k := 1; k < len(rows); k++ {
		a, b := times[rows[k-1]], times[rows[k]]
		require.True(t, a > b || a == b && rows[k-1] < rows[k])
	}
	sorted := ascending(append([]float64{}, times...))
	for k, row := range rows {
		require.Equal(t, times[row]+0, sorted[len(sorted)-1-k]+0)
	}
}

// Chunks, on however many processors, give what one gives: the likelihood of many rows against its definition on few times.
func TestManyRowsAreFrequenciesOfFew(t *testing.T) {
	few := drawn(struct{ starts, strata, weights, frequencies bool }{frequencies: true}, 40, 5)
	many := Spells{Names: few.Names}
	for i := range few.Weight {
		few.Weight[i] *= 900
		for range int(few.Weight[i]) {
			many.Stop, many.Event, many.X = append(many.Stop, few.Stop[i]), append(many.Event, few.Event[i]), append(many.X, few.X[3*i:3*i+3]...)
		}
	}
	require.Greater(t, len(many.Stop), 3*rowsOfChunk)
	a, err := FitCox(few, Efron)
	require.NoError(t, err)
	b, err := FitCox(many, Efron)
	require.NoError(t, err)
	for j := range a.Beta {
		require.InDelta(t, a.Beta[j], b.Beta[j], 1e-8*(1+math.Abs(a.Beta[j])))
		require.InEpsilon(t, a.VCov.At(j, j), b.VCov.At(j, j), 1e-8)
	}
	require.InEpsilon(t, a.LogLik, b.LogLik, 1e-10)
}
