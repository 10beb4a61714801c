package gallery

import (
	"sync"

	"afterglow/internal/access"
	"afterglow/internal/care"
	"afterglow/internal/caseload"
	"afterglow/internal/instrument"
	"afterglow/internal/web/clinic"
	"afterglow/schemas"
)

// library holds the instruments that ship; a gallery without them cannot be shown.
var library = sync.OnceValue(func() *instrument.Library {
	l, err := instrument.LoadLibrary(schemas.Instruments())
	if err != nil {
		panic(err) // house:panic the instruments are built in and tested
	}
	return l
})

func shipped(id string) *instrument.Definition {
	d, err := library().Latest(id)
	if err != nil {
		panic(err) // house:panic the instruments are built in and tested
	}
	return d
}

// form is a filled-in PHQ-9 on a day; -1 leaves an item open.
func form(day int, visit string, score float64, values ...int) caseload.Form {
	f := caseload.Form{Definition: shipped("phq-9"), Occasion: int64(day), Visit: visit, Day: day, AnsweredAt: now.AddDate(0, 0, day-recordStarted), Score: &score, Answers: instrument.Answers{}}
	for i, item := range f.Definition.Items {
		if i < len(values) && values[i] >= 0 {
			f.Answers[item.ID] = instrument.Answer(values[i])
		}
	}
	return f
}

func answersStates() []State {
	const patient = care.Pseudonym("4be109c7000000000000000000000000")
	before := form(9, "session 1, +7 d", 8, 1, 1, 2, 1, 0, 1, 1, 1, 0, 1)
	state := func(name string, a caseload.Answers) State {
		a.Patient, a.Course = patient, 12
		return State{Name: "clinic-answers" + name, Template: "clinic/answers", Role: access.RoleClinician, Page: clinic.NewAnswersPage(a, names, seen)}
	}
	corrected := form(38, "session 5, +7 d", 13, 2, 2, 1, 2, 0, 2, 1, -1, 2, 2)
	was := 12.0
	corrected.Corrections = []care.Correction{{At: now, Before: &was, Reason: "entered-wrongly", Author: "1"}}
	total := caseload.Form{Definition: shipped("bdi-ii"), Visit: care.BaselineVisit, AnsweredAt: now, Score: pointer(31.0), Answers: instrument.Answers{instrument.TotalItem: instrument.Answer(31)}}
	return []State{
		state("", caseload.Answers{Form: corrected, Before: &before}),
		state("-first", caseload.Answers{Form: form(0, care.BaselineVisit, 18, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2)}),
		state("-total-only", caseload.Answers{Form: total}),
	}
}
