package gformula

import (
	"math"

	"gonum.org/v1/gonum/integrate/quad"

	"afterglow/internal/stats/glm"
)

// models are both fitted models, and the rows over which means are taken.
type models struct {
	data              Data
	rows              []int
	mediator, outcome *glm.Fit
	sd                float64 // residual standard deviation of the mediator where it is normal
}

func (d Data) mediatorNames() []string {
	return append([]string{"(Intercept)", d.Exposure}, d.Names...)
}

func (d Data) outcomeNames() []string {
	names := []string{"(Intercept)", d.Exposure, d.Mediator}
	if d.Interaction {
		names = append(names, d.Exposure+":"+d.Mediator)
	}
	return append(names, d.Names...)
}

// fit fits both models to rows, which may repeat.
func (d Data) fit(rows []int) (*models, error) {
	c := len(d.Names)
	mediator := glm.Data{Names: d.mediatorNames(), Response: d.Mediator}
	outcome := glm.Data{Names: d.outcomeNames(), Response: d.Outcome}
	for _, i := range rows {
		x := d.X[i*c : (i+1)*c]
		mediator.X = append(append(mediator.X, 1, d.A[i]), x...)
		mediator.Y = append(mediator.Y, d.M[i])
		outcome.X = append(outcome.X, 1, d.A[i], d.M[i])
		if d.Interaction {
			outcome.X = append(outcome.X, d.A[i]*d.M[i])
		}
		outcome.X = append(outcome.X, x...)
		outcome.Y = append(outcome.Y, d.Y[i])
	}
	f := &models{data: d, rows: rows}
	var err error
	if f.mediator, err = glm.New(d.MediatorFamily, mediator); err != nil {
		return nil, err
	}
	if f.outcome, err = glm.New(d.OutcomeFamily, outcome); err != nil {
		return nil, err
	}
	if d.MediatorFamily == glm.Gaussian {
		rss := 0.0
		for k, m := range mediator.Y {
			rss += (m - f.mediator.Fitted(k)) * (m - f.mediator.Fitted(k))
		}
		f.sd = math.Sqrt(rss / float64(len(rows)-len(mediator.Names)))
	}
	return f, nil
}

// means are those of the outcome by the exposure and the exposure that the mediator follows.
type means struct{ toTo, toFrom, fromTo, fromFrom float64 }

func (f *models) means(o Options) means {
	return means{f.mean(o.To, o.To), f.mean(o.To, o.From), f.mean(o.From, o.To), f.mean(o.From, o.From)}
}

// effects are total, natural direct, natural indirect, total direct, pure indirect, and the share of the total that is
// natural indirect.
func (m means) effects() [6]float64 {
	total, indirect := m.toTo-m.fromFrom, m.toTo-m.toFrom
	return [6]float64{total, m.toFrom - m.fromFrom, indirect, m.toTo - m.fromTo, m.fromTo - m.fromFrom, indirect / total}
}

// hermiteNodes integrate a logistic curve against a normal density to about ten digits for the slopes that occur.
const hermiteNodes = 40

var hermiteAt, hermiteWeight = func() ([]float64, []float64) {
	x, w := make([]float64, hermiteNodes), make([]float64, hermiteNodes)
	quad.Hermite{}.FixedLocations(x, w, math.Inf(-1), math.Inf(1))
	return x, w
}()

// mean is the outcome's over the rows at exposure a with the mediator drawn as under exposure b: exact where the outcome
// model is linear in the mediator or the mediator is binary, else by Gauss-Hermite quadrature over the normal mediator.
func (f *models) mean(a, b float64) float64 {
	c, sum := len(f.data.Names), 0.0
	for _, i := range f.rows {
		x := f.data.X[i*c : (i+1)*c]
		eta := f.mediator.Beta[0] + f.mediator.Beta[1]*b
		base, slope := f.outcome.Beta[0]+f.outcome.Beta[1]*a, f.outcome.Beta[2]
		rest := f.outcome.Beta[3:]
		if f.data.Interaction {
			slope, rest = slope+rest[0]*a, rest[1:]
		}
		for j, v := range x {
			eta += f.mediator.Beta[2+j] * v
			base += rest[j] * v
		}
		sum += f.given(eta, base, slope)
	}
	return sum / float64(len(f.rows))
}

// given is the outcome's mean where its linear predictor is base + slope times a mediator with the linear predictor eta.
func (f *models) given(eta, base, slope float64) float64 {
	mediator, _, _ := f.data.MediatorFamily.Mean(eta)
	at := func(m float64) float64 {
		mean, _, _ := f.data.OutcomeFamily.Mean(base + slope*m)
		return mean
	}
	switch {
	case f.data.OutcomeFamily == glm.Gaussian:
		return at(mediator)
	case f.data.MediatorFamily == glm.Logit:
		return (1-mediator)*at(0) + mediator*at(1)
	}
	sum := 0.0
	for k, z := range hermiteAt {
		sum += hermiteWeight[k] * at(mediator+math.Sqrt2*f.sd*z)
	}
	return sum / math.Sqrt(math.Pi)
}
