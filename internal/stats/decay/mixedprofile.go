package decay

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// mixedProfile is the likelihood at a fixed rate, the coefficients, both variances and so the random effects maximised: the
// mean is then linear, and only the ratio of the variances has to be searched.
type mixedProfile struct {
	*mixedProblem
	y       []float64 // in its unit, its mean taken off where the mean has a constant
	centre  float64
	first   float64
	rows    [][]int // by group
	columns int
}

func (p *mixedProblem) profile() (*mixedProfile, error) {
	out := &mixedProfile{mixedProblem: p, first: slices.Min(p.T), rows: make([][]int, p.groups)}
	if slices.Max(p.T) == out.first {
		return nil, stats.Errorf(stats.OneLevel, "time", "all times are the same")
	}
	if p.Model != AmplitudeRandom {
		for _, y := range p.Y {
			out.centre += y / p.unit / float64(len(p.Y))
		}
	}
	for i, y := range p.Y {
		out.y = append(out.y, y/p.unit-out.centre)
		out.rows[p.Group[i]] = append(out.rows[p.Group[i]], i)
	}
	out.columns = map[MixedModel]int{AsymptoteRandom: 2, AsymptoteRandomArm: 3, AmplitudeRandom: 1, SelfStarting: 2}[p.Model]
	return out, nil
}

// design gives the columns by row and the random effect's factor at a rate, both in scales that do not vanish.
func (m *mixedProfile) design(rate float64) (x [][]float64, z []float64) {
	fall := gone(m.T, rate)
	if m.Model == AmplitudeRandom {
		fall = left(m.T, rate)
	}
	largest := 0.0
	for i, t := range m.T {
		row, factor := []float64{fall[i]}, 1.0
		switch m.Model {
		case AsymptoteRandom:
			row = []float64{1, fall[i]}
		case AsymptoteRandomArm:
			row = []float64{1, m.Arm[i], fall[i]}
		case AmplitudeRandom:
			factor = fall[i]
		case SelfStarting:
			row, factor = []float64{1, fall[i]}, t
			if rate > 0 {
				factor = -math.Expm1(-rate * t)
			}
		}
		x, z = append(x, row), append(z, factor)
		largest = math.Max(largest, math.Abs(factor))
	}
	for i := range z {
		z[i] /= largest
	}
	return x, z
}

// most is the largest number of columns.
const most = 3

// moments are a group's sums of products of z, the columns and y.
type moments struct {
	zz, zy float64
	zx     [most]float64
}

// fixedRate is the problem at one rate: cross-products over all rows, and what each group's random effect needs.
type fixedRate struct {
	n, yy  float64
	p      int
	xx     [most][most]float64
	xy     [most]float64
	groups []moments
}

func (m *mixedProfile) fixed(rate float64) fixedRate {
	x, z := m.design(rate)
	out := fixedRate{n: float64(len(m.y)), p: m.columns}
	for _, rows := range m.rows {
		if len(rows) == 0 {
			continue
		}
		var g moments
		for _, i := range rows {
			y := m.y[i]
			g.zz += z[i] * z[i]
			g.zy += z[i] * y
			out.yy += y * y
			for j, v := range x[i] {
				g.zx[j] += z[i] * v
				out.xy[j] += v * y
				for k := range j + 1 {
					out.xx[j][k] += v * x[i][k]
				}
			}
		}
		out.groups = append(out.groups, g)
	}
	return out
}

// at is minus twice the log-likelihood and the coefficients where the variance of the random effect is rho times that of
// the errors; +Inf where there is none.
func (f *fixedRate) at(rho float64) (deviance float64, b []float64, variance float64) {
	xx, xy, yy, logDet := f.xx, f.xy, f.yy, 0.0
	for i := range f.groups {
		g := &f.groups[i]
		d := 1 + rho*g.zz
		share := rho / d
		for j := range f.p {
			for k := range j + 1 {
				xx[j][k] -= share * g.zx[j] * g.zx[k]
			}
			xy[j] -= share * g.zx[j] * g.zy
		}
		yy -= share * g.zy * g.zy
		logDet += math.Log(d)
	}
	normal := mat.NewSymDense(f.p, nil)
	for j := range f.p {
		for k := range j + 1 {
			normal.SetSym(j, k, xx[j][k])
		}
	}
	var chol mat.Cholesky
	var solved mat.VecDense
	right := mat.NewVecDense(f.p, xy[:f.p])
	if !chol.Factorize(normal) || chol.SolveVecTo(&solved, right) != nil {
		return math.Inf(1), nil, 0
	}
	variance = (yy - mat.Dot(&solved, right)) / f.n
	if !(variance > 1e-18*f.yy/f.n) {
		return math.Inf(1), nil, 0
	}
	return f.n*(math.Log(2*math.Pi*variance)+1) + logDet, solved.RawVector().Data, variance
}

// best searches the ratio of the variances, 0 included, on a grid of logs and by the golden section.
func (f *fixedRate) best() (deviance, rho float64) {
	unit := 0.0
	for _, g := range f.groups {
		unit += g.zz / float64(len(f.groups))
	}
	value := func(log float64) float64 { d, _, _ := f.at(math.Exp(log) / unit); return d }
	deviance, _, _ = f.at(0)
	nearby, at := math.Inf(1), 0.0
	for log := -14.0; log <= 24; log += 2 {
		if v := value(log); v < nearby {
			nearby, at = v, log
		}
	}
	log, least := golden(value, at-2, at+2)
	if least < deviance {
		return least, math.Exp(log) / unit
	}
	return deviance, 0
}

// golden narrows an interval around a minimum by the golden section to a millionth.
func golden(value func(float64) float64, low, high float64) (at, least float64) {
	const ratio = 0.6180339887498949
	a, b := high-ratio*(high-low), low+ratio*(high-low)
	va, vb := value(a), value(b)
	for high-low > 1e-6 {
		if va < vb {
			high, b, vb = b, a, va
			a = high - ratio*(high-low)
			va = value(a)
		} else {
			low, a, va = a, b, vb
			b = low + ratio*(high-low)
			vb = value(b)
		}
	}
	return (low + high) / 2, math.Min(va, vb)
}

// at is the profile at a rate of 0 or more.
func (m *mixedProfile) at(rate float64) float64 {
	f := m.fixed(rate)
	deviance, _ := f.best()
	return deviance
}

// start searches the rate, half-lives from a twentieth of the smallest gap between times to a hundred spans and then between
// the best one's neighbours, and gives all parameters there.
func (m *mixedProfile) start() ([]float64, error) {
	lives := halfLives(m.T, 40)
	best, least := -1, math.Inf(1)
	for i, life := range lives {
		if v := m.at(math.Ln2 / life); v < least {
			best, least = i, v
		}
	}
	last := m.names[len(m.names)-1]
	if best < 0 {
		return nil, stats.Errorf(stats.Constant, "response", "lies exactly on a curve, or its columns cannot be told apart, so the error cannot be estimated")
	}
	if best == len(lives)-1 || m.at(0) < least {
		return nil, stats.Errorf(stats.NotConverged, last, "the values do not fall towards a plateau over these times: no rate is the likeliest")
	}
	if best == 0 {
		return nil, stats.Errorf(stats.NotConverged, last, "all is lost before the second time: no rate is the likeliest")
	}
	life, _ := golden(func(log float64) float64 { return m.at(math.Ln2 / math.Exp(log)) }, math.Log(lives[best-1]), math.Log(lives[best+1]))
	rate := math.Ln2 / math.Exp(life)
	f := m.fixed(rate)
	_, rho := f.best()
	_, b, variance := f.at(rho)
	return m.parameters(rate, rho, b, variance), nil
}

// parameters takes the coefficients of design back to those of the model.
func (m *mixedProfile) parameters(rate, rho float64, b []float64, variance float64) []float64 {
	n := len(b)
	early := math.Exp(math.Min(rate*m.first, 300))
	span := slices.Max(m.T) - m.first
	end := -math.Expm1(-rate * span) // gone is (1 - e)/end
	lk := math.Log(rate)
	var out []float64
	_, raw := m.design(rate)
	// the factor of design against the model's own, at the row where it is largest
	scale := 1.0
	at := 0
	for i := range raw {
		if math.Abs(raw[i]) > math.Abs(raw[at]) {
			at = i
		}
	}
	switch plateau := m.centre + b[0]; m.Model {
	case AsymptoteRandom:
		out = []float64{plateau + b[1]/end, -b[1] / end * early, lk}
	case AsymptoteRandomArm:
		out = []float64{plateau + b[2]/end, b[1], -b[2] / end * early, lk}
	case AmplitudeRandom:
		out, scale = []float64{b[0] * early, lk}, math.Exp(-rate*m.T[at])
	case SelfStarting:
		out, scale = []float64{plateau + b[n-1]/end, plateau + b[n-1]/end - b[n-1]/end*early, lk}, math.Abs(math.Expm1(-rate*m.T[at]))
	}
	return append(out, math.Sqrt(rho)/math.Max(scale, 1e-300), math.Log(variance))
}
