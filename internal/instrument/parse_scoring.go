package instrument

import (
	"math/big"
	"slices"
)

// vectorColumns are the fixed columns of a vectors file; a subscale is a further
// column and must not take their names.
var vectorColumns = []string{"name", "answers", "score", "valid", "prorated", "band", "flags"}

func (c *checker) checkScales() {
	d := c.d
	entered := map[string]bool{}
	for _, ps := range c.scales() {
		for n, id := range ps.scale.Items {
			it, ok := d.Item(id)
			switch {
			case !ok:
				c.fault(below(ps.path, "items", n), "there is no item %s", id)
			case !it.IsScored():
				c.fault(below(ps.path, "items", n), "item %s is not scored", id)
			}
			entered[id] = true
		}
		for n, id := range ps.scale.Reverse {
			if !slices.Contains(ps.scale.Items, id) {
				c.fault(below(ps.path, "reverse", n), "item %s is not in this scale", id)
			}
		}
	}
	for i := range d.Items {
		if d.Items[i].IsScored() && !entered[d.Items[i].ID] {
			c.fault(at("items", i), "item %s is scored but in no scale", d.Items[i].ID)
		}
	}
	seen := map[string]bool{}
	for i, sub := range d.Subscales {
		path := at("subscales", i, "id")
		if seen[sub.ID] || slices.Contains(vectorColumns, sub.ID) {
			c.fault(path, "the id %s is used twice or names a column of the vectors", sub.ID)
		}
		seen[sub.ID] = true
		if sub.Scale.Op == OpSumOfSubscales {
			c.fault(at("subscales", i, "scale", "op"), "only the main score may add up subscales")
		}
	}
	if len(c.faults) > 0 {
		return
	}
	for _, ps := range c.scales() {
		c.checkFields(ps)
		c.checkMissing(ps)
	}
	if len(c.faults) > 0 {
		return
	}
	for _, ps := range c.scales() {
		c.checkAttainable(ps)
	}
}

// checkFields refuses a field that its operation would not read.
func (c *checker) checkFields(ps placedScale) {
	sc := ps.scale
	if (sc.Op == OpCount) != (sc.AtLeast != nil) {
		c.fault(ps.path, "at_least goes with the operation count, and only with it")
	}
	if (sc.Op == OpSumOfSubscales) != (len(sc.Subscales) > 0) {
		c.fault(ps.path, "subscales goes with the operation sum-of-subscales, and only with it")
	}
	if sc.Op == OpSumOfSubscales && (len(sc.Items) > 0 || len(sc.Reverse) > 0) {
		c.fault(ps.path, "sum-of-subscales has no items of its own")
	}
	for n, id := range sc.Subscales {
		if !slices.ContainsFunc(c.d.Subscales, func(s Subscale) bool { return s.ID == id }) {
			c.fault(below(ps.path, "subscales", n), "there is no subscale %s", id)
		}
	}
	if sc.Lookup == nil {
		return
	}
	if sc.Linear != nil || (sc.Op != OpSum && sc.Op != OpCount) {
		c.fault(below(ps.path, "lookup"), "a lookup follows sum or count directly: its rows are whole raw scores")
	}
	for n := range sc.Lookup.Table[1:] {
		if sc.Lookup.Table[n+1].Raw != sc.Lookup.Table[n].Raw+1 {
			c.fault(below(ps.path, "lookup", "table", n+1, "raw"), "raw scores must count up by one")
		}
	}
}

func (c *checker) checkMissing(ps placedScale) {
	sc, path := ps.scale, below(ps.path, "missing")
	if sc.Missing.Rule == MissingAllItems {
		if sc.Missing.UpTo != 0 {
			c.fault(below(path, "up_to"), "goes with the rule prorate only")
		}
		if len(sc.Missing.Within) > 0 {
			c.fault(below(path, "within"), "goes with the rule prorate only")
		}
		return
	}
	if sc.Op != OpSum && sc.Op != OpMean {
		c.fault(path, "only a sum or a mean can be prorated")
		return
	}
	if sc.Missing.UpTo < 1 || sc.Missing.UpTo >= len(sc.Items) {
		c.fault(path, "up_to must be at least 1 and below the number of items")
	}
	for n, bound := range sc.Missing.Within {
		for i, id := range bound.Items {
			if !slices.Contains(sc.Items, id) {
				c.fault(below(path, "within", n, "items", i), "the scale has no item %s", id)
			}
		}
		if bound.UpTo >= len(bound.Items) || bound.UpTo >= sc.Missing.UpTo {
			c.fault(below(path, "within", n, "up_to"), "has no effect: it must be below the number of its items and below the scale's up_to")
		}
	}
	first, last := c.bounds(sc.Items[0])
	for _, id := range sc.Items[1:] {
		if lowest, highest := c.bounds(id); lowest != first || highest != last {
			c.fault(path, "items with different ranges cannot be prorated; use all-items, or mark an option that is no value of the scale scored: false")
			return
		}
	}
}

func (c *checker) bounds(id string) (lowest, highest int) {
	it, _ := c.d.Item(id)
	return it.Bounds()
}

// checkAttainable computes the lowest and highest score and holds the declared
// range against it: the surest sign of a forgotten item or reversal.
func (c *checker) checkAttainable(ps placedScale) {
	sc := ps.scale
	low, high := c.rawRange(sc)
	if l := sc.Lookup; l != nil {
		first, last := l.Table[0].Raw, l.Table[len(l.Table)-1].Raw
		if big.NewRat(int64(first), 1).Cmp(low) != 0 || big.NewRat(int64(last), 1).Cmp(high) != 0 {
			c.fault(below(ps.path, "lookup", "table"), "the rows must go from raw %s to raw %s", low.RatString(), high.RatString())
			return
		}
		values := make([]Decimal, len(l.Table))
		for i, row := range l.Table {
			values[i] = row.Value
		}
		low, high = slices.Min(values).rat(), slices.Max(values).rat()
	} else {
		low, high = sc.transform(low), sc.transform(high)
	}
	lowest, highest := roundHalfUp(low, sc.Decimals), roundHalfUp(high, sc.Decimals)
	if sc.Minimum != lowest || sc.Maximum != highest {
		c.fault(below(ps.path, "minimum"), "minimum and maximum are %s to %s, but the items give %s to %s: look for an item, a reversal or an answer"+
			" that does not belong; an option that is no value of the scale, such as 'prefer not to answer', is marked scored: false",
			sc.Minimum, sc.Maximum, lowest, highest)
	}
}

func (c *checker) rawRange(sc *Scale) (low, high *big.Rat) {
	low, high = new(big.Rat), new(big.Rat)
	if sc.Op == OpCount {
		return low, big.NewRat(int64(len(sc.Items)), 1)
	}
	for _, id := range sc.Items {
		lowest, highest := c.bounds(id)
		low.Add(low, big.NewRat(int64(lowest), 1))
		high.Add(high, big.NewRat(int64(highest), 1))
	}
	for _, sub := range c.d.Subscales {
		if slices.Contains(sc.Subscales, sub.ID) {
			low.Add(low, sub.Scale.Minimum.rat())
			high.Add(high, sub.Scale.Maximum.rat())
		}
	}
	if sc.Op == OpMean {
		n := big.NewRat(int64(len(sc.Items)), 1)
		low.Quo(low, n)
		high.Quo(high, n)
	}
	return low, high
}
