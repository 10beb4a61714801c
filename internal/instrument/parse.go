package instrument

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"afterglow/internal/fault"
	"afterglow/internal/yamldoc"
	"afterglow/schemas"
)

var schema = yamldoc.MustCompile("instrument definition", schemas.Instrument)

// Parse reads a definition, checks it against the schema and then against what a
// schema cannot say (references, ranges, attainable scores). A fault.Invalid
// carries every fault found, each with its path and line.
func Parse(data []byte) (*Definition, error) {
	doc, err := schema.Read(data)
	if err != nil {
		return nil, err
	}
	d := &Definition{}
	if err := doc.Decode(d); err != nil {
		return nil, err
	}
	// Short titles and the words of safety rules are for pages and change no result,
	// so the hash that results carry does not depend on them.
	content, err := doc.CanonicalWithout("short_titles", "safety[].words")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(content)
	d.hash = hex.EncodeToString(sum[:])
	c := &checker{d: d, doc: doc}
	c.resolve()
	c.check()
	if len(c.faults) > 0 {
		return nil, fault.InvalidDetails("instrument "+d.ID+" "+d.Version, c.faults)
	}
	return d, nil
}

// resolve fills in what the file leaves to defaults: the options of shared answer
// sets, the items of a scale that names none.
func (c *checker) resolve() {
	d := c.d
	d.index = make(map[string]int, len(d.Items))
	var scored []string
	used := map[string]bool{}
	for i := range d.Items {
		it := &d.Items[i]
		if _, twice := d.index[it.ID]; twice {
			c.fault(at("items", i, "id"), "the id %s is used twice", it.ID)
		}
		d.index[it.ID] = i
		if it.Answers != "" {
			set, ok := d.AnswerSets[it.Answers]
			if !ok {
				c.fault(at("items", i, "answers"), "there is no answer set %s", it.Answers)
			}
			used[it.Answers] = true
			it.Options = set.Options
		}
		if it.IsScored() {
			scored = append(scored, it.ID)
		}
	}
	for _, name := range sortedKeys(d.AnswerSets) {
		if !used[name] {
			c.fault(at("answer_sets", name), "no item uses this answer set")
		}
	}
	for _, sc := range c.scales() {
		if sc.scale.Op != OpSumOfSubscales && len(sc.scale.Items) == 0 {
			sc.scale.Items = scored
		}
	}
}

// checker gathers what is wrong with a definition.
type checker struct {
	d      *Definition
	doc    *yamldoc.Document
	faults []fault.Detail
}

func (c *checker) fault(path []any, format string, args ...any) {
	steps := make([]string, len(path))
	for i, p := range path {
		switch step := p.(type) {
		case int:
			steps[i] = strconv.Itoa(step)
		case string:
			steps[i] = step
		}
	}
	f := fault.Invalid(c.doc.Place(steps...), format, args...)
	c.faults = append(c.faults, fault.Detail{Item: f.Where, Message: f.Message})
}

func at(path ...any) []any { return path }

func below(path []any, more ...any) []any {
	return append(append([]any(nil), path...), more...)
}

type placedScale struct {
	path  []any
	scale *Scale
}

// scales lists subscales before the main score, which may add them up.
func (c *checker) scales() []placedScale {
	var all []placedScale
	for i := range c.d.Subscales {
		all = append(all, placedScale{at("subscales", i, "scale"), &c.d.Subscales[i].Scale})
	}
	return append(all, placedScale{at("score"), &c.d.Total})
}

func (c *checker) check() {
	if len(c.faults) > 0 {
		// References are broken; what follows would only repeat it.
		return
	}
	c.checkTexts()
	c.checkItems()
	c.checkEntry()
	c.checkScales()
	c.checkBands()
	c.checkScreening()
	c.checkThresholds()
	c.checkSafety()
}
