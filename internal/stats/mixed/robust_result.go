package mixed

// RobustResult is what is reported of a sandwich: coefficients, LS-means and differences of arms in the order of Result.
type RobustResult struct {
	Clusters     int                 `json:"clusters"`
	Coefficients []RobustCoefficient `json:"coefficients"`
	LSMeans      []RobustMean        `json:"ls_means"`
	Differences  []RobustDifference  `json:"differences"`
}

// RobustCoefficient is a named fixed effect.
type RobustCoefficient struct {
	Name string `json:"name"`
	RobustInference
}

// RobustMean is the model mean of an arm at a visit.
type RobustMean struct {
	Arm   string `json:"treatment,omitempty"`
	Visit string `json:"visit"`
	RobustInference
}

// RobustDifference compares two arms at a visit.
type RobustDifference struct {
	Contrast string `json:"contrast"`
	Visit    string `json:"visit"`
	RobustInference
}

// Report gives robust inference about what the fit's Result reports.
func (r *Robust) Report(f *Fit) (*RobustResult, error) {
	out := &RobustResult{Clusters: r.Clusters, Coefficients: []RobustCoefficient{}, LSMeans: []RobustMean{}, Differences: []RobustDifference{}}
	for c, name := range f.names {
		l := make([]float64, len(f.names))
		l[c] = 1
		i, err := r.Contrast(l)
		if err != nil {
			return nil, err
		}
		out.Coefficients = append(out.Coefficients, RobustCoefficient{name, i})
	}
	means, err := f.LSMeans()
	if err != nil {
		return nil, err
	}
	for _, m := range means {
		i, err := r.Contrast(m.L)
		if err != nil {
			return nil, err
		}
		out.LSMeans = append(out.LSMeans, RobustMean{m.Arm, m.Visit, i})
	}
	differences, err := f.Differences()
	if err != nil {
		return nil, err
	}
	for _, d := range differences {
		i, err := r.Contrast(d.L)
		if err != nil {
			return nil, err
		}
		out.Differences = append(out.Differences, RobustDifference{d.Contrast, d.Visit, i})
	}
	return out, nil
}
