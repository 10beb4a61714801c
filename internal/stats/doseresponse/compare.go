package doseresponse

import (
	"errors"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// Data is the rows: an exposure and an outcome each, and covariates, X holding those of a row one after another. The
// intercept is not among the covariates.
type Data struct {
	Exposure string
	Dose     []float64
	Names    []string
	X        []float64
	Response string
	Y        []float64
	Family   Family
}

// Options say which shapes are fitted in addition to the null and the straight one (nil: all), at which amounts the curves are read
// (nil: Points of them, evenly over the observed range; 0 means 25), and the confidence level.
type Options struct {
	Shapes []Shape
	At     []float64
	Points int
	Level  float64
}

// Result is the shapes side by side. A shape that the data do not carry stands there with its failure. LowestAIC names the
// shape that predicts best for its size; the tests are those of the plan only if the shape was named before looking.
type Result struct {
	N int `json:"n"`
	// NExcluded counts rows left out because a value is missing; the caller fills it.
	NExcluded int          `json:"n_excluded"`
	Exposure  string       `json:"exposure"`
	Response  string       `json:"response"`
	Family    Family       `json:"family"`
	Minimum   float64      `json:"exposure_min"`
	Maximum   float64      `json:"exposure_max"`
	Distinct  int          `json:"exposure_distinct"`
	At        []Covariate  `json:"covariates_at"`
	Models    []Fitted     `json:"models"`
	Tests     []Comparison `json:"tests"`
	LowestAIC Shape        `json:"lowest_aic"`
	Level     float64      `json:"level"`
	Notes     []string     `json:"notes"`
}

// Covariate says where a column stands in the curves: at its mean over the rows.
type Covariate struct {
	Name string  `json:"name"`
	At   float64 `json:"at"`
}

// Fitted is one shape: its coefficients in the exposure's own unit, its fit and its curve.
type Fitted struct {
	Shape        Shape          `json:"shape"`
	Knots        []float64      `json:"knots,omitempty"`
	Coefficients []Coefficient  `json:"coefficients,omitempty"`
	Curve        []Point        `json:"curve,omitempty"`
	Failure      *stats.Failure `json:"failure,omitempty"`
	Quality
}

// Point is the expected outcome at an amount, covariates at their means: a mean, or a probability whose interval is taken on
// the log odds. SE is on the scale of the link.
type Point struct {
	Dose     float64      `json:"dose"`
	Estimate stats.Number `json:"estimate"`
	SE       stats.Number `json:"se_link"`
	stats.Interval
}

// Compare fits the shapes by maximum likelihood to the same rows and tests them: every shape against the null one (any
// relation), every bent shape against the straight one (non-linearity). Source: Harrell 2015, Regression Modeling
// Strategies, sections 2.4 and 10.2. See docs/methods/dose-response.md.
func Compare(d Data, o Options) (Result, error) {
	if err := d.check(); err != nil {
		return Result{}, err
	}
	if err := stats.CheckLevel(o.Level); err != nil {
		return Result{}, err
	}
	sorted := slices.Clone(d.Dose)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	r := Result{N: len(d.Y), Exposure: d.Exposure, Response: d.Response, Family: d.Family, Minimum: sorted[0], Maximum: sorted[len(sorted)-1],
		Distinct: len(sorted), Level: o.Level, Notes: []string{}}
	if r.Minimum == r.Maximum {
		return r, stats.Errorf(stats.OneLevel, d.Exposure, "takes a single value in the complete rows")
	}
	at, err := o.grid(r.Minimum, r.Maximum)
	if err != nil {
		return r, err
	}
	means := d.means()
	for j, name := range d.Names {
		r.At = append(r.At, Covariate{name, means[j]})
	}
	models := map[Shape]*model{}
	for _, shape := range o.shapes() {
		m, fitted, err := d.fit(shape, means, at, o.Level)
		var failure *stats.Failure
		if errors.As(err, &failure) && shape != Null && shape != Straight {
			fitted.Failure = failure
			r.Notes = append(r.Notes, string(shape)+" is not estimable: "+failure.Message)
		} else if err != nil {
			return r, err
		} else {
			models[shape] = m
		}
		r.Models = append(r.Models, fitted)
	}
	return r, r.compare(models, o.shapes())
}

func (d Data) check() error {
	n := len(d.Y)
	if len(d.Dose) != n || len(d.X) != n*len(d.Names) {
		return stats.Errorf(stats.BadInput, d.Exposure, "%d exposures and %d covariate values for %d outcomes of %d covariates", len(d.Dose), len(d.X), n, len(d.Names))
	}
	if n < 4 {
		return stats.Errorf(stats.TooFew, d.Response, "%d complete rows are too few for a comparison of shapes", n)
	}
	return stats.CheckFinite(d.Exposure, d.Dose...)
}

// shapes are those asked for, the null and the straight one first.
func (o Options) shapes() []Shape {
	if o.Shapes == nil {
		return Shapes()
	}
	out := []Shape{Null, Straight}
	for _, s := range o.Shapes {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// maxPoints bounds a grid.
const maxPoints = 1000

func (o Options) grid(low, high float64) ([]float64, error) {
	for _, x := range o.At {
		if !(x >= low && x <= high) {
			return nil, stats.Errorf(stats.BadInput, "at", "an amount lies outside the observed range: nothing is predicted there")
		}
	}
	if o.At != nil {
		return o.At, nil
	}
	points := o.Points
	if points == 0 {
		points = 25
	}
	if points < 2 || points > maxPoints {
		return nil, stats.Errorf(stats.BadInput, "points", "a curve has 2 to %d points", maxPoints)
	}
	out := make([]float64, points)
	for i := range out {
		share := float64(i) / float64(points-1)
		out[i] = low*(1-share) + high*share
	}
	out[points-1] = high
	return out, nil
}

func (d Data) means() []float64 {
	p := len(d.Names)
	out := make([]float64, p)
	for i := range d.Y {
		for j := range p {
			out[j] += d.X[i*p+j] / float64(len(d.Y))
		}
	}
	return out
}

func (d Data) fit(shape Shape, means, at []float64, level float64) (*model, Fitted, error) {
	out := Fitted{Shape: shape}
	c, err := newCurve(shape, d.Dose)
	if err != nil {
		return nil, out, err
	}
	out.Knots = c.knots
	p := len(d.Names)
	names := append(append([]string{"(Intercept)"}, d.Names...), c.names(d.Exposure)...)
	var x []float64
	for i, dose := range d.Dose {
		x = append(append(append(x, 1), d.X[i*p:(i+1)*p]...), c.columns(dose)...)
	}
	m, err := newModel(d.Family, names, x, d.Response, d.Y)
	if err != nil {
		return nil, out, err
	}
	out.Quality = m.Quality
	// intercept and the shape's columns go back to the exposure's unit, the covariates stay
	whole, part := mat.NewDense(len(names), len(names), nil), c.raw()
	for j := range names {
		whole.Set(j, j, 1)
	}
	place := func(j int) int {
		if j == 0 {
			return 0
		}
		return p + j
	}
	size, _ := part.Dims()
	for i := range size {
		for j := range size {
			whole.Set(place(i), place(j), part.At(i, j))
		}
	}
	for j, name := range names {
		out.Coefficients = append(out.Coefficients, Coefficient{name, m.estimate(mat.Row(nil, j, whole), level)})
	}
	for _, dose := range at {
		e := m.estimate(append(append([]float64{1}, means...), c.columns(dose)...), level)
		out.Curve = append(out.Curve, point(dose, e, d.Family))
	}
	return m, out, nil
}

func point(dose float64, e stats.Estimate, family Family) Point {
	out := Point{Dose: dose, Estimate: e.Estimate, SE: e.SE, Interval: e.Interval}
	if family == Binomial {
		for _, n := range []*stats.Number{&out.Estimate, &out.Lower, &out.Upper} {
			if n.Defined {
				*n = stats.Of(1 / (1 + math.Exp(-n.Value)))
			}
		}
	}
	return out
}

func (r *Result) compare(models map[Shape]*model, shapes []Shape) error {
	for _, small := range []Shape{Null, Straight} {
		for _, big := range shapes {
			if big == Null || big == small || models[big] == nil {
				continue
			}
			test, err := models[small].against(models[big], string(small), string(big))
			if err != nil {
				return err
			}
			r.Tests = append(r.Tests, test)
		}
	}
	for _, shape := range shapes {
		if m := models[shape]; m != nil && (r.LowestAIC == "" || m.AIC.Value < models[r.LowestAIC].AIC.Value) {
			r.LowestAIC = shape
		}
	}
	r.Notes = append(r.Notes, "A shape chosen by its AIC in these data makes its own p-values too small and its intervals too narrow.")
	return nil
}
