package durability

import (
	"context"
	"math"
	"slices"

	"afterglow/internal/fault"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/mixed"
	"afterglow/internal/warehouse"
)

// model gives the study's names a meaning in a formula: the arm and covariates
// are factors, the baseline is a number, the visit is the visit. With one group
// there is no arm.
func (f *frame) model(formulaText string) mixed.Model {
	m := mixed.Model{Formula: formulaText, Visit: f.study.VisitName, Visits: f.study.VisitNames(), Factors: map[string][]string{}}
	for _, factor := range f.study.Factors() {
		m.Factors[factor.Name] = factor.Levels
	}
	if f.compares() {
		m.Arm = f.study.Arm.Name
	} else {
		delete(m.Factors, f.study.Arm.Name)
	}
	return m
}

// compares says whether there is more than one group.
func (f *frame) compares() bool { return len(f.groups) > 1 }

// modelGroup is the name of a group in the model: empty where it has no arm.
func (f *frame) modelGroup(group string) string {
	if f.compares() {
		return group
	}
	return ""
}

// sums asks ClickHouse for the cross-products that the design needs.
func (a *Asker) sums(ctx context.Context, f *frame, design *mixed.Design) (*mixed.Sums, error) {
	plan, err := f.plan(design)
	if err != nil {
		return nil, err
	}
	rows, err := a.warehouse.PatternSums(ctx, plan.params)
	if err != nil {
		return nil, err
	}
	sums, err := design.NewSums(plan.origin)
	if err != nil {
		return nil, err
	}
	p, v := len(design.Columns), len(f.study.Visits)
	for _, row := range rows {
		if !row.Complete {
			sums.ExcludedSubjects += int(row.N)
			sums.ExcludedRows += int(row.N) * bits(row.Observed)
			continue
		}
		if err := sums.Put(unpack(row, p, v)); err != nil {
			return nil, err
		}
	}
	return sums, nil
}

// sumPlan is how a design's columns are computed in ClickHouse.
type sumPlan struct {
	params warehouse.PatternParams
	origin mixed.Origin
}

// plan takes the columns of x apart into atoms. The shift and scale come from
// the instrument's range and not from the data, so that the sums of several
// sites add up. The scale is a power of two: whole scores then give products that
// a float64 holds exactly, so that a sum does not depend on the order in which
// ClickHouse's threads add, and an answer is the same to the last digit (SR-12).
func (f *frame) plan(design *mixed.Design) (sumPlan, error) {
	total := f.definition.Total
	middle := (total.Minimum.Float() + total.Maximum.Float()) / 2
	scale := math.Exp2(math.Round(math.Log2((total.Maximum.Float() - total.Minimum.Float()) / 2)))
	plan := sumPlan{
		params: warehouse.PatternParams{Study: f.study.ID, Instrument: f.measure.Instrument, Sequence: f.snapshot.Sequence,
			Group: f.study.Arm.Name, Levels: f.study.Arm.Levels, Visits: f.study.VisitNames(), YShift: middle, YScale: scale},
		origin: mixed.PlainOrigin(len(design.Columns)),
	}
	plan.origin.ResponseShift, plan.origin.ResponseScale = middle, scale
	for i, column := range design.Columns {
		if column.Visit != "" {
			return sumPlan{}, fault.Invalid("fixed", "column %s changes from visit to visit; this question takes only columns that stay the same", column.Name)
		}
		places := []int{}
		power := 0
		for _, factor := range column.Factors {
			atom, err := f.atom(factor)
			if err != nil {
				return sumPlan{}, err
			}
			place := slices.Index(plan.params.Atoms, atom)
			if place < 0 {
				place = len(plan.params.Atoms)
				plan.params.Atoms = append(plan.params.Atoms, atom)
			}
			times := 1
			if !factor.Indicator() {
				times = max(factor.Power, 1)
				power += times
			}
			for range times {
				places = append(places, place)
			}
		}
		plan.params.Columns = append(plan.params.Columns, places)
		if power == 1 && len(column.Factors) == 1 {
			plan.origin.Shift[i] = middle
		}
		plan.origin.Scale[i] = math.Pow(scale, float64(power))
	}
	plan.params.XShift, plan.params.XScale = plan.origin.Shift, plan.origin.Scale
	return plan, nil
}

func (f *frame) atom(a formula.Atom) (warehouse.Atom, error) {
	if a.Indicator() {
		return warehouse.Atom{Factor: a.Column, Level: a.Level}, nil
	}
	if a.Column != f.measure.Baseline || f.measure.Baseline == "" {
		return warehouse.Atom{}, fault.Invalid("fixed", "%s is not a variable of this study; the variables are %s", a.Column, list(f.variables()))
	}
	return warehouse.Atom{}, nil
}

// variables lists what a formula of this measure may name.
func (f *frame) variables() []string {
	names := []string{f.measure.Total}
	if f.measure.Baseline != "" {
		names = append(names, f.measure.Baseline)
	}
	names = append(names, f.study.VisitName)
	for _, factor := range f.study.Factors() {
		names = append(names, factor.Name)
	}
	return names
}

// unpack splits the upper triangle of sum z z', z = (x, y), into its parts.
func unpack(row warehouse.PatternRow, p, v int) mixed.Pattern {
	out := mixed.Pattern{Observed: row.Observed, N: int(row.N)}
	next := 0
	for i := range p + v {
		for j := i; j < p+v; j++ {
			value := row.Products[next]
			next++
			switch {
			case j < p:
				out.XX = append(out.XX, value)
			case i < p:
				out.XY = append(out.XY, value)
			default:
				out.YY = append(out.YY, value)
			}
		}
	}
	return out
}

func bits(mask uint64) int {
	n := 0
	for ; mask != 0; mask &= mask - 1 {
		n++
	}
	return n
}
