package analyze

import (
	"afterglow/internal/stats"
	"afterglow/internal/stats/mixed"
	"afterglow/internal/stats/power"
)

var powerKinds = []kind{
	as("power", "power and sample size by simulation with the fitters themselves", simulatedPower),
}

// powerInput holds one of the three designs. N are the sizes of the first arm at which the power is simulated; with Target
// a size is searched between NMin (0: 4) and NMax (0: 2000).
type powerInput struct {
	Means      *power.Means    `json:"means"`
	Repeated   *repeatedInput  `json:"repeated"`
	Survival   *power.Survival `json:"survival"`
	N          []int           `json:"n"`
	Target     stats.Number    `json:"target"`
	NMin       int             `json:"n_min"`
	NMax       int             `json:"n_max"`
	Replicates int             `json:"replicates"`
	Alpha      float64         `json:"alpha"`
	Seed       uint64          `json:"seed"`
	Level      float64         `json:"level"`
}

// repeatedInput gives the covariance as it is, or by standard deviations (baseline first, where there is one) and one
// correlation.
type repeatedInput struct {
	power.Repeated
	SD                   []float64       `json:"sd"`
	Correlation          float64         `json:"correlation"`
	CorrelationStructure mixed.Structure `json:"correlation_structure"`
}

type powerResult struct {
	Points     []power.Power     `json:"points,omitempty"`
	SampleSize *power.SampleSize `json:"sample_size,omitempty"`
}

func simulatedPower(_ job, in powerInput) (powerResult, error) {
	var out powerResult
	design, err := in.design()
	if err != nil {
		return out, err
	}
	if len(in.N) == 0 && !in.Target.Defined {
		return out, stats.Errorf(stats.BadInput, "n", "name sizes, or a target")
	}
	o := power.Options{Replicates: in.Replicates, Alpha: in.Alpha, Seed: in.Seed, Level: in.Level}
	if len(in.N) > 0 {
		if out.Points, err = power.Curve(design, in.N, o); err != nil {
			return out, err
		}
	}
	if in.Target.Defined {
		low, high := in.NMin, in.NMax
		if low == 0 {
			low = 4
		}
		if high == 0 {
			high = 2000
		}
		size, err := power.Find(design, in.Target.Value, low, high, o)
		if err != nil {
			return out, err
		}
		out.SampleSize = &size
	}
	return out, nil
}

func (in powerInput) design() (power.Design, error) {
	var designs []power.Design
	if in.Means != nil {
		designs = append(designs, *in.Means)
	}
	if in.Survival != nil {
		designs = append(designs, *in.Survival)
	}
	if r := in.Repeated; r != nil {
		if r.Covariance == nil {
			var err error
			if r.Covariance, err = power.Correlated(r.SD, r.Correlation, r.CorrelationStructure); err != nil {
				return nil, err
			}
		}
		designs = append(designs, r.Repeated)
	}
	if len(designs) != 1 {
		return nil, stats.Errorf(stats.BadInput, "design", "give one of means, repeated and survival, not %d", len(designs))
	}
	return designs[0], nil
}
