package intake

import (
	"context"
	"fmt"
	"reflect"

	"afterglow/internal/fault"
	"afterglow/internal/finding"
	"afterglow/internal/registry"
	"afterglow/internal/warehouse"
)

// Held is what the warehouse holds of a study, once it agrees with the registry.
type Held struct {
	Pulse warehouse.Pulse
	// Waiting answers and sessions are not there yet.
	Waiting int64
	// Damaged rows of the registry, of any study, cannot be compared.
	Damaged int
}

// Caveats say what an answer that rests on it does not contain.
func (h Held) Caveats() []finding.Caveat {
	var list []finding.Caveat
	if h.Waiting > 0 {
		list = append(list, finding.Caveat{Code: "waiting", Text: fmt.Sprintf("%d received answers or sessions of this study are not in these numbers yet; ask again in a minute.", h.Waiting)})
	}
	if h.Damaged > 0 {
		list = append(list, finding.Caveat{Code: "damaged-record", Text: fmt.Sprintf("%d rows of the registry are not as they were written. These numbers use the warehouse's earlier copies of them; see the status page.", h.Damaged)})
	}
	return list
}

// CheckStudy holds how many rows of a study the warehouse has, and the study's
// definition, against the registry. A lost part shows in the counts without a
// comparison row by row. The error is a fault.Conflict when they do not agree, a
// fault.NotFound for a study that the registry does not know.
func CheckStudy(ctx context.Context, store *registry.Store, w *warehouse.Warehouse, study string) (Held, error) {
	// The registry is read first: what it calls confirmed then must be there.
	must, err := store.HoldingOf(ctx, study)
	if err != nil {
		return Held{}, err
	}
	is, err := w.Holding(ctx, warehouse.HoldingParams{Study: study,
		JournalBelow: uint64(must.JournalBelow), SessionBelow: uint64(must.SessionBelow),
		JournalExcept: sequences(must.DamagedJournal), SessionExcept: sequences(must.DamagedSessions)})
	if err != nil {
		return Held{}, err
	}
	for _, kind := range []struct {
		name     string
		must, is uint64
		onTheWay int64
	}{
		{"answers", uint64(must.Journal), is.Journal, 0},
		{"sessions", uint64(must.Sessions), is.Sessions, 0},
		{"subjects", uint64(must.Subjects), is.Subjects, must.SubjectsWaiting},
	} {
		if kind.is < kind.must || kind.is > kind.must+uint64(kind.onTheWay) {
			return Held{}, fault.Conflict("warehouse", "of study %s, %d %s were recorded and ClickHouse has %d", study, kind.must, kind.name, kind.is)
		}
	}
	got, err := w.Study(ctx, study)
	absent := fault.Is(err, fault.KindNotFound)
	switch {
	case err != nil && !absent:
		return Held{}, err
	case must.StudyWaits && absent:
		return Held{}, fault.Unavailable("warehouse", nil, "study %s was received and is on its way to ClickHouse; ask again in a minute", study)
	case !must.StudyWaits && (absent || !reflect.DeepEqual(got, must.Study)):
		return Held{}, fault.Conflict("warehouse", "the definition of study %s in ClickHouse is not the one that was recorded", study)
	}
	return Held{Pulse: is.Pulse, Waiting: must.Waiting, Damaged: len(must.DamagedJournal) + len(must.DamagedSessions)}, nil
}

func sequences(list []int64) []uint64 {
	out := make([]uint64, len(list))
	for i, n := range list {
		out[i] = uint64(n)
	}
	return out
}
