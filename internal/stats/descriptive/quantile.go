package descriptive

// Quantile is the quantile of sorted values by definition 2, 6 or 7 of Hyndman & Fan (1996, The American Statistician
// 50:361).
func Quantile(sorted []float64, p float64, definition int) float64 {
	return quantile(sorted, p, definition)
}
