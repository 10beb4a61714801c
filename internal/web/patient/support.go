package patient

import (
	"context"
	"time"

	"github.com/labstack/echo/v4"

	"afterglow/internal/crisis"
	"afterglow/internal/instrument"
	"afterglow/internal/safety"
	"afterglow/internal/web/page"
)

// concern is what the safety rules said about the answers, as far as the
// patient's own page needs it.
type concern string

const (
	concernNone       concern = ""
	concernAnswered   concern = "answered"
	concernUnanswered concern = "unanswered"
)

// Support is what stands above the crisis contacts: the words of the safety rule
// that was met, or whose item was left open. It shows no score and no judgement.
type Support struct {
	Heading string
	Words   string
	// Question is the item's own text where the rule has no words of its own.
	Question string
	// Quiet folds the contacts away on pages after the first that showed them.
	Quiet    bool
	Contacts page.Contacts
}

// firstContacts is how many contacts stand open beside a question: on a phone they
// leave room for it.
const firstContacts = 3

// First are the contacts that are shown beside a question.
func (s *Support) First() page.Contacts { return s.Contacts.First(firstContacts) }

// Others are the contacts after those.
func (s *Support) Others() page.Contacts { return s.Contacts.After(firstContacts) }

// worst gives the flag that the page speaks of, nil where there is none: an answer
// counts before an item that was left open, then the higher level.
func worst(flags []instrument.Flag) *instrument.Flag {
	rank := map[instrument.Level]int{instrument.LevelAmber: 1, instrument.LevelRed: 2, instrument.LevelCritical: 3}
	var found *instrument.Flag
	for i := range flags {
		f := &flags[i]
		if found == nil || f.Value != nil && (found.Value == nil || rank[f.Level] > rank[found.Level]) {
			found = f
		}
	}
	return found
}

// concernOf says whether the patient's page must show contacts, and in which words.
func concernOf(flags []instrument.Flag) concern {
	switch f := worst(flags); {
	case f == nil:
		return concernNone
	case f.Value != nil:
		return concernAnswered
	}
	return concernUnanswered
}

// told are the flags that the answers so far show: an item counts as left open
// only when the person passed it.
func told(d *instrument.Definition, answers instrument.Answers) []instrument.Flag {
	var flags []instrument.Flag
	for _, f := range d.Flags(answers) {
		if _, passed := answers[f.Item]; passed || f.Value != nil {
			flags = append(flags, f)
		}
	}
	return flags
}

// support gives the words for a concern about a rule of a questionnaire; nil where
// there is none.
func (p *Pages) support(d *instrument.Definition, rule string, found concern) *Support {
	if found == concernNone {
		return nil
	}
	shown := &Support{Contacts: p.contacts}
	words := func(heading, answered, unanswered string) {
		shown.Heading, shown.Words = heading, unanswered
		if found == concernAnswered {
			shown.Words = answered
		}
	}
	general(p.general, words)
	if d == nil {
		return shown
	}
	r, known := d.SafetyRule(rule)
	switch {
	case !known:
	case r.Words != nil:
		words(r.Words.Heading.In(lang), r.Words.Answered.In(lang), r.Words.Unanswered.In(lang))
	default:
		if item, ok := d.Item(r.Item); ok {
			shown.Question = item.Text.In(lang)
		}
	}
	return shown
}

func general(w *crisis.Words, words func(heading, answered, unanswered string)) {
	if w != nil {
		words(w.Heading.In(lang), w.Answered.In(lang), w.Unanswered.In(lang))
	}
}

// supportFor gives the words for the flags of a set of answers; nil where there
// are none.
func (p *Pages) supportFor(d *instrument.Definition, flags []instrument.Flag) *Support {
	f := worst(flags)
	if f == nil {
		return nil
	}
	return p.support(d, f.Rule, concernOf(flags))
}

// supportBeside is supportFor on a page between the questions: quiet, unless it is
// the page right after the item.
func (p *Pages) supportBeside(d *instrument.Definition, answers instrument.Answers, number int, now bool) *Support {
	flags := told(d, answers)
	shown := p.supportFor(d, flags)
	if shown == nil || now {
		return shown
	}
	shown.Quiet = true
	if asked := d.Asked(answers); number >= 2 && number-2 < len(asked) {
		for _, f := range flags {
			if f.Item == asked[number-2] {
				shown.Quiet = false
			}
		}
	}
	return shown
}

// rosterPatience bounds how long a page with crisis contacts waits to say who is
// on call.
const rosterPatience = 500 * time.Millisecond

// whoSees says who is told and when somebody is on call, as the roster has it. A
// roster that cannot be read now costs the page that sentence and nothing else.
func (p *Pages) whoSees(c echo.Context) WhoSees {
	if p.safety == nil {
		return WhoSees{}
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), rosterPatience)
	defer cancel()
	now := p.now()
	cover, err := p.safety.CoverAt(ctx, now, p.zone)
	if err != nil {
		return WhoSees{}
	}
	return NewWhoSees(cover, now, p.zone)
}

// WhoSees is when somebody is on call. The zero value says nothing of it.
type WhoSees struct {
	// Always, Until and From: somebody always is, is until then, is from then on.
	Always bool
	Until  string
	From   string
}

// NewWhoSees puts the cover at a moment into words.
func NewWhoSees(cover safety.Cover, now time.Time, zone *time.Location) WhoSees {
	switch {
	case !cover.Known:
		return WhoSees{}
	case cover.Changes == nil:
		return WhoSees{Always: true}
	}
	at := page.Clock(*cover.Changes, zone)
	if cover.Changes.In(zone).Format(time.DateOnly) != now.In(zone).Format(time.DateOnly) {
		at += cover.Changes.In(zone).Format(" on Monday 2 January")
	}
	if cover.Now {
		return WhoSees{Until: at}
	}
	return WhoSees{From: at}
}
