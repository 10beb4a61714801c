package mixed

import (
	"math"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
)

// randomSums are what the groups add to the likelihood and its derivatives at one relative Cholesky factor L of G,
// with W = I - Z M Z', S = Z'W Z and t = Z'W [X y]: everything in units of sigma squared.
type randomSums struct {
	q, m   int
	logDet float64   // log |I + L'Z'Z L|
	cb     []float64 // [X y]'Z M Z'[X y], m x m
	s      []float64 // S by pairs
	ss     []float64 // products of the elements of S, pairs x pairs
	tt     []float64 // t_a t_b' for a, b: q*q matrices of m x m; those with a <= b are filled
	tst    []float64 // S_bc t_a t_d' for (a, d) with a <= d and pairs (b, c)
}

// pair numbers the elements a, b of a symmetric matrix.
func pair(a, b int) int {
	if a > b {
		a, b = b, a
	}
	return b*(b+1)/2 + a
}

func newRandomSums(q, m int) *randomSums {
	pairs := q * (q + 1) / 2
	return &randomSums{q: q, m: m, cb: make([]float64, m*m), s: make([]float64, pairs), ss: make([]float64, pairs*pairs),
		tt: make([]float64, q*q*m*m), tst: make([]float64, q*q*pairs*m*m)}
}

func (t *randomSums) add(o *randomSums) {
	t.logDet += o.logDet
	for _, both := range [][2][]float64{{t.cb, o.cb}, {t.s, o.s}, {t.ss, o.ss}, {t.tt, o.tt}, {t.tst, o.tst}} {
		basis.Add(both[0], 1, both[1])
	}
}

// chunkOfGroups is how many groups one worker sums at a time: the chunks, not the workers, set the order of addition,
// so the result does not depend on the machine.
const chunkOfGroups = 2048

// sums adds up all groups at the factor l (q x q, lower).
func (g *groups) sums(l []float64) *randomSums {
	q, m := g.q(), g.m()
	parts := make([]*randomSums, stats.Chunks(len(g.group), chunkOfGroups))
	stats.Spread(len(parts), func() func(int) {
		w := newRandomWork(q, m)
		return func(chunk int) {
			part := newRandomSums(q, m)
			for i := chunk * chunkOfGroups; i < min((chunk+1)*chunkOfGroups, len(g.group)); i++ {
				w.group(part, l, g.a[i*q*q:(i+1)*q*q], g.b[i*q*m:(i+1)*q*m])
			}
			parts[chunk] = part
		}
	})
	total := newRandomSums(q, m)
	for _, part := range parts {
		total.add(part)
	}
	return total
}

// randomWork is the scratch of one worker.
type randomWork struct {
	q, m                int
	al, chol, k, kb, mm []float64
	s, t, outer         []float64
}

func newRandomWork(q, m int) *randomWork {
	square := func() []float64 { return make([]float64, q*q) }
	return &randomWork{q: q, m: m, al: square(), chol: square(), k: square(), mm: square(), s: square(),
		kb: make([]float64, q*m), t: make([]float64, q*m), outer: make([]float64, m*m)}
}

// relative fills k = C^-1 L' with C C' = I + L'A L, so that M = k'k, and gives log |I + L'A L|.
func (w *randomWork) relative(l, a []float64) float64 {
	q := w.q
	for i := range q { // A L
		for j := range q {
			sum := 0.0
			for k := j; k < q; k++ {
				sum += a[i*q+k] * l[k*q+j]
			}
			w.al[i*q+j] = sum
		}
	}
	logDet := 0.0
	for i := range q {
		for j := range i + 1 {
			sum := 0.0
			for k := i; k < q; k++ {
				sum += l[k*q+i] * w.al[k*q+j]
			}
			if i == j {
				sum++
			}
			for k := range j {
				sum -= w.chol[i*q+k] * w.chol[j*q+k]
			}
			if i == j {
				w.chol[i*q+i] = math.Sqrt(sum)
				logDet += math.Log(sum)
			} else {
				w.chol[i*q+j] = sum / w.chol[j*q+j]
			}
		}
	}
	for i := range q {
		for j := range q {
			sum := l[j*q+i]
			for k := range i {
				sum -= w.chol[i*q+k] * w.k[k*q+j]
			}
			w.k[i*q+j] = sum / w.chol[i*q+i]
		}
	}
	return logDet
}

func (w *randomWork) group(out *randomSums, l, a, b []float64) {
	q, m := w.q, w.m
	out.logDet += w.relative(l, a)
	for i := range q {
		row := w.kb[i*m : (i+1)*m]
		clear(row)
		for k := range q {
			basis.Add(row, w.k[i*q+k], b[k*m:(k+1)*m])
		}
		for x, v := range row {
			basis.Add(out.cb[x*m:(x+1)*m], v, row)
		}
	}
	// A k' once, for S = A - (A k')(A k')' and t = B - (A k') kB
	for i := range q {
		for j := range q {
			sum := 0.0
			for k := range q {
				sum += a[i*q+k] * w.k[j*q+k]
			}
			w.al[i*q+j] = sum
		}
	}
	for i := range q {
		row := w.t[i*m : (i+1)*m]
		copy(row, b[i*m:(i+1)*m])
		for k := range q {
			basis.Add(row, -w.al[i*q+k], w.kb[k*m:(k+1)*m])
		}
		for j := range i + 1 {
			sum := a[i*q+j]
			for k := range q {
				sum -= w.al[i*q+k] * w.al[j*q+k]
			}
			w.s[pair(i, j)] = sum
		}
	}
	pairs := q * (q + 1) / 2
	for x := range pairs {
		out.s[x] += w.s[x]
		basis.Add(out.ss[x*pairs:(x+1)*pairs], w.s[x], w.s[:pairs])
	}
	for i := range q {
		for j := i; j < q; j++ {
			at := i*q + j
			ti, tj := w.t[i*m:(i+1)*m], w.t[j*m:(j+1)*m]
			to := out.tt[at*m*m : (at+1)*m*m]
			for x, v := range ti {
				row, scratch := to[x*m:(x+1)*m], w.outer[x*m:(x+1)*m]
				for y, u := range tj {
					scratch[y] = v * u
					row[y] += v * u
				}
			}
			for x, s := range w.s[:pairs] {
				to := out.tst[(at*pairs+x)*m*m : (at*pairs+x+1)*m*m]
				for y, v := range w.outer {
					to[y] += s * v
				}
			}
		}
	}
}
