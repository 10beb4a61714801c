package mixed

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
)

// Scan is one more pass over the patients at a fit's b and S, for robust standard errors: the middle of the sandwich,
// coefficients by coefficients, with the patient as the cluster. Scans over parts of the patients add up. Its size does
// not depend on their number. See docs/methods/mmrm.md, "Sandwich errors".
type Scan struct {
	fit       *Fit
	states    map[uint64]*scanState
	scratch   *accumulator
	gamma     []float64 // the coefficients of x by visit
	spread    []float64 // Q Phi Q'
	n         int
	score     []float64 // sum of w s, which is 0 over all the fit's patients
	size      []float64 // sum of |w s|, by coefficient
	plain     *mat.SymDense
	corrected *mat.SymDense
	alone     bool // a coefficient rests on a single patient, so the corrected middle is not defined
}

// aloneInverse is the size of (I - H)^-1 beyond which a patient's leverage counts as 1.
const aloneInverse = 1e8

// scanState is what a pattern's patients share.
type scanState struct {
	visits []int
	w      []float64 // S[o,o]^-1
}

// NewScan starts a pass. Only fits to sums in memory are scanned.
func (f *Fit) NewScan() (*Scan, error) {
	h, ok := f.problem.cohort.(*held)
	if !ok {
		return nil, stats.Errorf(stats.BadInput, "robust", "the fit has no rows of patients: the sites keep them")
	}
	q := h.coefficients
	return &Scan{fit: f, states: map[uint64]*scanState{}, scratch: newAccumulator(f.sums), gamma: h.means(f.best.evaluation.beta.RawVector().Data),
		spread: h.spread(flat(f.phi)), score: make([]float64, q), size: make([]float64, q), plain: mat.NewSymDense(q, nil), corrected: mat.NewSymDense(q, nil)}, nil
}

// Add takes a patient in: x by the design's columns, y by visit (read where observed has the visit's bit), and the
// weight (1 without weights). A patient without any visit adds nothing.
func (s *Scan) Add(x, y []float64, observed uint64, weight float64) error {
	h := s.fit.problem.cohort.(*held)
	if len(x) != h.columns || len(y) != h.visits || observed>>h.visits != 0 {
		return stats.Errorf(stats.BadInput, "patient", "%d columns and %d visits, the design has %d and %d", len(x), len(y), h.columns, h.visits)
	}
	if observed == 0 {
		return nil
	}
	if !finite(x...) || !(weight > 0) || math.IsInf(weight, 0) {
		return stats.Errorf(stats.NotFinite, "patient", "a column or the weight is not finite, or the weight not above 0")
	}
	for _, v := range visitsOf(observed) {
		if !finite(y[v]) {
			return stats.Errorf(stats.NotFinite, s.fit.design.Model.Visits[v], "a response is not finite")
		}
	}
	state, err := s.state(observed)
	if err != nil {
		return err
	}
	x, y = s.scratch.scaled(patient{x: x, y: y, observed: observed})
	s.n++
	r := s.residuals(state, x, y)
	one := s.scoreOf(state, x, r, weight)
	for c, v := range one {
		s.score[c] += v
		s.size[c] += math.Abs(v)
	}
	s.plain.SymRankOne(s.plain, 1, mat.NewVecDense(len(one), one))
	less := s.leverageFree(state, x, r, weight)
	if less == nil {
		s.alone = true
		return nil
	}
	one = s.scoreOf(state, x, less, weight)
	s.corrected.SymRankOne(s.corrected, 1, mat.NewVecDense(len(one), one))
	return nil
}

func (s *Scan) state(observed uint64) (*scanState, error) {
	if known := s.states[observed]; known != nil {
		return known, nil
	}
	out := &scanState{visits: visitsOf(observed)}
	out.w = part(flat(s.fit.best.s), len(s.fit.sums.Visits), out.visits)
	if _, ok := invert(out.w, len(out.visits)); !ok {
		return nil, stats.Errorf(stats.NotConverged, "covariance", "is not positive definite")
	}
	s.states[observed] = out
	return out, nil
}

// residuals are y - X b, internal scale. Where the model holds no constant, the response's shift is undone.
func (s *Scan) residuals(state *scanState, x, y []float64) []float64 {
	out := make([]float64, len(state.visits))
	for k, v := range state.visits {
		out[k] = y[v] + s.fit.problem.unshift - elementwise(x, s.gamma[v*len(x):(v+1)*len(x)])
	}
	return out
}

// scoreOf is w X' V^-1 r in the basis.
func (s *Scan) scoreOf(state *scanState, x, r []float64, weight float64) []float64 {
	h := s.fit.problem.cohort.(*held)
	out := make([]float64, h.coefficients)
	for k, v := range state.visits {
		u := weight * elementwise(state.w[k*len(r):(k+1)*len(r)], r)
		for j, value := range x {
			if value == 0 {
				continue
			}
			at := (v*h.columns + j) * h.coefficients
			for c, q := range h.q[at : at+h.coefficients] {
				out[c] += u * value * q
			}
		}
	}
	return out
}

// leverageFree is (I - H)^-1 r with the patient's leverage H = w X Phi X' V^-1; nil where a coefficient rests on this
// patient alone.
func (s *Scan) leverageFree(state *scanState, x, r []float64, weight float64) []float64 {
	o, c, size := len(r), len(x), len(s.gamma)
	t := make([]float64, o*o)
	for k, u := range state.visits {
		for l, v := range state.visits {
			for j, value := range x {
				at := (u*c+j)*size + v*c
				t[k*o+l] += value * elementwise(x, s.spread[at:at+c])
			}
		}
	}
	h := mat.NewDense(o, o, nil)
	h.Mul(mat.NewDense(o, o, t), mat.NewDense(o, o, state.w))
	for k := range o {
		for l := range o {
			value := -weight * h.At(k, l)
			if k == l {
				value++
			}
			h.Set(k, l, value)
		}
	}
	var lu mat.LU
	lu.Factorize(h)
	out := mat.NewVecDense(o, nil)
	if !(lu.Cond() < aloneInverse*mat.Norm(h, 1)) || lu.SolveVecTo(out, false, mat.NewVecDense(o, r)) != nil {
		return nil
	}
	return out.RawVector().Data
}

// Merge adds the scan of other patients at the same fit.
func (s *Scan) Merge(other *Scan) error {
	if s.fit != other.fit {
		return stats.Errorf(stats.BadInput, "robust", "the scan belongs to another fit")
	}
	s.n += other.n
	s.alone = s.alone || other.alone
	s.plain.AddSym(s.plain, other.plain)
	s.corrected.AddSym(s.corrected, other.corrected)
	for c := range s.score {
		s.score[c] += other.score[c]
		s.size[c] += other.size[c]
	}
	return nil
}

// Robust is inference from a sandwich: the model's covariance may be wrong, the mean and what is missing may not. Its
// intervals use t with patients - 1 degrees of freedom (Cameron & Miller 2015, J Hum Resour 50:317).
type Robust struct {
	// Clusters counts the patients.
	Clusters int
	plain    *approximation
	adjusted *approximation
}

// RobustInference is a combination's robust inference. CR0 is the plain sandwich (Liang & Zeger 1986, Biometrika 73:13);
// Corrected divides the leverage out of every patient's residuals (Mancl & DeRouen 2001, Biometrics 57:126: CR3), which
// small trials need. Corrected is undefined where a coefficient rests on a single patient.
type RobustInference struct {
	CR0       stats.Estimate `json:"cr0"`
	Corrected stats.Estimate `json:"mancl_derouen"`
}

// scoreTolerance bounds the share of the scores' size that their sum may keep.
const scoreTolerance = 1e-6

// Robust ends the pass. The patients must be those of the fit: their number is, and their scores add up to 0.
func (s *Scan) Robust() (*Robust, error) {
	if t := s.fit.problem.totals; s.n != t.subjects {
		return nil, stats.Errorf(stats.BadInput, "robust", "the scan saw %d patients, the fit %d", s.n, t.subjects)
	}
	for c, total := range s.score {
		if !(math.Abs(total) <= scoreTolerance*s.size[c]) && s.size[c] > 0 {
			return nil, stats.Errorf(stats.BadInput, "robust", "the scores do not add up to 0: the scan saw other data or weights than the fit")
		}
	}
	if s.n < 2 {
		return nil, stats.Errorf(stats.TooFew, "robust", "at least two patients are needed")
	}
	out := &Robust{Clusters: s.n, plain: s.around(s.plain)}
	if !s.alone {
		out.adjusted = s.around(s.corrected)
	}
	return out, nil
}

// around is Phi middle Phi in place of the fit's covariance.
func (s *Scan) around(middle *mat.SymDense) *approximation {
	out := s.fit.approximation
	var half, whole mat.Dense
	half.Mul(s.fit.phi, middle)
	whole.Mul(&half, s.fit.phi)
	out.phi, out.p, out.kr, out.krObserved = basis.Symmetric(&whole), nil, nil, nil
	return &out
}

// Contrast gives robust inference about l'b; l has an element per coefficient.
func (r *Robust) Contrast(l []float64) (RobustInference, error) {
	t, err := r.plain.basis(l)
	if err != nil {
		return RobustInference{}, err
	}
	of := func(a *approximation) stats.Estimate {
		return stats.TEstimate(mat.Dot(t, a.beta), a.unit*math.Sqrt(mat.Inner(t, a.phi, t)), stats.Of(float64(r.Clusters-1)), a.level)
	}
	out := RobustInference{CR0: of(r.plain), Corrected: stats.Estimate{Interval: stats.Interval{Level: r.plain.level}}}
	if r.adjusted != nil {
		out.Corrected = of(r.adjusted)
	}
	return out, nil
}

// Covariance gives the covariance of the combinations in rows: CR0 and corrected, which is nil where undefined.
func (r *Robust) Covariance(rows [][]float64) (plain, corrected [][]float64, err error) {
	a, err := r.plain.Covariance(rows)
	if err != nil || r.adjusted == nil {
		return a.Plain, nil, err
	}
	b, err := r.adjusted.Covariance(rows)
	return a.Plain, b.Plain, err
}

// RobustRows scans rows in memory, those of the fit's sums.
func (f *Fit) RobustRows(rows Rows) (*Robust, error) {
	patients, _, err := f.design.patients(rows)
	if err != nil {
		return nil, err
	}
	scan, err := f.NewScan()
	if err != nil {
		return nil, err
	}
	for _, one := range patients {
		if err := scan.Add(one.x, one.y, one.observed, one.weight); err != nil {
			return nil, err
		}
	}
	return scan.Robust()
}
