package warehouse

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"afterglow/internal/care"
)

// CompletionParams asks who answered an instrument at which visit, by the
// levels of one factor.
type CompletionParams struct {
	Study      string
	Instrument string
	Sequence   uint64
	Group      string
	Visits     []string
}

// CompletionRow counts the subjects of a group and those with a score at the
// visit; the baseline is a visit of its own. WithBaseline are those who answered
// and have a score at baseline too.
type CompletionRow struct {
	Group        string
	Visit        string
	Expected     int
	Answered     int
	WithBaseline int
	Simulated    bool
}

// Completion counts answers by group and visit.
func (w *Warehouse) Completion(ctx context.Context, p CompletionParams) ([]CompletionRow, error) {
	places := append([]string{care.BaselineVisit}, p.Visits...)
	var found []CompletionRow
	err := w.queryShaped(ctx, "completion", struct{ Places []int }{upTo(len(places))}, map[string]any{
		"study": p.Study, "instrument": p.Instrument, "sequence": p.Sequence, "group": p.Group, "places": places,
	}, func(rows driver.Rows) error {
		var group string
		var expected uint64
		var answered, withBaseline []uint64
		var simulated uint8
		if err := rows.Scan(&group, &expected, &answered, &withBaseline, &simulated); err != nil {
			return err
		}
		for i, place := range places {
			found = append(found, CompletionRow{Group: group, Visit: place, Expected: int(expected), Answered: int(answered[i]), WithBaseline: int(withBaseline[i]), Simulated: simulated == 1})
		}
		return nil
	})
	return found, err
}

// upTo counts from 1, as ClickHouse does, to n.
func upTo(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i + 1
	}
	return numbers
}
