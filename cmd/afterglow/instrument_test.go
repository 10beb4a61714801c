package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"afterglow/schemas"
)

// instrumentRun runs `afterglow instrument ARGS` and gives what it printed on
// standard output and its exit code.
func instrumentRun(t *testing.T, data string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errors bytes.Buffer
	var commands struct {
		Instrument instrumentCmd `cmd:""`
	}
	parser, err := kong.New(&commands, kong.Writers(&out, &errors), kong.Bind(&cli{Data: data}))
	require.NoError(t, err)
	command, err := parser.Parse(append([]string{"instrument"}, args...))
	if err != nil {
		return "", err.Error(), exitBadUse
	}
	if err := command.Run(); err != nil {
		code = report(&errors, err)
	}
	return out.String(), errors.String(), code
}

func TestScoreJSONIsTheFixedShape(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"two missing, item 9 above 0", []string{"--answers", "1,2,2,,1,1,,0,1"},
			`{"instrument":"phq-9","version":"1.0.0","score":10,"valid":true,"prorated":true,"band":"moderate","subscales":{},"flags":[{"rule":"phq-9-item-9","level":"amber","item":"9","value":1}]}`},
		{"too few answers", []string{"--answers", "2,3,,1"},
			`{"instrument":"phq-9","version":"1.0.0","score":null,"valid":false,"prorated":false,"band":"","subscales":{},"flags":[{"rule":"phq-9-item-9","level":"unknown","item":"9","value":null}]}`},
		{"answers as JSON", []string{"--answers-json", `{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":2,"9":0}`},
			`{"instrument":"phq-9","version":"1.0.0","score":9,"valid":true,"prorated":false,"band":"mild","subscales":{},"flags":[]}`},
		{"a site that wants all items", []string{"--all-items", "--answers", "1,2,2,,1,1,0,0,0"},
			`{"instrument":"phq-9","version":"1.0.0","score":null,"valid":false,"prorated":false,"band":"","subscales":{},"flags":[]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			stdout, stderr, code := instrumentRun(t, t.TempDir(), append([]string{"score", "phq-9", "--json"}, c.args...)...)
			require.Equal(t, exitDone, code, stderr)
			require.JSONEq(t, c.want, stdout)
		})
	}
}

func TestBadAnswersAreBadUse(t *testing.T) {
	for _, c := range []struct {
		name  string
		args  []string
		names string
	}{
		{"out of range", []string{"score", "phq-9", "--answers", "0,0,0,4"}, "4: the answer is not one of the item's options"},
		{"not a number", []string{"score", "phq-9", "--answers", "0,often"}, "2: the answer is not a whole number"},
		{"too many places", []string{"score", "phq-9", "--answers", "0,0,0,0,0,0,0,0,0,0,0"}, "11 places given, but phq-9 1.0.0 has 10 items"},
		{"unknown item", []string{"score", "phq-9", "--answers-json", `{"11":1}`}, "11: phq-9 1.0.0 has no such item"},
		{"unknown instrument", []string{"score", "phq-99", "--answers", "0"}, "there is no instrument phq-99"},
		{"unknown version", []string{"show", "phq-9@9.9.9"}, "9.9.9"},
		{"no answers", []string{"score", "phq-9"}, "--answers"},
		{"both kinds of answers", []string{"score", "phq-9", "--answers", "1", "--answers-json", "{}"}, "--answers"},
		{"vectors of an unknown instrument", []string{"vectors", "phq-99"}, "there is no instrument phq-99"},
	} {
		t.Run(c.name, func(t *testing.T) {
			stdout, stderr, code := instrumentRun(t, t.TempDir(), c.args...)
			require.Equal(t, exitBadUse, code)
			require.Contains(t, stderr, c.names)
			require.Empty(t, stdout)
		})
	}
}

func TestShippedInstrumentsPassTheirOwnChecks(t *testing.T) {
	for _, args := range [][]string{{"lint"}, {"vectors"}, {"list"}, {"show", "phq-9"}, {"show", "bdi-ii@1.0.0"}} {
		stdout, stderr, code := instrumentRun(t, t.TempDir(), args...)
		require.Equal(t, exitDone, code, "%v: %s", args, stderr)
		require.NotEmpty(t, stdout)
		stdout, stderr, code = instrumentRun(t, t.TempDir(), append(args, "--json")...)
		require.Equal(t, exitDone, code, "%v: %s", args, stderr)
		require.True(t, json.Valid([]byte(stdout)), "%v prints one JSON value", args)
	}
}

// ownDefinition writes a site's definition and its vectors to a folder.
func ownDefinition(t *testing.T, edit func(yaml string) string) (file string) {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"bdi-ii.yaml", "bdi-ii.vectors.csv"} {
		f, err := schemas.Instruments().Open(name)
		require.NoError(t, err)
		var text bytes.Buffer
		_, err = text.ReadFrom(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		out := text.String()
		if strings.HasSuffix(name, ".yaml") {
			out = edit(out)
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(out), 0o600))
	}
	return filepath.Join(folder, "bdi-ii.yaml")
}

func version(v string) func(string) string {
	return func(yaml string) string { return strings.Replace(yaml, "version: 1.0.0", "version: "+v, 1) }
}

func TestImportPutsANewVersionBesideTheShippedOnes(t *testing.T) {
	data := t.TempDir()
	file := ownDefinition(t, version("1.1.0"))
	for range 2 { // the second time changes nothing
		_, stderr, code := instrumentRun(t, data, "import", file)
		require.Equal(t, exitDone, code, stderr)
	}
	stdout, _, code := instrumentRun(t, data, "list")
	require.Equal(t, exitDone, code)
	require.Contains(t, stdout, "1.0.0")
	require.Contains(t, stdout, "1.1.0")
	stdout, _, _ = instrumentRun(t, data, "show", "bdi-ii")
	require.Contains(t, stdout, "bdi-ii 1.1.0 sha256:", "the latest version is shown")
	_, stderr, code := instrumentRun(t, data, "lint")
	require.Equal(t, exitDone, code, stderr)
}

func TestImportRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		edit  func(string) string
		spoil func(t *testing.T, file string)
		code  int
		names string
	}{
		{name: "a version known with other content", edit: func(y string) string { return strings.Replace(y, "holder: Pearson", "holder: Nobody", 1) },
			code: exitBadUse, names: "give the changed definition a new version"},
		{name: "a definition without vectors", edit: version("1.1.0"),
			spoil: func(t *testing.T, file string) {
				require.NoError(t, os.Remove(strings.TrimSuffix(file, ".yaml")+".vectors.csv"))
			},
			code: exitBadUse, names: "bdi-ii.vectors.csv"},
		{name: "a vector that does not agree", edit: func(y string) string {
			return strings.Replace(version("1.1.0")(y), "from: 14", "from: 15", 1)
		}, code: exitBadUse, names: `band edge 14: band is "minimal", expected "mild"`},
		{name: "a fault with its place", edit: func(y string) string { return strings.Replace(y, "maximum: 63", "maximum: 62", 1) },
			code: exitBadUse, names: "score/minimum (line "},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := t.TempDir()
			file := ownDefinition(t, c.edit)
			if c.spoil != nil {
				c.spoil(t, file)
			}
			_, stderr, code := instrumentRun(t, data, "import", file)
			require.Equal(t, c.code, code)
			require.Contains(t, stderr, c.names)
			require.NoDirExists(t, filepath.Join(data, "instruments"), "a refusal leaves nothing behind")
		})
	}
}

func TestWhatIsNotThereIsSaidInOneLine(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	for _, args := range [][]string{{"lint", none}, {"import", none}} {
		_, stderr, code := instrumentRun(t, t.TempDir(), args...)
		require.Equal(t, exitMissing, code)
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
	_, stderr, code := instrumentRun(t, none, "import", ownDefinition(t, version("1.1.0")))
	require.Equal(t, exitMissing, code)
	require.Contains(t, stderr, "there is no data folder")
}

func TestLintOfAFileSaysEveryFault(t *testing.T) {
	file := ownDefinition(t, func(y string) string {
		return strings.Replace(strings.Replace(y, "reporter: patient", "reporter: cousin", 1), "direction: higher-is-worse", "direction: up", 1)
	})
	stdout, _, code := instrumentRun(t, t.TempDir(), "lint", file, "--json")
	require.Equal(t, exitFailed, code)
	var results []lintedFile
	require.NoError(t, json.Unmarshal([]byte(stdout), &results))
	require.Len(t, results[0].Faults, 2)
}
