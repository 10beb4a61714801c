package research

import (
	"fmt"
	"strings"

	"afterglow/internal/chart"
	"afterglow/internal/finding"
	"afterglow/internal/web/page"
)

// sharePanel shows what is left of the benefit at the visit of reference.
func sharePanel(a Asked) Panel {
	f := a.Retained.Finding
	p := Panel{ID: "share", Heading: "Share of the benefit that is left", Sentence: shareWords(f)}
	p.draw(chart.RetainedShare(f, a.Scale))
	p.fold(pivot(f, "retained", "group", func(r row) string {
		if r.words("estimate") == undefined {
			return undefined
		}
		return r.words("estimate") + "\u00a0%" + inBrackets(r)
	}))
	return p
}

// scoresPanel shows the model's means of the scores themselves.
func scoresPanel(a Asked) Panel {
	f := a.Retained.Finding
	p := Panel{ID: "scores", Heading: "Scores over time", Sentence: scoresWords(f)}
	p.draw(chart.RetainedBenefit(f, a.Scale))
	p.fold(pivot(f, "visits", "group", func(r row) string {
		return r.words("ls_mean") + inBrackets(r)
	}))
	p.fold(changes(f))
	return p
}

func differencePanel(a Asked) Panel {
	f := a.Retained.Finding
	p := Panel{ID: "difference", Heading: "Difference between groups", Sentence: differenceWords(f, a.Scale)}
	p.draw(chart.Differences(f, a.Scale))
	cell := func(r row) string { return r.words("estimate") + inBrackets(r) }
	adjusted, ok := pivot(f, "differences", "contrast", cell)
	p.fold(adjusted, ok)
	if plain, found := pivot(a.Unadjusted.Finding, "differences", "contrast", cell); ok && found {
		plain.Caption = "The same without adjustment by the score before treatment: where the two differ, the groups did not start alike"
		p.fold(plain, true)
	}
	full, ok := showTable(f, "differences")
	full.Caption += ", in full"
	p.fold(full, ok)
	return p
}

// carefulPanel lists what the reader must know before using the answer.
func carefulPanel(a Asked) Panel {
	return Panel{ID: "careful", Heading: "What to be careful about", Caveats: a.Retained.Finding.Caveats}
}

func timePanel(a Asked) Panel {
	f := a.Loss.Finding
	p := Panel{ID: "time", Heading: f.Title, Sentence: f.Answer, Caveats: newCaveats(f, a.Retained.Finding)}
	p.draw(chart.TimeToLoss(f, a.Scale))
	p.fold(showTable(f, "medians"))
	p.fold(timeTable(f))
	for _, name := range []string{"hazards", "responders", "survival"} {
		p.fold(showTable(f, name))
	}
	p.fold(riskTable(f))
	return p
}

// newCaveats are those of one finding that another did not give already.
func newCaveats(f, other finding.Finding) []finding.Caveat {
	said := map[finding.Caveat]bool{}
	for _, c := range other.Caveats {
		said[c] = true
	}
	var fresh []finding.Caveat
	for _, c := range f.Caveats {
		if !said[c] {
			fresh = append(fresh, c)
		}
	}
	return fresh
}

func missingPanel(a Asked) Panel {
	f := a.Retained.Finding
	p := Panel{ID: "missing", Heading: "Who is missing", Sentence: missingWords(a.Study, f)}
	p.draw(chart.Completion(f, a.Scale))
	t, ok := pivot(f, "visits", "group", func(r row) string { return r.words("n_answered") + " of " + r.words("n_expected") })
	t.Caption = "Answered, of all who started, by group and visit"
	p.fold(t, ok)
	return p
}

// draw puts the picture under its sentence.
func (p *Panel) draw(figure chart.Figure, ok bool) {
	p.Sentence = chart.VisitWords(strings.ReplaceAll(p.Sentence, " %", "\u00a0%")) // no line begins with % or d
	if ok {
		p.Chart = &page.Chart{Sentence: p.Sentence, Options: figure, Key: figure.Key}
	}
}

func (p *Panel) fold(t Table, ok bool) {
	if ok {
		p.Folded = append(p.Folded, t)
	}
}

func method(f finding.Finding) Method {
	e := f.Estimand
	m := Method{Question: f.Title, Text: f.Method}
	for _, fact := range []Fact{
		{"Population", e.Population}, {"Treatment", e.Treatment}, {"Outcome", e.Variable}, {"Time", e.Time}, {"Summary", e.Summary},
	} {
		if fact.Value != "" {
			m.Estimand = append(m.Estimand, fact)
		}
	}
	for _, event := range f.Events {
		m.Events = append(m.Events, Fact{capital(event.Label), eventWords(event)})
	}
	m.Data = []Fact{{"Patients in the analysis", fmt.Sprint(f.N)}, {"Patients left out", fmt.Sprint(f.NMissing)}}
	if !f.Snapshot.TakenAt.IsZero() {
		m.Data = append(m.Data, Fact{"Asked", f.Snapshot.TakenAt.UTC().Format("2 Jan 2006, 15:04 MST")})
	}
	m.Data = append(m.Data, Fact{"Journal up to row", fmt.Sprint(f.Snapshot.Sequence)}, Fact{"Checksum of the data", f.Snapshot.Hash}, Fact{"Computed by", f.Software})
	return m
}

// eventWords says how often an event was, or that nothing records it.
func eventWords(e finding.Event) string {
	if !e.Recorded || e.Events == nil || e.Courses == nil {
		return "not recorded"
	}
	words := fmt.Sprintf("%d in %d %s", *e.Events, *e.Courses, plural(*e.Courses, "course", "courses"))
	if e.Strategy != "" {
		words += "; " + e.Strategy
	}
	return words
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
