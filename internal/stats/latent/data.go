package latent

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
)

// data are the subjects' cross-products. The powers of time are made orthonormal over all rows, with mean square 1, so the
// random effects' columns are the first of them; the response is what least squares over all subjects leaves, in units of its
// spread.
type data struct {
	shape
	names   []string
	count   []int
	rows    int
	missing int // values
	without int // subjects

	xx, xy [][]float64 // a subject's X'X (p x p) and X'y
	yy     []float64

	times     []float64 // distinct, in order
	mid, half float64
	inverse   *mat.Dense // takes coefficients in the basis to powers of (t - mid)/half
	unit      float64
	offset    []float64 // least squares in the basis, raw scale
}

type row struct {
	subject int
	t, y    float64
}

// gather sorts the subjects by name, so that neither their order nor that of rows draws other starts.
func gather(m Model, subjects []Subject) (*data, error) {
	d := &data{shape: shape{classes: m.Classes, p: m.Degree + 1, q: m.random(), covByClass: m.CovarianceByClass && m.random() > 0, varByClass: m.VarianceByClass}}
	sorted := slices.SortedFunc(slices.Values(subjects), func(a, b Subject) int { return cmp.Compare(a.Name, b.Name) })
	var rows []row
	for _, s := range sorted {
		before := len(rows)
		for j, v := range s.Values {
			if !v.Defined {
				d.missing++
				continue
			}
			if !stats.Finite(s.Times[j]) || math.Abs(s.Times[j]) > 1e60 {
				return nil, stats.Errorf(stats.NotFinite, "time", "holds a value that is not finite, or too large for its powers")
			}
			if !(math.Abs(v.Value) < 1e150) {
				return nil, stats.Errorf(stats.NotFinite, "response", "holds a value that is not finite, or too large to square")
			}
			rows = append(rows, row{len(d.names), s.Times[j], v.Value})
		}
		if len(rows) == before {
			d.without++
			continue
		}
		// rows of one subject in the order of time, so that their order in the data does not round otherwise
		slices.SortFunc(rows[before:], func(a, b row) int { return cmp.Or(cmp.Compare(a.t, b.t), cmp.Compare(a.y, b.y)) })
		d.names, d.count = append(d.names, s.Name), append(d.count, len(rows)-before)
	}
	d.rows = len(rows)
	if n, parameters := len(d.names), d.size(); n <= parameters {
		return nil, stats.Errorf(stats.TooFew, "subjects", "%d subjects with a value are too few for %d parameters", n, parameters)
	}
	if d.q > 0 && slices.Max(d.count) == 1 {
		return nil, stats.Errorf(stats.TooFew, "subjects", "no subject has more than one value, so variation between and within subjects cannot be told apart")
	}
	return d, d.sum(rows)
}

func (d *data) sum(rows []row) error {
	for _, r := range rows {
		d.times = append(d.times, r.t)
	}
	slices.Sort(d.times)
	d.times = slices.Compact(d.times)
	first, last := d.times[0], d.times[len(d.times)-1]
	d.mid, d.half = first+(last-first)/2, (last-first)/2
	if d.half == 0 {
		if d.p > 1 {
			return stats.Errorf(stats.OneLevel, "time", "is the same everywhere")
		}
		d.half = 1
	}
	columns, names := make([][]float64, d.p), powers(d.p)
	y := make([]float64, len(rows))
	for i, r := range rows {
		for j, v := range d.powersAt(r.t) {
			columns[j] = append(columns[j], v)
		}
		y[i] = r.y
	}
	upper, err := basis.Columns(names, columns)
	if err != nil {
		return err
	}
	root := math.Sqrt(float64(len(rows)))
	var inverse mat.TriDense
	if err := inverse.InverseTri(upper); err != nil {
		return stats.Errorf(stats.Collinear, "time", "its powers are so close to combinations of each other that no digits are left")
	}
	d.inverse = mat.NewDense(d.p, d.p, nil)
	d.inverse.Scale(root, &inverse)
	for _, x := range columns {
		for i := range x {
			x[i] *= root
		}
	}
	if err := d.reduce(columns, y); err != nil {
		return err
	}
	d.yy = make([]float64, len(d.names))
	for range d.names {
		d.xx, d.xy = append(d.xx, make([]float64, d.p*d.p)), append(d.xy, make([]float64, d.p))
	}
	for i, r := range rows {
		for j := range d.p {
			for k := range d.p {
				d.xx[r.subject][j*d.p+k] += columns[j][i] * columns[k][i]
			}
			d.xy[r.subject][j] += columns[j][i] * y[i]
		}
		d.yy[r.subject] += y[i] * y[i]
	}
	return nil
}

// reduce takes least squares over all subjects out of the response and scales what is left.
func (d *data) reduce(columns [][]float64, y []float64) error {
	total := basis.Norm(y)
	d.offset = make([]float64, d.p)
	for range 2 {
		for c, x := range columns {
			h := basis.Dot(x, y) / float64(len(y))
			d.offset[c] += h
			basis.Add(y, -h, x)
		}
	}
	left := basis.Norm(y)
	if !(left > 1e-10*total) {
		return stats.Errorf(stats.Constant, "response", "has no variation left after fitting one trajectory for all")
	}
	d.unit = left / math.Sqrt(float64(len(y)))
	for i := range y {
		y[i] /= d.unit
	}
	return nil
}

// powersAt are those of (t - mid)/half.
func (d *data) powersAt(t float64) []float64 {
	x := make([]float64, d.p)
	x[0] = 1
	for j := 1; j < d.p; j++ {
		x[j] = x[j-1] * (t - d.mid) / d.half
	}
	return x
}

func powers(p int) []string {
	names := []string{"(Intercept)", "time"}
	for j := 2; j < p; j++ {
		names = append(names, fmt.Sprintf("I(time^%d)", j))
	}
	return names[:p]
}

// unscaled takes coefficients of powers of (t - mid)/half to those of t, by the binomial theorem.
func (d *data) unscaled(p int) *mat.Dense {
	out := mat.NewDense(p, p, nil)
	for j := range p {
		choose := 1.0
		for i := j; i >= 0; i-- {
			out.Set(i, j, choose*math.Pow(-d.mid, float64(j-i))/math.Pow(d.half, float64(j)))
			choose *= float64(i) / float64(j-i+1)
		}
	}
	return out
}
