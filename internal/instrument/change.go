package instrument

import (
	"math/big"

	"afterglow/internal/fault"
)

// ThresholdKind says what a change threshold decides.
type ThresholdKind string

// The kinds. Where a definition lists several of one kind, the first is in force
// and the others are named alternatives.
const (
	ThresholdResponse         ThresholdKind = "response"
	ThresholdRemission        ThresholdKind = "remission"
	ThresholdReliable         ThresholdKind = "reliable-change"
	ThresholdMinimalImportant ThresholdKind = "minimal-important-change"
	ThresholdCaseness         ThresholdKind = "caseness"
)

// Threshold is a rule with its source: an improvement in percent of baseline, an
// improvement in points, or a limit on the score itself.
type Threshold struct {
	Name    string        `json:"name"`
	Kind    ThresholdKind `json:"kind"`
	Percent *Decimal      `json:"percent,omitempty"`
	Points  *Decimal      `json:"points,omitempty"`
	Op      Comparison    `json:"op,omitempty"`
	Value   *Decimal      `json:"value,omitempty"`
	Source
}

// Threshold gives the threshold of a kind that is in force.
func (d *Definition) Threshold(kind ThresholdKind) (Threshold, bool) {
	for _, t := range d.Thresholds {
		if t.Kind == kind {
			return t, true
		}
	}
	return Threshold{}, false
}

// ChangeClass says in which direction one person's change passes a threshold.
type ChangeClass string

// The classes of Jacobson and Truax (1991): recovered is a reliable improvement
// that also leaves caseness. Empty: the instrument has no such threshold, or it
// cannot be judged.
const (
	ChangeRecovered    ChangeClass = "recovered"
	ChangeImproved     ChangeClass = "improved"
	ChangeUnchanged    ChangeClass = "unchanged"
	ChangeDeteriorated ChangeClass = "deteriorated"
)

// Change is one person's change from baseline. Improvement is in points of the
// score and positive when the person is better, whatever the direction of the
// instrument; ImprovementPercent is nil when the baseline is 0. Response and
// Remission are nil where the definition has no such rule or the percentage is
// not defined.
type Change struct {
	Improvement        float64     `json:"improvement"`
	ImprovementPercent *float64    `json:"improvement_percent"`
	Response           *bool       `json:"response"`
	Remission          *bool       `json:"remission"`
	Reliable           ChangeClass `json:"reliable"`
	MinimalImportant   ChangeClass `json:"minimal_important"`
}

// Change compares a score with a baseline score under the thresholds in force.
// Both must lie within the instrument's range; otherwise a fault.Invalid. It is
// for one person: differences between groups are a matter of intervals.
func (d *Definition) Change(baseline, now float64) (Change, error) {
	from, err := d.inRange("baseline", baseline)
	if err != nil {
		return Change{}, err
	}
	to, err := d.inRange("score", now)
	if err != nil {
		return Change{}, err
	}
	m := movement{from: from, to: to, gain: new(big.Rat).Sub(from, to)}
	if d.Direction == DirectionHigherIsBetter {
		m.gain.Neg(m.gain)
	}
	c := Change{
		Reliable:         d.class(ThresholdReliable, m),
		MinimalImportant: d.class(ThresholdMinimalImportant, m),
	}
	c.Improvement, _ = m.gain.Float64()
	if from.Sign() > 0 {
		pct := new(big.Rat).Quo(m.gain, from)
		f, _ := pct.Mul(pct, big.NewRat(100, 1)).Float64()
		c.ImprovementPercent = &f
	}
	if t, ok := d.Threshold(ThresholdResponse); ok {
		c.Response = t.met(m)
	}
	if t, ok := d.Threshold(ThresholdRemission); ok {
		c.Remission = t.met(m)
	}
	if c.Reliable == ChangeImproved && d.leavesCaseness(m) {
		c.Reliable = ChangeRecovered
	}
	return c, nil
}

type movement struct{ from, to, gain *big.Rat }

func (d *Definition) inRange(where string, v float64) (*big.Rat, error) {
	r := ratOf(v)
	if r == nil || r.Cmp(d.Total.Minimum.rat()) < 0 || r.Cmp(d.Total.Maximum.rat()) > 0 {
		return nil, fault.Invalid(where, "outside %s to %s, the range of %s %s",
			d.Total.Minimum, d.Total.Maximum, d.ID, d.Version)
	}
	return r, nil
}

// met is nil when a percentage of a baseline of 0 is asked for.
func (t *Threshold) met(m movement) *bool {
	var yes bool
	switch {
	case t.Value != nil:
		yes = t.Op.holds(m.to.Cmp(t.Value.rat()))
	default:
		needed := t.needed(m.from)
		if needed == nil {
			return nil
		}
		yes = m.gain.Cmp(needed) >= 0
	}
	return &yes
}

// needed is the improvement in points that passes the threshold.
func (t *Threshold) needed(from *big.Rat) *big.Rat {
	if t.Points != nil {
		return t.Points.rat()
	}
	if from.Sign() <= 0 {
		return nil
	}
	share := new(big.Rat).Quo(t.Percent.rat(), big.NewRat(100, 1))
	return share.Mul(share, from)
}

func (d *Definition) class(kind ThresholdKind, m movement) ChangeClass {
	t, ok := d.Threshold(kind)
	if !ok {
		return ""
	}
	needed := t.needed(m.from)
	if needed == nil {
		return ""
	}
	switch {
	case m.gain.Cmp(needed) >= 0:
		return ChangeImproved
	case new(big.Rat).Neg(m.gain).Cmp(needed) >= 0:
		return ChangeDeteriorated
	}
	return ChangeUnchanged
}

func (d *Definition) leavesCaseness(m movement) bool {
	t, ok := d.Threshold(ThresholdCaseness)
	if !ok {
		return false
	}
	return t.Op.holds(m.from.Cmp(t.Value.rat())) && !t.Op.holds(m.to.Cmp(t.Value.rat()))
}
