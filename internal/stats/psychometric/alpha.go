package psychometric

import (
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"afterglow/internal/stats"
)

// Alpha is Cronbach's alpha of k items over n persons. Feldt's limits are exact for normal parallel items;
// Duhachek's rest on the large-sample error ASE. NExcluded are the persons that the caller left out because an item was open.
type Alpha struct {
	N             int            `json:"n"`
	K             int            `json:"k"`
	Alpha         stats.Number   `json:"alpha"`
	Standardised  stats.Number   `json:"alpha_standardised"`
	MeanR         stats.Number   `json:"mean_r"`
	FeldtLower    stats.Number   `json:"feldt_lower"`
	FeldtUpper    stats.Number   `json:"feldt_upper"`
	DuhachekASE   stats.Number   `json:"duhachek_ase"`
	DuhachekLower stats.Number   `json:"duhachek_lower"`
	DuhachekUpper stats.Number   `json:"duhachek_upper"`
	IfDropped     []stats.Number `json:"alpha_if_dropped"`
	ItemRestR     []stats.Number `json:"item_rest_r"`
	NExcluded     int            `json:"n_excluded"`
}

// CronbachAlpha computes alpha of items, one column each, complete and keyed in one direction; names are the
// items'. Sources: Cronbach (1951); Feldt (1965), Psychometrika 30:357; Duhachek & Iacobucci (2004), Journal
// of Applied Psychology 89:792. See docs/methods/reliability.md.
func CronbachAlpha(items [][]float64, names []string, level float64) (Alpha, error) {
	if err := stats.CheckLevel(level); err != nil {
		return Alpha{}, err
	}
	v, err := covariances(items, names)
	if err != nil {
		return Alpha{}, err
	}
	k, n := len(items), len(items[0])
	alpha := alphaOf(v, -1)
	a := Alpha{N: n, K: k, Alpha: stats.Of(alpha)}
	r := 0.0
	for i := range k {
		for j := range i {
			r += v.At(i, j) / math.Sqrt(v.At(i, i)*v.At(j, j))
		}
	}
	r /= float64(k*(k-1)) / 2
	a.MeanR, a.Standardised = stats.Of(r), stats.Of(float64(k)*r/(1+float64(k-1)*r))
	df1, df2 := float64(n-1), float64((n-1)*(k-1))
	a.FeldtLower = stats.Of(1 - (1-alpha)*stats.FQuantile(0.5+level/2, df1, df2))
	a.FeldtUpper = stats.Of(1 - (1-alpha)*stats.FQuantile(0.5-level/2, df1, df2))
	ase := duhachek(v, n)
	half := stats.NormalQuantile(0.5+level/2) * ase
	a.DuhachekASE, a.DuhachekLower, a.DuhachekUpper = stats.Of(ase), stats.Of(alpha-half), stats.Of(alpha+half)
	for i := range k {
		rest := make([]float64, n)
		for j := range k {
			if j == i {
				continue
			}
			for row := range rest {
				rest[row] += items[j][row]
			}
		}
		a.ItemRestR = append(a.ItemRestR, stats.Of(stat.Correlation(items[i], rest, nil)))
		dropped := stats.Number{}
		if k > 2 {
			dropped = stats.Of(alphaOf(v, i))
		}
		a.IfDropped = append(a.IfDropped, dropped)
	}
	return a, nil
}

// alphaOf is alpha from covariances, one item left out (-1: none).
func alphaOf(v *mat.SymDense, without int) float64 {
	k, trace, total := 0.0, 0.0, 0.0
	for i := range v.SymmetricDim() {
		if i == without {
			continue
		}
		k++
		trace += v.At(i, i)
		for j := range v.SymmetricDim() {
			if j != without {
				total += v.At(i, j)
			}
		}
	}
	return k / (k - 1) * (1 - trace/total)
}

// duhachek is the asymptotic standard error of alpha.
func duhachek(v *mat.SymDense, n int) float64 {
	size := v.SymmetricDim()
	var square mat.Dense
	square.Mul(v, v)
	trace, traceSquare, sum, sumSquare := 0.0, 0.0, 0.0, 0.0
	for i := range size {
		trace += v.At(i, i)
		traceSquare += square.At(i, i)
		for j := range size {
			sum += v.At(i, j)
			sumSquare += square.At(i, j)
		}
	}
	k := float64(size)
	q := 2 * k * k / ((k - 1) * (k - 1) * sum * sum * sum) * (sum*(traceSquare+trace*trace) - 2*trace*sumSquare)
	return math.Sqrt(q / float64(n))
}

// covariances are those of the items; an item that does not vary is named.
func covariances(items [][]float64, names []string) (*mat.SymDense, error) {
	k := len(items)
	if k < 2 {
		return nil, stats.Errorf(stats.TooFew, "items", "there are %d; at least two are needed", k)
	}
	n := len(items[0])
	if len(names) != k {
		return nil, stats.Errorf(stats.BadInput, "items", "there are %d names for %d items", len(names), k)
	}
	if n < 3 {
		return nil, stats.Errorf(stats.TooFew, "items", "%d persons answered every item; at least three are needed", n)
	}
	v := mat.NewSymDense(k, nil)
	for i := range k {
		if len(items[i]) != n {
			return nil, stats.Errorf(stats.BadInput, names[i], "has %d answers where the first item has %d", len(items[i]), n)
		}
		if err := stats.CheckFinite(names[i], items[i]...); err != nil {
			return nil, err
		}
		for j := range i + 1 {
			v.SetSym(i, j, stat.Covariance(items[i], items[j], nil))
		}
		if stats.NoSpread(math.Sqrt(v.At(i, i)), stat.Mean(items[i], nil)) {
			return nil, stats.Errorf(stats.OneLevel, names[i], "has the same answer from everyone")
		}
	}
	return v, nil
}
