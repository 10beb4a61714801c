package instrument

// checkBands wants bands that cover the whole range and rise.
func (c *checker) checkBands() {
	d := c.d
	if len(d.Bands) == 0 {
		if d.BandsSource != nil {
			c.fault(at("bands_source"), "there are no bands")
		}
		return
	}
	if d.BandsSource == nil {
		c.fault(at("bands"), "bands need bands_source: where they come from")
	}
	if d.Bands[0].From != d.Total.Minimum {
		c.fault(at("bands", 0, "from"), "the first band must start at the minimum, %s", d.Total.Minimum)
	}
	names := map[string]bool{}
	for i, b := range d.Bands {
		if names[b.Name] {
			c.fault(at("bands", i, "name"), "the name is used twice")
		}
		names[b.Name] = true
		if i > 0 && b.From <= d.Bands[i-1].From {
			c.fault(at("bands", i, "from"), "must be above the band before it")
		}
		if b.From > d.Total.Maximum {
			c.fault(at("bands", i, "from"), "is above the maximum, %s", d.Total.Maximum)
		}
	}
}

// towardWorse reports whether a comparison marks the worse end of the score.
func (d *Definition) towardWorse(op Comparison) bool {
	if d.Direction == DirectionHigherIsBetter {
		return op == AtMost || op == Below
	}
	return op == AtLeast || op == Above
}

// towardBetter reports whether a comparison marks the better end of the score.
func (d *Definition) towardBetter(op Comparison) bool {
	if d.Direction == DirectionHigherIsBetter {
		return op == AtLeast || op == Above
	}
	return op == AtMost || op == Below
}

func (c *checker) checkScreening() {
	for i, cut := range c.d.Screening {
		path := at("screening", i)
		if !c.d.towardWorse(cut.Op) {
			c.fault(below(path, "op"), "a positive screen lies toward the worse end of the score")
		}
		c.limit(below(path, "value"), cut.Value)
		for _, other := range c.d.Screening[:i] {
			if other.Name == cut.Name && other.ForSex == cut.ForSex {
				c.fault(below(path, "name"), "the name is used twice")
			}
		}
	}
}

func (c *checker) limit(path []any, v Decimal) {
	if v < c.d.Total.Minimum || v > c.d.Total.Maximum {
		c.fault(path, "is outside the range of the score, %s to %s", c.d.Total.Minimum, c.d.Total.Maximum)
	}
}

func (c *checker) checkThresholds() {
	names := map[string]bool{}
	for i, t := range c.d.Thresholds {
		path := at("thresholds", i)
		if names[t.Name] {
			c.fault(below(path, "name"), "the name is used twice")
		}
		names[t.Name] = true
		if t.Value != nil {
			c.limit(below(path, "value"), *t.Value)
		}
		if t.Percent != nil && c.d.Total.Minimum < 0 {
			c.fault(below(path, "percent"), "a percentage of baseline has no meaning on a score that can be negative")
		}
		c.checkThresholdKind(path, t)
	}
}

func (c *checker) checkThresholdKind(path []any, t Threshold) {
	switch t.Kind {
	case ThresholdRemission:
		if !c.d.towardBetter(t.Op) {
			c.fault(path, "remission is a limit (op, value) toward the better end of the score")
		}
	case ThresholdCaseness:
		if !c.d.towardWorse(t.Op) {
			c.fault(path, "caseness is a limit (op, value) toward the worse end of the score")
		}
	case ThresholdResponse, ThresholdReliable, ThresholdMinimalImportant:
		if t.Value != nil {
			c.fault(path, "a threshold of this kind is an improvement: percent or points")
		}
	}
}

func (c *checker) checkSafety() {
	ids := map[string]bool{}
	for i, rule := range c.d.Safety {
		path := at("safety", i)
		if ids[rule.ID] {
			c.fault(below(path, "id"), "the id %s is used twice", rule.ID)
		}
		ids[rule.ID] = true
		if w := rule.Words; w != nil {
			c.text(below(path, "words", "heading"), w.Heading)
			c.text(below(path, "words", "answered"), w.Answered)
			c.text(below(path, "words", "unanswered"), w.Unanswered)
		}
		it, ok := c.d.Item(rule.Item)
		if !ok {
			c.fault(below(path, "item"), "there is no item %s", rule.Item)
			continue
		}
		for n, row := range rule.When {
			if !reachable(it, row) {
				c.fault(below(path, "when", n), "no answer to item %s can meet this", rule.Item)
			}
		}
	}
}

func reachable(it *Item, row SafetyLevel) bool {
	lowest, highest := it.Bounds()
	for v := lowest; v <= highest; v++ {
		if it.Allows(v) && row.Op.ints(v, row.Value) {
			return true
		}
	}
	return false
}
