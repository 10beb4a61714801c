package mixed

func (h *held) slopes(s []float64, directions [][]float64, beta, phi []float64) (slopes, bool) {
	states, ok := h.states(s, beta, phi)
	if !ok {
		return slopes{}, false
	}
	return h.slopesAt(states, directions), true
}

// slopesAt adds up what the patterns in these states say.
func (h *held) slopesAt(states []patternState, directions [][]float64) slopes {
	n, size := len(directions), h.visits*h.columns
	out := slopes{g: make([]float64, h.visits*h.visits), hessian: make([]float64, n*n), expected: make([]float64, n*n),
		p: make([][]float64, n), u: make([][]float64, n)}
	whole, scores := make([][]float64, n), make([][]float64, n)
	for i := range n {
		whole[i], scores[i] = make([]float64, size*size), make([]float64, size)
	}
	work := newSlopeWork(h.visits, n)
	for k, p := range h.patterns {
		h.patternSlopes(p, states[k], directions, work, &out, whole, scores)
	}
	for i := range n {
		out.p[i], out.u[i] = h.project(whole[i]), h.along(scores[i])
		for j := range i {
			out.hessian[i*n+j], out.expected[i*n+j] = out.hessian[j*n+i], out.expected[j*n+i]
		}
	}
	return out
}

// slopeWork is scratch for one pattern.
type slopeWork struct {
	spread, ws, wsw, inner, expected, direction, fw []float64
	f, fInner, fExpected                            [][]float64
}

func newSlopeWork(visits, parameters int) *slopeWork {
	square := func() []float64 { return make([]float64, visits*visits) }
	w := &slopeWork{spread: square(), ws: square(), wsw: square(), inner: square(), expected: square(), direction: square(), fw: square()}
	for range parameters {
		w.f, w.fInner, w.fExpected = append(w.f, square()), append(w.fInner, square()), append(w.fExpected, square())
	}
	return w
}

// patternSlopes adds a pattern's share.
func (h *held) patternSlopes(p patternSums, st patternState, directions [][]float64, w *slopeWork, out *slopes, whole, scores [][]float64) {
	o, v, n := len(p.visits), h.visits, len(directions)
	copy(w.spread, st.r)
	for i, t := range st.t {
		w.spread[i] += t
	}
	multiply(w.ws, st.w, w.spread, o, o, o)
	multiply(w.wsw, w.ws, st.w, o, o, o)
	if st.t != nil {
		multiply(w.expected, st.w, st.t, o, o, o)
	} else {
		clear(w.expected)
	}
	for a := range o {
		for b := range o {
			at := a*o + b
			out.g[p.visits[a]*v+p.visits[b]] += p.n*st.w[at] - (w.wsw[at]+w.wsw[b*o+a])/2
			w.inner[b*o+a], w.expected[at] = 2*w.ws[at], -2*w.expected[at] // inner transposed, for the traces below
		}
		w.inner[a*o+a] -= p.n
		w.expected[a*o+a] += p.n
	}
	transpose(w.expected, o)
	for i, direction := range directions {
		for k, x := range p.visits {
			for l, y := range p.visits {
				w.direction[k*o+l] = direction[x*v+y]
			}
		}
		multiply(w.f[i], st.w, w.direction, o, o, o)
		multiply(w.fw, w.f[i], st.w, o, o, o)
		h.addKronecker(whole[i], p, w.fw, -1)
		for at := range w.fw[:o*o] {
			w.fw[at] = -w.fw[at]
		}
		h.addColumns(scores[i], p, w.fw, st.d)
		// (F inner)' = inner' F', so that a trace is a sum over elements
		transposeTo(w.direction, w.f[i], o)
		multiply(w.fInner[i], w.inner, w.direction, o, o, o)
		multiply(w.fExpected[i], w.expected, w.direction, o, o, o)
	}
	for i := range n {
		f := w.f[i][:o*o]
		for j := i; j < n; j++ {
			out.hessian[i*n+j] += elementwise(f, w.fInner[j])
			out.expected[i*n+j] += elementwise(f, w.fExpected[j])
		}
	}
}

func transpose(m []float64, n int) {
	for i := range n {
		for j := range i {
			m[i*n+j], m[j*n+i] = m[j*n+i], m[i*n+j]
		}
	}
}

func transposeTo(to, m []float64, n int) {
	for i := range n {
		for j := range n {
			to[j*n+i] = m[i*n+j]
		}
	}
}

func (h *held) contract(s []float64, directions [][]float64, w []float64) ([]float64, bool) {
	n, size := len(directions), h.visits*h.columns
	whole := make([]float64, size*size)
	work := newSlopeWork(h.visits, n)
	for _, p := range h.patterns {
		o := len(p.visits)
		inverse := part(s, h.visits, p.visits)
		if _, ok := invert(inverse, o); !ok {
			return nil, false
		}
		for i, direction := range directions {
			multiply(work.f[i], inverse, part(direction, h.visits, p.visits), o, o, o)
		}
		sum := make([]float64, o*o)
		for i := range n {
			clear(work.ws)
			for j := range n {
				weight := w[i*n+j]
				for at, x := range work.f[j][:o*o] {
					work.ws[at] += weight * x
				}
			}
			multiply(work.wsw, work.f[i], work.ws, o, o, o)
			for at := range sum {
				sum[at] += work.wsw[at]
			}
		}
		multiply(work.fw, sum, inverse, o, o, o)
		h.addKronecker(whole, p, work.fw, 1)
	}
	return h.project(whole), true
}
