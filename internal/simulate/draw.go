package simulate

import (
	"math"
	"math/rand/v2"

	"afterglow/internal/care"
)

// draw is one patient's stream of random numbers.
type draw struct {
	pcg *rand.PCG
	rng *rand.Rand
}

func newDraw() *draw {
	pcg := rand.NewPCG(0, 0)
	return &draw{pcg: pcg, rng: rand.New(pcg)}
}

// start begins the stream of one patient. Both words are mixed, since streams
// from neighbouring seeds must not resemble each other.
func (d *draw) start(seed, patient uint64) {
	d.pcg.Seed(mix(seed), mix(patient^mix(seed+1)))
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (d *draw) chance(p float64) bool            { return d.rng.Float64() < p }
func (d *draw) normal(mean, sd float64) float64  { return mean + sd*d.rng.NormFloat64() }
func (d *draw) between(from, to float64) float64 { return from + (to-from)*d.rng.Float64() }
func (d *draw) whole(from, to int) int           { return from + d.rng.IntN(to-from+1) }
func logistic(x float64) float64                 { return 1 / (1 + math.Exp(-x)) }
func clamp(v, low, high float64) float64         { return math.Max(low, math.Min(high, v)) }
func roundWithin(v float64, low, high int) int {
	return int(clamp(math.Floor(v+0.5), float64(low), float64(high)))
}

const hexDigits = "0123456789abcdef"

func (d *draw) pseudonym() care.Pseudonym {
	var b [32]byte
	for half := range 2 {
		v := d.rng.Uint64()
		for i := range 16 {
			b[16*half+i] = hexDigits[v&15]
			v >>= 4
		}
	}
	return care.Pseudonym(b[:])
}
