package simulate

import (
	"fmt"
	"math"
	"time"

	"afterglow/internal/care"
)

// Patient is one simulated patient with one course.
type Patient struct {
	Number    int // from 1
	Pseudonym care.Pseudonym
	Age       int
	Sex       string
	WeightKg  int

	Protocol    care.Protocol
	Setting     string // "" when too little was recorded
	Preparation string
	Maintenance bool
	Start       time.Time // day of the first session, UTC
	LastSession time.Time // day of the last session of the series
	Sessions    []Session
	Responses   []Response

	nature  nature
	got     treatment
	answers []int8
}

// Response is one filled-in form. Answers are in the order of the form, -1 for
// an item without one. A corrected response comes twice.
type Response struct {
	scale      scale
	Visit      string
	Anchor     care.Anchor
	Session    int // that it counts from, or 0
	Day        int // planned, since the last session of the series; 0 at baseline
	AnsweredAt time.Time
	Revision   int
	Reason     string
	Answers    []int8
	Score      int
	Valid      bool
	Prorated   bool
}

var firstDay = time.Date(2024, time.January, 8, 0, 0, 0, 0, time.UTC)

func (s *Simulator) patient(d *draw, index int, p *Patient) {
	p.Number = index + 1
	p.Pseudonym = d.pseudonym()
	p.Age = roundWithin(d.normal(42, 12), 18, 85)
	p.Sex = [2]string{"female", "male"}[d.rng.IntN(2)]
	p.WeightKg = roundWithin(d.normal(79, 16), 42, 160)
	p.Responses, p.answers = p.Responses[:0], p.answers[:0]
	s.profile.drawNature(d, &p.nature)
	if s.worsens != nil && s.worsens(p.Number) {
		p.nature.worsen()
	}
	if s.relapses != nil && s.relapses(p.Number) {
		p.nature.relapse()
	}
	p.got = s.profile.assign(&p.nature)
	model := &protocolModels[p.got.protocol]
	p.Protocol = model.Protocol
	p.Maintenance = p.nature.maintenance
	p.Preparation = care.PreparationLevels[0]
	if p.got.full {
		p.Preparation = care.PreparationLevels[1]
	}
	p.Start = firstDay.AddDate(0, 0, d.rng.IntN(540))
	s.sessions(d, p, model)
	c := s.profile.course(&p.nature, p.got)
	s.before(d, p, &c)
	s.after(d, p, &c)
}

// before fills in the baseline and the ratings before each session.
func (s *Simulator) before(d *draw, p *Patient, c *course) {
	n := &p.nature
	for _, sc := range []scale{phq9, gad7, pcl5} {
		if sc != pcl5 || n.ptsd {
			s.fillIn(d, p, asked{scale: sc, visit: care.BaselineVisit, anchor: care.AnchorCourseStart, on: eve(p.Start), total: n.baseline[sc]})
		}
	}
	s.ratings(d, p, c, 0, asked{visit: care.BaselineVisit, anchor: care.AnchorCourseStart, on: eve(p.Start)})
	for i := range p.Sessions {
		one := &p.Sessions[i]
		if one.Booster {
			break
		}
		there := 1 - math.Exp2(-float64(i)/n.halfAfter)
		if d.chance(s.profile.missedForm) {
			continue
		}
		s.ratings(d, p, c, there*c.benefit(0), asked{visit: beforeSession.VisitName(one.Number), anchor: care.AnchorSession,
			session: one.Number, day: one.SinceLast, on: eve(one.StartedAt)})
	}
}

// eve is the day before: what is asked before a session is answered then.
func eve(t time.Time) time.Time { return t.Truncate(24*time.Hour).AddDate(0, 0, -1) }

var (
	beforeSession       = care.PlannedOccasion{Name: "before", Anchor: care.AnchorSession, OpensBefore: 1}
	beforeSessionScales = []scale{mood, anxiety}
)

// after fills in the follow-up until the patient stops answering.
func (s *Simulator) after(d *draw, p *Patient, c *course) {
	last := p.nature.baseline[phq9]
	for v, plan := range followUp {
		if plan.inStudy && d.chance(logistic(plan.leave+s.profile.leavePerPoint*float64(last-10))) {
			return
		}
		if d.chance(s.profile.missedForm) {
			continue
		}
		on := p.LastSession.AddDate(0, 0, plan.day+d.whole(-plan.opensBefore, plan.closesAfter)/2)
		at := asked{visit: plan.name, anchor: care.AnchorLastSession, day: plan.day, on: on}
		for _, sc := range plan.scales {
			if sc == pcl5 && !p.nature.ptsd || sc > pcl5 {
				continue
			}
			at.scale, at.total = sc, c.total(sc, v)
			if score, valid := s.fillIn(d, p, at); sc == phq9 && valid {
				last = score
			}
		}
		if len(plan.scales) > 0 && plan.scales[0] == mood {
			s.ratings(d, p, c, c.benefit(float64(plan.day)), at)
		}
	}
}

// ratings fills in the two numeric ratings, which follow the questionnaires'
// levels; in the first days the mood is lifted on top.
func (s *Simulator) ratings(d *draw, p *Patient, c *course, share float64, at asked) {
	lift := 0.0
	if at.anchor == care.AnchorLastSession {
		lift = 1.2 * math.Exp(-float64(at.day)/3)
	}
	at.scale, at.total = mood, roundWithin(9-0.36*c.level(phq9, share)+lift+d.normal(0, 1.1), 0, 10)
	s.fillIn(d, p, at)
	at.scale, at.total = anxiety, roundWithin(0.6+0.42*c.level(gad7, share)+d.normal(0, 1.1), 0, 10)
	s.fillIn(d, p, at)
}

// asked is a form on its way to a patient.
type asked struct {
	scale   scale
	visit   string
	anchor  care.Anchor
	session int
	day     int
	on      time.Time
	total   int
}

// fillIn adds the answers to a form: the total on its items, now and then one or
// more items left out, rarely a correction.
func (s *Simulator) fillIn(d *draw, p *Patient, a asked) (score int, valid bool) {
	f := &s.forms[a.scale]
	r := Response{scale: a.scale, Visit: a.visit, Anchor: a.anchor, Session: a.session, Day: a.day, Revision: 1,
		AnsweredAt: a.on.Add(time.Duration(d.whole(7*3600, 21*3600)) * time.Second)}
	r.Answers = p.room(len(f.items))
	f.fill(d, a.total, r.Answers)
	for _, i := range f.optional {
		r.Answers[i] = unanswered
		if d.chance(0.9) {
			r.Answers[i] = int8(roundWithin(float64(a.total)*3/float64(int(f.highest)*len(f.scored))+d.normal(0, 0.4), 0, 3))
		}
	}
	if len(f.scored) > 1 {
		for d.chance(s.profile.oneItemMissed) {
			r.Answers[f.scored[d.rng.IntN(len(f.scored))]] = unanswered
		}
	}
	r.Score, r.Valid, r.Prorated = f.score(r.Answers)
	if d.chance(s.profile.corrected) {
		s.mistype(d, p, f, r)
		r.Revision, r.Reason = 2, "entered-wrongly"
		r.AnsweredAt = r.AnsweredAt.Add(time.Hour)
	}
	p.Responses = append(p.Responses, r)
	return r.Score, r.Valid
}

// mistype adds what was entered first: one item off by one.
func (s *Simulator) mistype(d *draw, p *Patient, f *form, right Response) {
	wrong := right
	wrong.Answers = p.room(len(right.Answers))
	copy(wrong.Answers, right.Answers)
	i := f.scored[d.rng.IntN(len(f.scored))]
	if wrong.Answers[i] > 0 {
		wrong.Answers[i]--
	} else {
		wrong.Answers[i] = 1
	}
	wrong.Score, wrong.Valid, wrong.Prorated = f.score(wrong.Answers)
	p.Responses = append(p.Responses, wrong)
}

// room gives space for the answers of one form. Earlier forms keep theirs when
// the patient's space grows.
func (p *Patient) room(n int) []int8 {
	if cap(p.answers)-len(p.answers) < n {
		p.answers = make([]int8, 0, max(1024, 2*cap(p.answers)))
	}
	start := len(p.answers)
	p.answers = p.answers[:start+n]
	return p.answers[start : start+n : start+n]
}

// code is the study's own name for the patient.
func (p *Patient) code() string { return fmt.Sprintf("S%07d", p.Number) }
