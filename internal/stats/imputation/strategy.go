package imputation

import (
	"math/bits"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// Strategy is what is assumed of a subject of another arm than the reference after its last observed visit. Gaps before that,
// and everything in the reference arm, are missing at random.
type Strategy string

// The strategies of Carpenter, Roger & Kenward (2013, J Biopharm Stat 23:1352).
const (
	// AtRandom goes on as subjects of the same arm with the same history did.
	AtRandom Strategy = "mar"
	// JumpToReference has the reference arm's mean from the first missing visit on.
	JumpToReference Strategy = "j2r"
	// CopyReference has the reference arm's distribution throughout: what was gained beyond it fades as its residuals do.
	CopyReference Strategy = "cr"
	// CopyIncrements keeps what was gained at the last visit and moves from there as the reference arm's mean does.
	CopyIncrements Strategy = "cir"
)

func (s Strategy) check() error {
	if !slices.Contains([]Strategy{AtRandom, JumpToReference, CopyReference, CopyIncrements}, s) {
		return stats.Errorf(stats.BadInput, "strategy", "no strategy %q; there are mar, j2r, cr and cir", s)
	}
	return nil
}

// raw are a block's coefficients for rows of its design (p x v), still in the visits' units.
func (b *block) raw(theta parameters) *mat.Dense {
	out := mat.NewDense(b.p, b.v, nil)
	for v := range b.v {
		out.SetCol(v, b.basis.Coefficients(mat.Col(nil, v, theta.b)))
	}
	return out
}

// profile is the means by visit of a subject as if it were of the given arm.
func (p *prepared) profile(coefficients []*mat.Dense, i, arm int) []float64 {
	out := mat.NewVecDense(len(p.trial.Visits), nil)
	row := p.row(i, arm, p.sharing == Shared)
	out.MulVec(coefficients[p.blockOfArm[arm]].T(), mat.NewVecDense(len(row), row))
	return out.RawVector().Data
}

// redirect draws the visits after each subject's last observed one anew, by the strategy; y holds the completed values.
func (p *prepared) redirect(s Strategy, reference int, theta []parameters, source *rand.Rand) error {
	if s == AtRandom {
		return nil
	}
	coefficients := make([]*mat.Dense, len(p.blocks))
	for k, b := range p.blocks {
		coefficients[k] = b.raw(theta[k])
	}
	visits := len(p.trial.Visits)
	after := make([]regression, visits)
	of := p.blockOfArm[reference]
	for last := range visits {
		has, not := sides(1<<last-1, visits)
		r, ok := conditional(theta[of].s, not, has)
		if !ok {
			return p.blocks[of].singular()
		}
		after[last] = r
	}
	for _, b := range p.blocks {
		for j, i := range b.subjects {
			last := bits.Len64(b.truth[j]) // the number of visits up to the last observed one
			if p.arm[i] == reference || last == visits {
				continue
			}
			own, other := p.profile(coefficients, i, p.arm[i]), p.profile(coefficients, i, reference)
			after[last].draw(b.y[j], p.joined(s, own, other, last), source)
		}
	}
	return nil
}

// joined are the means before and after the last observed visit. Means are in each visit's own unit, so an increment is taken in
// the data's.
func (p *prepared) joined(s Strategy, own, other []float64, last int) []float64 {
	out := slices.Clone(other)
	if s == CopyReference {
		return out
	}
	copy(out[:last], own)
	if s == CopyIncrements && last > 0 {
		gained := (own[last-1] - other[last-1]) * p.scale[last-1]
		for v := last; v < len(out); v++ {
			out[v] += gained / p.scale[v]
		}
	}
	return out
}
