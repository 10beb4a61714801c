package durability

import "afterglow/internal/finding"

// Where a share of the benefit counts as most of it, and where as next to none; our
// own choice, made before any data (docs/methods/retained-benefit.md).
const (
	mostIsLeft = 0.75
	noneIsLeft = 0.25
)

// The verdicts on whether a benefit lasted.
const (
	verdictYes      = "yes"
	verdictNo       = "no"
	verdictPartly   = "partly"
	verdictAtLeast  = "at least partly"
	verdictAtMost   = "at most partly"
	verdictUnknown  = "cannot be said"
	verdictWorse    = "no benefit: worse than before"
	verdictNotShown = "cannot be said: no benefit is shown"
)

// verdictOf puts the interval of a share into words. The interval decides and not
// the estimate: what the data leave open is not claimed.
func verdictOf(lower, upper *float64) string {
	switch {
	case lower == nil || upper == nil:
		return verdictUnknown
	case *lower >= mostIsLeft:
		return verdictYes
	case *upper <= noneIsLeft:
		return verdictNo
	case *lower > 0 && *upper < 1:
		return verdictPartly
	case *lower > 0:
		return verdictAtLeast
	case *upper < 1:
		return verdictAtMost
	}
	return verdictUnknown
}

// verdicts are the groups with the answer for each, at the last visit analysed.
func (r *retained) verdicts() []finding.Group {
	out := append([]finding.Group(nil), r.f.groups...)
	for i := range out {
		out[i].Verdict = r.verdict(out[i].Name)
	}
	return out
}

func (r *retained) verdict(group string) string {
	s, ok := r.lastShare(group)
	switch {
	case r.benefits[group].state == benefitWorse:
		return verdictWorse
	case r.benefits[group].state == benefitUnclear && r.baseline != nil:
		return verdictNotShown
	case !ok:
		return verdictUnknown
	}
	return verdictOf(s.lower, s.upper)
}

// lastShare is the share at the last visit analysed; false where no visit after t*
// is.
func (r *retained) lastShare(group string) (share, bool) {
	for _, s := range r.shares {
		if s.group == group && s.visit.Name == r.f.last().Name {
			return s, true
		}
	}
	return share{}, false
}
