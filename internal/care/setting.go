package care

import (
	"fmt"
	"sort"

	"afterglow/internal/fault"
)

// Setting is the container's inventory as it was found: item code to true (yes)
// or false (no). An item that nobody looked at is absent; it is not 'no'.
type Setting map[string]bool

// SettingItem is one line of the inventory: what must be so for the container to
// hold.
type SettingItem struct {
	Code  string
	Group string
	Words string
}

// SettingItems is the inventory, in the order in which it is asked.
var SettingItems = []SettingItem{
	{"space-quiet", "space", "The room is quiet"},
	{"space-private", "space", "The room is private"},
	{"space-comfortable", "space", "The place to lie or sit is comfortable"},
	{"space-uninterrupted", "space", "Nobody will come in"},
	{"sound-chosen", "sound", "Sound was chosen on purpose"},
	{"sound-no-adverts", "sound", "No adverts can break in"},
	{"sound-tested", "sound", "Sound was tested"},
	{"body-food", "body", "Food: the clinic's instruction was followed"},
	{"body-water", "body", "Water: the clinic's instruction was followed"},
	{"body-bathroom", "body", "The bathroom was used and is near"},
	{"body-instructions", "body", "The clinic's other preparation was followed"},
	{"support-present", "support", "The support person is there or reachable"},
	{"support-briefed", "support", "The support person was briefed"},
	{"support-plan", "support", "The support person has the plan"},
	{"technology-notifications", "technology", "Notifications are off"},
	{"technology-doorbell", "technology", "The doorbell is off"},
	{"technology-pets", "technology", "Pets are cared for"},
	{"technology-children", "technology", "Children are cared for"},
	{"technology-work", "technology", "Work messages are off"},
	{"technology-logistics", "technology", "Nothing else needs doing in this time"},
	{"re-entry-time", "re-entry", "Time afterwards is protected"},
	{"re-entry-no-driving", "re-entry", "No driving afterwards"},
	{"re-entry-no-work", "re-entry", "No work afterwards"},
	{"re-entry-no-decisions", "re-entry", "No large decisions afterwards"},
	{"re-entry-no-hosting", "re-entry", "No looking after guests afterwards"},
}

var settingCodes = func() map[string]bool {
	codes := map[string]bool{}
	for _, item := range SettingItems {
		codes[item.Code] = true
	}
	return codes
}()

// Index is 100 x yes / (yes + no) over the inventory; false when fewer than half
// of its items are known.
func (s Setting) Index() (float64, bool) {
	yes := 0
	for _, ok := range s {
		if ok {
			yes++
		}
	}
	if 2*len(s) < len(SettingItems) {
		return 0, false
	}
	return 100 * float64(yes) / float64(len(s)), true
}

// Codes lists the items that are known, sorted.
func (s Setting) Codes() []string {
	codes := make([]string, 0, len(s))
	for code := range s {
		codes = append(codes, code)
	}
	sort.Strings(codes)
	return codes
}

func (s Setting) faults() []fault.Detail {
	var faults []fault.Detail
	for _, code := range s.Codes() {
		if !settingCodes[code] {
			faults = append(faults, fault.Detail{Item: "setting." + code, Message: fmt.Sprintf("there is no such item; the inventory has %d", len(SettingItems))})
		}
	}
	return faults
}

// The levels of a course's setting, by fixed cuts of the mean index: our own
// choice, made before any data.
const (
	SettingLow    = "low"
	SettingMiddle = "middle"
	SettingHigh   = "high"
)

// The mean index from which a setting is middle, and from which it is high.
const (
	SettingMiddleFrom = 60.0
	SettingHighFrom   = 80.0
)

// SettingLevels are the levels in order; the first is the reference.
var SettingLevels = []string{SettingLow, SettingMiddle, SettingHigh}

// SettingLevel puts a mean index into its level: low below 60, middle below 80,
// high from 80.
func SettingLevel(index float64) string {
	switch {
	case index < SettingMiddleFrom:
		return SettingLow
	case index < SettingHighFrom:
		return SettingMiddle
	}
	return SettingHigh
}

// CourseSetting is the level of the mean index over the sessions of the series,
// boosters left out, that have one; false when none has.
func CourseSetting(sessions []Session) (level string, ok bool) {
	sum, n := 0.0, 0
	for _, s := range series(sessions) {
		if index, known := s.Setting.Index(); known {
			sum += index
			n++
		}
	}
	if n == 0 {
		return "", false
	}
	return SettingLevel(sum / float64(n)), true
}
