package survival_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/reference"
	"afterglow/internal/stats/survival"
	"afterglow/internal/testkit/statstest"
)

type input struct {
	Time   string       `json:"time"`
	Status string       `json:"status"`
	Group  string       `json:"group"`
	Levels []string     `json:"levels"`
	Strata string       `json:"strata"`
	Rho    float64      `json:"rho"`
	At     []float64    `json:"at"`
	Tau    stats.Number `json:"tau"`
	Level  float64      `json:"level"`
}

func casesOf(t *testing.T, kind string) []reference.Case {
	var out []reference.Case
	for _, c := range statstest.Cases(t, "reference/08-survival.json") {
		if c.Kind == kind {
			out = append(out, c)
		}
	}
	require.NotEmpty(t, out)
	return out
}

// observations reads the subjects of a case by stratum.
func observations(t *testing.T, c reference.Case) (in input, strata map[string][]survival.Observation) {
	require.NoError(t, json.Unmarshal(c.Input, &in))
	data, err := statstest.Data(t, c.Dataset).Keep(c.Rows)
	require.NoError(t, err)
	frame := data.Frame(in.Group, in.Strata)
	strata = map[string][]survival.Observation{}
	for row, n := range frame.Numbers[in.Time] {
		one := survival.Observation{Time: n.Value, Event: frame.Numbers[in.Status][row].Value == 1, Group: "all"}
		if in.Group != "" {
			one.Group = frame.Texts[in.Group][row]
		}
		stratum := ""
		if in.Strata != "" {
			stratum = frame.Texts[in.Strata][row]
		}
		strata[stratum] = append(strata[stratum], one)
	}
	if in.Group == "" {
		in.Levels = []string{"all"}
	}
	return in, strata
}

func TestEveryKaplanMeierCaseHolds(t *testing.T) {
	for _, c := range casesOf(t, "km") {
		t.Run(c.ID, func(t *testing.T) {
			in, strata := observations(t, c)
			groups, err := survival.Tally(strata[""], in.Levels)
			require.NoError(t, err)
			result, err := survival.KaplanMeier(groups, survival.Options{At: in.At, Tau: in.Tau, Level: in.Level})
			require.NoError(t, err)
			holds(t, c, result)
		})
	}
}

func TestEveryLogRankCaseHolds(t *testing.T) {
	for _, c := range casesOf(t, "logrank") {
		t.Run(c.ID, func(t *testing.T) {
			in, observed := observations(t, c)
			var strata []survival.Stratum
			for _, subjects := range observed {
				groups, err := survival.Tally(subjects, in.Levels)
				require.NoError(t, err)
				strata = append(strata, survival.Stratum{Groups: groups})
			}
			result, err := survival.LogRank(strata, in.Rho)
			require.NoError(t, err)
			holds(t, c, result)
		})
	}
}

func holds(t *testing.T, c reference.Case, result any) {
	differences, fields, err := c.Compare(result)
	require.NoError(t, err)
	require.NotZero(t, fields)
	for _, d := range differences {
		t.Error(d)
	}
}
