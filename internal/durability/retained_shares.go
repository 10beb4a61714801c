package durability

import (
	"fmt"

	"afterglow/internal/care"
	"afterglow/internal/finding"
	"afterglow/internal/stats"
	"afterglow/internal/stats/decay"
	"afterglow/internal/stats/mixed"
)

// benefit is the change of one group at t*, and whether it is an improvement by the
// measure's direction whose interval excludes none. Only then is there a benefit of
// which a share can be left.
type benefit struct {
	state  benefitState
	change inference
}

type benefitState int

const (
	benefitUnseen  benefitState = iota // t* is not in the model
	benefitUnclear                     // the interval includes no change, or there is none
	benefitWorse
	benefitHad
)

func (r *retained) benefitOf(group string) benefit {
	change, ok := r.change(group, r.f.first().Name)
	switch {
	case !ok:
		return benefit{state: benefitUnseen}
	case change.lower == nil || change.upper == nil || *change.lower <= 0 && *change.upper >= 0:
		return benefit{benefitUnclear, change}
	case *change.upper < 0 == r.f.lowerIsBetter():
		return benefit{benefitHad, change}
	}
	return benefit{benefitWorse, change}
}

// note says why there is no share of the benefit; empty where there is one.
func (b benefit) note(first string) string {
	switch b.state {
	case benefitUnseen:
		return "not estimable: " + first + " is left out"
	case benefitUnclear:
		return "not estimable: the change at " + first + " does not differ from 0"
	case benefitWorse:
		return "no benefit at " + first + ": patients were worse than before"
	}
	return ""
}

// share is R(t) of one group at one visit after t*: the change then as a share of
// the change at t*.
type share struct {
	group        string
	visit        care.Visit
	value        *float64
	lower, upper *float64
	df           *float64
	note         string
}

func (s share) estimate(f *frame) finding.Estimate {
	day := float64(s.visit.Day)
	_, n := f.completion.at(s.group, s.visit.Name)
	return finding.Estimate{Name: "retained_share", Group: s.group, Visit: s.visit.Name, Day: &day, Estimate: s.value,
		DF: s.df, CILower: s.lower, CIUpper: s.upper, Level: f.level, N: n, Note: s.note}
}

func (r *retained) shareAll() ([]share, error) {
	var out []share
	for _, g := range r.f.groups {
		for _, visit := range r.f.study.Visits {
			if visit.Day <= r.f.first().Day {
				continue
			}
			s, err := r.share(g.Name, visit)
			if err != nil {
				return nil, fmt.Errorf("take the share left in %s at %s: %w", g.Name, visit.Name, err)
			}
			out = append(out, s)
		}
	}
	return out, nil
}

// share gives the ratio with Fieller's interval. The baseline is a constant in
// both, so the changes have the model means' covariance.
func (r *retained) share(group string, visit care.Visit) (share, error) {
	out := share{group: group, visit: visit, note: r.benefits[group].note(r.f.first().Name)}
	if out.note != "" {
		return out, nil
	}
	rows := make([][]float64, 2)
	for i, name := range []string{visit.Name, r.f.first().Name} {
		l, err := r.fit.MeanVector(r.f.modelGroup(group), name)
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
	later, first := r.means[[2]string{group, visit.Name}], r.means[[2]string{group, r.f.first().Name}]
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
		out.note = "not estimable: at the degrees of freedom of " + visit.Name + " the change at " + r.f.first().Name + " does not differ from 0"
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
