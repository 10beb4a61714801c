package durability

import (
	"fmt"
	"slices"

	"afterglow/internal/care"
	"afterglow/internal/finding"
	"afterglow/internal/stats"
)

// reach says which groups and visits a model of all of them can take. What it
// cannot take is left out, so that the rest is answered
// (docs/methods/retained-benefit.md, 'What is left out').
type reach struct {
	f             *frame
	needsBaseline bool
	groups        []string
	visits        []care.Visit
	out           []leftOut
}

// leftOut is a visit or a group that is not in the model, and why.
type leftOut struct {
	visit, group string
	why          string
}

// reached applies the rules: a visit or group without a score goes; where only some
// groups were seen at a visit, what costs fewer scores goes, the group or the
// visits that it lacks; a visit with no more scores than its part of the model has
// parameters goes.
func (f *frame) reached(needsBaseline bool) *reach {
	r := &reach{f: f, needsBaseline: needsBaseline, groups: f.names(), visits: slices.Clone(f.study.Visits)}
	for _, v := range f.study.Visits {
		if r.atVisit(v) == 0 {
			r.dropVisit(v, r.nobody(v))
		}
	}
	for _, g := range slices.Clone(r.groups) {
		if r.ofGroup(g) == 0 {
			r.dropGroup(g, "nobody in it has a score that the model can take")
		}
	}
	for r.mend() {
	}
	r.dropSmall()
	return r
}

func (r *reach) count(group string, v care.Visit) int {
	return r.f.completion.analysable(group, v.Name, r.needsBaseline)
}

func (r *reach) atVisit(v care.Visit) int {
	n := 0
	for _, g := range r.groups {
		n += r.count(g, v)
	}
	return n
}

func (r *reach) ofGroup(group string) int {
	n := 0
	for _, v := range r.visits {
		n += r.count(group, v)
	}
	return n
}

func (r *reach) nobody(v care.Visit) string {
	if r.f.completion.answered(v.Name) == 0 {
		return "nobody has answered there"
	}
	return "nobody who answered there has a score before treatment"
}

func (r *reach) dropVisit(v care.Visit, why string) {
	r.visits = slices.DeleteFunc(r.visits, func(o care.Visit) bool { return o.Name == v.Name })
	r.out = append(r.out, leftOut{visit: v.Name, why: why})
}

func (r *reach) dropGroup(group, why string) {
	r.groups = slices.DeleteFunc(r.groups, func(o string) bool { return o == group })
	r.out = append(r.out, leftOut{group: group, why: why})
}

// gap is a group that lacks visits at which others were seen, and the scores that
// are lost with the group or with those visits.
type gap struct {
	group                 string
	lacks                 []care.Visit
	withGroup, withVisits int
	lacksReference        bool
}

// mend closes the gap that costs fewest scores; false when there is none. Equal
// costs let the visits go. The reference visit stays as long as any group has it.
func (r *reach) mend() bool {
	var best *gap
	for _, group := range r.groups {
		g := gap{group: group, withGroup: r.ofGroup(group)}
		for _, v := range r.visits {
			if r.count(group, v) > 0 {
				continue
			}
			g.lacks = append(g.lacks, v)
			g.withVisits += r.atVisit(v)
			g.lacksReference = g.lacksReference || v.Name == r.f.first().Name
		}
		if len(g.lacks) > 0 && (best == nil || g.cost() < best.cost()) {
			best = &g
		}
	}
	switch {
	case best == nil:
		return false
	case best.groupGoes():
		names := make([]string, len(best.lacks))
		for i, v := range best.lacks {
			names[i] = v.Name
		}
		r.dropGroup(best.group, "nobody in it was seen at "+list(names)+", where others were")
	default:
		for _, v := range best.lacks {
			r.dropVisit(v, "nobody "+r.f.among(best.group)+" was seen there, so the groups cannot be compared")
		}
	}
	return true
}

func (g gap) groupGoes() bool { return g.lacksReference || g.withGroup < g.withVisits }

func (g gap) cost() int {
	if g.groupGoes() {
		return g.withGroup
	}
	return g.withVisits
}

// parameters are those of the mean at one visit: one a group, one more for the
// baseline.
func (r *reach) parameters() int {
	if r.needsBaseline {
		return len(r.groups) + 1
	}
	return len(r.groups)
}

func (r *reach) dropSmall() {
	for _, v := range slices.Clone(r.visits) {
		if n := r.atVisit(v); n <= r.parameters() {
			r.dropVisit(v, fmt.Sprintf("the %s there are not more than the %d numbers that the model needs for a visit", counted(n, "score"), r.parameters()))
		}
	}
}

// dropConstant leaves out a visit at which the model explains every score, which
// has no error to estimate; false where the failure is another.
func (r *reach) dropConstant(failure *stats.Failure) bool {
	i := slices.IndexFunc(r.visits, func(v care.Visit) bool { return failure.Kind == stats.Constant && v.Name == failure.Where })
	if i < 0 {
		return false
	}
	r.dropVisit(r.visits[i], "the scores there do not vary beyond what the model explains, so they have no error to estimate")
	return true
}

// dropFewest leaves out the visit with fewest scores, the later of equals, if they
// are fewer than half of those at the best-answered visit; whatever lets it go
// however many they are, as long as another stays.
func (r *reach) dropFewest(whatever bool) bool {
	fewest, most, at := 0, 0, -1
	for i, v := range r.visits {
		n := r.atVisit(v)
		most = max(most, n)
		if at < 0 || n <= fewest {
			fewest, at = n, i
		}
	}
	if len(r.visits) < 2 || 2*fewest >= most && !whatever {
		return false
	}
	r.dropVisit(r.visits[at], fmt.Sprintf("with its %s the model could not be fitted", counted(fewest, "score")))
	return true
}

// narrowed is the frame of what the model takes. first() stays the visit that was
// asked for, also where it is left out.
func (r *reach) narrowed() *frame {
	g := *r.f
	g.study.Visits = r.visits
	if !g.ungrouped {
		g.study.Arm.Levels = r.groups
	}
	g.groups = nil
	for _, name := range r.groups {
		g.groups = append(g.groups, r.f.group(name))
	}
	return &g
}

// caveats say what was left out, with how many answered and why.
func (r *reach) caveats() []finding.Caveat {
	var out []finding.Caveat
	for _, o := range r.out {
		if o.group != "" {
			out = append(out, finding.Caveat{Code: "group-left-out", Text: fmt.Sprintf("%s (%s) is left out of the answer: %s.",
				capital(r.f.labelOf(o.group)), patients(r.f.group(o.group).N), o.why)})
			continue
		}
		out = append(out, finding.Caveat{Code: "visit-left-out", Text: fmt.Sprintf("%s is left out of the answer: %s (%d of %s answered).",
			o.visit, o.why, r.f.completion.answered(o.visit), patients(r.f.completion.subjects()))})
	}
	return out
}

// numbers are what a refusal rests on: the scores that the model can take, by group
// and visit.
func (r *reach) numbers() map[string]any {
	scores := map[string]map[string]int{}
	for _, g := range r.f.names() {
		scores[g] = map[string]int{}
		for _, v := range r.f.study.Visits {
			scores[g][v.Name] = r.count(g, v)
		}
	}
	return map[string]any{"scores": scores, "patients": r.f.completion.subjects(), "baselines": r.f.completion.answered(care.BaselineVisit)}
}
