package mixed

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
	"afterglow/internal/stats/formula"
)

// Band is a prediction with the standard error of what it misses by and a pointwise interval; an undefined df means the
// normal quantile.
type Band struct {
	Estimate float64      `json:"estimate"`
	SE       stats.Number `json:"se"`
	DF       stats.Number `json:"df"`
	stats.Interval
}

// BandPoint is what the model says of one point. Mean is the population's mean, with Satterthwaite's degrees of freedom;
// NewSubject the curve of a subject not among the data, NewObservation an observation of theirs: their variances add G and
// sigma squared to the mean's, with Satterthwaite's rule on the sum. Subject is the asked subject's own curve (fixed
// effects plus predicted random effects), SubjectObservation a further observation of theirs: the variance of the
// prediction error counts the coefficients' error and takes the variances as known (Henderson 1975, Biometrics 31:423),
// with normal quantiles. These intervals are pointwise. MeanEverywhere is the mean's interval that holds at all points asked
// for at once, and at all their linear combinations (Scheffe 1953, Biometrika 40:87; for a line Working & Hotelling 1929).
type BandPoint struct {
	Mean               Band           `json:"mean"`
	MeanEverywhere     stats.Interval `json:"mean_simultaneous"`
	NewSubject         Band           `json:"new_subject"`
	NewObservation     Band           `json:"new_observation"`
	Subject            *Band          `json:"subject,omitempty"`
	SubjectObservation *Band          `json:"subject_observation,omitempty"`
}

// Bands predicts at the rows of a frame that holds the columns of the model but the response and the group; group names
// a subject of the data, or is empty. See docs/methods/lmm.md, "Predictions".
func (f *RandomFit) Bands(at formula.Frame, group string) ([]BandPoint, error) {
	place := -1
	if group != "" {
		if place = slices.Index(f.data.group, group); place < 0 {
			return nil, stats.Errorf(stats.BadInput, f.data.random.group, "no such group among the analysed rows")
		}
	}
	joint := formula.Design{Columns: slices.Concat(f.design.Columns, f.data.random.columns)}
	matrix, err := at.Evaluate(joint, f.factors)
	if err != nil {
		return nil, err
	}
	if n := at.Length(); matrix.N() < n {
		return nil, stats.Errorf(stats.BadInput, "bands", "%d of %d points miss a column, or hold a level that the model does not know", n-matrix.N(), n)
	}
	var own *ownPrediction
	if place >= 0 {
		own = f.own(place)
	}
	out, fixed := make([]BandPoint, matrix.N()), make([][]float64, matrix.N())
	for i := range out {
		row := matrix.X[i*matrix.P() : (i+1)*matrix.P()]
		if !finite(row...) {
			return nil, stats.Errorf(stats.NotFinite, "bands", "point %d is not finite", i+1)
		}
		z := f.data.internal(row[len(f.names):])
		t, err := f.basis(row[:len(f.names)])
		if err != nil {
			return nil, err
		}
		out[i], fixed[i] = f.bandPoint(t, z, own), row[:len(f.names)]
	}
	f.everywhere(out, fixed)
	return out, nil
}

// everywhere fills the simultaneous intervals: sqrt(r F) standard errors to either side, F the quantile of the joint test
// of the r independent points.
func (f *RandomFit) everywhere(points []BandPoint, rows [][]float64) {
	for i := range points {
		points[i].MeanEverywhere.Level = f.level
	}
	test, err := f.FTest("bands", spanning(rows))
	if err != nil || !test.DDF.Defined || !(test.DDF.Value > 0) { // no point, or one without any coefficient
		return
	}
	times := math.Sqrt(float64(test.NDF) * stats.FQuantile(f.level, float64(test.NDF), test.DDF.Value))
	for i := range points {
		half := times * points[i].Mean.SE.Value
		points[i].MeanEverywhere.Lower, points[i].MeanEverywhere.Upper = stats.Of(points[i].Mean.Estimate-half), stats.Of(points[i].Mean.Estimate+half)
	}
}

// spanning keeps the rows that are no combination of rows before them: as many as there are coefficients, at most.
func spanning(rows [][]float64) [][]float64 {
	var out, orthonormal [][]float64
	for _, row := range rows {
		left := slices.Clone(row)
		for range 2 {
			for _, q := range orthonormal {
				basis.Add(left, -basis.Dot(q, left), q)
			}
		}
		size := basis.Norm(left)
		if !(size > spanTolerance*basis.Norm(row)) {
			continue
		}
		for i := range left {
			left[i] /= size
		}
		out, orthonormal = append(out, row), append(orthonormal, left)
	}
	return out
}

func (f *RandomFit) bandPoint(t *mat.VecDense, z []float64, own *ownPrediction) BandPoint {
	mean, variance, slopes := mat.Dot(t, f.beta), mat.Inner(t, f.phi, t), f.slopes(t)
	out := BandPoint{Mean: f.band(mean, variance, degrees(variance, slopes, f.information))}
	curve := variance + f.best.sigma2*f.relativeVariance(z)
	for i, at := range f.natural {
		if at[0] >= 0 {
			slopes[i] += z[at[0]] * z[at[1]] * (2 - boolean(at[0] == at[1]))
		}
	}
	out.NewSubject = f.band(mean, curve, degrees(curve, slopes, f.information))
	slopes[len(slopes)-1]++ // sigma squared is the last parameter
	out.NewObservation = f.band(mean, curve+f.best.sigma2, degrees(curve+f.best.sigma2, slopes, f.information))
	if own != nil {
		estimate, missed := own.at(f, t, z)
		subject := f.band(mean+estimate, missed, stats.Number{})
		observation := f.band(mean+estimate, missed+f.best.sigma2, stats.Number{})
		out.Subject, out.SubjectObservation = &subject, &observation
	}
	return out
}

// band takes a variance in the internal scale to the raw one.
func (f *RandomFit) band(estimate, variance float64, df stats.Number) Band {
	se := f.unit * math.Sqrt(variance)
	out := Band{Estimate: estimate, SE: stats.Of(se), DF: df, Interval: stats.Interval{Level: f.level}}
	quantile := stats.NormalQuantile(0.5 + f.level/2)
	if df.Defined {
		quantile = stats.TQuantile(0.5+f.level/2, df.Value)
	}
	out.Lower, out.Upper = stats.Of(estimate-quantile*se), stats.Of(estimate+quantile*se)
	return out
}

// relativeVariance is z'LL'z, z in the internal scale.
func (f *RandomFit) relativeVariance(z []float64) float64 {
	q, sum := len(z), 0.0
	for j := range q {
		along := 0.0
		for i := j; i < q; i++ {
			along += z[i] * f.best.factor[i*q+j]
		}
		sum += along * along
	}
	return sum
}

// ownPrediction holds, of a group and in the internal scale, its random effects u = M Z'(y - X b), M and Z'X.
type ownPrediction struct {
	effects []float64
	m       *mat.SymDense
	zx      *mat.Dense
}

// own finds a group's predictions: M = L (I + L'Z'Z L)^-1 L' (Bates & others 2015, section 3.4).
func (f *RandomFit) own(group int) *ownPrediction {
	q, m := f.data.q(), f.data.m()
	w := newRandomWork(q, m)
	w.relative(f.best.factor, f.data.a[group*q*q:(group+1)*q*q])
	k := mat.NewDense(q, q, w.k)
	var product mat.Dense
	product.Mul(k.T(), k)
	residual := mat.NewVecDense(m, nil)
	residual.SetVec(m-1, 1)
	for c := range m - 1 {
		residual.SetVec(c, -f.best.beta.AtVec(c))
	}
	all := mat.NewDense(q, m, f.data.b[group*q*m:(group+1)*q*m])
	var score, u mat.VecDense
	score.MulVec(all, residual)
	u.MulVec(&product, &score)
	return &ownPrediction{effects: u.RawVector().Data, m: basis.Symmetric(&product), zx: mat.DenseCopyOf(all.Slice(0, q, 0, m-1))}
}

// at gives z'u in the raw scale and the variance of the prediction error of x'b + z'u in the internal one: with the
// coefficients known it is sigma squared z'Mz, and their error enters along x - X'Z M z, uncorrelated with the rest.
func (o *ownPrediction) at(f *RandomFit, t *mat.VecDense, z []float64) (estimate, variance float64) {
	vector := mat.NewVecDense(len(z), z)
	var mz, c mat.VecDense
	mz.MulVec(o.m, vector)
	c.MulVec(o.zx.T(), &mz)
	c.SubVec(t, &c)
	for i, v := range o.effects {
		estimate += f.unit * v * z[i]
	}
	return estimate, f.best.sigma2*mat.Dot(vector, &mz) + mat.Inner(&c, f.phi, &c)
}
