package simulate

import (
	"math"

	"afterglow/internal/care"
)

// scale is an instrument of the simulation.
type scale int

const (
	phq9 scale = iota
	gad7
	pcl5
	mood
	anxiety
	scaleCount
)

var scaleIDs = [scaleCount]string{"phq-9", "gad-7", "pcl-5", "nrs-mood", "nrs-anxiety"}

// class is how a patient's symptoms go.
type class int

const (
	improving class = iota
	delayed
	flat
)

// nature is all of a patient that chance decides and treatment does not: under
// two treatments the same nature gives the two outcomes to compare.
type nature struct {
	severity float64
	baseline [scaleCount]int
	ptsd     bool
	class    class
	fraction [3]float64 // of the PHQ-9, GAD-7 and PCL-5
	// patience is the cumulative hazard at which the benefit is lost.
	patience    float64
	kept        float64
	onset       float64 // day after the last session, of a delayed benefit
	halfAfter   float64 // sessions after which half of the gain is there
	maintenance bool
	noise       [3][]float64 // by scale and visit of followUp
	baselineOff [3]float64   // by how many points the baseline is off the true level
	// What decides the treatment that this patient gets.
	toHome, toIV, toLevel, toFull float64
}

const (
	baselineMean, baselineSD = 16.5, 5.5
	// The mean and standard deviation after the cut to 10 to 27.
	enrolledMean, enrolledSD = 17.3, 4.3
)

func (p *profile) drawNature(d *draw, n *nature) {
	z := 0.0
	for {
		z = d.rng.NormFloat64()
		v := math.Floor(baselineMean + baselineSD*z + 0.5)
		if v >= 10 && v <= 27 {
			n.baseline[phq9] = int(v)
			break
		}
	}
	n.severity = (float64(n.baseline[phq9]) - enrolledMean) / enrolledSD
	n.baseline[gad7] = roundWithin(13+5.5*(0.6*z+0.8*d.rng.NormFloat64()), 0, 21)
	n.ptsd = d.chance(p.ptsd)
	n.baseline[pcl5] = roundWithin(46+5*z+11*d.rng.NormFloat64(), 20, 80)

	f := 0.0
	switch u := d.rng.Float64(); {
	case u < p.flat:
		n.class, f = flat, d.normal(p.flatFraction, p.flatFractionSD)
	case u < p.flat+p.delayed:
		n.class, f = delayed, d.normal(p.fraction, p.fractionSD)
	default:
		n.class, f = improving, d.normal(p.fraction, p.fractionSD)
	}
	n.fraction = [3]float64{math.Min(f, 1), math.Min(0.95*f+0.10*d.rng.NormFloat64(), 1), math.Min(0.75*f+0.10*d.rng.NormFloat64(), 1)}
	n.patience = d.rng.ExpFloat64()
	n.kept = d.between(p.keptFrom, p.keptTo)
	n.onset = d.between(10, 35)
	n.halfAfter = d.between(1, 3)
	n.maintenance = d.chance(p.maintenance)
	for s := range n.noise {
		n.noise[s] = n.noise[s][:0]
		for range followUp {
			n.noise[s] = append(n.noise[s], d.rng.NormFloat64())
		}
	}
	n.toHome, n.toIV, n.toLevel, n.toFull = d.rng.Float64(), d.rng.Float64(), d.rng.NormFloat64(), d.rng.Float64()
	n.baselineOff = [3]float64{}
	for s, e := range p.retest {
		if e > 0 {
			n.fraction[s], n.baselineOff[s] = 0, e*d.rng.NormFloat64()
		}
	}
}

// treatment is what a patient gets and the comparisons are about.
type treatment struct {
	protocol int
	level    int // of care.SettingLevels
	full     bool
}

// assign gives the treatment that goes with this nature: the more ill, the
// better the setting and the more often in the clinic, by design.
func (p *profile) assign(n *nature) treatment {
	return treatment{protocol: p.protocolFor(n), level: p.levelFor(n), full: n.toFull < p.preparationFull}
}

func (p *profile) protocolFor(n *nature) int {
	if len(p.protocols) == 1 {
		return p.protocols[0]
	}
	if n.toHome < logistic(p.homeOdds+p.homeSeverity*n.severity) {
		return protocolHome
	}
	return p.inClinic(n)
}

func (p *profile) inClinic(n *nature) int {
	if n.toIV < p.inClinicIV {
		return protocolIV
	}
	return protocolIM
}

func (p *profile) levelFor(n *nature) int {
	switch u := p.settingSeverity*n.severity + n.toLevel; {
	case u < -0.6:
		return 0
	case u < 0.6:
		return 1
	}
	return 2
}

// shift is what the treatment adds to the gain, in points of the PHQ-9.
func (p *profile) shift(t treatment) float64 {
	full := 0
	if t.full {
		full = 1
	}
	return protocolModels[t.protocol].gain + p.settingGain[t.level] + p.preparationGain[full]
}

// lossScale is the Weibull scale of the loss of benefit, in weeks.
func (p *profile) lossScale(t treatment) float64 {
	return p.lossScaleWeeks * p.settingLoss[t.level] * protocolModels[t.protocol].lossScale
}

// hazard is the cumulative hazard of losing the benefit by a time after the last
// session of the series; maintenance slows it from week 4.
func (p *profile) hazard(n *nature, t treatment, weeks float64) float64 {
	s := p.lossScale(t)
	h := math.Pow(weeks/s, p.lossShape)
	if n.maintenance && weeks > 4 {
		h4 := math.Pow(4/s, p.lossShape)
		h = h4 + p.maintenanceHazard*(h-h4)
	}
	return h
}

// How a point of the PHQ-9's shift counts on the other scales, and their noise
// relative to the PHQ-9's.
var (
	shiftOn = [3]float64{1, 0.6, 2}
	noiseOn = [3]float64{1, 0.9, 3}
	highest = [3]float64{27, 21, 80}
)

// course is a nature under a treatment.
type course struct {
	p *profile
	n *nature
	t treatment
	// gain is the full benefit by scale, in points.
	gain [3]float64
}

func (p *profile) course(n *nature, t treatment) course {
	c := course{p: p, n: n, t: t}
	shift := p.shift(t)
	if n.class == flat {
		shift = 0
	}
	for s := range c.gain {
		c.gain[s] = float64(n.baseline[s])*n.fraction[s] + shift*shiftOn[s]
	}
	return c
}

// benefit is the share of the gain that is there on a day after the last
// session.
func (c *course) benefit(day float64) float64 {
	share := 1.0
	if c.n.class == delayed && day < c.n.onset {
		share = 0.2
	}
	if c.p.hazard(c.n, c.t, day/7) >= c.n.patience {
		share *= c.n.kept
	}
	return share
}

// level is the scale's total without noise and limits; what got worse stays so.
func (c *course) level(s scale, share float64) float64 {
	if c.gain[s] < 0 {
		share = 1
	}
	return float64(c.n.baseline[s]) - c.n.baselineOff[s] - c.gain[s]*share
}

// total is the scale's total at a visit of followUp.
func (c *course) total(s scale, visit int) int {
	v := c.level(s, c.benefit(float64(followUp[visit].day))) + c.p.errorOf(s)*c.n.noise[s][visit]
	return roundWithin(v, 0, int(highest[s]))
}

func settingLevel(i int) string { return care.SettingLevels[i] }
