package weighting

import (
	"math"
	"math/rand/v2"

	"afterglow/internal/stats/glm"
)

// cohort gives rows of two or three groups whose choice and whose outcome depend on two covariates. The effect of group k
// is k in everyone; bend adds a square to the outcome, lure one to the choice, so that models of straight lines are wrong.
func cohort(rows, groups int, seed uint64, bend, lure float64) Groups {
	random := rand.New(rand.NewPCG(seed, 17))
	in := Groups{Names: []string{"(Intercept)", "age", "site"}, Treatment: "arm", Levels: []string{"A", "B", "C"}[:groups], Response: "score",
		Estimand: ATE, Level: 0.95}
	for range rows {
		age, site := random.NormFloat64(), float64(random.IntN(2))
		odds, total := []float64{1, 0, 0}[:groups], 0.0
		for k := range odds {
			odds[k] = math.Exp(float64(k) * (0.5*age - 0.3*site + lure*(age*age-1)))
			total += odds[k]
		}
		u, g := random.Float64()*total, 0
		for ; g < groups-1 && u > odds[g]; g++ {
			u -= odds[g]
		}
		in.X, in.Group = append(in.X, 1, age, site), append(in.Group, g)
		in.Outcome = append(in.Outcome, float64(g)+1.5*age+site+bend*age*age+random.NormFloat64())
	}
	return in
}

// models gives the cohort with outcome models in the same columns.
func models(in Groups) Models {
	return Models{Names: in.Names, X: in.X, OutcomeNames: in.Names, OutcomeX: in.X, Treatment: in.Treatment, Levels: in.Levels, Group: in.Group,
		Response: in.Response, Outcome: in.Outcome, Family: glm.Gaussian, Level: in.Level}
}

// withSquare adds the square of age to columns.
func withSquare(names []string, x []float64) ([]string, []float64) {
	p := len(names)
	out := make([]float64, 0, len(x)/p*(p+1))
	for i := 0; i < len(x); i += p {
		out = append(append(out, x[i:i+p]...), x[i+1]*x[i+1])
	}
	return append(append([]string(nil), names...), "age2"), out
}

// two gives the input of the comparison of two groups.
func two(in Groups) Input {
	out := Input{Names: in.Names, X: in.X, Treatment: in.Treatment, Outcome: in.Outcome, Estimand: in.Estimand, Level: in.Level}
	for _, g := range in.Group {
		out.Treated = append(out.Treated, float64(g))
	}
	return out
}
