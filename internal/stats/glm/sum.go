package glm

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
)

// chunkOfRows is how many rows one worker sums at a time; chunks, not workers, set the order of addition. blockOfRows is
// how many of them go through a matrix product together: so many that their columns stay in the processor's nearest cache.
const (
	chunkOfRows = 8192
	blockOfRows = 256
)

// point is the likelihood with its derivatives in the basis.
type point struct {
	logLik float64
	score  []float64
	info   *mat.SymDense
	chol   mat.Cholesky
	maxEta float64
}

// term is what one row adds: residual times its row of the basis to the score, weight (not negative) times the row's outer
// product to the information.
type term struct{ residual, weight, logLik float64 }

// evaluate sums the likelihood with its derivatives at q.
func (f *Fit) evaluate(q []float64) point {
	return f.sum(q, f.likelihood)
}

// likelihood is what row i adds at a linear predictor.
func (f *Fit) likelihood(i int, eta float64) term {
	var t term
	y := f.data.Y[i]
	switch f.Family {
	case Logit:
		// One exponential serves the mean, its slope and the likelihood y eta - log(1 + e^eta). What log(1 + e) loses of a
		// small e is below the rounding of the sum that it enters.
		e := math.Exp(-math.Abs(eta))
		share := 1 / (1 + e)
		mean := share
		if eta < 0 {
			mean = e * share
		}
		t = term{y - mean, e * share * share, y*eta - math.Max(eta, 0) - math.Log(1+e)}
	case CLogLog:
		mean, slope, variance := f.Family.Mean(eta)
		ratio := 0.0
		if variance > 0 {
			ratio = slope / variance
		}
		t = term{ratio * (y - mean), ratio * slope, f.Family.logLik(y, eta)}
	default:
		t = term{y - eta, 1, f.Family.logLik(y, eta)}
	}
	if f.data.Weights != nil {
		w := f.data.Weights[i]
		t = term{w * t.residual, w * t.weight, w * t.logLik}
	}
	return t
}

// sum adds up the terms of all rows at their linear predictors under q, on all processors.
func (f *Fit) sum(q []float64, of func(i int, eta float64) term) point {
	n, p := f.basis.N, f.basis.P
	parts := make([]point, stats.Chunks(n, chunkOfRows))
	stats.Spread(len(parts), func() func(int) {
		b := newBlock(p)
		return func(c int) { parts[c] = b.sum(f.basis, q, c*chunkOfRows, min((c+1)*chunkOfRows, n), of) }
	})
	out := parts[0]
	for _, part := range parts[1:] {
		out.logLik += part.logLik
		out.maxEta = math.Max(out.maxEta, part.maxEta)
		basis.Add(out.score, 1, part.score)
		out.info.AddSym(out.info, part.info)
	}
	return out
}

// block is one worker's memory: the linear predictors and residuals of some rows, and their rows of the basis times the
// roots of the weights, by column.
type block struct {
	eta, residual, root, scaled []float64
}

func newBlock(p int) *block {
	return &block{make([]float64, blockOfRows), make([]float64, blockOfRows), make([]float64, blockOfRows), make([]float64, p*blockOfRows)}
}

func (b *block) sum(basis *basis.Basis, q []float64, from, to int, of func(i int, eta float64) term) point {
	p := basis.P
	out := point{score: make([]float64, p), info: mat.NewSymDense(p, nil)}
	for ; from < to; from += blockOfRows {
		m := min(blockOfRows, to-from)
		rows := blas64.General{Rows: m, Cols: p, Stride: p, Data: basis.Q[from*p : (from+m)*p]}
		blas64.Gemv(blas.NoTrans, 1, rows, blas64.Vector{N: p, Inc: 1, Data: q}, 0, blas64.Vector{N: m, Inc: 1, Data: b.eta})
		for k, eta := range b.eta[:m] {
			t := of(from+k, eta)
			b.residual[k], b.root[k] = t.residual, math.Sqrt(t.weight)
			out.logLik += t.logLik
			out.maxEta = math.Max(out.maxEta, math.Abs(eta))
		}
		blas64.Gemv(blas.Trans, 1, rows, blas64.Vector{N: m, Inc: 1, Data: b.residual}, 1, blas64.Vector{N: p, Inc: 1, Data: out.score})
		for k, root := range b.root[:m] {
			for j, x := range rows.Data[k*p : (k+1)*p] {
				b.scaled[j*blockOfRows+k] = root * x
			}
		}
		blas64.Syrk(blas.NoTrans, 1, blas64.General{Rows: p, Cols: m, Stride: blockOfRows, Data: b.scaled}, 1, out.info.RawSymmetric())
	}
	return out
}
