package analyze_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/analyze"
	"afterglow/internal/stats/reference"
)

// gapped is 60 rows of which the first has neither time, response nor group, and the second a group that no case names.
func gapped() string {
	random := rand.New(rand.NewPCG(8, 8))
	out := "id,wave,time,status,cause,lower,upper,g,x,y,b,m,t,fall,third\n"
	for i := range 60 {
		g, level := "ab"[random.IntN(2)], fmt.Sprint("uvw"[i%3:i%3+1])
		time := 1 + random.IntN(30)
		row := fmt.Sprintf("%d,%d,%d,%d,%d,%d,%d,%c,%.3f,%.3f,%d,%s,%d,%.4f,%s", i/4, i%4, time, random.IntN(2), random.IntN(3), time/4*4, time/4*4+4, g,
			random.NormFloat64(), random.NormFloat64(), random.IntN(2), level, i%4*3,
			3+8*math.Exp(-0.2*float64(i%4*3))+random.NormFloat64(), "uvw"[i/4%3:i/4%3+1])
		switch i {
		case 0:
			row = fmt.Sprintf("%d,%d,,,,,,,%.3f,,,,,,", i/4, i%4, random.NormFloat64())
		case 1:
			row = strings.Replace(row, fmt.Sprintf(",%c,", g), ",z,", 1)
		}
		out += row + "\n"
	}
	return out
}

// A row that is not analysed is counted, whatever the kind: nothing leaves without a word.
func TestEveryKindCountsTheRowsThatItLeavesOut(t *testing.T) {
	const group = `"group":"g","levels":["a","b"]`
	for kind, c := range map[string]struct {
		input string
		left  int
	}{
		"km":                 {`{"time":"time","status":"status",` + group + `,"level":0.9}`, 2},
		"logrank":            {`{"time":"time","status":"status",` + group + `}`, 2},
		"rmst":               {`{"time":"time","status":"status",` + group + `,"tau":8,"level":0.9}`, 2},
		"landmark":           {`{"time":"time","status":"status",` + group + `,"landmark":2,"level":0.9}`, 2},
		"coxph":              {`{"time":"time","status":"status","formula":"x","ties":"efron","level":0.9}`, 1},
		"discrete_hazard":    {`{"time":"time","status":"status","cuts":[0,10,20],"formula":"x","level":0.9}`, 1},
		"discrete_hazard 2":  {`{"lower":"lower","upper":"upper","cuts":[0,12,24],"formula":"x","level":0.9}`, 1},
		"competing_risks":    {`{"time":"time","event":"cause","causes":["p","q"],` + group + `,"at":[5],"level":0.9}`, 2},
		"gee":                {`{"response":"y","formula":"~ x","subject":"id","wave":"wave","family":"gaussian","corstr":"exchangeable","level":0.9}`, 1},
		"logistic":           {`{"response":"b","formula":"~ x","level":0.9}`, 1},
		"multinomial":        {`{"response":"m","levels":["u","v"],"formula":"~ x","level":0.9}`, 21},
		"iptw":               {`{"treatment":"b","formula":"~ x","outcome":"y","estimand":"ATE","level":0.9}`, 1},
		"lmm":                {`{"formula":"y ~ x + (1 | id)","method":"REML","level":0.9}`, 1},
		"single_case_trend":  {`{"time":"time","response":"y","level":0.9}`, 1},
		"single_case_phases": {`{"response":"y","phase":"g","a":"a","b":"b"}`, 1}, // two phases of several are chosen: the others are not left out
		"change_point":       {`{"time":"time","response":"y","min_segment":5}`, 1},
		"gls_ar1":            {`{"response":"y","formula":"~ x","method":"REML"}`, 1},
		"nls_half_life":      {`{"time":"t","response":"fall","level":0.9}`, 1},
		"nlme_decay":         {`{"time":"t","response":"fall","subject":"id","model":"asymptote_random","level":0.9}`, 1},
	} {
		t.Run(kind, func(t *testing.T) {
			name, _, _ := strings.Cut(kind, " ")
			got := analyze.Run([]reference.Case{{ID: "x", Kind: name, Dataset: "gapped.csv", Input: json.RawMessage(c.input)}},
				func(string) ([]byte, error) { return []byte(gapped()), nil })[0]
			require.Nil(t, got.Error)
			text, err := json.Marshal(got.Result)
			require.NoError(t, err)
			var out struct {
				NExcluded *int `json:"n_excluded"`
			}
			require.NoError(t, json.Unmarshal(text, &out))
			require.NotNil(t, out.NExcluded)
			require.Equal(t, c.left, *out.NExcluded)
		})
	}
}

func TestBandsPastTheDataAreSaidToBeExtrapolated(t *testing.T) {
	for points, past := range map[string]bool{"0,3": false, "0,4": true, "-1": true} {
		got := analyze.Run([]reference.Case{{ID: "x", Kind: "lmm", Dataset: "gapped.csv", Input: json.RawMessage(
			`{"formula":"y ~ wave + (1 | id)","method":"REML","level":0.9,"bands":[{"numbers":{"wave":[` + points + `]}}]}`)}},
			func(string) ([]byte, error) { return []byte(gapped()), nil })[0]
		require.Nil(t, got.Error)
		text, err := json.Marshal(got.Result)
		require.NoError(t, err)
		require.Equal(t, past, strings.Contains(string(text), "wave lies beyond the data"), points)
	}
}

// A model of two arms does not take a third one for one of them.
func TestAThirdArmIsNotTakenForOneOfTwo(t *testing.T) {
	for kind, input := range map[string]string{
		"nlme_decay":    `{"time":"t","response":"fall","subject":"id","model":"asymptote_random_arm","arm":"third","arm1":"v","level":0.9}`,
		"tipping_point": `{"response":"y","arm":"third","arm1":"v","baseline":"x","deltas":[0,1],"level":0.9}`,
	} {
		text := strings.NewReplacer("wave,", "imputation,", ",b,", ",imputed,").Replace(gapped())
		got := analyze.Run([]reference.Case{{ID: "x", Kind: kind, Dataset: "gapped.csv", Input: json.RawMessage(input)}},
			func(string) ([]byte, error) { return []byte(text), nil })[0]
		require.NotNil(t, got.Error, kind)
		require.Equal(t, stats.BadInput, got.Error.Kind)
		require.Equal(t, "third", got.Error.Where, got.Error.Message)
	}
}

// The patients whose buckets are resampled are counted as those of the fit are.
func TestABootstrapCountsItsPatientsAsTheFitDoes(t *testing.T) {
	const model = `"formula":"y ~ third*wave + x","subject":"id","visit":"wave","visit_levels":["1","2","3"],"arm":"third",
		"factors":{"third":["u","v"]},"covariance":"cs","method":"REML","level":0.9`
	var counts [2]map[string]any
	for k, kind := range []string{"mmrm", "mmrm_bootstrap"} {
		resampling := ""
		if kind == "mmrm_bootstrap" {
			resampling = `,"buckets":8,"replicates":2,"seed":1`
		}
		text := strings.Replace(gapped(), "x,y,b", "other,y,x", 1)
		got := analyze.Run([]reference.Case{{ID: "x", Kind: kind, Dataset: "gapped.csv", Input: json.RawMessage(`{` + model + resampling + `}`)}},
			func(string) ([]byte, error) { return []byte(text), nil })[0]
		require.Nil(t, got.Error)
		out, err := json.Marshal(got.Result)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(out, &counts[k]))
	}
	require.Positive(t, counts[0]["n_excluded_subjects"])
	for _, name := range []string{"n_subjects", "n_excluded_subjects", "n_without_visit"} {
		require.Equal(t, counts[0][name], counts[1][name], name)
	}
}
