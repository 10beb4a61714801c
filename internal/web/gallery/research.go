package gallery

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"afterglow/internal/access"
	"afterglow/internal/care"
	"afterglow/internal/chart"
	"afterglow/internal/fault"
	"afterglow/internal/finding"
	"afterglow/internal/web/page"
	"afterglow/internal/web/research"
)

// The findings are the demo study's, as the reference programs answer it.
//
//go:embed findings/*.json
var findings embed.FS

// mustFinding reads an embedded finding and, where group is not empty, gives
// that group another name. It panics on a finding that is not there or not JSON,
// which is a programming error.
func mustFinding(file, group, name string) finding.Finding {
	data, readErr := findings.ReadFile("findings/" + file + ".json")
	old, oldErr := json.Marshal(group)
	renamed, newErr := json.Marshal(name)
	if group != "" {
		data = bytes.ReplaceAll(data, old, renamed)
	}
	var f finding.Finding
	if err := errors.Join(readErr, oldErr, newErr, json.Unmarshal(data, &f)); err != nil {
		panic(fmt.Sprintf("gallery finding %s: %v", file, err)) // house:panic only an embedded file that is broken
	}
	return f
}

var demoStudy = care.Study{
	ID: "btheb", Title: "Beat the Blues", Anchor: care.AnchorCourseStart, VisitName: "visit",
	Visits:   []care.Visit{{Name: "2m", Day: 61}, {Name: "3m", Day: 91}, {Name: "5m", Day: 152}, {Name: "8m", Day: 243}},
	Arm:      care.Factor{Name: "treatment", Levels: []string{"TAU", "BtheB"}},
	Measures: []care.Measure{{Instrument: "bdi-ii", Version: "1.0.0", Total: "bdi", Baseline: "bdi_pre"}},
}

// bySetting is the demo's simulated clinic, compared by its setting.
func bySetting(a *research.Asked) {
	a.Study = care.Study{
		ID: "simulated-clinic", Title: "Simulated clinic (not real patients)", Anchor: care.AnchorLastSession, VisitName: "visit", Simulated: true,
		Arm: care.Factor{Name: care.FactorProtocol, Levels: []string{"iv-series", "im-guided", "sl-at-home"}},
		Covariates: []care.Factor{{Name: care.FactorMode, Levels: care.ModeLevels}, {Name: care.FactorSetting, Levels: care.SettingLevels},
			{Name: care.FactorPreparation, Levels: care.PreparationLevels}},
		Measures: []care.Measure{{Instrument: "phq-9", Version: "1.0.0", Total: "phq9", Baseline: "phq9_pre"}, {Instrument: "gad-7", Version: "1.0.0", Total: "gad7", Baseline: "gad7_pre"}},
	}
	for _, day := range []int{7, 14, 28, 56, 84, 168} {
		a.Study.Visits = append(a.Study.Visits, care.Visit{Name: fmt.Sprintf("+%d d", day), Day: day})
	}
	a.Scale = chart.Scale{Name: "Patient Health Questionnaire (PHQ-9)", Maximum: 27, LowerIsBetter: true, Anchor: care.AnchorLastSession}
	a.Settings = map[string]string{"group": care.FactorSetting}
	a.Retained.Finding = mustFinding("retained-benefit-by-setting", "", "")
	a.Unadjusted.Finding = mustFinding("retained-benefit-by-setting-unadjusted", "", "")
	a.Loss.Finding = mustFinding("time-to-loss-by-setting", "", "")
}

// answered is the demo study with both questions answered.
func answered() research.Asked {
	return research.Asked{
		Study: demoStudy, Scale: chart.Scale{Name: "Beck Depression Inventory II (BDI-II)", Maximum: 63, LowerIsBetter: true, Anchor: care.AnchorCourseStart},
		Retained: research.Reply{Finding: mustFinding("retained-benefit", "", "")},
		Loss:     research.Reply{Finding: mustFinding("time-to-loss", "", "")},
		Fresh:    research.Freshness{AsOf: now},
	}
}

func researchStates() []State {
	state := func(name string, change func(*research.Asked)) State {
		a := answered()
		change(&a)
		p, err := research.NewStudyPage(a)
		s := State{Name: "research-" + name, Template: "research/study", Role: access.RoleResearcher, Err: err}
		if err == nil {
			s.Page = p
		}
		return s
	}
	both := func(a *research.Asked, err error) { a.Retained.Err, a.Loss.Err = err, err }
	list := func(name string, p page.Page) State {
		return State{Name: "research-" + name, Template: "research/studies", Role: access.RoleResearcher, Page: p}
	}
	unavailable := fault.Unavailable("warehouse", nil, "the engine is restarting")
	return []State{
		state("study", func(*research.Asked) {}),
		state("study-partial", func(a *research.Asked) { a.Fresh.Waiting = 3 }),
		state("study-simulated", func(a *research.Asked) { a.Study.Simulated = true }),
		state("study-by-setting", bySetting),
		state("study-hostile-name", func(a *research.Asked) {
			a.Study.Title, a.Scale.Name = Canary, Canary
			a.Study.Arm.Levels = []string{Canary, "BtheB"}
			a.Retained.Finding = mustFinding("retained-benefit", "TAU", Canary)
			a.Loss.Finding = mustFinding("time-to-loss", "TAU", Canary)
		}),
		state("study-empty", func(a *research.Asked) { both(a, fault.NotFound("study", "no patients yet")) }),
		state("study-unavailable", func(a *research.Asked) {
			both(a, unavailable)
			a.Fresh.AsOf, a.Fresh.Waiting = now.Add(-40*time.Minute), 37
		}),
		state("study-compared", func(a *research.Asked) {
			both(a, fault.Unavailable("comparison", nil, "the data are being compared with the record, so no question about them is answered yet (ClickHouse was restarted); ask again in a minute"))
		}),
		state("study-bad-settings", func(a *research.Asked) {
			a.Settings = map[string]string{"method": "ML", "df": "kenward-roger"}
			a.Retained.Err = fault.InvalidDetails("settings", []fault.Detail{{Item: "df", Message: "Kenward-Roger needs REML; with ML choose satterthwaite"}})
		}),
		state("study-not-estimable", func(a *research.Asked) {
			const reason = "arm BtheB has no answer at visit 8m"
			a.Retained.Finding.Answer = "This cannot be estimated from the available data: " + reason + "."
			a.Retained.Finding.Tables, a.Retained.Finding.Estimates = nil, nil
			a.Retained.Finding.Caveats = []finding.Caveat{{Code: "not-estimable", Text: reason}}
			a.Loss.Finding.Answer, a.Loss.Finding.Tables, a.Loss.Finding.Estimates = "Nobody was in response at visit 2m, so there is no response to lose.", nil, nil
			a.Loss.Finding.Caveats = nil
		}),
		list("studies", research.NewStudiesPage([]care.Study{demoStudy}, nil, nil, research.Freshness{AsOf: now})),
		list("studies-empty", research.NewStudiesPage(nil, nil, nil, research.Freshness{AsOf: now})),
		list("studies-unavailable", research.NewStudiesPage(nil, nil, unavailable, research.Freshness{AsOf: now.Add(-40 * time.Minute), Waiting: 37})),
	}
}
