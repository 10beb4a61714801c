package main

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAStudyThatGrowsIsAnsweredAtEachStep asks after each import of a running
// study: what is stored anew is compared with the warehouse and answered from it.
func TestAStudyThatGrowsIsAnsweredAtEachStep(t *testing.T) {
	folder := t.TempDir()
	inputs := filepath.Join(clone(t), "testdata", "cases", "02-study-grows")
	answered := func(arguments ...string) float64 {
		_, errs, code := runProgram(t, nil, append([]string{"import", "study", "--data", folder}, arguments...)...)
		require.Equal(t, exitDone, code, errs)
		out, errs, code := runProgram(t, nil, "ask", "retained-benefit", "--study", "example", "--json", "--data", folder)
		require.Equal(t, exitDone, code, errs)
		var f struct {
			Estimates []struct {
				Name, Group, Visit string
				Estimate           *float64
			}
		}
		require.NoError(t, json.Unmarshal([]byte(out), &f))
		for _, e := range f.Estimates {
			if e.Name == "difference" && e.Visit == "w12" {
				return *e.Estimate
			}
		}
		require.Fail(t, "no difference at w12", out)
		return 0
	}
	in := func(name string) string { return filepath.Join(inputs, name) }
	first := answered(in("cut1.csv"), "--map", in("map.yaml"))
	require.InDelta(t, first, answered(in("cut2.csv"), "--map", in("map-w26.yaml")), 1e-9, "a visit more changes no other number")
	require.InDelta(t, first, answered(in("cut1.csv"), "--map", in("map-title.yaml")), 1e-9, "a title changes no number")
	require.InDelta(t, first, answered(in("cut1.csv"), "--map", in("map-assignment.yaml")), 1e-9)
	require.NotEqual(t, first, answered(in("corrected.csv"), "--map", in("map.yaml"), "--correct", "data cleaning"), "a correction does")
}
