package analyze_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/analyze"
	"afterglow/internal/stats/reference"
)

// gone is a follow-up in which all of group c are censored before the first event; clinics are numbered, three people each.
const gone = `t,e,g,x,clinic
5,1,a,1.5,1
8,1,a,0.5,1
12,0,a,2.5,1
14,1,a,1.0,2
6,1,b,2.0,2
7,1,b,3.0,2
9,1,b,0.2,3
11,0,b,1.1,3
2,0,c,1.7,3
3,0,c,2.2,1
4,0,c,0.9,2
`

// A level of which nobody is at risk at an event has no estimate; the rest is as without its rows. As the first level it
// leaves nothing to compare with.
func TestALevelThatIsNeverAtRiskIsSetAside(t *testing.T) {
	with := fieldsOf(t, runOn(gone, "coxph", `{"time":"t","status":"e","formula":"g + x","factors":{"g":["a","b","c"]},"cluster":"clinic","ties":"efron","level":0.95}`))
	without := analyze.Run([]reference.Case{{Kind: "coxph", Dataset: "d.csv", Rows: []reference.Filter{{Column: "g", Op: "in", Value: json.RawMessage(`["a","b"]`)}},
		Input: json.RawMessage(`{"time":"t","status":"e","formula":"g + x","factors":{"g":["a","b"]},"cluster":"clinic","ties":"efron","level":0.95}`)}},
		func(string) ([]byte, error) { return []byte(gone), nil })[0]
	only := fieldsOf(t, without)
	coefficient := func(of map[string]any, i int) map[string]any { return of["coefficients"].([]any)[i].(map[string]any) }
	require.Equal(t, "gc", coefficient(with, 1)["name"])
	require.Nil(t, coefficient(with, 1)["estimate"])
	for i, j := range map[int]int{0: 0, 2: 1} {
		require.Equal(t, coefficient(only, j)["name"], coefficient(with, i)["name"])
		for _, field := range []string{"estimate", "se", "robust_se", "p_value"} {
			require.InEpsilon(t, coefficient(only, j)[field], coefficient(with, i)[field], 1e-9, field)
		}
	}
	require.InEpsilon(t, only["loglik"], with["loglik"], 1e-10)
	require.Equal(t, only["lr_test"].(map[string]any)["df"], with["lr_test"].(map[string]any)["df"])
	for _, name := range []string{"robust_vcov", "vcov"} {
		matrix, _ := with[name].([]any)
		if matrix == nil {
			matrix = with[name].(map[string]any)["matrix"].([]any)
		}
		require.Len(t, matrix, 3)
		require.Equal(t, []any{nil, nil, nil}, matrix[1])
		require.NotNil(t, matrix[0].([]any)[2])
	}
	require.Contains(t, strings.Join(notesIn(with), "\n"), "nobody with g c is at risk when an event happens")
	refused(t, runOn(gone, "coxph", `{"time":"t","status":"e","formula":"g","factors":{"g":["c","a","b"]},"ties":"efron","level":0.95}`),
		stats.EmptyCell, "g c", "put another level first")
	refused(t, runOn(gone, "coxph", `{"time":"t","status":"e","formula":"x + g","factors":{"g":["b","a","d"]},"ties":"efron","level":0.95}`),
		stats.EmptyCell, "g d", "no complete row has this level")
}

// A column may be a covariate and number the clusters, strata or groups too.
func TestAColumnMayBeCovariateAndCluster(t *testing.T) {
	doubled := strings.ReplaceAll(strings.ReplaceAll(gone, ",clinic\n", ",clinic,again\n"), "\n", "\n")
	lines := strings.Split(strings.TrimSpace(doubled), "\n")
	for i := range lines[1:] {
		lines[i+1] += lines[i+1][strings.LastIndex(lines[i+1], ","):]
	}
	data := strings.Join(lines, "\n") + "\n"
	for kind, input := range map[string]string{
		"coxph":       `{"time":"t","status":"e","formula":"x + clinic","cluster":%q,"ties":"efron","level":0.95}`,
		"lmm":         `{"formula":"x ~ t + clinic + (1 | %s)","method":"REML","level":0.95}`,
		"multinomial": `{"response":"g","levels":["a","b"],"formula":"~ x","level":0.95}`,
		"gee":         `{"formula":"x ~ clinic","subject":%q,"wave":"t","family":"gaussian","corstr":"independence","level":0.95}`,
	} {
		if kind == "multinomial" {
			continue
		}
		same, other := fieldsOf(t, runOn(data, kind, fmt.Sprintf(input, "clinic"))), fieldsOf(t, runOn(data, kind, fmt.Sprintf(input, "again")))
		text, err := json.Marshal(other)
		require.NoError(t, err)
		want := strings.ReplaceAll(string(text), "again", "clinic")
		got, err := json.Marshal(same)
		require.NoError(t, err)
		require.JSONEq(t, want, string(got), kind)
	}
}

// Separation in the Fine-Gray model leaves the incidences and Gray's test standing.
func TestIncidencesStandWithoutTheFineGrayModel(t *testing.T) {
	data := "t,c,g,z\n"
	for i := range 24 {
		cause := i % 3
		data += fmt.Sprintf("%d,%d,%s,%d\n", 1+i*7%23, cause, []string{"a", "b"}[i%2], map[bool]int{true: 1, false: 0}[cause == 1])
	}
	const input = `{"time":"t","event":"c","causes":["loss","death"],"group":"g","levels":["a","b"],"at":[5,10],"level":0.95%s}`
	plain := fieldsOf(t, runOn(data, "competing_risks", fmt.Sprintf(input, "")))
	apart := fieldsOf(t, runOn(data, "competing_risks", fmt.Sprintf(input, `,"fine_gray":{"rhs":"z","cause":1}`)))
	require.Contains(t, strings.Join(notesIn(apart), "\n"), "no Fine-Gray model of z: z: ")
	delete(apart, "notes")
	require.Equal(t, plain, apart)
	refused(t, runOn(data, "competing_risks", fmt.Sprintf(input, `,"fine_gray":{"rhs":"nowhere","cause":1}`)), stats.BadInput, "nowhere", "no such")
}

// A mean over levels that no row has together says that it rests on the model.
func TestMeansOfCellsThatNobodyIsInAreNoted(t *testing.T) {
	data := "id,arm,visit,y\n"
	for i := range 12 {
		for v := range 3 {
			if arm := []string{"a", "b", "c"}[i%3]; arm != "c" || v < 2 {
				data += fmt.Sprintf("%d,%s,%d,%d\n", i, arm, v, 10+i*7%5+v*2+i*v%4)
			}
		}
	}
	const lmm = `{"formula":"y ~ arm + visit + (1 | id)","method":"REML","factors":{"arm":["a","b","c"],"visit":["0","1","2"]},"emmeans":["~ arm | visit"],"emmeans_grid":[{"over":["arm"],"by":[%s]}],"level":0.95}`
	notes := strings.Join(notesIn(fieldsOf(t, runOn(data, "lmm", fmt.Sprintf(lmm, `"visit"`)))), "\n")
	require.Contains(t, notes, "no analysed row has arm c, visit 2: ")
	require.Equal(t, 1, strings.Count(notes, "no analysed row"))
	require.NotContains(t, strings.Join(notesIn(fieldsOf(t, runOn(data, "lmm", fmt.Sprintf(lmm, "")))), "\n"), "no analysed row")
	refused(t, runOn(data, "lmm", `{"formula":"y ~ arm * visit + (1 | id)","method":"REML","factors":{"arm":["a","b","c"],"visit":["0","1","2"]},"level":0.95}`),
		stats.EmptyCell, "arm c, visit 2", "no complete row has these levels together")
}

// A wave that nobody has is noted where neighbours count.
func TestWavesThatCloseUpAreNoted(t *testing.T) {
	data := "id,w,y,x\n"
	for i := range 20 {
		for _, w := range []int{1, 3, 4} {
			data += fmt.Sprintf("%d,w%d,%d,%d\n", i, w, i*7%11+w*i%5, i%4)
		}
	}
	const gee = `{"formula":"y ~ x","subject":"id","wave":"w","family":"gaussian","corstr":%q,"factors":{"w":["w1","w2","w3","w4"]},"level":0.95}`
	require.Contains(t, strings.Join(notesIn(fieldsOf(t, runOn(data, "gee", fmt.Sprintf(gee, "ar1")))), "\n"), "nobody has wave w2 of w")
	require.NotContains(t, strings.Join(notesIn(fieldsOf(t, runOn(data, "gee", fmt.Sprintf(gee, "exchangeable")))), "\n"), "nobody has wave")
}

// Subjects are counted in curves of several rows a person, whoever numbers them.
func TestWeightedCurvesCountSubjects(t *testing.T) {
	const data = "id,s,t,e\n1,0,3,0\n1,3,6,1\n2,0,4,1\n3,0,5,0\n3,5,9,1\n4,0,8,0\n"
	for _, by := range []string{"cluster", "subject"} {
		curve := fieldsOf(t, runOn(data, "km_weighted", fmt.Sprintf(`{"time":"t","status":"e","start":"s",%q:"id","tau":6,"level":0.95}`, by)))["groups"].([]any)[0].(map[string]any)
		require.InDelta(t, 4, curve["n"], 0, by)
		require.InDelta(t, 6, curve["n_rows"], 0, by)
	}
}

// Means and comparisons asked for in words are those of the same grid; what cannot be read is refused.
func TestMeansAskedForInWordsAreGiven(t *testing.T) {
	data := "id,arm,visit,age,y\n"
	for i := range 12 {
		for v := range 3 {
			data += fmt.Sprintf("%d,%s,%d,%d,%d\n", i, []string{"a", "b", "c"}[i%3], v, 30+i*5%17, 10+i*7%5+v*2+i*v%4)
		}
	}
	const lmm = `{"formula":"y ~ age + arm * visit + (1 | id)","method":"REML","factors":{"arm":["a","b","c"],"visit":["0","1","2"]},"level":0.95,%s}`
	words := `"emmeans":["~ arm * visit","~ arm | age, at = list(age = c(31, 40))"],"contrasts":["~ arm | visit ; \"pairwise\""]`
	grid := `,"emmeans_grid":[{"over":["arm","visit"],"by":[],"at":{}},{"over":["arm"],"by":["age"],"at":{"age":[31,40]}}],"contrasts_grid":[{"over":["arm"],"by":["visit"],"at":{},"method":"pairwise"}]`
	asked := fieldsOf(t, runOn(data, "lmm", fmt.Sprintf(lmm, words)))
	require.Equal(t, fieldsOf(t, runOn(data, "lmm", fmt.Sprintf(lmm, words+grid))), asked)
	require.Len(t, asked["emmeans"], 2)
	require.Len(t, asked["contrasts"].([]any)[0].(map[string]any)["rows"], 9)
	for _, text := range []string{`"emmeans":["arm by visit"]`, `"emmeans":["~ arm ; pairwise"]`, `"emmeans":["~ arm, at = list(age = old)"]`, `"emmeans":["~ arm +"]`} {
		refused(t, runOn(data, "lmm", fmt.Sprintf(lmm, text)), stats.BadInput, "emmeans", "cannot be read")
	}
	refused(t, runOn(data, "lmm", fmt.Sprintf(lmm, `"contrasts":["~ arm"]`)), stats.BadInput, "contrasts", "cannot be read")
	refused(t, runOn(data, "lmm", fmt.Sprintf(lmm, `"emmeans":["~ nowhere"]`)), stats.BadInput, "nowhere", "no such column")
}
