package research

import (
	"fmt"

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

// NewStudiesPage lists studies; titles name the protocols by their id, and err is
// why there is no list.
func NewStudiesPage(studies []care.Study, titles map[string]string, err error, fresh Freshness) *StudiesPage {
	p := &StudiesPage{Heading: "Does it last? Choose a study"}
	p.Title = p.Heading
	p.DataAsOf, p.Waiting = fresh.AsOf, fresh.Waiting
	if err != nil {
		p.Problem, _ = explain(err)
		return p
	}
	for _, s := range studies {
		line := StudyLine{Path: "/research/studies/" + s.ID, Title: s.Title, Words: designWords(s, titles)}
		if line.Title == "" {
			line.Title = s.ID
		}
		p.Studies = append(p.Studies, line)
	}
	return p
}

// designWords says what was planned.
func designWords(s care.Study, titles map[string]string) string {
	groups := "Everyone together"
	if s.HasArms() {
		var arms []string
		for _, level := range s.Arm.Levels {
			if title := titles[level]; title != "" && s.Arm.Name == care.FactorProtocol {
				level = title
			}
			arms = append(arms, level)
		}
		groups = join(arms)
	}
	first, last := s.Visits[0], s.Visits[len(s.Visits)-1]
	words := fmt.Sprintf("%s; %d visits from day %d to day %d since %s",
		groups, len(s.Visits), first.Day, last.Day, anchorWords(s.Anchor))
	if s.Simulated {
		words += "; simulated"
	}
	return words + "."
}
