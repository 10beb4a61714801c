package durability

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/finding"
	"afterglow/internal/instrument"
	"afterglow/internal/stats"
	"afterglow/internal/stats/reference"
	"afterglow/internal/stats/survival"
	"afterglow/internal/testkit/warehousetest"
	"afterglow/internal/warehouse"
	"afterglow/schemas"
)

func TestMain(m *testing.M) { warehousetest.Main(m) }

var hash = strings.Repeat("ab", 32)

// fixture is a warehouse with a real trial in it.
type fixture struct {
	t     testing.TB
	w     *warehouse.Warehouse
	asker *Asker
	rows  []warehouse.Response
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	library, err := instrument.LoadLibrary(schemas.Instruments())
	require.NoError(t, err)
	w := warehousetest.Open(t)
	return &fixture{t: t, w: w, asker: New(Config{Warehouse: w, Library: library, Software: "afterglow test",
		Now: func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }})}
}

func (f *fixture) answer(study string, subject int, visit string, day int, score float64) {
	n := len(f.rows) + 1
	f.rows = append(f.rows, warehouse.Response{Study: study, Instrument: "bdi-ii", Subject: pseudonym(subject), Occasion: uint64(n), Revision: 1,
		Sequence: uint64(n), Key: fmt.Sprintf("%s-%d", study, n), Visit: visit, Day: int32(day), InstrumentVersion: bdi(f.t, f.asker).Version,
		DefinitionHash: hash, Score: &score, Items: []string{}, Values: []*int32{}, Source: care.SourceImport,
		ReceivedAt: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), ContentHash: hash})
}

// ship puts the study, its subjects and the answers so far into the warehouse.
func (f *fixture) ship(study care.Study, subjects []warehouse.Subject) {
	ctx := f.t.Context()
	require.NoError(f.t, f.w.InsertStudy(ctx, "study", study, 1))
	require.NoError(f.t, f.w.InsertSubjects(ctx, "subjects", subjects))
	require.NoError(f.t, f.w.InsertResponses(ctx, "responses", f.rows))
}

func bdi(t testing.TB, a *Asker) *instrument.Definition {
	t.Helper()
	d, err := a.library.Latest("bdi-ii")
	require.NoError(t, err)
	return d
}

func pseudonym(n int) care.Pseudonym { return care.Pseudonym(fmt.Sprintf("%032x", n)) }

func readCSV(t testing.TB, set string) []map[string]string {
	t.Helper()
	file, err := os.Open(filepath.Join("../../testdata", set, set+".csv"))
	require.NoError(t, err)
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	rows := []map[string]string{}
	for _, record := range records[1:] {
		row := map[string]string{}
		for i, name := range records[0] {
			row[name] = record[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func number(t testing.TB, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	require.NoError(t, err)
	return v
}

func beatTheBlues(a *Asker, t testing.TB) care.Study {
	return care.Study{ID: "btheb", Title: "Beat the Blues", Anchor: care.AnchorCourseStart, VisitName: "visit",
		Visits:     []care.Visit{{Name: "2m", Day: 61}, {Name: "3m", Day: 91}, {Name: "5m", Day: 152}, {Name: "8m", Day: 243}},
		Arm:        care.Factor{Name: "treatment", Levels: []string{"TAU", "BtheB"}},
		Covariates: []care.Factor{{Name: "drug", Levels: []string{"No", "Yes"}}, {Name: "length", Levels: []string{"lt6m", "gt6m"}}},
		Measures:   []care.Measure{{Instrument: "bdi-ii", Version: bdi(t, a).Version, Total: "bdi", Baseline: "bdi_pre"}}}
}

func loadBeatTheBlues(t testing.TB) *fixture {
	t.Helper()
	f := newFixture(t)
	study := beatTheBlues(f.asker, t)
	days := map[string]int{}
	for _, v := range study.Visits {
		days[v.Name] = v.Day
	}
	subjects, seen := []warehouse.Subject{}, map[string]int{}
	for _, row := range readCSV(t, "btheb") {
		n, known := seen[row["subject"]]
		if !known {
			n = len(seen) + 1
			seen[row["subject"]] = n
			subjects = append(subjects, warehouse.Subject{Study: "btheb", Subject: pseudonym(n), Sequence: 1,
				Factors: map[string]string{"treatment": row["treatment"], "drug": row["drug"], "length": row["length"]}})
			f.answer("btheb", n, care.BaselineVisit, 0, number(t, row["bdi_pre"]))
		}
		if row["bdi"] != "" {
			f.answer("btheb", n, row["visit"], days[row["visit"]], number(t, row["bdi"]))
		}
	}
	f.ship(study, subjects)
	return f
}

func cases(t testing.TB, file, kind string) []reference.Case {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../../testdata/reference", file))
	require.NoError(t, err)
	all, err := reference.Read(raw)
	require.NoError(t, err)
	found := []reference.Case{}
	for _, c := range all {
		if c.Kind == kind {
			found = append(found, c)
		}
	}
	require.NotEmpty(t, found)
	return found
}

// Every MMRM of the references, asked as a person would ask, with the sums made
// by ClickHouse: equal to R at the tolerances of the cases.
func TestMMRMThroughClickHouseEqualsR(t *testing.T) {
	f := loadBeatTheBlues(t)
	for _, c := range cases(t, "07-mmrm.json", "mmrm") {
		t.Run(c.ID, func(t *testing.T) {
			var in struct {
				Fixed, Covariance, Method string
				Times                     []float64
			}
			require.NoError(t, json.Unmarshal(c.Input, &in))
			settings := map[string]string{"fixed": in.Fixed, "covariance": in.Covariance, "method": in.Method}
			if in.Times != nil {
				settings["times"] = strings.Trim(strings.ReplaceAll(fmt.Sprint(in.Times), " ", ","), "[]")
			}
			got, err := f.asker.Ask(t.Context(), "retained-benefit", "btheb", settings)
			require.NoError(t, err)
			require.NotEmpty(t, got.MMRM, got.Answer)
			differences, fields, err := c.Compare(got.MMRM)
			require.NoError(t, err)
			require.Greater(t, fields, 800)
			for _, d := range differences {
				t.Error(d)
			}
		})
	}
}

// The Kaplan-Meier references, as courses of patients: a response at the first
// visit, then one later assessment at the time of the case, no longer in
// response where the event happened. Times go in as whole hundredths.
func TestKaplanMeierThroughClickHouseEqualsR(t *testing.T) {
	for _, c := range cases(t, "08-survival.json", "km") {
		t.Run(c.ID, func(t *testing.T) {
			var in struct {
				Time, Status, Group string
				Levels              []string
				At                  []float64
				Tau                 float64
				Level               float64
			}
			require.NoError(t, json.Unmarshal(c.Input, &in))
			raw, err := os.ReadFile(filepath.Join("../../testdata", strings.TrimSuffix(c.Dataset, ".csv"), c.Dataset))
			require.NoError(t, err)
			all, err := reference.ReadCSV(raw)
			require.NoError(t, err)
			data, err := all.Keep(c.Rows)
			require.NoError(t, err)
			frame := data.Frame(in.Group)

			f := newFixture(t)
			levels := in.Levels
			if in.Group == "" {
				levels = []string{"all"}
			}
			study := care.Study{ID: "km", Anchor: care.AnchorCourseStart, VisitName: "visit", Visits: []care.Visit{{Name: "first", Day: 0}, {Name: "later", Day: 1}},
				Arm:      care.Factor{Name: "arm", Levels: levels},
				Measures: []care.Measure{{Instrument: "bdi-ii", Version: bdi(t, f.asker).Version, Total: "bdi", Baseline: "bdi_pre"}}}
			subjects := []warehouse.Subject{}
			for i := range frame.Numbers[in.Time] {
				level := "all"
				if in.Group != "" {
					level = frame.Texts[in.Group][i]
				}
				subjects = append(subjects, warehouse.Subject{Study: "km", Subject: pseudonym(i), Factors: map[string]string{"arm": level}, Sequence: 1})
				f.answer("km", i, care.BaselineVisit, 0, 40)
				f.answer("km", i, "first", 0, 20)
				last := 10.0
				if frame.Numbers[in.Status][i].Value == 1 {
					last = 30
				}
				f.answer("km", i, "later", int(100*frame.Numbers[in.Time][i].Value+0.5), last)
			}
			f.ship(study, subjects)

			asked, err := f.asker.frame(t.Context(), "km", newSettings(nil))
			require.NoError(t, err)
			q := timeToLoss{f: asked}
			require.True(t, q.findResponse())
			require.NoError(t, q.count(t.Context(), f.asker))
			groups := []survival.Group{}
			for _, g := range q.counts {
				for i := range g.responders {
					g.responders[i].Time /= 100
				}
				groups = append(groups, survival.Group{Level: g.group, Counts: g.responders})
			}
			got, err := survival.KaplanMeier(groups, survival.Options{At: in.At, Tau: stats.Of(in.Tau), Level: in.Level})
			require.NoError(t, err)
			differences, fields, err := c.Compare(got)
			require.NoError(t, err)
			require.Greater(t, fields, 1000)
			for _, d := range differences {
				t.Error(d)
			}
		})
	}
}

func named(t testing.TB, f finding.Finding, name, group, visit string) finding.Estimate {
	t.Helper()
	for _, e := range f.Named(name) {
		if e.Group == group && e.Visit == visit {
			return e
		}
	}
	require.Failf(t, "no such estimate", "%s of %s at %s", name, group, visit)
	return finding.Estimate{}
}
