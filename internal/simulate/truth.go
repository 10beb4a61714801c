package simulate

import (
	"math"
)

// Truth is what the answers of an analysis are compared with. Every figure but
// the counts of this run comes from the reference: the same model, drawn again
// many times with everybody answering, also under treatments that they did not
// get. Points are of the PHQ-9 and changes are follow-up minus baseline, so that
// less is better.
type Truth struct {
	Simulated bool      `json:"simulated"`
	Seed      uint64    `json:"seed"`
	Profile   string    `json:"profile"`
	Patients  int       `json:"patients"`
	Profiles  []Cell    `json:"profiles"`
	Effects   Effects   `json:"effects"`
	Groups    []Group   `json:"groups"`
	Reference Reference `json:"reference"`
}

// Reference says how the truth was computed.
type Reference struct {
	Draws  int    `json:"draws"`
	Method string `json:"method"`
}

// Moments are a mean and a standard deviation.
type Moments struct {
	Mean float64 `json:"mean"`
	SD   float64 `json:"sd"`
}

// Loss is the Weibull time to the loss of benefit after the last session,
// without maintenance.
type Loss struct {
	Shape      float64 `json:"shape"`
	ScaleWeeks float64 `json:"scale_weeks"`
}

// Dropout is how patients stop answering: at a visit with the log odds leave +
// per_point x (last PHQ-9 - 10).
type Dropout struct {
	PerPoint float64            `json:"per_point"`
	Leave    map[string]float64 `json:"leave"`
	// Answered is the share of this run's patients with a PHQ-9 at each visit.
	Answered map[string]float64 `json:"answered"`
}

// Cell is what is true of those who got a protocol in a setting. N, Baseline and
// Dropout.Answered are of this run; Change is that at +14 d.
type Cell struct {
	Protocol     string   `json:"protocol"`
	Setting      string   `json:"setting"`
	N            int      `json:"n"`
	Baseline     Moments  `json:"baseline"`
	Change       Moments  `json:"change"`
	Loss         Loss     `json:"loss"`
	HalfLifeDays *float64 `json:"half_life_days"`
	Dropout      Dropout  `json:"dropout"`
}

// Effects are mean differences in change at +14 d to the first level, with every
// patient under both.
type Effects struct {
	Setting     map[string]float64 `json:"setting"`
	Preparation map[string]float64 `json:"preparation"`
}

// Group is what is true of one level of a factor; the factor "" is everybody.
type Group struct {
	Factor string `json:"factor"`
	Level  string `json:"level"`
	// Standardised are the means if every patient got this level: what an
	// analysis that adjusts for baseline estimates. Raw are those of the patients
	// who did get it.
	Standardised []VisitTruth `json:"standardised"`
	Raw          []VisitTruth `json:"raw"`
	Held         []Held       `json:"held"`
	// AtWeeks is the probability that a responder of +14 d is in response 4 and 8
	// weeks later, by Held, straight between assessments.
	AtWeeks map[string]float64 `json:"held_at_weeks"`
}

// VisitTruth is a mean change and the share of the change at +7 d that is left.
type VisitTruth struct {
	Visit         string  `json:"visit"`
	Day           int     `json:"day"`
	Change        float64 `json:"change"`
	RetainedShare float64 `json:"retained_share"`
}

// Held is the probability that a responder of the first visit is in response at
// every assessment up to a visit, those who got the level.
type Held struct {
	FirstVisit  string  `json:"first_visit"`
	Visit       string  `json:"visit"`
	Day         int     `json:"day"`
	Probability float64 `json:"probability"`
}

// studyVisits are the places in followUp of the study's visits.
var studyVisits = func() []int {
	var list []int
	for i, v := range followUp {
		if v.inStudy {
			list = append(list, i)
		}
	}
	return list
}()

// firstAssessment is the place in studyVisits of +14 d, the first assessment on
// which the study's response is defined.
const firstAssessment = 1

// visitSums gathers one group's PHQ-9 by study visit.
type visitSums struct {
	n            float64
	change       [6]float64
	squares      float64 // of the change at +14 d
	responders   [6]float64
	stillHolding [6][6]float64
	benefit      [53]float64 // by week, without noise
}

// add takes a patient's totals in. A response is a fall of half or more.
func (v *visitSums) add(baseline int, totals [6]int) {
	v.n++
	for i, total := range totals {
		v.change[i] += float64(total - baseline)
		if 2*total > baseline {
			continue
		}
		v.responders[i]++
		for j := i + 1; j < len(totals) && 2*totals[j] <= baseline; j++ {
			v.stillHolding[i][j]++
		}
	}
	d := float64(totals[firstAssessment] - baseline)
	v.squares += d * d
}

func (v *visitSums) addBenefit(c *course) {
	for week := range v.benefit {
		v.benefit[week] += float64(c.n.baseline[phq9]) - clamp(c.level(phq9, c.benefit(float64(7*week))), 0, 27)
	}
}

func (v *visitSums) mean() []VisitTruth {
	out := make([]VisitTruth, len(studyVisits))
	for i, place := range studyVisits {
		out[i] = VisitTruth{Visit: followUp[place].name, Day: followUp[place].day, Change: v.change[i] / v.n, RetainedShare: v.change[i] / v.change[0]}
	}
	return out
}

func (v *visitSums) held() []Held {
	out := []Held{}
	for i := range studyVisits[:len(studyVisits)-1] {
		for j := i + 1; j < len(studyVisits); j++ {
			to := followUp[studyVisits[j]]
			out = append(out, Held{FirstVisit: followUp[studyVisits[i]].name, Visit: to.name, Day: to.day, Probability: v.stillHolding[i][j] / v.responders[i]})
		}
	}
	return out
}

// heldAt is the probability at a time after +14 d, straight between visits.
func (v *visitSums) heldAt(weeks int) float64 {
	at := followUp[studyVisits[firstAssessment]].day + 7*weeks
	day, p := followUp[studyVisits[firstAssessment]].day, 1.0
	for j := firstAssessment + 1; j < len(studyVisits); j++ {
		nextDay, next := followUp[studyVisits[j]].day, v.stillHolding[firstAssessment][j]/v.responders[firstAssessment]
		if at <= nextDay {
			return p + (next-p)*float64(at-day)/float64(nextDay-day)
		}
		day, p = nextDay, next
	}
	return p
}

// halfLife is the time from +14 d until the mean benefit is half of what it was
// then; nil when that is not within the year that is looked at.
func (v *visitSums) halfLife() *float64 {
	for week := 3; week < len(v.benefit); week++ {
		half, before, now := v.benefit[2]/2, v.benefit[week-1], v.benefit[week]
		if now <= half {
			days := 7 * (float64(week-3) + (before-half)/(before-now))
			return &days
		}
	}
	return nil
}

func (v *visitSums) moments() Moments {
	mean := v.change[firstAssessment] / v.n
	return Moments{Mean: mean, SD: math.Sqrt(v.squares/v.n - mean*mean)}
}

// totals are the PHQ-9 at the study's visits with everybody answering.
func (c *course) totals() (out [6]int) {
	for i, place := range studyVisits {
		out[i] = c.total(phq9, place)
	}
	return out
}
