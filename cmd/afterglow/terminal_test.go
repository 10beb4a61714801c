package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatATerminalObeysIsPrintedAsItsCode(t *testing.T) {
	for _, c := range []struct{ name, text, printed string }{
		{"plain text", "Depression, ä, 日本\tx\n", "Depression, ä, 日本\tx\n"},
		{"an escape sequence", "a\x1b[31mb", `a\u001b[31mb`},
		{"a carriage return", "good\rbad", `good\u000dbad`},
		{"a backspace and a bell", "\b\a", `\u0008\u0007`},
		{"delete", "\x7f", `\u007f`},
		{"an 8-bit sequence", "\u009b31m", `\u009b31m`},
		{"text turned round", "\u202eabc\u2066", `\u202eabc\u2066`},
		{"bytes that are no text", "\x9b\xff", `\x9b\xff`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var whole, split bytes.Buffer
			n, err := newTerminal(&whole).Write([]byte(c.text))
			require.NoError(t, err)
			require.Equal(t, len(c.text), n)
			require.Equal(t, c.printed, whole.String())
			pieces := newTerminal(&split)
			for i := range len(c.text) {
				_, err := pieces.Write([]byte{c.text[i]})
				require.NoError(t, err)
			}
			require.Equal(t, c.printed, split.String(), "however it is cut into writes")
		})
	}
}

func TestJSONThroughTheTerminalSaysTheSame(t *testing.T) {
	var out bytes.Buffer
	value := map[string]string{"level": "a\x1b[31m\u009b\u202e\x7fb"}
	require.NoError(t, json.NewEncoder(newTerminal(&out)).Encode(value))
	var back map[string]string
	require.NoError(t, json.Unmarshal(out.Bytes(), &back))
	require.Equal(t, value, back)
	require.NotContains(t, out.String(), "\x1b")
	require.NotContains(t, out.String(), "\x7f")
}

// A map's title and levels are data of others and come out of import and of its
// refusals.
func TestNoCommandPrintsControlCharactersOfData(t *testing.T) {
	folder := t.TempDir()
	study, file := filepath.Join(folder, "map.yaml"), filepath.Join(folder, "file.csv")
	require.NoError(t, os.WriteFile(study, []byte(`study: coloured
title: "red \e[31mtitle"
layout: long
subject: id
arm: {column: arm, levels: ["\e]0;owned\a", b]}
visit: {column: visit, anchor: course-start, levels: [{value: "w1\e[2J", day: 7}]}
measures: [{instrument: bdi-ii, total: bdi}]
`), 0o600))
	for _, c := range []struct {
		name, rows string
		code       int
	}{
		{"stored", "1,\x1b]0;owned\a,w1\x1b[2J,12\n", exitDone},
		{"refused", "1,c\x1b[1m,w1,12\n", exitBadUse},
		{"a column of another name", "1,b,w1\x1b[2J,12\n", exitDone},
	} {
		t.Run(c.name, func(t *testing.T) {
			header := "id,arm,visit,bdi,extra\x1b[5m\n"
			require.NoError(t, os.WriteFile(file, []byte(header+strings.ReplaceAll(c.rows, "\n", ",\n")), 0o600))
			for _, further := range [][]string{nil, {"--json"}} {
				out, errs, code := runProgram(t, nil, append([]string{"import", "study", file, "--map", study, "--dry-run", "--data", filepath.Join(folder, "data")}, further...)...)
				require.Equal(t, c.code, code, "%s%s", out, errs)
				require.NotContains(t, out+errs, "\x1b")
				require.NotContains(t, out+errs, "\a")
			}
		})
	}
}
