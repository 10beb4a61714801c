package research

import (
	"errors"

	"afterglow/internal/care"
	"afterglow/internal/chart"
	"afterglow/internal/fault"
	"afterglow/internal/finding"
	"afterglow/internal/intake"
	"afterglow/internal/web/page"
)

// Asked is what a study was asked and what came back.
type Asked struct {
	Study    care.Study
	Scale    chart.Scale
	Settings map[string]string
	Retained Reply
	// Unadjusted is the same question without the baseline in the model; empty
	// where it was not asked.
	Unadjusted Reply
	Loss       Reply
	Fresh      Freshness
}

// Reply is a question's answer or why there is none.
type Reply struct {
	Finding finding.Finding
	Err     error
}

// StudyPage says whether a study's benefit lasts.
type StudyPage struct {
	page.Frame
	Heading string
	Study   string
	Words   string
	// Answer is the first sentence in parts, Further what follows it, and Cards the
	// answer for each group.
	Answer  []Phrase
	Further []Phrase
	Cards   []Card
	// Contents lists the sections of the page.
	Contents []Entry
	// Problem is set when the whole page has one thing to say instead of panels.
	Problem *Problem
	Panels  []Panel
	Methods []Method
	Quick   []Quick
	Choices []Choice
	// Settings says how the answers were asked for; SettingsOpen shows the form
	// at once, because something in it must change.
	Settings     string
	SettingsOpen bool
}

// Panel is one part of the answer: a sentence, a picture, and behind it tables.
type Panel struct {
	ID       string
	Heading  string
	Sentence string
	Chart    *page.Chart
	// Folded tables stand behind a summary with their caption.
	Folded  []Table
	Notes   []string
	Caveats []finding.Caveat
	Problem *Problem
}

// Method says how a finding was computed, for which patients, and on which data.
type Method struct {
	Question string
	Text     string
	Estimand []Fact
	Events   []Fact
	Data     []Fact
}

// Entry is a line of the page's contents.
type Entry struct{ ID, Label string }

// Fact is a name and its value.
type Fact struct{ Name, Value string }

// Problem says why there is no answer and what to do.
type Problem struct {
	Heading string
	Text    string
	Details []fault.Detail
	Next    string
}

// NewStudyPage puts the answers into panels. An error that people cannot act on
// is returned.
func NewStudyPage(a Asked) (*StudyPage, error) {
	offered := choices(a.Study, a.Settings)
	if regrouped, ok := a.Study.GroupedBy(a.Settings["group"]); ok {
		a.Study = regrouped
	}
	p := &StudyPage{Heading: "Does the benefit last?", Study: a.Study.Title, Choices: offered}
	if p.Study == "" {
		p.Study = a.Study.ID
	}
	p.Title, p.Wide = p.Heading+" "+p.Study, true
	p.DataAsOf, p.Waiting = a.Fresh.AsOf, a.Fresh.Waiting
	p.Settings, p.Quick = settingsWords(p.Choices), quick(p.Choices, a.Settings)
	retained, err := explain(a.Retained.Err)
	if err != nil {
		return nil, err
	}
	loss, err := explain(a.Loss.Err)
	if err != nil {
		return nil, err
	}
	if retained != nil && (fault.Is(a.Retained.Err, fault.KindUnavailable) || fault.Is(a.Retained.Err, fault.KindNotFound)) {
		p.Problem = retained
		return p, nil
	}
	p.Simulated = a.Study.Simulated || a.Retained.Finding.Simulated || a.Loss.Finding.Simulated
	p.Scripts = append(p.Scripts, page.ChartScripts...)
	p.Scripts = append(p.Scripts, "progress.js")
	if retained != nil {
		p.SettingsOpen = true
		p.Panels = append(p.Panels, Panel{ID: "benefit", Heading: "Benefit over days", Problem: retained})
	} else {
		p.Words = studyWords(a.Study, a.Retained.Finding)
		first, further := parted(a.Retained.Finding.Answer)
		p.Answer, p.Further, p.Cards = phrases(first), phrases(further), cards(a.Study, a.Retained.Finding)
		p.take(sharePanel(a), scoresPanel(a), differencePanel(a), carefulPanel(a))
		p.Methods = append(p.Methods, method(a.Retained.Finding))
	}
	if loss != nil {
		p.Panels = append(p.Panels, Panel{ID: "time", Heading: "How long a response lasts", Problem: loss})
	} else {
		p.Panels = append(p.Panels, timePanel(a))
		p.Methods = append(p.Methods, method(a.Loss.Finding))
	}
	if retained == nil {
		p.take(missingPanel(a))
	}
	p.Contents = contents(p)
	return p, nil
}

// take adds the panels that have something to show.
func (p *StudyPage) take(panels ...Panel) {
	for _, panel := range panels {
		if panel.Chart != nil || len(panel.Folded) > 0 || len(panel.Caveats) > 0 {
			p.Panels = append(p.Panels, panel)
		}
	}
}

func contents(p *StudyPage) []Entry {
	var list []Entry
	if len(p.Answer) > 0 {
		list = append(list, Entry{"answer", "Answer"})
	}
	for _, panel := range p.Panels {
		list = append(list, Entry{panel.ID, panel.Heading})
	}
	if len(p.Methods) > 0 {
		list = append(list, Entry{"method", "How it is computed"})
	}
	return list
}

// explain puts a failure into words for people, or hands it back.
func explain(err error) (*Problem, error) {
	var known *fault.Error
	switch {
	case err == nil:
		return nil, nil
	case !errors.As(err, &known):
		return nil, err
	}
	switch known.Kind {
	case fault.KindUnavailable:
		if known.Where == intake.WhereCompared {
			return &Problem{
				Heading: "The data are being checked",
				Text:    sentence(known.Message) + " Patients' answers are still accepted.",
				Next:    "Load this page again in a minute.",
			}, nil
		}
		return &Problem{
			Heading: "The analysis engine cannot answer just now",
			Text:    "It restarts automatically. Patients' answers are still accepted, and nothing is lost.",
			Next:    "Load this page again in a moment.",
		}, nil
	case fault.KindNotFound:
		return &Problem{
			Heading: "No data to ask yet",
			Text:    "This page will say whether the benefit lasts, for each group and each visit. ClickHouse has none of the study's patients yet: there are none, or they are on their way.",
			Next:    "Import the study's data with: afterglow import study FILE.csv --map MAP.yaml",
		}, nil
	case fault.KindInvalid:
		return &Problem{
			Heading: "This cannot be estimated as asked",
			Text:    sentence(known.Message), Details: known.Details,
			Next: "Choose other settings under \u2018Settings\u2019; compound symmetry needs the least data.",
		}, nil
	default:
		return nil, err
	}
}
