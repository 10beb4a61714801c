package simulate

// profile is every number of the model that is not a protocol's. Points are of
// the PHQ-9. Sources and assumptions, one by one: docs/simulate.md.
type profile struct {
	name string
	// protocols are the weights of the in-clinic protocols against each other
	// and the log odds of the one at home for a patient of mean severity.
	protocols  []int
	inClinicIV float64
	homeOdds   float64
	// homeSeverity and settingSeverity tie what a patient gets to how ill they
	// are, in units of one standard deviation of the baseline.
	homeSeverity, settingSeverity float64

	// The shares of the classes; the rest improves with the sessions.
	flat, delayed float64
	// The fraction of the baseline that goes, in those who improve.
	fraction, fractionSD         float64
	flatFraction, flatFractionSD float64
	// noise is the standard deviation of one answer's total around the course.
	noise float64
	// retest, where it is set, is the standard error of one answer on each scale, and
	// nobody changes: baselines have the error too, and noise is not used.
	retest [3]float64

	settingGain     [3]float64
	settingLoss     [3]float64
	preparationGain [2]float64
	preparationFull float64

	lossShape, lossScaleWeeks float64
	maintenance               float64
	maintenanceHazard         float64
	// What is left of the benefit after the loss.
	keptFrom, keptTo float64

	// leavePerPoint is how much a point more on the last PHQ-9 adds to the log
	// odds of answering no more.
	leavePerPoint float64
	missedForm    float64
	oneItemMissed float64
	corrected     float64
	stopsEarly    float64
	ptsd          float64
	// asked is the share of courses whose clinic asks for adverse events.
	asked                             float64
	eventWhenAsked, eventWhenNotAsked float64
}

var clinic = profile{
	name:      "clinic",
	protocols: []int{protocolIV, protocolIM, protocolHome}, inClinicIV: 0.6, homeOdds: -0.6,
	homeSeverity: -0.35, settingSeverity: 0.8,
	flat: 0.11, delayed: 0.09,
	fraction: 0.628, fractionSD: 0.265, flatFraction: -0.01, flatFractionSD: 0.10, noise: 0.8,
	settingGain: [3]float64{-1.2, 0, 1.2}, settingLoss: [3]float64{0.8, 1, 1.25},
	preparationGain: [2]float64{-0.5, 0.5}, preparationFull: 0.6,
	lossShape: 1.75, lossScaleWeeks: 14.5, maintenance: 0.15, maintenanceHazard: 0.4, keptFrom: 0.1, keptTo: 0.45,
	leavePerPoint: 0.1, missedForm: 0.04, oneItemMissed: 0.03, corrected: 0.003, stopsEarly: 0.06, ptsd: 0.28,
	asked: 0.4, eventWhenAsked: 0.30, eventWhenNotAsked: 0.03,
}

// profiles are the clinics that can be simulated: all three protocols, one, or all
// three where nothing helps and nothing changes.
var profiles = []profile{clinic, only("iv", protocolIV), only("im", protocolIM), only("home", protocolHome), stable()}

// stable is the clinic in which every difference between two answers is retest
// error: what a rule says of these patients is a false alarm.
func stable() profile {
	p := clinic
	p.name, p.flat, p.delayed, p.retest = "noise", 1, 0, [3]float64{2.44, 1.94, 6.24}
	return p
}

// errorOf is the standard deviation of one answer around the course.
func (p *profile) errorOf(s scale) float64 {
	if p.retest[s] > 0 {
		return p.retest[s]
	}
	return p.noise * noiseOn[s]
}

func only(name string, protocol int) profile {
	p := clinic
	p.name, p.protocols = name, []int{protocol}
	return p
}

// Profiles names the clinics that can be simulated; the first is the default.
func Profiles() []string {
	names := make([]string, len(profiles))
	for i, p := range profiles {
		names[i] = p.name
	}
	return names
}

func profileNamed(name string) (profile, bool) {
	if name == "" {
		return profiles[0], true
	}
	for _, p := range profiles {
		if p.name == name {
			return p, true
		}
	}
	return profile{}, false
}
