package research

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/chart"
	"afterglow/internal/fault"
	"afterglow/internal/finding"
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
	// Protocols are the titles of the clinic's protocols by their id.
	Protocols map[string]string
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
	// Groups says what the short names of the groups stand for, where they are ids
	// of protocols.
	Groups []Fact
	// Problem is set when the whole page has one thing to say instead of panels.
	Problem *Problem
	Panels  []Panel
	Quick   []Quick
	Choices []Choice
	// Settings says how the answers were asked for; SettingsOpen shows the form
	// at once, because something in it must change.
	Settings     string
	SettingsOpen bool
}

// Panel is one part of the answer: a sentence, a picture, tables, and how it
// came about.
type Panel struct {
	ID       string
	Heading  string
	Sentence string
	Chart    *page.Chart
	Tables   []Table
	Folded   []Table
	Caveats  []finding.Caveat
	Method   *Method
	Problem  *Problem
}

// Method says how a finding was computed and on which data.
type Method struct {
	Text     string
	Estimand []Fact
	Data     []Fact
}

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
	p.Title, p.Wide = p.Heading, true
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
	p.Scripts = page.ChartScripts
	if retained != nil {
		p.SettingsOpen = true
		p.Panels = append(p.Panels, Panel{ID: "benefit", Heading: "Benefit over days", Problem: retained})
	} else {
		p.Words = studyWords(a.Study, a.Retained.Finding)
		p.Groups = protocolGroups(a)
		p.Panels = append(p.Panels, benefitPanel(a))
		if d := differencePanel(a); len(d.Tables) > 0 {
			p.Panels = append(p.Panels, d)
		}
	}
	if loss != nil {
		p.Panels = append(p.Panels, Panel{ID: "time", Heading: "How long a response lasts", Problem: loss})
	} else {
		p.Panels = append(p.Panels, timePanel(a))
	}
	if m := missingPanel(a); retained == nil && len(m.Tables) > 0 {
		p.Panels = append(p.Panels, m)
	}
	return p, nil
}

// protocolGroups name the protocols that are compared. Pictures and tables have
// room for their ids only.
func protocolGroups(a Asked) []Fact {
	if a.Study.Arm.Name != care.FactorProtocol {
		return nil
	}
	var named []Fact
	for _, level := range a.Study.Arm.Levels {
		if title := a.Protocols[level]; title != "" {
			named = append(named, Fact{level, title})
		}
	}
	return named
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
		return &Problem{
			Heading: "The analysis engine cannot answer just now",
			Text:    "It starts again by itself. Answers of patients are taken all the while, and nothing is lost.",
			Next:    "Load this page again in a moment.",
		}, nil
	case fault.KindNotFound:
		return &Problem{
			Heading: "Nothing to ask yet",
			Text:    "Here it will say whether the benefit lasts, for each group and each visit. None of the study's patients has reached ClickHouse: there are none yet, or they are on their way.",
			Next:    "Import the study's data with: afterglow import study FILE.csv --map MAP.yaml",
		}, nil
	case fault.KindInvalid:
		return &Problem{
			Heading: "This cannot be estimated as asked",
			Text:    sentence(known.Message), Details: known.Details,
			Next: "Choose other settings under \u2018How it is asked\u2019; compound symmetry needs the least data.",
		}, nil
	default:
		return nil, err
	}
}

func benefitPanel(a Asked) Panel {
	f := a.Retained.Finding
	p := Panel{ID: "benefit", Heading: "Benefit over days", Sentence: f.Answer, Caveats: f.Caveats, Method: method(f)}
	p.draw(chart.RetainedBenefit(f, a.Scale))
	p.add(showTable(f, "visits", "n_expected", "n_missing"))
	p.add(showTable(f, "retained"))
	return p
}

func differencePanel(a Asked) Panel {
	f := a.Retained.Finding
	p := Panel{ID: "difference", Heading: "Difference between groups", Sentence: differenceWords(f, a.Scale)}
	p.draw(chart.Differences(f, a.Scale))
	p.add(showTable(f, "differences"))
	p.add(adjustmentTable(a))
	return p
}

// adjustmentTable sets the differences with and without the baseline beside each
// other: where they part, the groups did not start alike.
func adjustmentTable(a Asked) (Table, bool) {
	plain := map[string]row{}
	for _, r := range rows(a.Unadjusted.Finding, "differences") {
		plain[r.words("contrast")+r.words("visit")] = r
	}
	t := Table{Caption: "Adjusted by the score before treatment, and unadjusted beside it: where the two part, the groups did not start alike",
		Columns: []Column{{Label: "Contrast"}, {Label: "Visit"}, {Label: "Adjusted", Numeric: true}, {Label: "Interval", Numeric: true},
			{Label: "Unadjusted", Numeric: true}, {Label: "Interval", Numeric: true}}}
	for _, r := range rows(a.Retained.Finding, "differences") {
		u, ok := plain[r.words("contrast")+r.words("visit")]
		if !ok {
			continue
		}
		t.Rows = append(t.Rows, []Cell{{Text: chart.ContrastWords(r.words("contrast")), Header: true}, {Text: chart.VisitWords(r.words("visit"))},
			{Text: r.words("estimate"), Numeric: true}, {Text: r.words("ci_lower") + " to " + r.words("ci_upper"), Numeric: true},
			{Text: u.words("estimate"), Numeric: true}, {Text: u.words("ci_lower") + " to " + u.words("ci_upper"), Numeric: true}})
	}
	return t, len(t.Rows) > 0
}

func timePanel(a Asked) Panel {
	f := a.Loss.Finding
	p := Panel{ID: "time", Heading: f.Title, Sentence: f.Answer, Caveats: f.Caveats, Method: method(f)}
	p.draw(chart.TimeToLoss(f, a.Scale))
	p.add(showTable(f, "medians"))
	p.add(timeTable(f))
	p.add(showTable(f, "hazards"))
	p.add(showTable(f, "responders"))
	for _, show := range []func() (Table, bool){func() (Table, bool) { return showTable(f, "survival") }, func() (Table, bool) { return riskTable(f) }} {
		if t, ok := show(); ok {
			p.Folded = append(p.Folded, t)
		}
	}
	return p
}

func missingPanel(a Asked) Panel {
	f := a.Retained.Finding
	p := Panel{ID: "missing", Heading: "Who is missing", Sentence: missingWords(a.Study, f)}
	p.draw(chart.Completion(f, a.Scale))
	p.add(completionTable(f))
	return p
}

// draw puts the picture under its sentence.
func (p *Panel) draw(figure chart.Figure, ok bool) {
	p.Sentence = chart.VisitWords(strings.ReplaceAll(p.Sentence, " %", "\u00a0%")) // no line begins with % or d
	if ok {
		p.Chart = &page.Chart{Sentence: p.Sentence, Options: figure}
	}
}

func (p *Panel) add(t Table, ok bool) {
	if ok {
		p.Tables = append(p.Tables, t)
	}
}

// completionTable is the part of the visits that says who answered.
func completionTable(f finding.Finding) (Table, bool) {
	t := Table{Caption: "Answered and missing, by group and visit", Columns: []Column{
		{Label: "Group"}, {Label: "Visit"}, {Label: "Day", Numeric: true},
		{Label: "Expected", Numeric: true}, {Label: "Answered", Numeric: true}, {Label: "Not answered", Numeric: true}}}
	for _, r := range rows(f, "visits") {
		t.Rows = append(t.Rows, []Cell{{Text: r.words("group"), Header: true}, {Text: chart.VisitWords(r.words("visit"))},
			{Text: r.words("day"), Numeric: true}, {Text: r.words("n_expected"), Numeric: true},
			{Text: r.words("n_answered"), Numeric: true}, {Text: r.words("n_missing"), Numeric: true}})
	}
	return t, len(t.Rows) > 0
}

func method(f finding.Finding) *Method {
	e := f.Estimand
	m := &Method{Text: f.Method}
	for _, fact := range []Fact{
		{"Population", e.Population}, {"Treatment", e.Treatment}, {"Outcome", e.Variable}, {"Time", e.Time},
		{"Events on the way", join(e.IntercurrentEvents)}, {"Summary", e.Summary},
	} {
		if fact.Value != "" {
			m.Estimand = append(m.Estimand, fact)
		}
	}
	m.Data = []Fact{
		{"Patients in the analysis", fmt.Sprint(f.N)},
		{"Patients left out", fmt.Sprint(f.NMissing)},
		{"Asked", f.Snapshot.TakenAt.UTC().Format("2 Jan 2006, 15:04 MST")},
		{"Journal up to row", fmt.Sprint(f.Snapshot.Sequence)},
		{"Checksum of the data", f.Snapshot.Hash},
		{"Computed by", f.Software},
	}
	if f.Snapshot.TakenAt.Equal(time.Time{}) {
		m.Data = append(m.Data[:2], m.Data[3:]...)
	}
	return m
}
