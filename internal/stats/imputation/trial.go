package imputation

import (
	"fmt"
	"math"
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/linear"
)

// Trial is an outcome measured at the same visits in subjects of several arms, the reference arm first.
type Trial struct {
	Visits     []string
	Arms       []string
	Covariates []string
	Subjects   []Subject
}

// Subject is one subject: its arm, its covariates in the order of their names, and its value at every visit, undefined where it
// is missing. A subject with a missing covariate leaves the analysis and is counted.
type Subject struct {
	Arm        string
	Covariates []stats.Number
	Values     []stats.Number
}

// Sharing says what the arms share in addition to the covariates' coefficients.
type Sharing string

// With Shared one covariance matrix and one set of covariate slopes serves all arms, as in a mixed model for repeated measures
// with terms covariate:visit and arm:visit; with ByArm each arm has its own of both.
const (
	Shared Sharing = "shared"
	ByArm  Sharing = "by_arm"
)

// maxVisits is set by the bit mask of a pattern.
const maxVisits = 62

// block is the subjects that share one regression y = B'x + e on covariates (and arms), e ~ N(0, S). Responses are in units of
// their visit's spread about its mean; the rows of the design are in an orthonormal basis, so that X'X is the identity.
type block struct {
	name     string
	p, v     int
	subjects []int // their places in the prepared trial
	basis    *basis.Basis
	patterns map[uint64][]int // places in subjects, by the visits observed
	masks    []uint64         // of the patterns, in order
	y        [][]float64      // completed
	truth    []uint64         // observed visits of each subject
}

// prepared is a Trial whose subjects all have their covariates, with the blocks of the normal model.
type prepared struct {
	trial      Trial
	arm        []int
	x          [][]float64 // covariates, centred
	y          [][]stats.Number
	at, scale  []float64 // of the visits
	sharing    Sharing
	blocks     []*block
	blockOfArm []int
	excluded   int
	missing    int
}

func prepare(t Trial, sharing Sharing) (*prepared, error) {
	switch {
	case len(t.Visits) == 0 || len(t.Visits) > maxVisits:
		return nil, stats.Errorf(stats.BadInput, "visit", "%d visits; 1 to %d are possible", len(t.Visits), maxVisits)
	case len(t.Arms) < 2:
		return nil, stats.Errorf(stats.OneLevel, "arm", "the arms need at least two levels")
	case sharing != Shared && sharing != ByArm:
		return nil, stats.Errorf(stats.BadInput, "covariance", "no sharing %q; there are %s and %s", sharing, Shared, ByArm)
	}
	p := &prepared{trial: t, sharing: sharing}
	for i, s := range t.Subjects {
		arm := slices.Index(t.Arms, s.Arm)
		if arm < 0 {
			return nil, stats.Errorf(stats.BadInput, "arm", "subject %d is of no arm that is named", i+1)
		}
		if len(s.Covariates) != len(t.Covariates) || len(s.Values) != len(t.Visits) {
			return nil, stats.Errorf(stats.BadInput, "subjects", "subject %d has %d covariates and %d values for %d and %d", i+1,
				len(s.Covariates), len(s.Values), len(t.Covariates), len(t.Visits))
		}
		x, complete := make([]float64, len(s.Covariates)), true
		for j, c := range s.Covariates {
			if c.Defined && !(math.Abs(c.Value) < 1e150) {
				return nil, stats.Errorf(stats.NotFinite, t.Covariates[j], "subject %d has a value that is not finite, or too large to square", i+1)
			}
			x[j] = c.Value
			complete = complete && c.Defined
		}
		for v, y := range s.Values {
			if y.Defined && !(math.Abs(y.Value) < 1e150) {
				return nil, stats.Errorf(stats.NotFinite, t.Visits[v], "subject %d has a value that is not finite, or too large to square", i+1)
			}
		}
		if !complete {
			p.excluded++
			continue
		}
		p.arm, p.x, p.y = append(p.arm, arm), append(p.x, x), append(p.y, s.Values)
	}
	for a, arm := range t.Arms {
		if !slices.Contains(p.arm, a) {
			return nil, stats.Errorf(stats.EmptyCell, "arm "+arm, "no subject with its covariates is of this arm")
		}
	}
	p.centre()
	if err := p.estimable(); err != nil {
		return nil, err
	}
	return p, p.split()
}

// centre takes the mean out of every covariate and finds every visit's mean and spread.
func (p *prepared) centre() {
	n := float64(len(p.x))
	for j := range p.trial.Covariates {
		mean := 0.0
		for _, x := range p.x {
			mean += x[j] / n
		}
		for _, x := range p.x {
			x[j] -= mean
		}
	}
	for v := range p.trial.Visits {
		mean, square, count := 0.0, 0.0, 0.0
		for _, y := range p.y {
			if y[v].Defined {
				mean, count = mean+y[v].Value, count+1
			} else {
				p.missing++
			}
		}
		mean /= math.Max(count, 1)
		for _, y := range p.y {
			if y[v].Defined {
				square += (y[v].Value - mean) * (y[v].Value - mean)
			}
		}
		scale := math.Sqrt(square / math.Max(count, 1))
		if !(scale > 0) {
			scale = 1 // estimable names the constant
		}
		p.at, p.scale = append(p.at, mean), append(p.scale, scale)
	}
}

// design is the matrix of the subjects at these places; with arms, it holds an indicator of every arm but the first.
func (p *prepared) design(places []int, arms bool) formula.Matrix {
	m := formula.Matrix{Names: append([]string{"(Intercept)"}, p.trial.Covariates...)}
	if arms {
		for _, arm := range p.trial.Arms[1:] {
			m.Names = append(m.Names, "arm "+arm)
		}
	}
	for row, i := range places {
		m.X = append(m.X, p.row(i, p.arm[i], arms)...)
		m.Rows = append(m.Rows, row)
	}
	return m
}

// row is a subject's row as if it were of the given arm.
func (p *prepared) row(i, arm int, arms bool) []float64 {
	x := append([]float64{1}, p.x[i]...)
	if arms {
		for a := 1; a < len(p.trial.Arms); a++ {
			if a == arm {
				x = append(x, 1)
			} else {
				x = append(x, 0)
			}
		}
	}
	return x
}

// estimable names an arm that nobody was seen in at a visit.
func (p *prepared) estimable() error {
	for v, visit := range p.trial.Visits {
		seen := make([]int, len(p.trial.Arms))
		for i, y := range p.y {
			if y[v].Defined {
				seen[p.arm[i]]++
			}
		}
		for a, n := range seen {
			if n == 0 {
				return stats.Errorf(stats.EmptyCell, fmt.Sprintf("arm %s, visit %s", p.trial.Arms[a], visit), "nobody was observed there")
			}
		}
	}
	return nil
}

// split makes the blocks and sees that each one's regression can be estimated at every visit and pair of visits.
func (p *prepared) split() error {
	if p.sharing == Shared {
		all := make([]int, len(p.arm))
		for i := range all {
			all[i] = i
		}
		p.blockOfArm = make([]int, len(p.trial.Arms))
		return p.add("", all)
	}
	for a, arm := range p.trial.Arms {
		var places []int
		for i, of := range p.arm {
			if of == a {
				places = append(places, i)
			}
		}
		p.blockOfArm = append(p.blockOfArm, a)
		if err := p.add("arm "+arm, places); err != nil {
			return err
		}
	}
	return nil
}

// place leads a visit or column by the block's arm.
func (b *block) place(of string) string {
	if b.name == "" {
		return of
	}
	return b.name + ", " + of
}

func (p *prepared) add(name string, places []int) error {
	b := &block{name: name, v: len(p.trial.Visits), subjects: places, patterns: map[uint64][]int{}}
	m := p.design(places, p.sharing == Shared)
	b.p = m.P()
	for j, i := range places {
		mask, y := uint64(0), make([]float64, b.v)
		for v, value := range p.y[i] {
			if value.Defined {
				mask |= 1 << v
				y[v] = (value.Value - p.at[v]) / p.scale[v]
			}
		}
		if b.patterns[mask] == nil {
			b.masks = append(b.masks, mask)
		}
		b.patterns[mask] = append(b.patterns[mask], j)
		b.y, b.truth = append(b.y, y), append(b.truth, mask)
	}
	slices.Sort(b.masks)
	if err := p.regressions(b, m); err != nil {
		return err
	}
	var err error
	if b.basis, err = basis.Of(m.Names, m.X, m.N()); err != nil {
		return err
	}
	p.blocks = append(p.blocks, b)
	return nil
}

// regressions tries each visit's regression on what was observed: without it the normal model has no proper posterior.
func (p *prepared) regressions(b *block, m formula.Matrix) error {
	for v, visit := range p.trial.Visits {
		part, y := formula.Matrix{Names: m.Names}, []float64(nil)
		for j, mask := range b.truth {
			if mask>>v&1 != 0 {
				part.X, part.Rows, y = append(part.X, m.Row(j)...), append(part.Rows, j), append(y, b.y[j][v])
			}
		}
		if need := b.p + b.v; len(y) <= need {
			return stats.Errorf(stats.TooFew, b.place("visit "+visit), "%d observed values; a covariance of %d visits together with %d coefficients needs more than %d", len(y), b.v, b.p, need)
		}
		if _, err := linear.Least(part, y); err != nil {
			return located(err, b, visit)
		}
		for u := range v {
			both := 0
			for _, mask := range b.truth {
				if (mask>>v)&(mask>>u)&1 != 0 {
					both++
				}
			}
			if both <= b.p {
				return stats.Errorf(stats.TooFew, b.place("visits "+p.trial.Visits[u]+" and "+visit), "%d subjects were observed at both; their covariance needs more than %d", both, b.p)
			}
		}
	}
	return nil
}

// located names the visit of a response that cannot be analysed; a column keeps its own name.
func located(err error, b *block, visit string) error {
	if f, ok := err.(*stats.Failure); ok && (f.Kind == stats.Constant || f.Kind == stats.TooFew || f.Kind == stats.NotFinite) {
		return &stats.Failure{Kind: f.Kind, Where: b.place("visit " + visit), Message: f.Message}
	}
	return err
}
