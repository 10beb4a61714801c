package imputation

import (
	"math"
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
)

// Closed forms under one covariance and without covariates: with d the likeliest differences of means, o the share of arm B with
// last visit k, and C the regression of the last visit on those up to k, the mean effect at the last visit is
//
//	jump to reference   o_V d_V
//	copy increments     sum over k of o_k d_k, with d_0 = 0
//	copy reference      o_V d_V + sum over k < V of o_k C_k d_1..k
//
// since an imputed value then differs from that under missing at random, whose mean is the likeliest, by a constant (White,
// Royes & Best 2020, J Biopharm Stat 30:334, for the first). The bound is four Monte Carlo errors and 3 in 100 of the effect.
func TestReferenceBasedEffectsHaveTheirClosedForm(t *testing.T) {
	for name, s := range map[string]shape{"monotone": {240, 4, 2, 0.2, 0, false}, "gaps": {240, 4, 2, 0.12, 0.1, false}} {
		trial := simulated(11, s)
		means, covariance, p := likelihood(t, trial, Shared)
		visits := len(trial.Visits)
		d := make([]float64, visits)
		for v := range d {
			d[v] = means[1][v] - means[0][v]
		}
		share := make([]float64, visits+1)
		for j, mask := range p.blocks[0].truth {
			if p.arm[j] == 1 {
				share[bits.Len64(mask)] += 2 / float64(s.subjects)
			}
		}
		want := map[Strategy]float64{JumpToReference: share[visits] * d[visits-1], CopyIncrements: 0, CopyReference: share[visits] * d[visits-1]}
		for k := 1; k <= visits; k++ {
			want[CopyIncrements] += share[k] * d[k-1]
			if k == visits {
				break
			}
			has, _ := sides(1<<k-1, visits)
			r, ok := conditional(covariance, []int{visits - 1}, has)
			require.True(t, ok)
			for j := range k {
				want[CopyReference] += share[k] * r.slope.At(0, j) * d[j]
			}
		}
		for strategy, effect := range want {
			t.Run(name+", "+string(strategy), func(t *testing.T) {
				pl := plan()
				pl.Strategy = strategy
				got, err := Impute(trial, pl, seeded(3))
				require.NoError(t, err)
				q := got.Visits[visits-1].Differences[0]
				require.InDelta(t, effect, q.Estimate, 4*math.Sqrt(q.Between/300)+0.03*math.Abs(effect))
				require.Less(t, math.Abs(q.Estimate), math.Abs(d[visits-1]), "nearer to none than under missing at random")
			})
		}
	}
}

// Drawn with one covariance, arms with and without their own estimate the same; jump to reference leaves of an effect about the
// share of those who stayed.
func TestArmsOfTheirOwnCovariance(t *testing.T) {
	trial := simulated(13, shape{300, 3, 2, 0.2, 0.05, true})
	pl := plan()
	pl.Covariance, pl.Imputations = ByArm, 100
	at, err := Impute(trial, pl, seeded(4))
	require.NoError(t, err)
	shared, err := Impute(trial, func() Plan { p := pl; p.Covariance = Shared; return p }(), seeded(4))
	require.NoError(t, err)
	a, b := at.Visits[2].Differences[0], shared.Visits[2].Differences[0]
	// the arms were drawn with one covariance, so both estimate the same
	require.InDelta(t, a.Estimate, b.Estimate, 0.3*b.SE)
	require.InEpsilon(t, a.SE, b.SE, 0.1)
	pl.Strategy = JumpToReference
	jump, err := Impute(trial, pl, seeded(4))
	require.NoError(t, err)
	c := jump.Visits[2].Differences[0]
	r := jump.Visits[2].Observed[1]
	require.InDelta(t, a.Estimate*float64(r.Observed)/float64(r.N), c.Estimate, 0.15*math.Abs(a.Estimate))
	require.Equal(t, at.Visits[2].Means[0].Arm, "A")
	require.InDelta(t, at.Visits[2].Means[0].Estimate, jump.Visits[2].Means[0].Estimate, 0.2, "the reference arm stays as it was")
}

// Identity: a shift of 3 in arm B moves its mean at each visit by 3 times the share of B that had left by then.
func TestAShiftMovesTheMeanByTheShareOfThoseWhoLeft(t *testing.T) {
	trial := simulated(37, shape{100, 3, 2, 0.2, 0.1, false})
	for _, strategy := range []Strategy{AtRandom, JumpToReference} {
		pl := plan()
		pl.Imputations, pl.Strategy = 5, strategy
		plain, err := Impute(trial, pl, seeded(1))
		require.NoError(t, err)
		pl.Shift = map[string]float64{"B": 3}
		moved, err := Impute(trial, pl, seeded(1))
		require.NoError(t, err)
		for v := range trial.Visits {
			left := 0.0
			for _, s := range trial.Subjects {
				gone := s.Arm == "B"
				for _, y := range s.Values[v:] {
					gone = gone && !y.Defined
				}
				if gone {
					left += 1.0 / 50
				}
			}
			require.InDelta(t, plain.Visits[v].Differences[0].Estimate+3*left, moved.Visits[v].Differences[0].Estimate, 1e-10)
			require.InDelta(t, plain.Visits[v].Means[0].Estimate, moved.Visits[v].Means[0].Estimate, 1e-10)
		}
		require.Len(t, moved.Notes, len(plain.Notes)+1)
	}
}

// Carpenter, Roger & Kenward give jump to reference by a joint covariance of both parts: own before the last visit, the
// reference's regression after it. Conditioning on the first part must give the regression that the draws use.
func TestTheJointCovarianceOfJumpToReferenceGivesTheRegressionUsed(t *testing.T) {
	source := seeded(41)
	covariance := func() *mat.SymDense {
		raw := mat.NewDense(4, 6, nil)
		for i := range 4 {
			for j := range 6 {
				raw.Set(i, j, source.NormFloat64())
			}
		}
		out := mat.NewSymDense(4, nil)
		out.SymOuterK(1, raw)
		return out
	}
	own, other := covariance(), covariance()
	const last = 2
	part := func(m *mat.SymDense, i, j int) mat.Matrix { return mat.DenseCopyOf(m).Slice(i, i+2, j, j+2) }
	var inverse, slope, cross, middle, left, right, lower mat.Dense
	require.NoError(t, inverse.Inverse(part(other, 0, 0)))
	slope.Mul(part(other, last, 0), &inverse)
	cross.Mul(&slope, part(own, 0, 0))
	middle.Sub(part(other, 0, 0), part(own, 0, 0))
	left.Mul(&slope, &middle)
	right.Mul(&left, slope.T())
	lower.Sub(part(other, last, last), &right)
	joint := mat.NewSymDense(4, nil)
	for i := range 2 {
		for j := range 2 {
			joint.SetSym(i, j, own.At(i, j))
			joint.SetSym(last+i, j, cross.At(i, j))
			if j <= i {
				joint.SetSym(last+i, last+j, lower.At(i, j))
			}
		}
	}
	a, ok := conditional(joint, []int{2, 3}, []int{0, 1})
	require.True(t, ok)
	b, ok := conditional(other, []int{2, 3}, []int{0, 1})
	require.True(t, ok)
	require.True(t, mat.EqualApprox(a.slope, b.slope, 1e-10))
	require.True(t, mat.EqualApprox(a.left, b.left, 1e-9))
}

// Means before and after the last visit, as the table of the method's page has them, in visits of different units.
func TestTheMeansOfEachStrategy(t *testing.T) {
	p := &prepared{scale: []float64{1, 2, 4}}
	own, other := []float64{5, 3, 1}, []float64{4, 4, 4}
	for strategy, want := range map[Strategy][]float64{
		JumpToReference: {5, 3, 4}, CopyReference: {4, 4, 4}, CopyIncrements: {5, 3, 4 + (3-4)*2/4.0},
	} {
		require.Equal(t, want, p.joined(strategy, own, other, 2), strategy)
		require.Equal(t, other, p.joined(strategy, own, other, 0), strategy)
	}
}
