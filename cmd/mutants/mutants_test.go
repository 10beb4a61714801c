package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// source is a small tree under git, with a guard that a test holds, one that none does, and one without a test of its own.
func source(t *testing.T, list string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":      "module example\n\ngo 1.24\n",
		"a/a.go":      "package a\n\n// Limit caps n.\nfunc Limit(n int) int {\n\tif n > 9 {\n\t\treturn 9\n\t}\n\tif n < -9 {\n\t\treturn -9\n\t}\n\treturn n\n}\n",
		"a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestLimit(t *testing.T) {\n\tif Limit(12) != 9 {\n\t\tt.Fatal(\"no limit\")\n\t}\n}\n",
		"b/b.go":      "package b\n",
		"b/b_test.go": "package b\n\nimport \"testing\"\n\nfunc TestNever(t *testing.T) { t.Fatal(\"fails always\") }\n",
		"list/a.yaml": list,
	} {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	cmd := exec.Command("git", "init", "-q", root)
	require.NoError(t, cmd.Run())
	return root
}

const (
	noticed    = "- {name: upper, sr: SR-1, file: a/a.go, old: \"if n > 9 {\", new: \"if n > 99 {\", packages: [./a]}\n"
	unnoticed  = "- {name: lower, file: a/a.go, old: \"if n < -9 {\", new: \"if n < -99 {\", packages: [./a]}\n"
	gone       = "- {name: gone, file: a/a.go, old: \"if n > 8 {\", new: \"if n > 99 {\", packages: [./a]}\n"
	twice      = "- {name: twice, file: a/a.go, old: \"return\", new: \"goto\", packages: [./a]}\n"
	unsound    = "- {name: unsound, file: a/a.go, old: \"if n > 9 {\", new: \"if n > 99 {\", packages: [./b]}\n"
	uncompiled = "- {name: uncompiled, file: a/a.go, old: \"if n > 9 {\", new: \"if m > 9 {\", packages: [./a]}\n"
)

// at runs the command in a folder.
func at(t *testing.T, root string, args ...string) (int, string, string) {
	t.Helper()
	t.Chdir(root)
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), append([]string{"--list", "list"}, args...), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// Every fate is told apart, and the tree is left as it was.
func TestEachFateIsToldApart(t *testing.T) {
	root := source(t, noticed+unnoticed+gone+twice+unsound+uncompiled)
	before, err := os.ReadFile(filepath.Join(root, "a/a.go"))
	require.NoError(t, err)
	code, out, _ := at(t, root)
	require.Equal(t, exitFailed, code)
	for name, want := range map[string]string{"upper": "killed", "lower": "survived", "gone": "stale", "twice": "stale", "unsound": "broken", "uncompiled": "broken"} {
		require.Regexp(t, "(?m)^"+want+" .* "+name+" ", out)
	}
	require.Contains(t, out, "1 killed, 1 survived, 2 stale, 2 broken, of 6")
	after, err := os.ReadFile(filepath.Join(root, "a/a.go"))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
}

// Only a run in which enough are killed and none is stale succeeds.
func TestARunFailsForASurvivorOrAStaleMutant(t *testing.T) {
	for name, c := range map[string]struct {
		list string
		args []string
		code int
	}{
		"all killed":         {noticed, nil, exitDone},
		"half killed":        {noticed + unnoticed, nil, exitFailed},
		"half is enough":     {noticed + unnoticed, []string{"--wanted", "0.5"}, exitDone},
		"one stale":          {noticed + gone, []string{"--wanted", "0"}, exitFailed},
		"none tried":         {noticed, []string{"--only", "nothing"}, exitFailed},
		"the one asked for":  {noticed + unnoticed, []string{"--only", "^upper$"}, exitDone},
		"a name twice":       {noticed + noticed, nil, exitBadUse},
		"an unknown field":   {strings.Replace(noticed, "sr:", "rule:", 1), nil, exitBadUse},
		"without packages":   {strings.Replace(noticed, "[./a]", "[]", 1), nil, exitBadUse},
		"outside the tree":   {strings.Replace(noticed, "a/a.go", "../a.go", 1), nil, exitBadUse},
		"no such expression": {noticed, []string{"--only", "("}, exitBadUse},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, complaint := at(t, source(t, c.list), c.args...)
			require.Equal(t, c.code, code, out+complaint)
			require.Equal(t, code == exitBadUse, complaint != "")
		})
	}
}
