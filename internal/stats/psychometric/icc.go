package psychometric

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"afterglow/internal/stats"
)

// Agreement is the intraclass correlations of n persons rated k times. SEMAgreement counts differences
// between the occasions as error, SEMConsistency does not. NExcluded are the persons that the caller left out because a rating was missing.
type Agreement struct {
	N              int          `json:"n"`
	K              int          `json:"k"`
	MSRows         stats.Number `json:"ms_rows"`
	MSColumns      stats.Number `json:"ms_columns"`
	MSError        stats.Number `json:"ms_error"`
	MSWithin       stats.Number `json:"ms_within"`
	SEMAgreement   stats.Number `json:"sem_agreement"`
	SEMConsistency stats.Number `json:"sem_consistency"`
	Forms          []ICC        `json:"forms"`
	NExcluded      int          `json:"n_excluded"`
}

// ICC is one form. The names are Shrout & Fleiss': 1 one-way, 2 two-way random (absolute agreement), 3
// two-way mixed (consistency); _1 a single rating, _k the mean of k.
type ICC struct {
	Form   string       `json:"form"`
	ICC    stats.Number `json:"icc"`
	F      stats.Number `json:"f"`
	DF1    int          `json:"df1"`
	DF2    int          `json:"df2"`
	PValue stats.Number `json:"p_value"`
	Lower  stats.Number `json:"ci_lower"`
	Upper  stats.Number `json:"ci_upper"`
}

// Intraclass computes the six forms from complete columns of ratings by analysis of variance. Source: Shrout
// & Fleiss (1979), Psychological Bulletin 86:420; McGraw & Wong (1996) for the intervals of forms 2. See
// docs/methods/reliability.md.
func Intraclass(columns [][]float64, level float64) (Agreement, error) {
	if err := stats.CheckLevel(level); err != nil {
		return Agreement{}, err
	}
	if len(columns) < 2 || len(columns[0]) < 3 {
		return Agreement{}, stats.Errorf(stats.TooFew, "columns", "at least two ratings of three persons are needed")
	}
	size := 0.0
	for _, column := range columns {
		if len(column) != len(columns[0]) {
			return Agreement{}, stats.Errorf(stats.BadInput, "columns", "are not of one length")
		}
		if err := stats.CheckFinite("columns", column...); err != nil {
			return Agreement{}, err
		}
		size = math.Max(size, math.Max(slices.Max(column), -slices.Min(column)))
	}
	m := meanSquares(columns)
	if stats.NoSpread(math.Sqrt(m.within), size) || stats.NoSpread(math.Sqrt(m.err), size) {
		return Agreement{}, stats.Errorf(stats.Constant, "columns", "every person's ratings agree, so there is no error to compare with")
	}
	n, k := float64(len(columns[0])), float64(len(columns))
	a := Agreement{N: len(columns[0]), K: len(columns), MSRows: stats.Of(m.rows), MSColumns: stats.Of(m.columns), MSError: stats.Of(m.err), MSWithin: stats.Of(m.within),
		SEMAgreement: stats.Of(math.Sqrt((m.columns-m.err)/n + m.err)), SEMConsistency: stats.Of(math.Sqrt(m.err))}
	upper, lower := 0.5+level/2, 0.5-level/2
	df1, df2, df3 := n-1, n*(k-1), (n-1)*(k-1)
	one, two := m.rows/m.within, m.rows/m.err
	oneLow, oneHigh := one/stats.FQuantile(upper, df1, df2), one/stats.FQuantile(lower, df1, df2)
	twoLow, twoHigh := two/stats.FQuantile(upper, df1, df3), two/stats.FQuantile(lower, df1, df3)
	single := func(f float64) float64 { return (f - 1) / (f + k - 1) }
	mean := func(f float64) float64 { return 1 - 1/f }

	// Form 2 has no exact interval: Satterthwaite's degrees of freedom for the error of a single rating.
	icc2 := (m.rows - m.err) / (m.rows + (k-1)*m.err + k*(m.columns-m.err)/n)
	fj := m.columns / m.err
	inner := n*(1+(k-1)*icc2) - k*icc2
	v := (k - 1) * (n - 1) * math.Pow(k*icc2*fj+inner, 2) / ((n-1)*k*k*icc2*icc2*fj*fj + inner*inner)
	f3u, f3l := stats.FQuantile(upper, n-1, v), stats.FQuantile(upper, v, n-1)
	rest := k*m.columns + (k*n-k-n)*m.err
	low2 := n * (m.rows - f3u*m.err) / (f3u*rest + n*m.rows)
	high2 := n * (f3l*m.rows - m.err) / (rest + n*f3l*m.rows)
	raise := func(icc float64) float64 { return k * icc / (1 + (k-1)*icc) }

	add := func(form string, icc, f, df2, low, high float64) {
		a.Forms = append(a.Forms, ICC{Form: form, ICC: stats.Of(icc), F: stats.Of(f), DF1: int(df1), DF2: int(df2),
			PValue: stats.Of(stats.UpperF(f, df1, df2)), Lower: stats.Of(low), Upper: stats.Of(high)})
	}
	add("icc1_1", single(one), one, df2, single(oneLow), single(oneHigh))
	add("icc2_1", icc2, two, df3, low2, high2)
	add("icc3_1", single(two), two, df3, single(twoLow), single(twoHigh))
	add("icc1_k", mean(one), one, df2, mean(oneLow), mean(oneHigh))
	add("icc2_k", (m.rows-m.err)/(m.rows+(m.columns-m.err)/n), two, df3, raise(low2), raise(high2))
	add("icc3_k", mean(two), two, df3, mean(twoLow), mean(twoHigh))
	return a, nil
}

type squares struct{ rows, columns, err, within float64 }

func meanSquares(columns [][]float64) squares {
	k, n := len(columns), len(columns[0])
	rowMeans, columnMeans, grand := make([]float64, n), make([]float64, k), 0.0
	for j, column := range columns {
		columnMeans[j] = stat.Mean(column, nil)
		grand += columnMeans[j] / float64(k)
		for i, v := range column {
			rowMeans[i] += v / float64(k)
		}
	}
	var s squares
	for i := range n {
		s.rows += float64(k) * (rowMeans[i] - grand) * (rowMeans[i] - grand)
	}
	for j := range k {
		s.columns += float64(n) * (columnMeans[j] - grand) * (columnMeans[j] - grand)
	}
	for j, column := range columns {
		for i, v := range column {
			s.within += (v - rowMeans[i]) * (v - rowMeans[i])
			e := v - rowMeans[i] - columnMeans[j] + grand
			s.err += e * e
		}
	}
	s.rows /= float64(n - 1)
	s.columns /= float64(k - 1)
	s.within /= float64(n * (k - 1))
	s.err /= float64((n - 1) * (k - 1))
	return s
}
