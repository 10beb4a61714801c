package durability

import (
	"fmt"

	"afterglow/internal/care"
	"afterglow/internal/finding"
	"afterglow/internal/stats"
	"afterglow/internal/stats/decay"
	"afterglow/internal/stats/mixed"
)

// share is R(t) of one arm at one visit after t*: (b0 - m(t)) / (b0 - m(t*)).
type share struct {
	arm          string
	visit        care.Visit
	value        *float64
	lower, upper *float64
	df           *float64
	note         string
}

func (s share) estimate(f *frame) finding.Estimate {
	day := float64(s.visit.Day)
	_, n := f.completion.at(s.arm, s.visit.Name)
	return finding.Estimate{Name: "retained_share", Group: s.arm, Visit: s.visit.Name, Day: &day, Estimate: s.value,
		DF: s.df, CILower: s.lower, CIUpper: s.upper, Level: f.level, N: n, Note: s.note}
}

func (r *retained) shareAll() ([]share, error) {
	var out []share
	for _, arm := range r.f.study.Arm.Levels {
		for _, visit := range r.f.study.Visits[r.f.firstVisit+1:] {
			s, err := r.share(arm, visit)
			if err != nil {
				return nil, fmt.Errorf("take the share left in %s at %s: %w", arm, visit.Name, err)
			}
			out = append(out, s)
		}
	}
	return out, nil
}

// share gives the ratio with Fieller's interval. The baseline is a constant in
// both, so the benefits have the model means' covariance.
func (r *retained) share(arm string, visit care.Visit) (share, error) {
	out := share{arm: arm, visit: visit}
	rows := make([][]float64, 2)
	for i, name := range []string{visit.Name, r.f.first().Name} {
		l, err := r.fit.MeanVector(arm, name)
		if err != nil {
			return out, err
		}
		rows[i] = l
	}
	all, err := r.fit.Covariance(rows)
	if err != nil {
		return out, err
	}
	covariance := chosenCovariance(all, r.q.df)
	later, first := r.means[[2]string{arm, visit.Name}], r.means[[2]string{arm, r.f.first().Name}]
	df := smaller(later.df, first.df)
	ratio, err := decay.Ratio(decay.RatioInput{
		Numerator: *r.baseline - later.estimate, Denominator: *r.baseline - first.estimate,
		VarNumerator: covariance[0][0], VarDenominator: covariance[1][1], Covariance: covariance[0][1],
		DF: df, Level: r.f.level,
	})
	if err != nil {
		return out, err
	}
	out.df = pointer(df)
	if ratio.FiellerType != decay.Bounded || !ratio.Ratio.Defined {
		out.note = "not estimable: the change at " + r.f.first().Name + " does not differ from 0"
		return out, nil
	}
	out.value, out.lower, out.upper = pointer(ratio.Ratio), pointer(ratio.FiellerLower), pointer(ratio.FiellerUpper)
	return out, nil
}

func chosenCovariance(c mixed.Covariance, method string) [][]float64 {
	switch {
	case method == "kenward-roger" && c.KR != nil:
		return c.KR
	case method == "kenward-roger-observed" && c.KRObserved != nil:
		return c.KRObserved
	}
	return c.Plain
}

// smaller takes the smaller of two degrees of freedom: the wider interval.
func smaller(a, b *float64) stats.Number {
	switch {
	case a == nil || b == nil:
		return stats.Number{}
	case *a < *b:
		return stats.Of(*a)
	}
	return stats.Of(*b)
}
