package survival

import (
	"slices"

	"afterglow/internal/stats"
)

// Interrupted are subjects followed to an event or the end of follow-up; some of them have an intercurrent event first. Names
// and X are covariates known at the start.
type Interrupted struct {
	Time         []float64
	Event        []bool
	Intercurrent []stats.Number // undefined: none; one after Time is not seen
	Names        []string
	X            []float64
}

// Intercurrent is one question asked three ways of an intercurrent event, as ICH E9(R1) (2019) names strategies: composite
// (either event counts), hypothetical (as if it had not come: censored there, and so again with weights), and as a covariate
// that changes when it comes, which follows everyone to the end as a treatment policy does.
type Intercurrent struct {
	N             int          `json:"n"`
	NEvents       int          `json:"n_events"`
	NIntercurrent int          `json:"n_intercurrent"`
	NTogether     int          `json:"n_at_the_event"`
	NAtStart      int          `json:"n_at_the_start"` // in no weighted row: never at risk before it
	Composite     *CoxResult   `json:"composite,omitempty"`
	Hypothetical  Hypothetical `json:"hypothetical"`
	TimeVarying   *CoxResult   `json:"time_varying"`
	Curves        PolicyCurves `json:"curves"`
}

// Hypothetical is censoring at the intercurrent event, and the same with inverse probability of censoring weights.
type Hypothetical struct {
	Censored *CoxResult  `json:"censored,omitempty"`
	IPCW     *Reweighted `json:"ipcw,omitempty"`
}

// PolicyCurves are the curves of all subjects under each strategy.
type PolicyCurves struct {
	Composite    Curve `json:"composite"`
	Hypothetical Curve `json:"hypothetical"`
	Policy       Curve `json:"treatment_policy"`
}

// interruptedName is the covariate that is 1 from the intercurrent event on.
const interruptedName = "intercurrent"

func (s Interrupted) check() error {
	if len(s.Intercurrent) != len(s.Time) {
		return stats.Errorf(stats.BadInput, "rows", "times and intercurrent events differ in length")
	}
	if err := checkTimes(Spells{Stop: s.Time, Event: s.Event, Names: s.Names, X: s.X}, s.Time); err != nil {
		return err
	}
	for i, c := range s.Intercurrent {
		if c.Defined && (!stats.Finite(c.Value) || c.Value < 0) {
			return stats.Errorf(stats.BadInput, "intercurrent", "of row %d is negative or not finite", i+1)
		}
		if s.Time[i] <= 0 {
			return stats.Errorf(stats.BadInput, "time", "row %d was not followed", i+1)
		}
	}
	return nil
}

// aligned joins times that are equal but for rounding, those of intercurrent events among them.
func (s Interrupted) aligned() Interrupted {
	time, other := slices.Clone(s.Time), []float64{}
	for _, c := range s.Intercurrent {
		if c.Defined {
			other = append(other, c.Value)
		}
	}
	alignTimes(other, time)
	s.Time, s.Intercurrent = time, slices.Clone(s.Intercurrent)
	next := 0
	for i := range s.Intercurrent {
		if s.Intercurrent[i].Defined {
			s.Intercurrent[i].Value = other[next]
			next++
		}
	}
	return s
}

// before tells whether the intercurrent event of row i came before the row's end; at the same time as the event, the event
// is taken to have come first.
func (s Interrupted) before(i int) bool {
	c := s.Intercurrent[i]
	return c.Defined && (c.Value < s.Time[i] || c.Value == s.Time[i] && !s.Event[i])
}

// Composite takes the intercurrent event as the event.
func (s Interrupted) Composite() Spells { return s.endingWith(true) }

// Hypothetical censors at the intercurrent event.
func (s Interrupted) Hypothetical() Spells { return s.endingWith(false) }

// endingWith ends a subject's time at its intercurrent event, as an event or as a censoring.
func (s Interrupted) endingWith(asEvent bool) Spells {
	out := Spells{Names: s.Names, X: s.X}
	for i, t := range s.Time {
		event := s.Event[i]
		if s.before(i) {
			t, event = s.Intercurrent[i].Value, asEvent
		}
		out.Stop, out.Event = append(out.Stop, t), append(out.Event, event)
	}
	return out
}

// TimeVarying cuts a subject's time at the intercurrent event: a last covariate is 0 up to there and 1 after. One at time 0
// makes it 1 throughout.
func (s Interrupted) TimeVarying() Spells {
	out := Spells{Names: append(append([]string{}, s.Names...), interruptedName)}
	p := len(s.Names)
	add := func(i int, start, stop float64, event bool, state float64) {
		if start >= stop {
			return
		}
		out.Start, out.Stop, out.Event = append(out.Start, start), append(out.Stop, stop), append(out.Event, event)
		out.X = append(append(out.X, s.X[i*p:i*p+p]...), state)
		out.Subject = append(out.Subject, i)
	}
	for i, t := range s.Time {
		if !s.before(i) {
			add(i, 0, t, s.Event[i], 0)
			continue
		}
		at := s.Intercurrent[i].Value
		add(i, 0, at, false, 0)
		add(i, at, t, s.Event[i], 1)
	}
	return out
}

// CensoringRows are the subjects' time up to the intercurrent event, which is the censoring, cut at these times; stable
// numbers the covariates that the model of the outcome keeps.
func (s Interrupted) CensoringRows(at []float64, stable []int) CensoringRows {
	rows := CensoringRows{Names: s.Names}
	for _, j := range stable {
		rows.StableNames = append(rows.StableNames, s.Names[j])
	}
	p := len(s.Names)
	for i, t := range s.Time {
		censored := s.before(i)
		if censored {
			t = s.Intercurrent[i].Value
		}
		if t <= 0 {
			continue // never at risk
		}
		rows.Subject, rows.Start, rows.Stop = append(rows.Subject, i), append(rows.Start, 0), append(rows.Stop, t)
		rows.Event, rows.Censored = append(rows.Event, s.Event[i] && !censored), append(rows.Censored, censored)
		rows.X = append(rows.X, s.X[i*p:i*p+p]...)
		for _, j := range stable {
			rows.StableX = append(rows.StableX, s.X[i*p+j])
		}
	}
	cut, _ := rows.Cut(at)
	return cut
}

// AskThreeWays fits the Cox models of all strategies; without covariates only the time-varying one, and the curves. cuts and
// weights say how the hypothetical strategy is weighted; stable numbers the covariates that its outcome keeps. See
// docs/methods/ipcw.md.
func (s Interrupted) AskThreeWays(ties Ties, level float64, cuts []float64, stable []int, weights WeightOptions) (Intercurrent, error) {
	out := Intercurrent{N: len(s.Time)}
	if err := s.check(); err != nil {
		return out, err
	}
	s = s.aligned()
	for _, j := range stable {
		if j < 0 || j >= len(s.Names) {
			return out, stats.Errorf(stats.BadInput, "stable", "there is no covariate %d", j)
		}
	}
	for i := range s.Time {
		if s.Event[i] {
			out.NEvents++
		}
		switch c := s.Intercurrent[i]; {
		case s.before(i):
			out.NIntercurrent++
			if c.Value == 0 {
				out.NAtStart++
			}
		case c.Defined && c.Value == s.Time[i]:
			out.NTogether++
		}
	}
	if out.NIntercurrent == 0 {
		return out, stats.Errorf(stats.NoEvents, "intercurrent", "no intercurrent event before the end of follow-up")
	}
	var err error
	if err = out.curves(s, level); err != nil {
		return out, err
	}
	if out.TimeVarying, err = fitReport(s.TimeVarying(), ties, level); err != nil {
		return out, err
	}
	if len(s.Names) == 0 {
		return out, nil
	}
	if out.Composite, err = fitReport(s.Composite(), ties, level); err != nil {
		return out, err
	}
	if out.Hypothetical.Censored, err = fitReport(s.Hypothetical(), ties, level); err != nil {
		return out, err
	}
	weights.Level = level
	reweighted, err := s.CensoringRows(cuts, stable).Reweight(weights, Outcome{Ties: ties})
	out.Hypothetical.IPCW = &reweighted
	return out, err
}

func fitReport(s Spells, ties Ties, level float64) (*CoxResult, error) {
	fit, err := FitCox(s, ties)
	if err != nil {
		return nil, err
	}
	report, err := fit.Report(level, nil, 1)
	return &report, err
}

func (c *Intercurrent) curves(s Interrupted, level float64) error {
	for _, one := range []struct {
		name   string
		spells Spells
		to     *Curve
	}{
		{"composite", s.Composite(), &c.Curves.Composite},
		{"hypothetical", s.Hypothetical(), &c.Curves.Hypothetical},
		{"treatment policy", Spells{Stop: s.Time, Event: s.Event}, &c.Curves.Policy},
	} {
		subjects := make([]Observation, len(one.spells.Stop))
		for i, t := range one.spells.Stop {
			subjects[i] = Observation{t, one.spells.Event[i], one.name}
		}
		groups, err := Tally(subjects, []string{one.name})
		if err != nil {
			return err
		}
		result, err := KaplanMeier(groups, Options{Level: level})
		if err != nil {
			return err
		}
		*one.to = result.Groups[0]
	}
	return nil
}
