package analyze

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/mixed"
)

var mixedKinds = []kind{
	as("mmrm", "mixed model for repeated measures", mmrm),
	as("mmrm_pooled", "mixed model for repeated measures of sites that keep their rows and answer with sums over all their patients", mmrmPooled),
	as("mmrm_bootstrap", "mixed model for repeated measures, arms' differences resampled over buckets of patients", mmrmBootstrap),
}

type mmrmInput struct {
	Formula    string              `json:"formula"`
	Subject    string              `json:"subject"`
	Visit      string              `json:"visit"`
	Visits     []string            `json:"visit_levels"`
	Arm        string              `json:"arm"`
	Factors    map[string][]string `json:"factors"`
	Covariance mixed.Structure     `json:"covariance"`
	Method     mixed.Method        `json:"method"`
	Times      []float64           `json:"times"`
	Level      float64             `json:"level"`
	// Weights names a column of patients' weights; empty means none.
	Weights string `json:"weights"`
	// ArmLevels are the arm's levels, reference first, where Factors does not give them.
	ArmLevels []string `json:"arm_levels"`
	// Response, where it is given, has to be the formula's, and BaselineAt where the Baseline stands in the model means: at its
	// mean over the analysed rows.
	Response   string       `json:"response"`
	Baseline   string       `json:"baseline"`
	BaselineAt stats.Number `json:"baseline_at"`
	// Fixed and Time are remarks: the formula's right side once more, and the column whose values Times holds.
	Fixed string `json:"fixed"`
	Time  string `json:"time"`
}

// settled gives the input with the arm's levels among the factors, and refuses what contradicts itself.
func (in mmrmInput) settled() (mmrmInput, error) {
	f, err := parsed(in.Formula)
	if err != nil {
		return in, err
	}
	if _, err := responseOf(f, in.Response); err != nil {
		return in, err
	}
	if given, ok := in.Factors[in.Visit]; ok && !slices.Equal(given, in.Visits) {
		return in, stats.Errorf(stats.BadInput, "visit_levels", "are %v, but factors gives %s the levels %v", in.Visits, in.Visit, given)
	}
	if in.Arm == "" || in.ArmLevels == nil {
		return in, nil
	}
	given, ok := in.Factors[in.Arm]
	if ok && !slices.Equal(given, in.ArmLevels) {
		return in, stats.Errorf(stats.BadInput, "arm_levels", "are %v, but factors gives %s the levels %v", in.ArmLevels, in.Arm, given)
	}
	in.Factors = maps.Clone(in.Factors)
	if in.Factors == nil {
		in.Factors = map[string][]string{}
	}
	in.Factors[in.Arm] = in.ArmLevels
	return in, nil
}

// baselineStands refuses a baseline_at that the model means do not stand at.
func (in mmrmInput) baselineStands(r mixed.Result) error {
	if !in.BaselineAt.Defined {
		return nil
	}
	at, known := r.CovariatesAt[in.Baseline]
	if !known {
		return noCovariate(in.Baseline)
	}
	if given := in.BaselineAt.Value; math.Abs(given-at) > 1e-6*math.Max(1, math.Abs(at)) {
		return stats.Errorf(stats.BadInput, "baseline_at", "is %g, but model means stand at the mean of %s over the analysed rows, %g", given, in.Baseline, at)
	}
	return nil
}

type mmrmFullInput struct {
	mmrmInput
	// Robust asks for sandwich errors with the patient as the cluster.
	Robust bool `json:"robust"`
	// Area asks for the area between a start and the means over days.
	Area *mixed.Area `json:"area"`
}

// texts are the columns that hold names also where they look like numbers.
func (in mmrmInput) texts(more ...string) []string {
	return slices.AppendSeq(append([]string{in.Subject, in.Visit, in.Arm}, more...), maps.Keys(in.Factors))
}

// plan gives the design, the rows and the options of an input.
func (in mmrmInput) plan(j job) (*mixed.Design, mixed.Rows, mixed.Options, error) {
	in, err := in.settled()
	if err != nil {
		return nil, mixed.Rows{}, mixed.Options{}, err
	}
	rows := mixed.Rows{Data: j.data.Frame(in.texts()...), Subject: in.Subject, Weight: in.Weights}
	options := mixed.Options{Covariance: in.Covariance, Method: in.Method, Times: in.Times, Level: in.Level}
	model := mixed.Model{Formula: in.Formula, Visit: in.Visit, Visits: in.Visits, Arm: in.Arm, Factors: in.Factors}
	model, err = model.Classify(rows.Data, in.Subject)
	if err != nil {
		return nil, rows, options, err
	}
	design, err := model.Design()
	return design, rows, options, err
}

func (in mmrmInput) fit(j job) (*mixed.Fit, mixed.Rows, error) {
	design, rows, options, err := in.plan(j)
	if err != nil {
		return nil, rows, err
	}
	sums, err := design.Sum(rows)
	if err != nil {
		return nil, rows, err
	}
	fit, err := mixed.FitSums(design, sums, options)
	return fit, rows, err
}

// mmrmResult is the fit's result with what was asked for beside it.
type mmrmResult struct {
	mixed.Result
	Robust *mixed.RobustResult `json:"robust,omitempty"`
	Area   *mixed.AreaResult   `json:"area,omitempty"`
}

func mmrm(j job, in mmrmFullInput) (mmrmResult, error) {
	fit, rows, err := in.fit(j)
	if err != nil {
		return mmrmResult{}, err
	}
	out := mmrmResult{}
	if out.Result, err = fit.Result(); err != nil {
		return mmrmResult{}, err
	}
	if err := in.baselineStands(out.Result); err != nil {
		return mmrmResult{}, err
	}
	if in.Robust {
		robust, err := fit.RobustRows(rows)
		if err != nil {
			return mmrmResult{}, err
		}
		if out.Robust, err = robust.Report(fit); err != nil {
			return mmrmResult{}, err
		}
	}
	if in.Area != nil {
		area, err := fit.Area(*in.Area)
		if err != nil {
			return mmrmResult{}, err
		}
		out.Area = &area
	}
	return out, nil
}

type mmrmPooledInput struct {
	mmrmInput
	// Site names the column of the site; each site answers for its own patients.
	Site string `json:"site"`
	// MinPatients is the smallest count, other than 0, behind a site, a visit, a level or both together; 11 where it is 0.
	MinPatients int `json:"min_patients"`
}

type mmrmPooledResult struct {
	mixed.Result
	Sites []string `json:"sites"`
}

func mmrmPooled(j job, in mmrmPooledInput) (mmrmPooledResult, error) {
	design, rows, options, err := in.plan(j)
	if err != nil {
		return mmrmPooledResult{}, err
	}
	rows.Data = j.data.Frame(in.texts(in.Site)...)
	names, sums, err := design.SumBy(rows, in.Site)
	if err != nil {
		return mmrmPooledResult{}, err
	}
	var sites []mixed.Respondent
	for i := range sums {
		site, err := mixed.NewSite(design, sums[i], mixed.SitePolicy{MinPatients: in.MinPatients})
		if err != nil {
			return mmrmPooledResult{}, err
		}
		sites = append(sites, site)
	}
	fit, err := mixed.FitSites(design, sites, options)
	if err != nil {
		return mmrmPooledResult{}, err
	}
	result, err := fit.Result()
	if err == nil {
		err = in.baselineStands(result)
	}
	return mmrmPooledResult{result, names}, err
}

type mmrmBootstrapInput struct {
	mmrmInput
	// Buckets is how many buckets the patients' names are spread over, 200 where it is 0.
	Buckets    int    `json:"buckets"`
	Replicates int    `json:"replicates"`
	Seed       uint64 `json:"seed"`
}

// mmrmBootstrapResult holds the arms' differences in the order of mmrm.
type mmrmBootstrapResult struct {
	Differences []resampledDifference `json:"differences"`
	Subjects    int                   `json:"n_subjects"`
	Excluded    int                   `json:"n_excluded_subjects"`
	Without     int                   `json:"n_without_visit"`
	Buckets     int                   `json:"buckets"`
	Seed        uint64                `json:"seed"`
}

type resampledDifference struct {
	Contrast string `json:"contrast"`
	Visit    string `json:"visit"`
	mixed.Resampled
}

func mmrmBootstrap(j job, in mmrmBootstrapInput) (mmrmBootstrapResult, error) {
	if in.Arm == "" {
		return mmrmBootstrapResult{}, stats.Errorf(stats.BadInput, "arm", "there are no arms whose differences could be resampled")
	}
	design, rows, options, err := in.plan(j)
	if err != nil {
		return mmrmBootstrapResult{}, err
	}
	if in.Buckets == 0 {
		in.Buckets = 200
	}
	sums, err := design.SumBuckets(rows, in.Buckets)
	if err != nil {
		return mmrmBootstrapResult{}, err
	}
	buckets, err := mixed.NewBuckets(design, sums, options)
	if err != nil {
		return mmrmBootstrapResult{}, err
	}
	out := mmrmBootstrapResult{Buckets: in.Buckets, Seed: in.Seed}
	for _, s := range sums {
		out.Excluded += s.ExcludedSubjects
		for _, p := range s.Patterns {
			if p.Observed == 0 {
				out.Without += p.N
			} else {
				out.Subjects += p.N
			}
		}
	}
	resampled, err := buckets.Bootstrap(func(fit *mixed.Fit) ([]float64, error) {
		differences, err := fit.Differences()
		var values []float64
		first := len(out.Differences) == 0
		for _, d := range differences {
			values = append(values, d.Estimate)
			if first {
				out.Differences = append(out.Differences, resampledDifference{Contrast: d.Contrast, Visit: d.Visit})
			}
		}
		return values, err
	}, in.Replicates, rand.New(rand.NewPCG(in.Seed, 0)))
	if err != nil {
		return mmrmBootstrapResult{}, err
	}
	for i := range resampled {
		out.Differences[i].Resampled = resampled[i]
	}
	return out, nil
}
