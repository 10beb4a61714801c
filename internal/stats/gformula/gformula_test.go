package gformula

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"

	"afterglow/internal/stats/glm"
)

// world is a made-up cohort: c -> a -> m -> y with effects of c and a everywhere.
type world struct {
	rows                 int
	mediator, outcome    glm.Family
	product              float64 // of exposure and mediator in the outcome
	direct, through, out float64 // a -> y, a -> m, m -> y
	seed                 uint64
}

func (w world) random() *rand.Rand { return rand.New(rand.NewPCG(w.seed, 99)) }

func draw(family glm.Family, eta float64, random *rand.Rand) float64 {
	if family == glm.Gaussian {
		return eta + random.NormFloat64()
	}
	if random.Float64() < 1/(1+math.Exp(-eta)) {
		return 1
	}
	return 0
}

func (w world) mediatorEta(a, c float64) float64 { return 0.2 + w.through*a + 0.5*c }

func (w world) outcomeEta(a, m, c float64) float64 {
	return -0.3 + w.direct*a + w.out*m + w.product*a*m + 0.4*c
}

func (w world) data() Data {
	random := w.random()
	d := Data{Exposure: "prepared", Mediator: "safety", MediatorFamily: w.mediator, Outcome: "score", OutcomeFamily: w.outcome,
		Names: []string{"c"}, Interaction: w.product != 0}
	for range w.rows {
		c := random.NormFloat64()
		a := draw(glm.Logit, 0.8*c, random)
		m := draw(w.mediator, w.mediatorEta(a, c), random)
		d.X, d.A, d.M = append(d.X, c), append(d.A, a), append(d.M, m)
		d.Y = append(d.Y, draw(w.outcome, w.outcomeEta(a, m, c), random))
	}
	return d
}

// truth is the mean outcome at exposure a with the mediator of exposure b, by simulation of the world itself.
func (w world) truth(a, b float64) float64 {
	random, sum := rand.New(rand.NewPCG(4, 4)), 0.0
	const people = 200_000
	for range people {
		c := random.NormFloat64()
		mean, _, _ := w.outcome.Mean(w.outcomeEta(a, draw(w.mediator, w.mediatorEta(b, c), random), c))
		sum += mean / people
	}
	return sum
}

func options(draws int) Options {
	return Options{From: 0, To: 1, Draws: draws, Random: rand.New(rand.NewPCG(1, 2)), Level: 0.95}
}

func mediate(t require.TestingT, d Data, o Options) Result {
	r, err := Mediate(d, o)
	require.NoError(t, err)
	return r
}

// In linear models the effects are closed forms of the coefficients (VanderWeele & Vansteelandt 2009, section 3): with
// outcome = t0 + t1 a + t2 m + t3 am + t4 c and mediator = b0 + b1 a + b2 c, direct (t1 + t3 (b0 + b1 from + b2 c)) (to - from),
// indirect (t2 + t3 to) b1 (to - from).
func TestLinearModelsGiveTheClosedForm(t *testing.T) {
	for _, product := range []float64{0, 0.7} {
		w := world{rows: 300, mediator: glm.Gaussian, outcome: glm.Gaussian, product: product, direct: 0.5, through: 0.8, out: 0.6, seed: 3}
		d, o := w.data(), options(20)
		o.From, o.To = 0.25, 2
		r := mediate(t, d, o)
		b, theta := r.MediatorModel, r.OutcomeModel
		interaction := 0.0
		if product != 0 {
			interaction = theta[3].Estimate.Value
			require.Equal(t, "prepared:safety", theta[3].Name)
		}
		step, c := o.To-o.From, stat.Mean(d.X, nil)
		at := b[0].Estimate.Value + b[1].Estimate.Value*o.From + b[2].Estimate.Value*c
		require.InDelta(t, (theta[1].Estimate.Value+interaction*at)*step, r.NaturalDirect.Estimate.Value, 1e-10)
		require.InDelta(t, (theta[2].Estimate.Value+interaction*o.To)*b[1].Estimate.Value*step, r.NaturalIndirect.Estimate.Value, 1e-10)
		require.InDelta(t, (theta[2].Estimate.Value+interaction*o.From)*b[1].Estimate.Value*step, r.PureIndirect.Estimate.Value, 1e-10)
		require.Contains(t, r.Notes[0], "exploratory")
		require.Contains(t, r.Notes[2], "extrapolate")
	}
}

// Without the product the product of coefficients is their difference: the total effect is the exposure's coefficient in the
// least squares fit without the mediator.
func TestTheTotalEffectIsTheFitWithoutTheMediator(t *testing.T) {
	d := world{rows: 200, mediator: glm.Gaussian, outcome: glm.Gaussian, direct: 0.5, through: 0.8, out: 0.6, seed: 5}.data()
	plain := glm.Data{Names: []string{"(Intercept)", "prepared", "c"}, Response: "score", Y: d.Y}
	for i, a := range d.A {
		plain.X = append(plain.X, 1, a, d.X[i])
	}
	fit, err := glm.New(glm.Gaussian, plain)
	require.NoError(t, err)
	r := mediate(t, d, options(200))
	require.InDelta(t, fit.Beta[1], r.Total.Estimate.Value, 1e-10)
	require.InDelta(t, r.Total.Estimate.Value, r.NaturalDirect.Estimate.Value+r.NaturalIndirect.Estimate.Value, 1e-12)
	require.InDelta(t, r.Total.Estimate.Value, r.TotalDirect.Estimate.Value+r.PureIndirect.Estimate.Value, 1e-12)
	require.InDelta(t, r.NaturalIndirect.Estimate.Value/r.Total.Estimate.Value, r.ProportionMediated.Estimate.Value, 1e-12)
	// the bootstrap's errors are near those of theory: least squares, and Sobel's of a product (1982, Sociol Methodol 13:290)
	b, theta := r.MediatorModel[1], r.OutcomeModel[2]
	sobel := math.Hypot(b.Estimate.Value*theta.SE.Value, theta.Estimate.Value*b.SE.Value)
	require.InEpsilon(t, fit.SE(1), r.Total.SE.Value, 0.15)
	require.InEpsilon(t, sobel, r.NaturalIndirect.SE.Value, 0.15)
}

// Recovery of a simulated truth with an interaction of exposure and mediator, for every pair of families.
func TestTheEffectsOfASimulatedWorldAreRecovered(t *testing.T) {
	for _, mediator := range []glm.Family{glm.Gaussian, glm.Logit} {
		for _, outcome := range []glm.Family{glm.Gaussian, glm.Logit} {
			t.Run(string(mediator)+" "+string(outcome), func(t *testing.T) {
				w := world{rows: 4000, mediator: mediator, outcome: outcome, product: 0.6, direct: 0.4, through: 1, out: 0.7, seed: 8}
				r := mediate(t, w.data(), options(30))
				toTo, toFrom, fromTo, fromFrom := w.truth(1, 1), w.truth(1, 0), w.truth(0, 1), w.truth(0, 0)
				for _, c := range []struct {
					effect Effect
					truth  float64
				}{{r.Total, toTo - fromFrom}, {r.NaturalDirect, toFrom - fromFrom}, {r.NaturalIndirect, toTo - toFrom},
					{r.TotalDirect, toTo - fromTo}, {r.PureIndirect, fromTo - fromFrom}, {r.ProportionMediated, (toTo - toFrom) / (toTo - fromFrom)}} {
					require.Less(t, math.Abs(c.effect.Estimate.Value-c.truth), 3.5*c.effect.SE.Value+0.003)
				}
				// the covariate made the exposed better from the start: the plain difference is not the total effect
				plain := [2]float64{}
				counts := [2]float64{}
				d := w.data()
				for i, a := range d.A {
					plain[int(a)] += d.Y[i]
					counts[int(a)]++
				}
				require.Greater(t, plain[1]/counts[1]-plain[0]/counts[0], r.Total.Upper.Value)
			})
		}
	}
}

// Quadrature over a normal mediator is the mean of many draws of it, and exact where the outcome does not depend on it.
func TestTheIntegralOverTheMediatorIsItsMean(t *testing.T) {
	f := &models{data: Data{MediatorFamily: glm.Gaussian, OutcomeFamily: glm.Logit}, sd: 1.7}
	random, sum := rand.New(rand.NewPCG(6, 6)), 0.0
	const draws = 1_000_000
	for range draws {
		mean, _, _ := glm.Logit.Mean(0.4 + 1.2*(0.3+1.7*random.NormFloat64()))
		sum += mean / draws
	}
	require.InDelta(t, sum, f.given(0.3, 0.4, 1.2), 1e-3)
	mean, _, _ := glm.Logit.Mean(0.4)
	require.InDelta(t, mean, f.given(0.3, 0.4, 0), 1e-12)
	require.InDelta(t, 1, f.given(-0.3, 0.4, 1.2)+f.given(0.3, -0.4, 1.2), 1e-12, "a logistic curve is odd about one half")
	f.data.MediatorFamily = glm.Logit
	share, _, _ := glm.Logit.Mean(0.3)
	with, _, _ := glm.Logit.Mean(1.6)
	require.InDelta(t, share*with+(1-share)*mean, f.given(0.3, 0.4, 1.2), 1e-12)
}

// A mediator that the exposure does not move, or that does not move the outcome, carries nothing.
func TestNothingGoesThroughAMediatorWithoutALink(t *testing.T) {
	for _, w := range []world{
		{rows: 1500, mediator: glm.Gaussian, outcome: glm.Logit, direct: 0.8, through: 0, out: 0.9, seed: 1},
		{rows: 1500, mediator: glm.Logit, outcome: glm.Gaussian, direct: 0.8, through: 1, out: 0, seed: 2},
	} {
		r := mediate(t, w.data(), options(60))
		require.False(t, apart(r.NaturalIndirect))
		require.True(t, apart(r.NaturalDirect))
	}
}

// The same seed gives the same intervals on any number of processors; rows in another order the same estimates; the way
// back is the effect with the other sign and the parts exchanged; units of the outcome scale it.
func TestTheEffectsDoNotDependOnHowTheDataAreWritten(t *testing.T) {
	w := world{rows: 150, mediator: glm.Gaussian, outcome: glm.Gaussian, product: 0.5, direct: 0.5, through: 0.8, out: 0.6, seed: 12}
	d := w.data()
	r := mediate(t, d, options(60))
	require.Equal(t, r, mediate(t, d, options(60)))
	back := options(60)
	back.From, back.To = 1, 0
	b := mediate(t, d, back)
	require.InDelta(t, -r.Total.Estimate.Value, b.Total.Estimate.Value, 1e-12)
	require.InDelta(t, -r.NaturalDirect.Estimate.Value, b.TotalDirect.Estimate.Value, 1e-12)
	require.InDelta(t, -r.NaturalIndirect.Estimate.Value, b.PureIndirect.Estimate.Value, 1e-12)
	other := d
	other.A, other.M, other.Y, other.X = nil, nil, nil, nil
	for i := len(d.Y) - 1; i >= 0; i-- {
		other.A, other.M = append(other.A, d.A[i]), append(other.M, 100+10*d.M[i])
		other.Y, other.X = append(other.Y, 3*d.Y[i]), append(other.X, d.X[i]/7)
	}
	o := mediate(t, other, options(60))
	require.InDelta(t, 3*r.NaturalIndirect.Estimate.Value, o.NaturalIndirect.Estimate.Value, 1e-9)
	require.InDelta(t, 3*r.NaturalDirect.Estimate.Value, o.NaturalDirect.Estimate.Value, 1e-9)
}

// Every row twice as one person's has the spread of the rows once; taken as twice as many people it is too narrow.
func TestPeopleAreResampledWhole(t *testing.T) {
	d := world{rows: 150, mediator: glm.Gaussian, outcome: glm.Gaussian, direct: 0.5, through: 0.8, out: 0.6, seed: 14}.data()
	twice := d
	twice.A, twice.M, twice.Y, twice.X = nil, nil, nil, nil
	for i := range d.Y {
		for range 2 {
			twice.A, twice.M, twice.Y = append(twice.A, d.A[i]), append(twice.M, d.M[i]), append(twice.Y, d.Y[i])
			twice.X, twice.Cluster = append(twice.X, d.X[i]), append(twice.Cluster, i)
		}
	}
	once, clustered := mediate(t, d, options(300)), mediate(t, twice, options(300))
	require.Equal(t, 150, clustered.NClusters)
	require.InDelta(t, once.Total.SE.Value, clustered.Total.SE.Value, 1e-9, "the same people are drawn")
	twice.Cluster = nil
	require.InEpsilon(t, once.Total.SE.Value, math.Sqrt2*mediate(t, twice, options(300)).Total.SE.Value, 0.15)
}

// A person with fewer rows than others is resampled like them: that rows are missing is the rule, not the exception.
func TestPeopleMayHaveUnlikeNumbersOfRows(t *testing.T) {
	d := world{rows: 120, mediator: glm.Gaussian, outcome: glm.Gaussian, direct: 0.5, through: 0.8, out: 0.6, seed: 15}.data()
	for i := range d.Y {
		d.Cluster = append(d.Cluster, int(math.Sqrt(float64(i)*20))) // few rows first, then more
	}
	whole, alone := mediate(t, d, options(400)), d
	alone.Cluster = nil
	require.Less(t, whole.NClusters, 60)
	require.InDelta(t, mediate(t, alone, options(30)).Total.Estimate.Value, whole.Total.Estimate.Value, 1e-12)
	require.InEpsilon(t, mediate(t, alone, options(400)).Total.SE.Value, whole.Total.SE.Value, 0.3, "the rows are independent all the same")
}

func TestFewPeopleAreNoted(t *testing.T) {
	d := world{rows: 120, mediator: glm.Gaussian, outcome: glm.Gaussian, direct: 0.5, through: 0.8, out: 0.6, seed: 17}.data()
	require.NotContains(t, strings.Join(mediate(t, d, options(60)).Notes, "\n"), "people")
	for i := range d.Y {
		d.Cluster = append(d.Cluster, i%4)
	}
	require.Contains(t, strings.Join(mediate(t, d, options(60)).Notes, "\n"), "resampling 4 people")
}

func TestTooFewResamplesForTheLevelAreNoted(t *testing.T) {
	d := world{rows: 60, mediator: glm.Gaussian, outcome: glm.Gaussian, direct: 1, through: 1, out: 1, seed: 16}.data()
	few, enough := mediate(t, d, options(20)), mediate(t, d, options(60))
	require.Contains(t, strings.Join(few.Notes, "\n"), "too few replicates")
	require.NotContains(t, strings.Join(enough.Notes, "\n"), "too few replicates")
}
