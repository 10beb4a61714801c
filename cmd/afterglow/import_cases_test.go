package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
)

const (
	laterCut      = "../../testdata/cases/01-later-cut-retracts/"
	growing       = "../../testdata/cases/02-study-grows/"
	baselineRow   = "../../testdata/cases/05-baseline-is-a-row/"
	oneArm        = "../../testdata/cases/06-one-arm/"
	spreadsheets  = "../../testdata/cases/07-what-spreadsheets-write/"
	wholeAsFloats = "../../testdata/cases/08-whole-numbers-as-floats/"
)

// textsAsFiles is an import of texts that a test wrote.
func textsAsFiles(t *testing.T, file, study string) importStudyCmd {
	t.Helper()
	dir := t.TempDir()
	c := importStudyCmd{File: filepath.Join(dir, "file.csv"), Map: filepath.Join(dir, "map.yaml")}
	require.NoError(t, os.WriteFile(c.File, []byte(file), 0o600))
	require.NoError(t, os.WriteFile(c.Map, []byte(study), 0o600))
	return c
}

func text(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

// says is what a command's error prints.
func says(err error) string {
	var out bytes.Buffer
	report(&out, err)
	return out.String()
}

func missingAt(t *testing.T, r importReport, visit, arm string) int {
	t.Helper()
	for _, o := range r.Occasions {
		if o.Visit == visit && o.Arm == arm {
			require.Equal(t, o.Expected, o.Answered+o.Missing)
			return o.Missing
		}
	}
	require.Fail(t, "the report has no such occasion", "%s %s", visit, arm)
	return 0
}

// A later cut of a study is held against what is stored. What differs or is empty
// now is named and refused, in a dry run too; what the file no longer has is named
// and stays.
func TestALaterCutIsHeldAgainstWhatIsStored(t *testing.T) {
	cut1 := text(t, laterCut+"cut1.csv")
	for _, c := range []struct {
		name, from, to string
		refused        []string
		named          []string
	}{
		{"a score that is empty now", "s05,new,w4,10,", "s05,new,w4,,", []string{"row 10: subject s05, visit w4: bdi-ii is stored as 10 and is empty now"}, nil},
		{"a score that is NA now", "s05,new,w4,10,", "s05,new,w4,NA,", []string{"row 10", "visit w4", "empty now"}, nil},
		{"a corrected score", "s05,new,w4,10,", "s05,new,w4,11,", []string{"row 10: subject s05, visit w4: bdi-ii is stored as 10 and is 11 now"}, nil},
		{"a corrected baseline", "s01,usual,w4,20,30,f\ns01,usual,w12,22,30,f", "s01,usual,w4,20,31,f\ns01,usual,w12,22,31,f", []string{"subject s01, visit baseline: bdi-ii is stored as 30 and is 31 now"}, nil},
		{"an empty baseline", "s01,usual,w4,20,30,f\ns01,usual,w12,22,30,f", "s01,usual,w4,20,,f\ns01,usual,w12,22,,f", []string{"subject s01, visit baseline: bdi-ii is stored as 30 and is empty now"}, nil},
		{"a corrected covariate", "s01,usual,w4,20,30,f\ns01,usual,w12,22,30,f", "s01,usual,w4,20,30,m\ns01,usual,w12,22,30,m", []string{"row 2: subject s01: sex is stored as f and is m now"}, nil},
		{"an empty covariate", "s01,usual,w4,20,30,f\ns01,usual,w12,22,30,f", "s01,usual,w4,20,30,\ns01,usual,w12,22,30,", []string{"subject s01: sex is stored as f and is empty now"}, nil},
		{"another arm", "s01,usual,w4,20,30,f\ns01,usual,w12,22,30,f", "s01,new,w4,20,30,f\ns01,new,w12,22,30,f", []string{"subject s01: treatment is stored as usual and is new now"}, nil},
		{"two differences", "s05,new,w4,10,30,f\ns05,new,w12,12,", "s05,new,w4,,30,f\ns05,new,w12,13,", []string{"2 values differ", "row 10", "row 11"}, nil},
		{"a row less", "s05,new,w4,10,30,f\n", "", nil, []string{"subject s05, visit w4: bdi-ii is stored but has no row in the file; it is kept"}},
		{"a subject less", "s05,new,w4,10,30,f\ns05,new,w12,12,30,f\n", "", nil, []string{"subject s05 is stored and has no row in the file", "the file lacks 1 stored subject and 3 stored scores"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := emptyRegistry(t)
			_, err := importInto(t, store, importStudyCmd{File: laterCut + "cut1.csv", Map: laterCut + "map.yaml"})
			require.NoError(t, err)
			require.Contains(t, cut1, c.from)
			later := textsAsFiles(t, strings.Replace(cut1, c.from, c.to, 1), text(t, laterCut+"map.yaml"))
			for _, dry := range []bool{true, false} {
				later.DryRun = dry
				r, err := importInto(t, store, later)
				if len(c.refused) > 0 {
					require.True(t, fault.Is(err, fault.KindConflict), "%v", err)
					require.Equal(t, exitBadUse, report(&bytes.Buffer{}, err))
					require.Contains(t, says(err), "--correct REASON")
					require.False(t, r.Stored)
					require.NotZero(t, r.FaultCount)
					require.Len(t, r.Registry.Differences, r.FaultCount)
					for _, words := range c.refused {
						require.Contains(t, says(err), words)
					}
					continue
				}
				require.NoError(t, err)
				var printed bytes.Buffer
				printImport(&printed, r, dry)
				for _, words := range c.named {
					require.Contains(t, printed.String(), words)
				}
				require.Zero(t, missingAt(t, r, "w4", "new"), "the report counts what the store has")
				require.Equal(t, 1, missingAt(t, r, "w12", "new"))
			}
			if len(c.refused) == 0 {
				return
			}
			later.Correct = "checked with the source"
			r, err := importInto(t, store, later)
			require.NoError(t, err)
			require.True(t, r.Stored)
			require.Positive(t, r.Registry.Corrected+r.Registry.Retracted+r.Registry.FactorsChanged)
			later.Correct = ""
			r, err = importInto(t, store, later)
			require.NoError(t, err, "the corrected file again has no effect")
			require.Zero(t, r.Registry.DifferenceCount)
		})
	}
}

func TestTheSecondCutRetractsOnlyWithAReason(t *testing.T) {
	store := emptyRegistry(t)
	_, err := importInto(t, store, importStudyCmd{File: laterCut + "cut1.csv", Map: laterCut + "map.yaml"})
	require.NoError(t, err)
	cut := importStudyCmd{File: laterCut + "cut2.csv", Map: laterCut + "map.yaml"}
	r, err := importInto(t, store, cut)
	require.Equal(t, exitBadUse, report(&bytes.Buffer{}, err))
	require.Equal(t, 10, r.Faults[0].Row)
	cut.Correct = "entry error"
	r, err = importInto(t, store, cut)
	require.NoError(t, err)
	require.Equal(t, 1, r.Registry.Retracted)
	require.Equal(t, 1, missingAt(t, r, "w4", "new"))
}

// A running study grows: a visit, a title, how arms came about, a late score.
func TestARunningStudyGrows(t *testing.T) {
	for _, c := range []struct {
		name, file, study string
		added             int
		change            string
	}{
		{"a further visit", "cut2.csv", "map-w26.yaml", 1, `visit "w26" on day 182 is new`},
		{"another title", "cut1.csv", "map-title.yaml", 0, "the title changes"},
		{"how arms came about", "cut1.csv", "map-assignment.yaml", 0, `"randomised" now`},
		{"a late score", "late.csv", "map.yaml", 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := emptyRegistry(t)
			_, err := importInto(t, store, importStudyCmd{File: growing + "cut1.csv", Map: growing + "map.yaml"})
			require.NoError(t, err)
			r, err := importInto(t, store, importStudyCmd{File: growing + c.file, Map: growing + c.study})
			require.NoError(t, err)
			require.True(t, r.Stored)
			require.Equal(t, c.added, r.Registry.ResponsesAdded)
			require.Equal(t, 23, r.Registry.ResponsesKnown)
			if c.change != "" {
				require.Len(t, r.Registry.StudyChanges, 1)
				require.Contains(t, r.Registry.StudyChanges[0], c.change)
			}
		})
	}
}

// After a correction, questions answer as if the corrected file had come first.
func TestQuestionsAnswerFromWhatWasCorrected(t *testing.T) {
	for _, c := range []struct{ name, first, then, study string }{
		{"a corrected score", growing + "cut1.csv", growing + "corrected.csv", growing + "map.yaml"},
		{"a retracted score", laterCut + "cut1.csv", laterCut + "cut2.csv", laterCut + "map.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ask := func(folder string) (found struct {
				N         int             `json:"n"`
				NMissing  int             `json:"n_missing"`
				Estimates json.RawMessage `json:"estimates"`
			}) {
				out, errs, code := runProgram(t, nil, "ask", "retained-benefit", "--study", "example", "--json", "--data", folder)
				require.Equal(t, exitDone, code, errs)
				require.NoError(t, json.Unmarshal([]byte(out), &found))
				return found
			}
			load := func(folder, file string, further ...string) {
				path, err := filepath.Abs(file)
				require.NoError(t, err)
				study, err := filepath.Abs(c.study)
				require.NoError(t, err)
				out, errs, code := runProgram(t, nil, append([]string{"import", "study", path, "--map", study, "--data", folder}, further...)...)
				require.Equal(t, exitDone, code, "%s%s", out, errs)
			}
			mended, straight := t.TempDir(), t.TempDir()
			load(mended, c.first)
			before := ask(mended)
			load(mended, c.then, "--correct", "source data checked")
			load(straight, c.then)
			require.NotEqual(t, string(before.Estimates), string(ask(mended).Estimates))
			require.Equal(t, ask(straight), ask(mended))
		})
	}
}

// The baseline as a row, or in a subject's first row alone, is the same import as
// the baseline in every row.
func TestABaselineMayBeARow(t *testing.T) {
	columns := text(t, baselineRow+"map-columns.yaml")
	asRow := strings.Replace(columns, "anchor: course-start,", "anchor: course-start, baseline: pre,", 1)
	store := emptyRegistry(t)
	_, err := importInto(t, store, importStudyCmd{File: baselineRow + "columns.csv", Map: baselineRow + "map-columns.yaml"})
	require.NoError(t, err)
	for _, c := range []struct{ name, file, study string }{
		{"in the first row alone", baselineRow + "redcap.csv", columns},
		{"as a row", baselineRow + "rows.csv", asRow},
		{"as a row that is among the levels", baselineRow + "rows.csv", strings.Replace(asRow, "levels: [{value: w4", "levels: [{value: pre, day: 0}, {value: w4", 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := importInto(t, store, textsAsFiles(t, text(t, c.file), c.study))
			require.NoError(t, err)
			require.Empty(t, r.Warnings)
			require.Equal(t, 18, r.Registry.ResponsesKnown, "the same scores")
			require.Zero(t, r.Registry.ResponsesAdded)
			require.Empty(t, r.Registry.StudyChanges, "the same study")
		})
	}
	r, err := importInto(t, store, importStudyCmd{File: baselineRow + "rows.csv", Map: baselineRow + "map-today.yaml", DryRun: true})
	require.NoError(t, err)
	require.Len(t, r.Warnings, 1)
	require.Contains(t, r.Warnings[0], `visit "pre" is on day 0 and bdi has no baseline`)
	require.Contains(t, r.Warnings[0], "visit: {..., baseline: pre}")
}

func TestEverybodyMayHaveTheSameTreatment(t *testing.T) {
	for _, c := range []struct{ name, file, from, to, arm string }{
		{"no arm", "data.csv", "", "", ""},
		{"arm: none", "data.csv", "subject: subject", "subject: subject\narm: none", ""},
		{"an arm of one level", "data-constant-arm.csv", "", "", "new"},
	} {
		t.Run(c.name, func(t *testing.T) {
			study := text(t, oneArm+"map.yaml")
			if c.arm != "" {
				study = text(t, oneArm+"map-constant-arm.yaml")
			}
			r, err := importInto(t, emptyRegistry(t), textsAsFiles(t, text(t, oneArm+c.file), strings.Replace(study, c.from, c.to, 1)))
			require.NoError(t, err)
			require.Equal(t, 11, r.Registry.ResponsesAdded)
			require.Equal(t, 1, missingAt(t, r, "w12", c.arm))
		})
	}
}
