package analyze_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/analyze"
	"afterglow/internal/stats/reference"
	"afterglow/internal/testkit/statstest"
)

// right is what a case has to give: fields within a relative tolerance, fields that may not be smaller, notes that hold a text,
// or a failure.
type right struct {
	Expected json.RawMessage    `json:"expected"`
	Rel      float64            `json:"rel"`
	AtLeast  map[string]float64 `json:"at_least"`
	Notes    []string           `json:"notes"`
	Error    *struct {
		Kind  stats.Kind `json:"kind"`
		Where string     `json:"where"`
		Says  string     `json:"says"`
	} `json:"error"`
}

// Inputs on which statistical software was seen to go wrong give the right value, a note, or a refusal that names the place.
func TestInputsThatOthersGotWrongAreRight(t *testing.T) {
	folders, err := filepath.Glob("testdata/cases/*/spec.json")
	require.NoError(t, err)
	require.Len(t, folders, 12)
	for _, spec := range folders {
		folder := filepath.Dir(spec)
		text, err := os.ReadFile(spec)
		require.NoError(t, err)
		cases, err := reference.Read(text)
		require.NoError(t, err)
		var document struct {
			Right map[string]right `json:"right"`
		}
		text, err = os.ReadFile(filepath.Join(folder, "right.json"))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &document))
		require.NotEmpty(t, document.Right)
		results := analyze.Run(cases, func(name string) ([]byte, error) {
			if file, err := os.ReadFile(filepath.Join(folder, name)); err == nil {
				return file, nil
			}
			return statstest.File(name)
		})
		for i, c := range cases {
			if want, known := document.Right[c.ID]; known {
				t.Run(filepath.Base(folder)+"/"+c.ID, func(t *testing.T) { want.holds(t, c, results[i]) })
				delete(document.Right, c.ID)
			}
		}
		require.Empty(t, document.Right, "%s: a right value of no case", folder)
	}
}

func (r right) holds(t *testing.T, c reference.Case, got analyze.Result) {
	if r.Error != nil {
		require.NotNil(t, got.Error)
		require.Equal(t, r.Error.Kind, got.Error.Kind, got.Error.Message)
		require.Equal(t, r.Error.Where, got.Error.Where, got.Error.Message)
		require.Contains(t, got.Error.Message, r.Error.Says)
		return
	}
	require.Nil(t, got.Error)
	require.NotEmpty(t, r.Expected)
	c.Expected, c.Tolerance = r.Expected, map[string]reference.Tolerance{"default": {Rel: r.Rel, Abs: 1e-10}}
	differences, fields, err := c.Compare(got.Result)
	require.NoError(t, err)
	require.Positive(t, fields)
	for _, d := range differences {
		t.Error(d)
	}
	text, err := json.Marshal(got.Result)
	require.NoError(t, err)
	var result map[string]any
	require.NoError(t, json.Unmarshal(text, &result))
	for name, least := range r.AtLeast {
		require.GreaterOrEqual(t, result[name], least, name)
	}
	notes := strings.Join(notesIn(result), "\n")
	for _, note := range r.Notes {
		require.Contains(t, notes, note)
	}
}

// notesIn gathers the notes of a result, wherever they stand in it.
func notesIn(value any) []string {
	var out []string
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			if list, ok := inner.([]any); ok && name == "notes" {
				for _, note := range list {
					out = append(out, note.(string))
				}
				continue
			}
			out = append(out, notesIn(inner)...)
		}
	case []any:
		for _, inner := range v {
			out = append(out, notesIn(inner)...)
		}
	}
	return out
}
