package patient

import "afterglow/internal/web/page"

// NoticeVersion names the words of the notice; whoever changes them changes it,
// and everyone is asked again.
const NoticeVersion = "2026-11-1"

// NoticePoints is what a patient accepts before first use.
var NoticePoints = []string{
	"Answers are not watched live. In an emergency, call one of the numbers below.",
	"You may leave any question open. A question left open is kept as not answered, never as zero.",
	"Your answers are saved as you go, and this browser can resume them from the same link until you send.",
	"The link is yours alone: whoever has it can fill in these questions, but sees nothing you answered on another device.",
}

// The sentences that more than one page says.
const (
	ChooseFirst  = "Choose an answer, or press ‘Prefer not to answer’."
	SafetyNotice = "Nobody reads this at the moment you answer."
)

// The notices after something could not be stored.
var (
	NoCookie = page.Notice{Kind: page.NoticeWarning, Text: "Your browser did not return the cookie that this page needs to save your answers one by one. So here are all the questions on one page. What you just chose is filled in. Please answer on this page and press Send. If you leave the page, what you chose is lost."}
	NotSaved = page.Notice{Kind: page.NoticeError, Text: "Your answer is still here, but could not be saved at the moment. Wait a little, then press the button again."}
	NotSent  = page.Notice{Kind: page.NoticeError, Text: "Your answers are still here, but could not be received at the moment. Wait a little, then press Send again; they will be counted once."}
	Changed  = page.Notice{Kind: page.NoticeWarning, Text: "One of these answers was changed in another window after you opened this page. Nothing was sent yet. Check your answers again, then press Send."}
	NotRight = page.Notice{Kind: page.NoticeError, Text: "Some answers do not fit their questions. Change the ones without an answer, then send again."}
)
