package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// statisticsRun runs `afterglow analyze` or `afterglow validate` in this process.
func statisticsRun(t *testing.T, data string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errors bytes.Buffer
	var commands struct {
		Analyze  analyzeCmd  `cmd:""`
		Validate validateCmd `cmd:""`
	}
	parser, err := kong.New(&commands, kong.Writers(&out, &errors), kong.Bind(&cli{Data: data}))
	require.NoError(t, err)
	command, err := parser.Parse(args)
	require.NoError(t, err)
	if err := command.Run(); err != nil {
		code = report(&errors, err)
	}
	return out.String(), errors.String(), code
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestAnalyzeAnswersEveryCaseInOrder(t *testing.T) {
	spec := write(t, "spec.json", `{"cases": [
		{"id": "one", "kind": "descriptives", "dataset": "sleep.csv", "input": {"column": "drug2", "level": 0.95}},
		{"id": "two", "kind": "descriptives", "dataset": "../secret.csv", "input": {"column": "drug2", "level": 0.95}},
		{"id": "three", "kind": "p_adjust", "input": {"p": [0.01, 0.02]}}]}`)
	data := filepath.Join(clone(t), "testdata", "sleep")
	stdout, stderr, code := statisticsRun(t, data, "analyze", spec)
	require.Equal(t, exitDone, code, stderr)
	var got struct {
		Results []struct {
			ID, Kind string
			Result   map[string]any
			Error    *struct{ Kind, Message string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &got))
	require.Len(t, got.Results, 3)
	require.Equal(t, "one", got.Results[0].ID)
	require.Equal(t, 10.0, got.Results[0].Result["n"])
	require.Equal(t, "bad-input", got.Results[1].Error.Kind, "a data set outside the folder")
	require.Equal(t, "three", got.Results[2].ID)

	out := filepath.Join(t.TempDir(), "results.json")
	printed, _, code := statisticsRun(t, data, "analyze", spec, "--out", out)
	require.Equal(t, exitDone, code)
	require.Empty(t, printed)
	file, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, stdout, string(file))
}

func TestASpecificationThatCannotBeReadFails(t *testing.T) {
	for name, spec := range map[string]string{"absent": filepath.Join(t.TempDir(), "none.json"), "no JSON": write(t, "spec.json", "cases: []")} {
		t.Run(name, func(t *testing.T) {
			_, stderr, code := statisticsRun(t, t.TempDir(), "analyze", spec)
			require.Equal(t, exitFailed, code)
			require.Contains(t, stderr, "specification")
		})
	}
}

func TestKindsNamesInputAndResultFields(t *testing.T) {
	stdout, stderr, code := statisticsRun(t, "", "analyze", "--kinds")
	require.Equal(t, exitDone, code, stderr)
	require.Contains(t, stdout, "mmrm: mixed model for repeated measures\n  input\n    formula: text\n")
	stdout, stderr, code = statisticsRun(t, "", "analyze", "--kinds", "--json")
	require.Equal(t, exitDone, code, stderr)
	require.True(t, json.Valid([]byte(stdout)))
}

// The report that a site files has a row for every field, and a reference that does not hold fails the command.
func TestValidateReportsEveryField(t *testing.T) {
	folder := t.TempDir()
	copyOf := func(from, to string, change func(string) string) {
		content, err := os.ReadFile(filepath.Join(clone(t), "testdata", from))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, to)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(folder, to), []byte(change(string(content))), 0o600))
	}
	same := func(s string) string { return s }
	for _, set := range []string{"btheb/btheb_wide.csv", "anorexia/anorexia.csv", "sleep/sleep.csv", "lung/lung.csv", "reference/01-descriptives.json"} {
		copyOf(set, set, same)
	}
	report := filepath.Join(t.TempDir(), "report.csv")
	stdout, stderr, code := statisticsRun(t, "", "validate", "--references", folder, "--out", report)
	require.Equal(t, exitDone, code, stderr)
	require.Contains(t, stdout, "01-descriptives.json")
	file, err := os.Open(report)
	require.NoError(t, err)
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	require.NoError(t, file.Close())
	require.Equal(t, []string{"case", "field", "expected", "got", "relative_difference", "tolerance", "pass"}, rows[0])
	require.Greater(t, len(rows), 100)
	for _, row := range rows[1:] {
		require.Equal(t, "true", row[6], row)
	}

	copyOf("reference/01-descriptives.json", "crosscheck/reference/01-simple.json", func(s string) string {
		return strings.Replace(s, `"n": 100`, `"n": 101`, 1)
	})
	stdout, _, code = statisticsRun(t, "", "validate", "--references", folder)
	require.Equal(t, exitFailed, code, "the second set counts as well")
	require.Contains(t, stdout, "crosscheck/01-simple.json")
	require.NoError(t, os.RemoveAll(filepath.Join(folder, "crosscheck")))

	copyOf("reference/01-descriptives.json", "reference/01-descriptives.json", func(s string) string {
		return strings.Replace(s, `"mean": 23.33`, `"mean": 23.34`, 1)
	})
	stdout, stderr, code = statisticsRun(t, "", "validate", "--references", folder)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stdout, "does not hold: desc-btheb-pre: mean: expected 23.34")
	require.Contains(t, stderr, "1 of ")
}
