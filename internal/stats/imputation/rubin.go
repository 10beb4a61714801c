// Package imputation imputes repeated measures several times, pools the analyses of the completed data, and moves the imputed
// values to see what would tip a result. Floor: ground.
// It must not treat an imputed value as an observed one: every pooled figure carries the variance between imputations.
package imputation

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// Pooled is a scalar pooled over m imputations by Rubin's rules. T is the total variance, R the relative increase of the
// variance by missing data, Lambda its share of the total, FMI the fraction of missing information; the test and interval use
// Barnard and Rubin's degrees of freedom.
type Pooled struct {
	M                  int          `json:"m"`
	Estimate           float64      `json:"qbar"`
	Within             float64      `json:"ubar"`
	Between            float64      `json:"b"`
	T                  float64      `json:"t"`
	SE                 float64      `json:"se"`
	R                  float64      `json:"r"`
	Lambda             float64      `json:"lambda"`
	DFRubin            stats.Number `json:"df_rubin1987"`
	DF                 stats.Number `json:"df_barnard_rubin"`
	FMI                stats.Number `json:"fmi"`
	RelativeEfficiency float64      `json:"relative_efficiency"`
	TValue             stats.Number `json:"t_value"`
	PValue             stats.Number `json:"p_value"`
	Lower              stats.Number `json:"ci_lower"`
	Upper              stats.Number `json:"ci_upper"`
	Level              float64      `json:"level"`
}

// Pool pools estimates q with squared standard errors u (Rubin 1987, Multiple Imputation for Nonresponse in Surveys,
// section 3.1; Barnard & Rubin 1999, Biometrika 86:948). dfComplete is what the degrees of freedom would be without missing
// data; undefined: infinite. Without any variation between imputations the degrees of freedom are those. See
// docs/methods/rubin.md.
func Pool(q, u []float64, dfComplete stats.Number, level float64) (Pooled, error) {
	m := len(q)
	if err := stats.CheckLevel(level); err != nil {
		return Pooled{}, err
	}
	switch {
	case m < 2:
		return Pooled{}, stats.Errorf(stats.TooFew, "q", "%d imputations have no variation between them", m)
	case len(u) != m:
		return Pooled{}, stats.Errorf(stats.BadInput, "u", "%d variances for %d estimates", len(u), m)
	case dfComplete.Defined && !(dfComplete.Value > 0):
		return Pooled{}, stats.Errorf(stats.BadInput, "df_complete", "is not positive")
	}
	out := Pooled{M: m, Level: level}
	count := float64(m)
	for i := range q {
		if math.IsNaN(q[i]+u[i]) || math.IsInf(q[i]+u[i], 0) {
			return Pooled{}, stats.Errorf(stats.NotFinite, "q", "estimate %d or its variance is not finite", i+1)
		}
		if u[i] <= 0 {
			return Pooled{}, stats.Errorf(stats.BadInput, "u", "variance %d is not positive", i+1)
		}
		out.Estimate += q[i] / count
		out.Within += u[i] / count
	}
	for _, v := range q {
		out.Between += (v - out.Estimate) * (v - out.Estimate) / (count - 1)
	}
	extra := (1 + 1/count) * out.Between
	out.T = out.Within + extra
	out.SE, out.R, out.Lambda = math.Sqrt(out.T), extra/out.Within, extra/out.T
	if !stats.Finite(out.Estimate) || !stats.Finite(out.T) || !stats.Finite(out.R) {
		return Pooled{}, stats.Errorf(stats.NotFinite, "q", "the spread between imputations overflows, alone or together with the variances; change the unit")
	}
	out.RelativeEfficiency = 1 / (1 + out.Lambda/count)
	rubin := math.Inf(1)
	if out.Lambda > 0 {
		rubin = (count - 1) / (out.Lambda * out.Lambda)
	}
	df := rubin
	if dfComplete.Defined {
		complete := dfComplete.Value
		observed := (complete + 1) / (complete + 3) * complete * (1 - out.Lambda)
		df = observed
		if !math.IsInf(rubin, 1) {
			df = rubin * observed / (rubin + observed)
		}
	}
	out.DFRubin, out.DF = stats.Of(rubin), stats.Of(df)
	out.FMI = stats.Of((out.R + 2/(df+3)) / (out.R + 1))
	e := stats.TEstimate(out.Estimate, out.SE, out.DF, level)
	if !out.DF.Defined {
		e = stats.ZEstimate(out.Estimate, out.SE, level)
	}
	out.TValue, out.PValue, out.Lower, out.Upper = e.Statistic, e.PValue, e.Lower, e.Upper
	return out, nil
}

// PooledVector is several coefficients pooled together, with the joint test that all are 0.
type PooledVector struct {
	Estimate []float64        `json:"qbar"`
	Within   [][]stats.Number `json:"ubar"`
	Between  [][]stats.Number `json:"b"`
	T        [][]stats.Number `json:"t"`
	R1       float64          `json:"r1"`
	D1       float64          `json:"d1"`
	DF1      int              `json:"df1"`
	DF2      stats.Number     `json:"df2"`
	PValue   stats.Number     `json:"p_value"`
}

// PoolVector pools vectors q with covariance matrices u; the test is D1 of Li, Raghunathan & Rubin (1991, JASA 86:1065),
// which takes missing information as alike in all directions. See docs/methods/rubin.md.
func PoolVector(q [][]float64, u [][][]float64) (PooledVector, error) {
	m := len(q)
	if m < 2 || len(u) != m {
		return PooledVector{}, stats.Errorf(stats.TooFew, "q", "%d imputations with %d covariance matrices; at least two of each are needed", m, len(u))
	}
	k := len(q[0])
	within, between := mat.NewSymDense(max(k, 1), nil), mat.NewSymDense(max(k, 1), nil)
	out := PooledVector{Estimate: make([]float64, k), DF1: k}
	if k == 0 {
		return out, stats.Errorf(stats.BadInput, "q", "an empty vector")
	}
	for i := range q {
		if err := checkMatrix(q[i], u[i], k, i); err != nil {
			return out, err
		}
		for a := range k {
			out.Estimate[a] += q[i][a] / float64(m)
			for b := range a + 1 {
				within.SetSym(a, b, within.At(a, b)+(u[i][a][b]+u[i][b][a])/2/float64(m))
			}
		}
	}
	for _, v := range q {
		for a := range k {
			for b := range a + 1 {
				between.SetSym(a, b, between.At(a, b)+(v[a]-out.Estimate[a])*(v[b]-out.Estimate[b])/float64(m-1))
			}
		}
	}
	var chol mat.Cholesky
	var solved mat.Dense
	var direction mat.VecDense
	estimate := mat.NewVecDense(k, out.Estimate)
	if !chol.Factorize(within) || chol.SolveTo(&solved, between) != nil || chol.SolveVecTo(&direction, estimate) != nil {
		return out, stats.Errorf(stats.Collinear, "u", "the mean covariance matrix is not positive definite")
	}
	share := 1 + 1/float64(m)
	out.R1 = share * mat.Trace(&solved) / float64(k)
	out.D1 = mat.Dot(estimate, &direction) / (float64(k) * (1 + out.R1))
	total := mat.NewSymDense(k, nil)
	total.ScaleSym(share, between)
	total.AddSym(total, within)
	out.Within, out.Between, out.T = stats.Matrix(within), stats.Matrix(between), stats.Matrix(total)
	out.DF2 = stats.Of(jointDF(float64(k), float64(m), out.R1))
	test := stats.FTest(stats.Of(out.D1), k, out.DF2)
	out.PValue = test.PValue
	if !stats.Finite(out.R1) || !stats.Finite(out.D1) || !stats.Finite(mat.Sum(total)) {
		return out, stats.Errorf(stats.NotFinite, "q", "the spread between imputations overflows, alone or together with the variances; change the unit")
	}
	return out, nil
}

func checkMatrix(q []float64, u [][]float64, k, i int) error {
	if len(q) != k || len(u) != k {
		return stats.Errorf(stats.BadInput, "q", "imputation %d has another number of coefficients than the first", i+1)
	}
	for a := range k {
		if len(u[a]) != k {
			return stats.Errorf(stats.BadInput, "u", "the covariance matrix of imputation %d is not square", i+1)
		}
		for b := range k {
			if v := u[a][b] + q[a]; !stats.Finite(v) {
				return stats.Errorf(stats.NotFinite, "u", "imputation %d holds a value that is not finite", i+1)
			}
		}
	}
	return nil
}

// jointDF is the denominator's degrees of freedom, equation 1.19 of Li, Raghunathan & Rubin.
func jointDF(k, m, r float64) float64 {
	t := k * (m - 1)
	if t > 4 {
		root := 1 + (1-2/t)/r
		return 4 + (t-4)*root*root
	}
	return t * (1 + 1/k) * (1 + 1/r) * (1 + 1/r) / 2
}
