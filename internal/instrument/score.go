package instrument

import (
	"math/big"

	"afterglow/internal/fault"
)

// Level is how urgent a safety flag is.
type Level string

// The levels, least urgent first; LevelUnknown stands for a safety item without
// an answer and needs a person to ask.
const (
	LevelUnknown  Level = "unknown"
	LevelAmber    Level = "amber"
	LevelRed      Level = "red"
	LevelCritical Level = "critical"
)

var urgency = map[Level]int{LevelUnknown: 0, LevelAmber: 1, LevelRed: 2, LevelCritical: 3}

// Flag is a safety rule that was met or could not be judged. Value is nil when
// the item has no answer.
type Flag struct {
	Rule  string `json:"rule"`
	Level Level  `json:"level"`
	Item  string `json:"item"`
	Value *int   `json:"value"`
}

// SubscaleScore is the score of one subscale; Score is nil when not valid.
type SubscaleScore struct {
	Score    *float64 `json:"score"`
	Valid    bool     `json:"valid"`
	Prorated bool     `json:"prorated"`
}

// Score is the result of one set of answers. Score is nil and Band empty when
// too many items are missing; the flags are there all the same.
type Score struct {
	Instrument string                   `json:"instrument"`
	Version    string                   `json:"version"`
	Score      *float64                 `json:"score"`
	Valid      bool                     `json:"valid"`
	Prorated   bool                     `json:"prorated"`
	Band       string                   `json:"band"`
	Subscales  map[string]SubscaleScore `json:"subscales"`
	Flags      []Flag                   `json:"flags"`
}

// ScoreOptions are a site's choices. AllItems refuses to prorate: a score needs
// every item, whatever the definition allows.
type ScoreOptions struct {
	AllItems bool
}

// Score checks and scores answers. Bad answers are a fault.Invalid with a detail
// per item; missing answers are no error: see the definition's missing-item rule.
func (d *Definition) Score(a Answers, o ScoreOptions) (Score, error) {
	if faults := d.Check(a); len(faults) > 0 {
		return Score{}, fault.InvalidDetails("answers", faults)
	}
	s := Score{
		Instrument: d.ID,
		Version:    d.Version,
		Subscales:  make(map[string]SubscaleScore, len(d.Subscales)),
	}
	scored := d.scoredAnswers(a)
	given := answered{answers: scored, states: d.askedStates(scored), allItems: o.AllItems}
	s.Flags = d.flags(given)
	raw := make(map[string]outcome, len(d.Subscales))
	for i := range d.Subscales {
		sub := &d.Subscales[i]
		r := d.evaluate(&sub.Scale, given, nil)
		raw[sub.ID] = r
		s.Subscales[sub.ID] = SubscaleScore{Score: r.float(), Valid: r.valid, Prorated: r.prorated}
	}
	total := d.evaluate(&d.Total, given, raw)
	s.Score, s.Valid, s.Prorated = total.float(), total.valid, total.prorated
	if total.valid {
		s.Band = d.band(total.value)
	}
	return s, nil
}

// answered is what one scoring looks at: the answers, which items they ask for,
// and whether the site wants all items.
type answered struct {
	answers  Answers
	states   []asked
	allItems bool
}

// outcome of one scale; value is meaningful only when valid.
type outcome struct {
	value    Decimal
	valid    bool
	prorated bool
}

func (r outcome) float() *float64 {
	if !r.valid {
		return nil
	}
	f := r.value.Float()
	return &f
}

func (d *Definition) evaluate(sc *Scale, given answered, subscales map[string]outcome) outcome {
	if sc.Op == OpSumOfSubscales {
		return sumOfSubscales(sc, subscales)
	}
	values := d.values(sc.Items, sc, given)
	missing := len(sc.Items) - len(values)
	allowed := sc.Missing.UpTo
	if given.allItems || sc.Missing.Rule == MissingAllItems {
		allowed = 0
	}
	if missing > allowed || len(values) == 0 {
		return outcome{}
	}
	for _, bound := range sc.Missing.Within {
		if len(bound.Items)-len(d.values(bound.Items, sc, given)) > bound.UpTo {
			return outcome{}
		}
	}
	v := sc.transform(sc.combine(values))
	return outcome{value: roundHalfUp(v, sc.Decimals), valid: true, prorated: missing > 0}
}

// values gives the scored values of items of a scale that are there: answered, or
// set by skip logic for an item that is not asked; reversed items already turned.
// An answer to an item whose gate is still open is not counted: whether the item
// applies is not known.
func (d *Definition) values(items []string, sc *Scale, given answered) []int {
	var values []int
	for _, id := range items {
		i := d.index[id]
		it, v := &d.Items[i], given.answers[id]
		switch given.states[i] {
		case askedNo:
			if v == nil {
				v = it.AskWhen.Otherwise
			}
		case askedUnclear:
			v = nil
		}
		if v == nil {
			continue
		}
		if sc.reverses(id) {
			lowest, highest := it.Bounds()
			values = append(values, lowest+highest-*v)
			continue
		}
		values = append(values, *v)
	}
	return values
}

// combine applies the operation. With missing items a sum is sum/answered*items,
// rounded half up to a whole number before anything follows; a mean is the mean
// of what was answered.
func (sc *Scale) combine(values []int) *big.Rat {
	total := 0
	for _, v := range values {
		switch {
		case sc.Op != OpCount:
			total += v
		case v >= *sc.AtLeast:
			total++
		}
	}
	if sc.Op == OpMean {
		return big.NewRat(int64(total), int64(len(values)))
	}
	prorated := big.NewRat(int64(total)*int64(len(sc.Items)), int64(len(values)))
	return roundHalfUp(prorated, 0).rat()
}

func (sc *Scale) transform(v *big.Rat) *big.Rat {
	if l := sc.Linear; l != nil {
		v = new(big.Rat).Mul(v, l.Multiply.rat())
		v.Quo(v, l.divisor().rat())
		v.Add(v, l.Add.rat())
	}
	if sc.Lookup != nil {
		// Parse has made sure that every raw score that can occur is in the table.
		row := sc.Lookup.Table[int(v.Num().Int64())-sc.Lookup.Table[0].Raw]
		return row.Value.rat()
	}
	return v
}

func sumOfSubscales(sc *Scale, subscales map[string]outcome) outcome {
	sum, prorated := new(big.Rat), false
	for _, id := range sc.Subscales {
		r := subscales[id]
		if !r.valid {
			return outcome{}
		}
		sum.Add(sum, r.value.rat())
		prorated = prorated || r.prorated
	}
	return outcome{value: roundHalfUp(sc.transform(sum), sc.Decimals), valid: true, prorated: prorated}
}

func (d *Definition) band(v Decimal) string {
	name := ""
	for _, b := range d.Bands {
		if v >= b.From {
			name = b.Name
		}
	}
	return name
}

// Flags gives what the safety rules say of answers that need not fit the form:
// an answer to a watched item that is none of its options counts as none.
func (d *Definition) Flags(a Answers) []Flag {
	usable := d.scoredAnswers(a)
	return d.flags(answered{answers: usable, states: d.askedStates(usable)})
}

// scoredAnswers leaves out what says nothing on an item's scale: an option that is
// not scored, and what is none of the item's answers.
func (d *Definition) scoredAnswers(a Answers) Answers {
	scored := make(Answers, len(a))
	for id, v := range a {
		if it, known := d.Item(id); known && v != nil && it.Scores(*v) {
			scored[id] = v
		}
	}
	return scored
}

func (d *Definition) flags(given answered) []Flag {
	flags := []Flag{}
	for _, rule := range d.Safety {
		v := given.answers[rule.Item]
		if v == nil {
			if given.states[d.index[rule.Item]] != askedNo {
				flags = append(flags, Flag{Rule: rule.ID, Level: LevelUnknown, Item: rule.Item})
			}
			continue
		}
		level, met := rule.level(*v)
		if met {
			flags = append(flags, Flag{Rule: rule.ID, Level: level, Item: rule.Item, Value: Answer(*v)})
		}
	}
	return flags
}

// level gives the most urgent level that a value meets.
func (r *SafetyRule) level(v int) (level Level, met bool) {
	for _, row := range r.When {
		if row.Op.ints(v, row.Value) && (!met || urgency[row.Level] > urgency[level]) {
			level, met = row.Level, true
		}
	}
	return level, met
}
