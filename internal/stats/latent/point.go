package latent

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
)

// shape lays the parameters out in one vector: the trajectories, class after class, in the basis; the lower triangles of the
// relative Cholesky factors L of G = sigma squared L L' (free, so a variance of zero is an inner point); the logarithms of sigma
// squared; the logits of the classes against the first.
type shape struct {
	classes, p, q          int
	covByClass, varByClass bool
}

func (s shape) triangle() int { return s.q * (s.q + 1) / 2 }

func (s shape) factors() int {
	if s.covByClass {
		return s.classes
	}
	return 1
}

func (s shape) variances() int {
	if s.varByClass {
		return s.classes
	}
	return 1
}

func (s shape) size() int {
	return s.classes*s.p + s.factors()*s.triangle() + s.variances() + s.classes - 1
}

func (s shape) betaAt(k int) int { return k * s.p }

func (s shape) factorAt(k int) int {
	if !s.covByClass {
		k = 0
	}
	return s.classes*s.p + k*s.triangle()
}

func (s shape) varianceAt(k int) int {
	if !s.varByClass {
		k = 0
	}
	return s.classes*s.p + s.factors()*s.triangle() + k
}

// logitAt is the place of a class's logit; the first class has none.
func (s shape) logitAt(k int) int {
	return s.classes*s.p + s.factors()*s.triangle() + s.variances() + k - 1
}

// proportions are the classes' shares, from their logits.
func (s shape) proportions(theta []float64) []float64 {
	out := make([]float64, s.classes)
	for k := 1; k < s.classes; k++ {
		out[k] = theta[s.logitAt(k)]
	}
	total := floats.LogSumExp(out)
	for k := range out {
		out[k] = math.Exp(out[k] - total)
	}
	return out
}

// member is one subject seen as a member of one class, with W = I + Z L L' Z'.
type member struct {
	logDensity float64
	quad       float64   // r'W^-1 r
	zr         []float64 // Z'r
	effect     []float64 // M Z'r, the random effects given the values; M = (L^-T L^-1 + Z'Z)^-1
	m          []float64 // q x q
	xw         []float64 // X'W^-1 r
	chol, k    []float64 // scratch
	al         []float64
}

func newMember(s shape) *member {
	q := s.q
	return &member{zr: make([]float64, q), effect: make([]float64, q), m: make([]float64, q*q), xw: make([]float64, s.p),
		chol: make([]float64, q*q), k: make([]float64, q*q), al: make([]float64, q*q)}
}

// see fills the member for subject i and class k.
func (d *data) see(w *member, theta []float64, i, k int) {
	p, q := d.p, d.q
	xx, xy, beta := d.xx[i], d.xy[i], theta[d.betaAt(k):d.betaAt(k)+p]
	quad := d.yy[i]
	for a := range p {
		sum := xy[a]
		for b := range p {
			sum -= xx[a*p+b] * beta[b]
		}
		w.xw[a] = sum
		quad -= beta[a] * (xy[a] + sum)
	}
	copy(w.zr, w.xw[:q])
	logDet := w.relative(theta[d.factorAt(k):], xx, p, q)
	for a := range q {
		w.effect[a] = 0
		for b := range q {
			w.effect[a] += w.m[a*q+b] * w.zr[b]
		}
		quad -= w.effect[a] * w.zr[a]
	}
	for a := range p {
		for b := range q {
			w.xw[a] -= xx[a*p+b] * w.effect[b]
		}
	}
	// rounding may leave a perfect fit below 0
	w.quad = math.Max(quad, 0)
	n, logS2 := float64(d.count[i]), theta[d.varianceAt(k)]
	w.logDensity = -(n*(math.Log(2*math.Pi)+logS2) + logDet + w.quad*math.Exp(-logS2)) / 2
}

// relative fills m = L (I + L'A L)^-1 L' with A the leading block of xx, and gives log |I + L'A L|. l is the lower triangle by rows.
func (w *member) relative(l, xx []float64, p, q int) float64 {
	at := func(i, j int) float64 {
		if j > i {
			return 0
		}
		return l[i*(i+1)/2+j]
	}
	logDet := 0.0
	for i := range q {
		for j := range q {
			w.al[i*q+j] = 0
			for c := j; c < q; c++ {
				w.al[i*q+j] += xx[i*p+c] * at(c, j)
			}
		}
	}
	for i := range q {
		for j := range i + 1 {
			sum := 0.0
			for c := i; c < q; c++ {
				sum += at(c, i) * w.al[c*q+j]
			}
			if i == j {
				sum++
			}
			for c := range j {
				sum -= w.chol[i*q+c] * w.chol[j*q+c]
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
			sum := at(j, i)
			for c := range i {
				sum -= w.chol[i*q+c] * w.k[c*q+j]
			}
			w.k[i*q+j] = sum / w.chol[i*q+i]
		}
	}
	for i := range q {
		for j := range q {
			w.m[i*q+j] = 0
			for c := range q {
				w.m[i*q+j] += w.k[c*q+i] * w.k[c*q+j]
			}
		}
	}
	return logDet
}

// point is the log-likelihood at theta (internal scale, with its constants) with the subjects' class probabilities and scores.
type point struct {
	theta     []float64
	logLik    float64
	posterior [][]float64
	score     []float64
	scores    [][]float64 // by subject, where asked for
}

// at evaluates the log-likelihood and its gradient by Fisher's identity: the score of a subject is the average over its class
// probabilities of the score within a class.
func (d *data) at(theta []float64, bySubject bool) *point {
	out := &point{theta: slices.Clone(theta), score: make([]float64, len(theta)), posterior: make([][]float64, len(d.names))}
	share, logShare := d.proportions(theta), make([]float64, d.classes)
	for k := range share {
		logShare[k] = math.Log(share[k])
	}
	members := make([]*member, d.classes)
	for k := range members {
		members[k] = newMember(d.shape)
	}
	logs, one := make([]float64, d.classes), make([]float64, len(theta))
	for i := range d.names {
		for k, w := range members {
			d.see(w, theta, i, k)
			logs[k] = logShare[k] + w.logDensity
		}
		sum := floats.LogSumExp(logs)
		out.logLik += sum
		post := make([]float64, d.classes)
		clear(one)
		for k, w := range members {
			post[k] = math.Exp(logs[k] - sum)
			d.addScore(one, w, theta, i, k, post[k])
			if k > 0 {
				one[d.logitAt(k)] = post[k] - share[k]
			}
		}
		out.posterior[i] = post
		for j, v := range one {
			out.score[j] += v
		}
		if bySubject {
			out.scores = append(out.scores, slices.Clone(one))
		}
	}
	return out
}

// addScore adds the score of subject i within class k, times its probability: by beta X'V^-1 r; by L -S L + z z'L/sigma^2 with
// S = Z'W^-1 Z and z = Z'W^-1 r; by log sigma^2 (r'W^-1 r/sigma^2 - n)/2.
func (d *data) addScore(score []float64, w *member, theta []float64, i, k int, probability float64) {
	p, q, xx := d.p, d.q, d.xx[i]
	inverse := math.Exp(-theta[d.varianceAt(k)])
	for a, v := range w.xw {
		score[d.betaAt(k)+a] += probability * v * inverse
	}
	score[d.varianceAt(k)] += probability * (w.quad*inverse - float64(d.count[i])) / 2
	l := theta[d.factorAt(k):]
	for a := range q {
		for b := range a + 1 {
			sum := 0.0
			for c := b; c < q; c++ {
				// S[a][c] = A - A M A
				s := xx[a*p+c]
				for e := range q {
					for f := range q {
						s -= xx[a*p+e] * w.m[e*q+f] * xx[f*p+c]
					}
				}
				sum += (w.xw[a]*w.xw[c]*inverse - s) * l[c*(c+1)/2+b]
			}
			score[d.factorAt(k)+a*(a+1)/2+b] += probability * sum
		}
	}
}
