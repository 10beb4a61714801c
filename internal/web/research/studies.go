package research

import (
	"fmt"
	"strings"

	"afterglow/internal/care"
	"afterglow/internal/web/page"
)

// StudiesPage lists the studies that can be asked about.
type StudiesPage struct {
	page.Frame
	Heading string
	Studies []StudyLine
	Problem *Problem
}

// StudyLine is one study of the list.
type StudyLine struct {
	Path  string
	Title string
	Words string
}

// NewStudiesPage lists studies; err is why there is no list.
func NewStudiesPage(studies []care.Study, err error, fresh Freshness) *StudiesPage {
	p := &StudiesPage{Heading: "Studies"}
	p.Title = p.Heading
	p.DataAsOf, p.Waiting = fresh.AsOf, fresh.Waiting
	if err != nil {
		p.Problem, _ = explain(err)
		return p
	}
	for _, s := range studies {
		line := StudyLine{Path: "/research/studies/" + s.ID, Title: s.Title, Words: designWords(s)}
		if line.Title == "" {
			line.Title = s.ID
		}
		p.Studies = append(p.Studies, line)
	}
	return p
}

// designWords says what was planned.
func designWords(s care.Study) string {
	first, last := s.Visits[0], s.Visits[len(s.Visits)-1]
	words := fmt.Sprintf("%s; %d visits from day %d to day %d since %s",
		strings.Join(s.Arm.Levels, " and "), len(s.Visits), first.Day, last.Day, anchorWords(s.Anchor))
	if s.Simulated {
		words += "; simulated"
	}
	return words + "."
}
