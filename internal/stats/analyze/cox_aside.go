package analyze

import (
	"errors"
	"fmt"
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/survival"
)

// neverAtRisk finds the levels of a Cox model's factors of which nobody is at risk when an event happens.
type neverAtRisk struct {
	right   string
	factors map[string][]string
	frame   formula.Frame
	rows    []int
}

// fitCox fits and reports. Where the fit fails because nobody of a level is ever at risk at an event, as the level's hazard
// ratio has no estimate then, the level is set aside, and its coefficient reported without values.
func fitCox(spells survival.Spells, in coxInput, never neverAtRisk, at []float64, atRisk int) (survival.CoxResult, error) {
	fit, err := survival.FitCox(spells, in.Ties)
	var aside, notes []string
	var failure *stats.Failure
	if errors.As(err, &failure) && (failure.Kind == stats.OneLevel || failure.Kind == stats.Collinear) {
		var named error
		if aside, notes, named = never.among(spells); named != nil {
			return survival.CoxResult{}, named
		}
		if len(aside) > 0 && len(aside) < len(spells.Names) {
			fit, err = survival.FitCox(spells.Without(aside), in.Ties)
		}
	}
	if err != nil {
		return survival.CoxResult{}, err
	}
	out, err := fit.Report(in.Level, at, atRisk)
	if err == nil && len(aside) > 0 {
		out.PutBack(spells.Names)
		out.Notes = append(out.Notes, notes...)
	}
	return out, err
}

// among gives the covariates of such levels with notes; the failure is of a factor's first level, with which the others are
// compared.
func (n neverAtRisk) among(spells survival.Spells) (aside, notes []string, err error) {
	f, err := parsed("~ " + n.right)
	if err != nil {
		return nil, nil, err
	}
	for _, factor := range f.Columns() {
		for i, level := range n.factors[factor] {
			if spells.AtRiskAtAnEvent(func(row int) bool { return n.frame.Texts[factor][n.rows[row]] == level }) {
				continue
			}
			if i == 0 {
				return nil, nil, stats.Errorf(stats.EmptyCell, factor+" "+level, "nobody with this level is at risk when an event happens, so that nothing can be compared with it: put another level first")
			}
			if slices.Contains(spells.Names, factor+level) {
				aside = append(aside, factor+level)
				notes = append(notes, fmt.Sprintf("nobody with %s %s is at risk when an event happens: %s has no estimate, and the rest is as without it", factor, level, factor+level))
			}
		}
	}
	return aside, notes, nil
}
