package durability

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/finding"
)

// verdict is a trust that has made up its mind; asked notes the study that it was
// asked about.
type verdict struct {
	begin, confirm error
	caveats        []finding.Caveat
	asked          string
}

func (v *verdict) Begin(context.Context) (uint64, error) { return 7, v.begin }

func (v *verdict) Confirm(_ context.Context, study string, mark uint64) ([]finding.Caveat, error) {
	v.asked = study
	if mark != 7 {
		return nil, fault.Conflict("mark", "is not the one that was given")
	}
	return v.caveats, v.confirm
}

// What the trust refuses is no finding, whatever the warehouse said; what is not in
// a finding is said with it.
func TestSR11_AnAnswerIsGivenOnlyWhereItIsTrusted(t *testing.T) {
	f := loadBeatTheBlues(t)
	away := fault.Unavailable("warehouse", nil, "ask again in a minute")
	unknown := fault.NotFound("study", "there is no such study")
	waits := finding.Caveat{Code: "waiting", Text: "2 answers are on their way."}
	for _, c := range []struct {
		name, study string
		trust       verdict
		kind        fault.Kind
	}{
		{"refused before", "btheb", verdict{begin: away}, fault.KindUnavailable},
		{"refused after", "btheb", verdict{confirm: away}, fault.KindUnavailable},
		{"a study that is lost", "lost", verdict{confirm: away}, fault.KindUnavailable},
		{"a study that never was", "never", verdict{confirm: unknown}, fault.KindNotFound},
		{"trusted", "btheb", verdict{caveats: []finding.Caveat{waits}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			asker := New(Config{Warehouse: f.asker.warehouse, Library: f.asker.library, Software: "test", Now: f.asker.now, Trust: &c.trust})
			got, err := asker.Ask(t.Context(), "time-to-loss", c.study, nil)
			if c.kind != "" {
				require.Equal(t, c.kind, fault.KindOf(err), "%v", err)
				require.Empty(t, got.Estimates)
				return
			}
			require.NoError(t, err)
			require.Contains(t, got.Caveats, waits)
			require.Equal(t, "btheb", c.trust.asked)
		})
	}
}
