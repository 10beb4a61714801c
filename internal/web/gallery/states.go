package gallery

import (
	"errors"
	"fmt"
	"time"

	"afterglow/internal/access"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/web/account"
	"afterglow/internal/web/admin"
	"afterglow/internal/web/page"
	"afterglow/internal/web/patient"
	"afterglow/schemas"
)

var nextOpens = now.AddDate(0, 0, 14)

const (
	token   = "yH8cQm3vT1pK5sXa7LrZ0bNd2fWgUeJi"
	receipt = "Vw3kPz8tRq5mXc1sLb7nHd0y"
	stem    = "Over the last 2 weeks, how often have you been bothered by any of the following problems?"
)

// Canary is text that tries to leave the place it is shown in.
const Canary = `</script><script>window.escaped=1</script><img src=x onerror="window.escaped=1">'"{{.}}`

// States lists every page in every state it can be in.
func States(contacts page.Contacts) []State {
	var all []State
	for _, part := range [][]State{patientStates(contacts), accountStates(), alertStates(), caseloadStates(), patientPageStates(), answersStates(), researchStates(), adminStates(), tourStates(), errorStates()} {
		all = append(all, part...)
	}
	return all
}

func forPatient(title string) page.Frame { return page.Frame{Title: title, Patient: true} }

func patientStates(contacts page.Contacts) []State {
	link := access.RolePatientLink
	return []State{
		{Name: "notice", Template: "patient/notice", Role: link, Page: &patient.NoticePage{
			Frame: forPatient("Before you start"), Token: token, Instrument: "Patient Health Questionnaire (PHQ-9)", Questions: 9, Further: 1,
			Version: patient.NoticeVersion, Points: patient.NoticePoints, Contacts: contacts,
		}},
		{Name: "question-first", Template: "patient/question", Role: link, Page: question(patient.QuestionPage{Number: 1, Item: "1",
			Instruction: "Below is a list of problems that people sometimes have in response to a very stressful experience. Please read each problem carefully and then choose one of the answers to indicate how much you have been bothered by that problem in the past month.",
			Stem:        "In the past month, how much were you bothered by:",
			Text:        "Repeated, disturbing, and unwanted memories of the stressful experience?"}, -1)},
		{Name: "question", Template: "patient/question", Role: link, Page: question(patient.QuestionPage{Number: 3, Item: "3",
			Text: "Trouble falling or staying asleep, or sleeping too much"}, -1)},
		{Name: "question-chosen", Template: "patient/question", Role: link, Page: question(patient.QuestionPage{Number: 6, Item: "6",
			Text: "Feeling bad about yourself — or that you are a failure or have let yourself or your family down"}, 2)},
		{Name: "question-wrong", Template: "patient/question", Role: link, Page: question(patient.QuestionPage{Number: 3, Item: "3",
			Text: "Trouble falling or staying asleep, or sleeping too much", Wrong: patient.ChooseFirst}, -1)},
		{Name: "question-from-review", Template: "patient/question", Role: link, Page: question(patient.QuestionPage{Number: 6, Item: "6", FromReview: true,
			Text: "Feeling bad about yourself — or that you are a failure or have let yourself or your family down"}, 2)},
		{Name: "question-safety", Template: "patient/question", Role: link, Page: question(patient.QuestionPage{Number: 9, Item: "9", Skipped: true,
			Text: "Thoughts that you would be better off dead, or of hurting yourself in some way", Safety: patient.SafetyNotice}, -1)},
		{Name: "question-after-safety", Template: "patient/question", Role: link, Page: question(patient.QuestionPage{Number: 10, Item: "10",
			Text:    "If you checked off any problems, how difficult have these problems made it for you to do your work, take care of things at home, or get along with other people?",
			Support: support(contacts, true, false)}, -1)},
		{Name: "question-after-safety-skipped", Template: "patient/question", Role: link, Page: question(patient.QuestionPage{Number: 10, Item: "10",
			Text:    "If you checked off any problems, how difficult have these problems made it for you to do your work, take care of things at home, or get along with other people?",
			Support: support(contacts, false, false)}, -1)},
		{Name: "question-support-quiet", Template: "patient/question", Role: link, Page: question(patient.QuestionPage{Number: 4, Item: "4",
			Text: "Feeling tired or having little energy", Support: support(contacts, true, true)}, 1)},
		{Name: "question-not-saved", Template: "patient/question", Role: link, Page: notSaved()},
		{Name: "review", Template: "patient/review", Role: link, Page: review(2, nil)},
		{Name: "review-complete", Template: "patient/review", Role: link, Page: review(0, nil)},
		{Name: "review-not-sent", Template: "patient/review", Role: link, Page: review(0, []page.Notice{patient.NotSent})},
		{Name: "review-support", Template: "patient/review", Role: link, Page: withSupport(review(0, nil), support(contacts, true, false))},
		{Name: "review-changed", Template: "patient/review", Role: link, Page: review(0, []page.Notice{patient.Changed})},
		{Name: "whole", Template: "patient/whole", Role: link, Page: whole(contacts)},
		{Name: "receipt", Template: "patient/receipt", Role: link, Page: &patient.ReceiptPage{
			Frame: forPatient("Received"), Receipt: receipt, ReceivedAt: now, Next: &patient.Next{Planned: true, OpensAt: &nextOpens}, Contacts: contacts}},
		{Name: "receipt-last", Template: "patient/receipt", Role: link, Page: &patient.ReceiptPage{
			Frame: forPatient("Received"), Receipt: receipt, ReceivedAt: now, Next: &patient.Next{}, Contacts: contacts}},
		{Name: "support", Template: "patient/support", Role: link, Page: &patient.SupportPage{
			Frame: forPatient("Help now"), Token: token, Receipt: receipt, ReceivedAt: now, Support: support(contacts, true, false), WhoSees: patient.WhoSees{Until: "18:00 UTC"}}},
		{Name: "support-unanswered", Template: "patient/support", Role: link, Page: &patient.SupportPage{
			Frame: forPatient("Help now"), Token: token, Receipt: receipt, ReceivedAt: now, Support: support(contacts, false, false),
			WhoSees: patient.WhoSees{From: "08:00 UTC on Monday 16 March"}}},
		{Name: "closed", Template: "patient/closed", Role: link, Page: &patient.ClosedPage{Frame: forPatient("This link is not open"), Contacts: contacts}},
		{Name: "closed-sent", Template: "patient/closed", Role: link, Page: &patient.ClosedPage{Frame: forPatient("Sent already"), SentAt: now.Add(-3 * time.Hour), Contacts: contacts}},
		{Name: "closed-unrecorded", Template: "patient/closed", Role: link, Page: &patient.ClosedPage{Frame: forPatient("This link is not open"), Unrecorded: true, Contacts: contacts}},
		{Name: "not-recorded", Template: "patient/notrecorded", Role: link, Page: &patient.NotRecordedPage{
			Frame: forPatient("Not recorded"), Earlier: true, Contacts: contacts}},
		{Name: "not-recorded-support", Template: "patient/notrecorded", Role: link, Page: &patient.NotRecordedPage{
			Frame: forPatient("Not recorded"), Earlier: true, Support: support(contacts, true, false), WhoSees: patient.WhoSees{Always: true}, Contacts: contacts}},
		{Name: "not-recorded-late", Template: "patient/notrecorded", Role: link, Page: &patient.NotRecordedPage{
			Frame: forPatient("Not recorded"), Contacts: contacts}},
		{Name: "received-before", Template: "patient/notrecorded", Role: link, Page: &patient.NotRecordedPage{
			Frame: forPatient("Received before"), Earlier: true, Same: true, Contacts: contacts}},
		{Name: "crisis", Template: "patient/crisis", Role: link, Page: &patient.CrisisPage{Frame: forPatient("Help now"), Contacts: contacts}},
	}
}

// support has the words of the shipped rule.
func support(contacts page.Contacts, answered, quiet bool) *patient.Support {
	s := &patient.Support{Quiet: quiet, Contacts: contacts}
	library, err := instrument.LoadLibrary(schemas.Instruments())
	if err != nil {
		s.Heading = err.Error()
		return s
	}
	d, err := library.Latest("phq-9")
	if err != nil {
		s.Heading = err.Error()
		return s
	}
	words := d.Safety[0].Words
	s.Heading, s.Words = words.Heading.In("en"), words.Unanswered.In("en")
	if answered {
		s.Words = words.Answered.In("en")
	}
	return s
}

func withSupport(p *patient.ReviewPage, s *patient.Support) *patient.ReviewPage {
	p.Support = s
	return p
}

func question(p patient.QuestionPage, chosen int) *patient.QuestionPage {
	p.Frame, p.Token, p.Of = forPatient(fmt.Sprintf("Question %d of 10", p.Number)), token, 10
	if p.Stem == "" {
		p.Stem = stem
	}
	for i, label := range []string{"Not at all", "Several days", "More than half the days", "Nearly every day"} {
		p.Choices = append(p.Choices, patient.Choice{Value: i, Label: label, Chosen: i == chosen})
	}
	return &p
}

func whole(contacts page.Contacts) *patient.WholePage {
	p := &patient.WholePage{
		Frame: forPatient("All questions"), Token: token, Key: "k", InstrumentID: "phq-9", InstrumentVersion: "1.0.0",
		Title: "Patient Health Questionnaire (PHQ-9)", Stem: stem, Credit: review(0, nil).Credit, Contacts: contacts,
	}
	p.Notices = []page.Notice{patient.NoCookie}
	for i, line := range review(0, nil).Lines {
		p.Questions = append(p.Questions, patient.WholeQuestion{Item: line.Item, Number: line.Number, Text: line.Text, Choices: question(patient.QuestionPage{}, i-3).Choices})
	}
	p.Questions[3].Safety, p.Questions[3].Depends = patient.SafetyNotice, true
	return p
}

func notSaved() *patient.QuestionPage {
	p := question(patient.QuestionPage{Number: 4, Item: "4", Text: "Feeling tired or having little energy"}, 1)
	p.Notices = []page.Notice{patient.NotSaved}
	return p
}

func review(open int, notices []page.Notice) *patient.ReviewPage {
	p := &patient.ReviewPage{
		Frame: forPatient("Check your answers"), Token: token, Key: "k", InstrumentID: "phq-9", InstrumentVersion: "1.0.0", Open: open,
		Credit: "Developed by Drs. Robert L. Spitzer, Janet B.W. Williams, Kurt Kroenke and colleagues, with an educational grant from Pfizer Inc.",
	}
	p.Notices = notices
	for i, text := range []string{
		"Little interest or pleasure in doing things", "Feeling down, depressed, or hopeless",
		"Trouble falling or staying asleep, or sleeping too much", "Feeling tired or having little energy",
	} {
		line := patient.ReviewLine{Item: string(rune('1' + i)), Number: i + 1, Text: text, Answer: "Several days", Value: "1"}
		if i < open {
			line.Answer, line.Value = "", ""
		}
		p.Lines = append(p.Lines, line)
	}
	return p
}

func accountStates() []State {
	anonymous := access.RoleAnonymous
	states := []State{
		{Name: "sign-in", Template: "account/signin", Role: anonymous, Page: &account.SignInPage{Frame: page.Frame{Title: "Sign in"}}},
		{Name: "sign-in-wrong", Template: "account/signin", Role: anonymous, Page: &account.SignInPage{
			Frame: page.Frame{Title: "Sign in"}, Name: "anna", Wrong: account.WrongSignIn}},
		{Name: "setup", Template: "account/setup", Role: anonymous, Page: &account.SetupPage{
			Frame: page.Frame{Title: "First administrator"}, MinPassword: access.MinPasswordRunes}},
		{Name: "setup-wrong", Template: "account/setup", Role: anonymous, Page: &account.SetupPage{
			Frame: page.Frame{Title: "First administrator"}, MinPassword: access.MinPasswordRunes, Name: "anna",
			Wrong: []fault.Detail{{Item: "password", Message: "The password needs at least 15 characters; a few unrelated words are easy to remember."}}}},
	}
	states = append(states, passwordLinkStates()...)
	well := admin.Status(admin.Report{RegistryUp: true, WarehouseUp: true, DataAsOf: now, BacklogKnown: true}, now)
	return append(states,
		State{Name: "setup-done", Template: "account/setupdone", Role: anonymous, Page: &account.SetupDonePage{Frame: page.Frame{Title: "Already set up"}}},
		State{Name: "session-ending", Template: "admin/status", Role: access.RoleAdministrator, EndsIn: 50 * time.Second, Page: well},
		State{Name: "home-without-page", Template: "account/home", Role: access.RoleAdministrator, Page: &account.HomePage{Frame: page.Frame{Title: "Home"}}})
}

func adminStates() []State {
	well := admin.Report{RegistryUp: true, WarehouseUp: true, Confinement: "landlock (ABI 7), seccomp, network namespace", DataAsOf: now, BacklogKnown: true}
	down := well
	down.WarehouseUp, down.Waiting, down.DataAsOf, down.Confinement = false, 37, now.Add(-40*time.Minute), ""
	comparing := well
	comparing.WarehouseUp = false
	comparing.WarehouseSays = "the data are being compared with the record, so no question about them is answered yet (ClickHouse was restarted); ask again in a minute"
	damaged := well
	damaged.Damage = "not as written: journal row 1204, session row 88. What the warehouse has of these rows is kept; restore them from a backup of the registry"
	return []State{
		{Name: "admin-status", Template: "admin/status", Role: access.RoleAdministrator, Page: admin.Status(well, now)},
		{Name: "admin-status-down", Template: "admin/status", Role: access.RoleAdministrator, Page: admin.Status(down, now)},
		{Name: "admin-status-comparing", Template: "admin/status", Role: access.RoleAdministrator, Page: admin.Status(comparing, now)},
		{Name: "admin-status-damaged", Template: "admin/status", Role: access.RoleAdministrator, Page: admin.Status(damaged, now)},
	}
}

func errorStates() []State {
	anonymous, clinician := access.RoleAnonymous, access.RoleClinician
	return []State{
		{Name: "error-not-found", Role: anonymous, Err: fault.NotFound("path", "there is no such page")},
		{Name: "error-forbidden", Role: clinician, Err: fault.Forbidden("permission", "your role does not include this page")},
		{Name: "error-sign-in", Role: anonymous, Err: fault.New(fault.KindUnauthenticated, "session", "sign in to see this page")},
		{Name: "error-unavailable", Role: clinician, Err: fault.Unavailable("registry", nil, "the registry cannot be written")},
		{Name: "error-internal", Role: access.RolePatientLink, Err: errors.New("canned")},
	}
}
