package survival

import (
	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// GrayTest compares the cumulative incidences of one cause between groups.
type GrayTest struct {
	Cause  string       `json:"cause"`
	ChiSq  stats.Number `json:"chisq"`
	DF     int          `json:"df"`
	PValue stats.Number `json:"p_value"`
}

// grayState is a group on its way through the times: curves before the current time.
type grayState struct {
	next    int     // its next moment
	risk    float64 // at risk
	surv    float64 // without any event
	cif     float64 // of the cause
	v3      float64
	v2      []float64
	present bool // somebody at risk
}

// gray is Gray's test (1988, Ann Stat 16:1141, section 2) with weight 1. A group's adjusted number at risk is r (1 -
// F)/S; the score compares its events of the cause with its share of that in the pooled subdistribution hazard. Its
// variance follows the events of the cause, spread over groups as under the hypothesis, and the other events of each
// group.
func gray(groups [][]moment, cause int) (GrayTest, error) {
	g := len(groups)
	states := make([]grayState, g)
	for i, ms := range groups {
		states[i] = grayState{surv: 1, v2: make([]float64, g)}
		for _, m := range ms {
			states[i].risk += float64(m.gone)
		}
	}
	score, variance, drift := make([]float64, g), mat.NewDense(g, g, nil), mat.NewDense(g, g, nil)
	pooled, events := 0.0, 0.0
	for {
		time, left := nextTime(groups, states)
		if !left {
			break
		}
		own, other, gone := make([]float64, g), make([]float64, g), make([]float64, g)
		total := 0.0
		for i, ms := range groups {
			states[i].present = states[i].risk > 0
			if n := states[i].next; n < len(ms) && ms[n].time == time {
				own[i] = float64(ms[n].events[cause])
				other[i] = float64(ms[n].any()) - own[i]
				gone[i] = float64(ms[n].gone)
				states[i].next++
			}
			total += own[i]
		}
		events += total
		pooled = grayTime(states, own, other, pooled, score, variance, drift)
		for i := range states {
			states[i].risk -= gone[i]
		}
	}
	if events == 0 {
		return GrayTest{}, stats.Errorf(stats.NoEvents, "event", "no event by this cause in any group")
	}
	for i := range g {
		for j := range g {
			sum := variance.At(i, j)
			for k := range g {
				sum += drift.At(i, k)*drift.At(j, k)*states[k].v3 + drift.At(i, k)*states[k].v2[j] + drift.At(j, k)*states[k].v2[i]
			}
			variance.Set(i, j, sum)
		}
	}
	part, u := mat.NewSymDense(g-1, nil), mat.NewVecDense(g-1, score[:g-1])
	for i := range g - 1 {
		for j := range i + 1 {
			part.SetSym(i, j, variance.At(i, j))
		}
	}
	var chol mat.Cholesky
	var solved mat.VecDense
	if !chol.Factorize(part) || chol.SolveVecTo(&solved, u) != nil {
		return GrayTest{}, stats.Errorf(stats.TooFew, "group", "the difference of the groups has no variance: too few events with two groups at risk")
	}
	t := stats.ChiSquareTest(mat.Dot(u, &solved), g-1)
	return GrayTest{ChiSq: t.ChiSq, DF: t.DF, PValue: t.PValue}, nil
}

func nextTime(groups [][]moment, states []grayState) (float64, bool) {
	time, left := 0.0, false
	for i, ms := range groups {
		if n := states[i].next; n < len(ms) && (!left || ms[n].time < time) {
			time, left = ms[n].time, true
		}
	}
	return time, left
}

// grayTime adds one time and gives the pooled incidence after it.
func grayTime(states []grayState, own, other []float64, pooled float64, score []float64, variance, drift *mat.Dense) float64 {
	g := len(states)
	totalOwn, totalOther, spread, adjusted := 0.0, 0.0, 0.0, 0.0
	for i, s := range states {
		totalOwn, totalOther = totalOwn+own[i], totalOther+other[i]
		if s.present {
			spread += s.risk / s.surv
			adjusted += s.risk * (1 - s.cif) / s.surv
		}
	}
	if totalOwn+totalOther == 0 {
		return pooled
	}
	after := pooled + totalOwn/spread
	a := mat.NewDense(g, g, nil)
	surv := make([]float64, g)
	for i, s := range states {
		surv[i] = s.surv
		if !s.present {
			continue
		}
		surv[i] = s.surv * (s.risk - own[i] - other[i]) / s.risk
		share := s.risk / s.surv
		for j, o := range states {
			switch {
			case i == j:
				a.Set(i, i, share*(1-share/spread))
			case o.present:
				a.Set(i, j, -share*o.risk/(o.surv*spread))
			}
		}
		score[i] += own[i] - totalOwn*s.risk*(1-s.cif)/(s.surv*adjusted)
	}
	for i := range g {
		for j := range g {
			drift.Set(i, j, drift.At(i, j)+a.At(i, j)*totalOwn/(spread*(1-pooled)))
		}
	}
	for k := range states {
		s := &states[k]
		ratio := 1.0
		if surv[k] > 0 {
			ratio = 1 - (1-after)/surv[k]
		}
		if totalOwn > 0 && s.present {
			size := s.surv * totalOwn / (spread * s.risk)
			if totalOwn > 1 {
				size *= 1 - (totalOwn-1)/(spread*s.surv-1)
			}
			spreadVariance(s, k, size, ratio, variance, func(i int) float64 { return a.At(i, k) - ratio*drift.At(i, k) })
		}
		if other[k] > 0 && surv[k] > 0 {
			rest := (1 - after) / surv[k]
			size := tied(other[k], s.risk) * s.surv * s.surv * other[k] / (s.risk * s.risk)
			spreadVariance(s, k, size, -rest, variance, func(i int) float64 { return rest * drift.At(i, k) })
		}
	}
	for i := range states {
		s := &states[i]
		if s.present {
			s.cif += s.surv * own[i] / s.risk
			s.surv = surv[i]
		}
	}
	return after
}

// spreadVariance adds one source of variance of group k: size times the squares and products of its influence now, and of
// the factor with which the later drift carries it on.
func spreadVariance(s *grayState, k int, size, factor float64, variance *mat.Dense, influence func(i int) float64) {
	g, _ := variance.Dims()
	s.v3 += factor * factor * size
	for i := range g {
		now := influence(i)
		s.v2[i] += now * factor * size
		for j := range g {
			variance.Set(i, j, variance.At(i, j)+now*influence(j)*size)
		}
	}
}
