package care

// The factors of a course that follow from its protocol and its sessions. A study
// that names one of them as a factor has its levels from here.
const (
	FactorProtocol    = "protocol"
	FactorMode        = "mode"
	FactorSetting     = "setting"
	FactorPreparation = "preparation"
)

// The levels of preparation; the first is the reference.
const (
	PreparationPartly = "partly"
	PreparationFull   = "full"
)

// PreparationLevels are the levels of FactorPreparation in order, ModeLevels
// those of FactorMode.
var (
	PreparationLevels = []string{PreparationPartly, PreparationFull}
	ModeLevels        = []string{string(ModeInPerson), string(ModeRemoteSupported)}
)

// CourseFactors gives the levels that follow from a course: its protocol; the
// mode of most sessions (of the first, when two are equal); the setting (see
// CourseSetting); preparation, which is full when it was done before every
// session of which this is known. What cannot be told is absent. Boosters are left
// out: they come when the outcome is under way, and a group must not depend on it.
func CourseFactors(protocol ProtocolRef, sessions []Session) map[string]string {
	levels := map[string]string{}
	if protocol.ID != "" {
		levels[FactorProtocol] = protocol.ID
	}
	count := map[Mode]int{}
	var usual Mode
	prepared, known := true, false
	for _, s := range series(sessions) {
		if count[s.Mode]++; usual == "" {
			usual = s.Mode
		}
		if s.PreparationDone != nil {
			known, prepared = true, prepared && *s.PreparationDone
		}
	}
	for _, mode := range modes {
		if count[mode] > count[usual] {
			usual = mode
		}
	}
	if usual != "" {
		levels[FactorMode] = string(usual)
	}
	if level, ok := CourseSetting(sessions); ok {
		levels[FactorSetting] = level
	}
	if known {
		levels[FactorPreparation] = PreparationPartly
		if prepared {
			levels[FactorPreparation] = PreparationFull
		}
	}
	return levels
}

// series gives the sessions of the planned series: those that are no boosters.
func series(sessions []Session) []Session {
	var list []Session
	for _, s := range sessions {
		if !s.Booster {
			list = append(list, s)
		}
	}
	return list
}
