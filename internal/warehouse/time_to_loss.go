package warehouse

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"afterglow/internal/care"
)

// LossParams asks how long responders kept their response. A response is an
// improvement from baseline by Fraction of it, or by Points: exactly one of the two
// is above 0. HigherIsBetter says which way is better. Group is a factor's name, or
// empty for everyone together. Later are the visits that are planned after the
// first, with their days from it. UntilBooster leaves out what was answered after a
// course's first booster; FromLastSession says that the days of answers count from
// the last session of the series, not from the start of the course.
type LossParams struct {
	Study           string
	Instrument      string
	Sequence        uint64
	Group           string
	FirstVisit      string
	Later           []care.Visit
	Fraction        float64
	Points          float64
	HigherIsBetter  bool
	UntilBooster    bool
	FromLastSession bool
}

// LossStatus says what became of a course.
type LossStatus uint8

// The states of a course, each of which is exactly one.
const (
	LossNoBaseline LossStatus = iota
	LossNotAssessed
	LossNoResponse
	LossHeld
	LossLost
)

// LossRow counts N courses of a group with the same status. Of responders, Days is
// from the date of the first assessment to the one that found the loss or was the
// last; From and To are the planned days, from the first visit, of the last
// assessment in response and of the first one no longer so (NotFound where there is
// none); Baseline is in whole points. Of everyone assessed, Change is the sum of
// the changes from baseline at the first visit, and Worse counts those whose change
// was for the worse.
type LossRow struct {
	Group    string
	Status   LossStatus
	Days     int64
	From, To int64
	Baseline int
	N, Worse int
	Change   float64
}

// NotFound is the planned day of a loss that no assessment found.
const NotFound = -1

// TimeToLoss counts courses by group, status, days, the visits between which the
// response was lost, and baseline.
func (w *Warehouse) TimeToLoss(ctx context.Context, p LossParams) ([]LossRow, error) {
	visits, days := []string{}, []int64{}
	for _, v := range p.Later {
		visits, days = append(visits, v.Name), append(days, int64(v.Day))
	}
	sign := 1.0
	if p.HigherIsBetter {
		sign = -1
	}
	var found []LossRow
	err := w.query(ctx, "time_to_loss", map[string]any{
		"study": p.Study, "instrument": p.Instrument, "sequence": p.Sequence, "group": p.Group,
		"first_visit": p.FirstVisit, "baseline_visit": care.BaselineVisit, "fraction": p.Fraction, "points": p.Points, "sign": sign,
		"visits": visits, "days": days, "until_booster": bit(p.UntilBooster), "from_last_session": bit(p.FromLastSession),
	}, func(rows driver.Rows) error {
		var row LossRow
		var status uint8
		var n, worse uint64
		var baseline int64
		if err := rows.Scan(&row.Group, &status, &row.Days, &row.From, &row.To, &baseline, &n, &row.Change, &worse); err != nil {
			return err
		}
		row.Status, row.Baseline, row.N, row.Worse = LossStatus(status), int(baseline), int(n), int(worse)
		found = append(found, row)
		return nil
	})
	return found, err
}

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}
