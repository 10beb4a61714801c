package durability

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/care"
	"afterglow/internal/finding"
	"afterglow/internal/instrument"
	"afterglow/internal/warehouse"
	"afterglow/schemas"
)

// Property: whatever became of the courses of two groups at four visits, the answer is
// sound.
func TestPropertyAnyCoursesHaveASoundAnswer(t *testing.T) {
	library, err := instrument.LoadLibrary(schemas.Instruments())
	require.NoError(t, err)
	definition, err := library.Latest("bdi-ii")
	require.NoError(t, err)
	a := New(Config{Software: "afterglow test", Now: func() time.Time { return time.Time{} }})
	days := []int64{0, 28, 56, 140}
	rapid.Check(t, func(t *rapid.T) {
		visits := []care.Visit{{Name: "w4", Day: 28}, {Name: "w8", Day: 56}, {Name: "w12", Day: 84}, {Name: "w24", Day: 168}}
		f := &frame{study: care.Study{ID: "s", Title: "S", Anchor: care.AnchorCourseStart, Visits: visits, Arm: care.Factor{Name: "arm", Levels: []string{"usual", "new"}}},
			definition: definition, level: 0.95, reference: visits[0], ownArm: "arm",
			groups: []finding.Group{{Name: "usual", Label: "usual"}, {Name: "new", Label: "new"}}}
		f.whole = f.study
		q := timeToLoss{f: f, adjusted: rapid.Bool().Draw(t, "adjusted"), untilBooster: rapid.Bool().Draw(t, "until booster")}
		require.True(t, q.findResponse())
		for _, group := range f.names() {
			g := groupCounts{group: group}
			for range rapid.IntRange(0, 12).Draw(t, "rows") {
				row := warehouse.LossRow{Group: group, Status: warehouse.LossStatus(rapid.IntRange(0, 4).Draw(t, "status")), To: warehouse.NotFound, N: rapid.IntRange(1, 5).Draw(t, "n")}
				if row.Status >= warehouse.LossNoResponse {
					row.Change = rapid.Float64Range(-20, 20).Draw(t, "change") * float64(row.N)
				}
				from := rapid.IntRange(0, 3).Draw(t, "from")
				switch row.Status {
				case warehouse.LossHeld:
					row.From, row.Days = days[from], days[from]
				case warehouse.LossLost:
					to := rapid.IntRange(min(from, 2)+1, 3).Draw(t, "to")
					row.From, row.To, row.Days = days[min(from, 2)], days[to], days[to]
				}
				row.Baseline = rapid.IntRange(10, 40).Draw(t, "baseline")
				g.add(row)
			}
			q.counts = append(q.counts, g)
			if g.inResponse() > 0 {
				q.drawn = append(q.drawn, g)
			}
		}
		if why := q.nothing(); why.reason != "" {
			requireSound(t, q.refuse(a, why))
			return
		}
		require.NoError(t, q.estimate())
		require.NoError(t, q.compare())
		got, err := q.finding(a)
		require.NoError(t, err)
		requireSound(t, got)
		for _, g := range got.Groups {
			require.NotEmpty(t, g.Verdict)
		}
	})
}
