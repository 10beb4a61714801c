package latent

import "afterglow/internal/stats"

// Result is a fitted Model. Classes are numbered by the value that OrderedBy names, from the smallest up. The criteria count
// all parameters; BIC uses the logarithm of the number of subjects, the sample-size adjusted one that of (n + 2)/24.
type Result struct {
	NSubjects     int       `json:"n_subjects"`
	NObs          int       `json:"n_obs"`
	NWithoutValue int       `json:"n_without_value"`
	NMissing      int       `json:"n_missing_values"`
	LogLik        float64   `json:"loglik"`
	NParams       int       `json:"n_params"`
	AIC           float64   `json:"aic"`
	BIC           float64   `json:"bic"`
	SABIC         float64   `json:"bic_sample_size_adjusted"`
	ICL           float64   `json:"icl_bic"`
	OrderedBy     string    `json:"ordered_by"`
	Classes       []Class   `json:"classes"`
	Certainty     Certainty `json:"certainty"`
	// Subjects are in the order of their names.
	Subjects    []Membership `json:"subjects"`
	Convergence Convergence  `json:"convergence"`
	Level       float64      `json:"level"`
	Notes       []string     `json:"notes"`
}

// Class is one class. Share is its part of the population with an interval on the logit scale, Expected the sum of the
// subjects' probabilities, Assigned the number of subjects for which it is the likeliest class.
type Class struct {
	Class        int             `json:"class"`
	Share        stats.Estimate  `json:"share"`
	Expected     float64         `json:"expected_n"`
	Assigned     int             `json:"assigned_n"`
	OrderedAt    stats.Number    `json:"ordered_at"`
	Coefficients []Coefficient   `json:"coefficients"`
	Trajectory   []Mean          `json:"trajectory"`
	Random       RandomVariances `json:"random"`
}

// Coefficient is one of a class's trajectory, in powers of time as given. The plain error comes from the observed information,
// SERobust from the sandwich with the subjects' scores.
type Coefficient struct {
	Name string `json:"name"`
	stats.Estimate
	SERobust stats.Number `json:"se_robust"`
}

// Mean is a class's mean at a time.
type Mean struct {
	Time float64 `json:"time"`
	stats.Estimate
	SERobust stats.Number `json:"se_robust"`
}

// RandomVariances are the variances within a class; a correlation with a variance of zero is undefined.
type RandomVariances struct {
	Names       []string         `json:"names"`
	Covariance  [][]float64      `json:"covariance"`
	SD          []float64        `json:"sd"`
	Correlation [][]stats.Number `json:"correlation"`
	Sigma       float64          `json:"sigma"`
}

// Certainty is how well subjects are told apart. Entropy is 1 - sum -p log p / (n log K): 1 where every subject is surely of
// one class; undefined for one class. AveragePosterior holds, for the subjects assigned to a class (rows), their mean
// probability of each (columns); a class to which nobody is assigned has an undefined row.
type Certainty struct {
	Entropy          stats.Number     `json:"entropy"`
	AveragePosterior [][]stats.Number `json:"average_posterior"`
}

// Membership is a subject's likeliest class and its probability of each.
type Membership struct {
	Subject   string    `json:"subject"`
	Class     int       `json:"class"`
	Posterior []float64 `json:"posterior"`
}

// Convergence says how the starts ended. Gradient is the largest element of the score at the best end, Decrement g'H^-1 g there,
// Smallest the smallest eigenvalue of the information (internal units): near 0 the data hardly determine the parameters.
type Convergence struct {
	Starts      int     `json:"starts"`
	ReachedBest int     `json:"starts_at_best"`
	Lower       int     `json:"starts_at_lower"`
	Degenerate  int     `json:"starts_degenerate"`
	Unfinished  int     `json:"starts_not_converged"`
	EMSteps     int     `json:"em_steps"`
	NewtonSteps int     `json:"newton_steps"`
	Gradient    float64 `json:"gradient"`
	Decrement   float64 `json:"decrement"`
	Smallest    float64 `json:"smallest_eigenvalue"`
}
