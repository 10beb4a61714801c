package instrument

import "slices"

// Op is one of the closed set of scoring operations.
type Op string

// The operations. Reversal comes before them, linear change and lookup after.
const (
	OpSum            Op = "sum"
	OpMean           Op = "mean"
	OpCount          Op = "count"
	OpSumOfSubscales Op = "sum-of-subscales"
)

// MissingRuleName says what happens when items have no answer.
type MissingRuleName string

// The two rules: a score needs all items, or up to UpTo missing items are
// replaced by the mean of the answered ones.
const (
	MissingAllItems MissingRuleName = "all-items"
	MissingProrate  MissingRuleName = "prorate"
)

// MissingRule is the missing-item rule of one scale. Within bounds further how
// many of some of its items may be missing, so that the rest cannot stand in for
// a part of the scale that is hardly there.
type MissingRule struct {
	Rule   MissingRuleName `json:"rule"`
	UpTo   int             `json:"up_to,omitempty"`
	Within []MissingBound  `json:"within,omitempty"`
	Source
}

// MissingBound lets up to UpTo of Items be missing; 0 asks for all of them.
type MissingBound struct {
	Items []string `json:"items"`
	UpTo  int      `json:"up_to"`
}

// Scale says how a number is made of items. After Parse, Items is filled in when
// the file leaves it out (every scored item).
type Scale struct {
	Op        Op          `json:"op"`
	Items     []string    `json:"items,omitempty"`
	AtLeast   *int        `json:"at_least,omitempty"`
	Reverse   []string    `json:"reverse,omitempty"`
	Subscales []string    `json:"subscales,omitempty"`
	Linear    *Linear     `json:"linear,omitempty"`
	Lookup    *Lookup     `json:"lookup,omitempty"`
	Decimals  int         `json:"decimals,omitempty"`
	Minimum   Decimal     `json:"minimum"`
	Maximum   Decimal     `json:"maximum"`
	Missing   MissingRule `json:"missing"`
}

func (sc *Scale) reverses(id string) bool { return slices.Contains(sc.Reverse, id) }

// Linear turns v into v*Multiply/Divide+Add; Divide is 1 when not given.
type Linear struct {
	Multiply Decimal  `json:"multiply"`
	Divide   *Decimal `json:"divide,omitempty"`
	Add      Decimal  `json:"add"`
}

func (l *Linear) divisor() Decimal {
	if l.Divide == nil {
		return Whole(1)
	}
	return *l.Divide
}

// Lookup is a published conversion table, as of raw scores to T-scores. Raw
// counts up by one without gaps.
type Lookup struct {
	Source
	Table []LookupRow `json:"table"`
}

// LookupRow is one row of a conversion table.
type LookupRow struct {
	Raw   int     `json:"raw"`
	Value Decimal `json:"value"`
}

// Subscale is a named score in addition to the main one.
type Subscale struct {
	ID     string `json:"id"`
	Titles Text   `json:"titles"`
	Scale  Scale  `json:"scale"`
}
