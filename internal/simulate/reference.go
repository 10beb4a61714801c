package simulate

import (
	"fmt"
	"math"

	"afterglow/internal/care"
)

// referenceDraws makes the standard error of a mean change less than 0.02
// points for everybody and 0.04 in the smallest group.
const referenceDraws = 200_000

// referenceSeed is of the truth's own and not the run's, so that the truth of a
// profile is the same under every seed.
const referenceSeed = 0x61667465_72676c6f

// counterfactual is a level of a factor, and the treatment that a patient has
// under it.
type counterfactual struct {
	factor, level string
	under         func(*nature, treatment) treatment
	has           func(treatment) bool
}

func (p *profile) counterfactuals() []counterfactual {
	list := []counterfactual{{"", "", func(_ *nature, t treatment) treatment { return t }, func(treatment) bool { return true }}}
	for _, i := range p.protocols {
		list = append(list, counterfactual{care.FactorProtocol, protocolModels[i].ID,
			func(_ *nature, t treatment) treatment { t.protocol = i; return t }, func(t treatment) bool { return t.protocol == i }})
	}
	for _, mode := range []care.Mode{care.ModeInPerson, care.ModeRemoteSupported} {
		list = append(list, counterfactual{care.FactorMode, string(mode),
			func(n *nature, t treatment) treatment { t.protocol = p.protocolIn(mode, n, t.protocol); return t },
			func(t treatment) bool { return protocolModels[t.protocol].Mode == mode }})
	}
	for i, level := range care.SettingLevels {
		list = append(list, counterfactual{care.FactorSetting, level,
			func(_ *nature, t treatment) treatment { t.level = i; return t }, func(t treatment) bool { return t.level == i }})
	}
	for i, level := range care.PreparationLevels {
		list = append(list, counterfactual{care.FactorPreparation, level,
			func(_ *nature, t treatment) treatment { t.full = i == 1; return t }, func(t treatment) bool { return t.full == (i == 1) }})
	}
	return list
}

// protocolIn is the protocol that a patient would have in a mode; what a clinic
// of one protocol does not offer stays as it is.
func (p *profile) protocolIn(mode care.Mode, n *nature, has int) int {
	if len(p.protocols) == 1 || protocolModels[has].Mode == mode {
		return has
	}
	if mode == care.ModeRemoteSupported {
		return protocolHome
	}
	return p.inClinic(n)
}

// reference is the model drawn many times with everybody answering.
type reference struct {
	levels       []counterfactual
	standardised []visitSums
	raw          []visitSums
	cells        map[[2]int]*visitSums // by protocol and level
}

func (p *profile) reference(draws int) *reference {
	r := &reference{levels: p.counterfactuals(), cells: map[[2]int]*visitSums{}}
	r.standardised, r.raw = make([]visitSums, len(r.levels)), make([]visitSums, len(r.levels))
	for _, i := range p.protocols {
		for level := range care.SettingLevels {
			r.cells[[2]int{i, level}] = &visitSums{}
		}
	}
	d := newDraw()
	var n nature
	for i := range draws {
		d.start(referenceSeed, uint64(i)+1)
		p.drawNature(d, &n)
		r.add(p, &n)
	}
	return r
}

func (r *reference) add(p *profile, n *nature) {
	got := p.assign(n)
	natural := p.course(n, got)
	totals, baseline := natural.totals(), n.baseline[phq9]
	cell := r.cells[[2]int{got.protocol, got.level}]
	cell.add(baseline, totals)
	cell.addBenefit(&natural)
	for i := range r.levels {
		level := &r.levels[i]
		if level.has(got) {
			r.raw[i].add(baseline, totals)
		}
		if t := level.under(n, got); t != got {
			other := p.course(n, t)
			r.standardised[i].add(baseline, other.totals())
		} else {
			r.standardised[i].add(baseline, totals)
		}
	}
}

func (r *reference) groups() []Group {
	out := []Group{}
	for i, level := range r.levels {
		if r.raw[i].n == 0 {
			continue // a mode that this clinic does not offer
		}
		out = append(out, Group{Factor: level.factor, Level: level.level, Standardised: r.standardised[i].mean(), Raw: r.raw[i].mean(),
			Held: r.raw[i].held(), AtWeeks: map[string]float64{"4": r.raw[i].heldAt(4), "8": r.raw[i].heldAt(8)}})
	}
	return out
}

// effects are differences to the first level of a factor.
func (r *reference) effects(factor string) map[string]float64 {
	out := map[string]float64{}
	first := math.NaN()
	for i, level := range r.levels {
		if level.factor != factor {
			continue
		}
		change := r.standardised[i].change[firstAssessment] / r.standardised[i].n
		if len(out) == 0 {
			first = change
		}
		out[level.level] = change - first
	}
	return out
}

// tally counts a run as it goes by.
type tally struct {
	patients int
	cells    map[[2]int]*cellTally
}

type cellTally struct {
	n, sum, squares float64
	answered        [6]float64
}

func newTally() *tally { return &tally{cells: map[[2]int]*cellTally{}} }

func (t *tally) add(p *Patient) {
	t.patients++
	key := [2]int{p.got.protocol, p.got.level}
	c := t.cells[key]
	if c == nil {
		c = &cellTally{}
		t.cells[key] = c
	}
	b := float64(p.nature.baseline[phq9])
	c.n, c.sum, c.squares = c.n+1, c.sum+b, c.squares+b*b
	for i := range p.Responses {
		r := &p.Responses[i]
		if r.scale != phq9 || !r.Valid || r.Revision > 1 {
			continue
		}
		for v, place := range studyVisits {
			if followUp[place].name == r.Visit {
				c.answered[v]++
			}
		}
	}
}

// truth puts the run's counts beside the reference.
func (s *Simulator) truth(t *tally) Truth {
	p := &s.profile
	r := p.reference(referenceDraws)
	out := Truth{Simulated: true, Seed: s.config.Seed, Profile: p.name, Patients: t.patients, Profiles: []Cell{}, Groups: r.groups(),
		Effects: Effects{Setting: r.effects(care.FactorSetting), Preparation: r.effects(care.FactorPreparation)},
		Reference: Reference{Draws: referenceDraws, Method: fmt.Sprintf("Monte Carlo: %d patients of the model with everybody answering, "+
			"each also under every level of each factor with the same chance; standard error of a mean change below 0.04", referenceDraws)}}
	for _, protocol := range p.protocols {
		for level := range care.SettingLevels {
			out.Profiles = append(out.Profiles, s.cell(r, t, protocol, level))
		}
	}
	return out
}

func (s *Simulator) cell(r *reference, t *tally, protocol, level int) Cell {
	p, sums := &s.profile, r.cells[[2]int{protocol, level}]
	out := Cell{Protocol: protocolModels[protocol].ID, Setting: settingLevel(level), Change: sums.moments(), HalfLifeDays: sums.halfLife(),
		Loss:    Loss{Shape: p.lossShape, ScaleWeeks: p.lossScale(treatment{protocol: protocol, level: level})},
		Dropout: Dropout{PerPoint: p.leavePerPoint, Leave: map[string]float64{}, Answered: map[string]float64{}}}
	run := t.cells[[2]int{protocol, level}]
	for i, place := range studyVisits {
		visit := followUp[place]
		out.Dropout.Leave[visit.name] = visit.leave
		if run != nil {
			out.Dropout.Answered[visit.name] = run.answered[i] / run.n
		}
	}
	if run != nil {
		mean := run.sum / run.n
		out.N, out.Baseline = int(run.n), Moments{Mean: mean, SD: math.Sqrt(math.Max(0, run.squares/run.n-mean*mean))}
	}
	return out
}
