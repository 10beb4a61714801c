package patient

import (
	"embed"
	"time"

	"afterglow/internal/web/page"
)

//go:embed *.html
var files embed.FS

// Templates lists the pages of this folder and the partials they use.
var Templates = page.Templates{
	Folder: "patient",
	Files:  files,
	Pages: map[string][]string{
		"notice":   {"contacts"},
		"question": {},
		"review":   {"contacts"},
		"whole":    {"contacts"},
		"receipt":  {"contacts"},
		"support":  {"contacts"},
		"closed":   {"contacts"},
		"crisis":   {"contacts"},

		"notrecorded": {"contacts"},
	},
}

// NoticePage asks to accept, before first use, that nobody watches live.
type NoticePage struct {
	page.Frame
	Token      string
	Instrument string
	Questions  int
	Version    string
	Points     []string
	Contacts   page.Contacts
}

// QuestionPage shows one item with its recall text and its answers.
type QuestionPage struct {
	page.Frame
	Token  string
	Item   string
	Number int
	Of     int
	// Instruction stands before the first question, where the instrument has one.
	Instruction string
	Stem        string
	Text        string
	Choices     []Choice
	// Skipped is true when the person chose not to answer before.
	Skipped bool
	// Wrong says what keeps the page from going on.
	Wrong string
	// Safety repeats the notice at an item that a safety rule watches.
	Safety string
}

// Choice is one answer of an item.
type Choice struct {
	Value  int
	Label  string
	Chosen bool
}

// ReviewPage shows all answers before they are sent, and sends them.
type ReviewPage struct {
	page.Frame
	Token             string
	Key               string
	InstrumentID      string
	InstrumentVersion string
	Lines             []ReviewLine
	// Open counts the items without an answer.
	Open   int
	Credit string
	// Contacts are shown when answers that met a safety rule could not be
	// received.
	Contacts page.Contacts
}

// ReviewLine is one item; Answer and Value are empty when it has no answer.
type ReviewLine struct {
	Item   string
	Number int
	Text   string
	Answer string
	Value  string
}

// ReceiptPage confirms that answers were received.
type ReceiptPage struct {
	page.Frame
	Receipt string
	// ReceivedAt is the server's time of the commit.
	ReceivedAt time.Time
	// Contacts stand on every receipt: a browser without cookies, a second tab or
	// a reload must lead to them too, and a list that everybody gets tells nothing.
	Contacts page.Contacts
}

// SupportPage is what someone sees whose answers met a safety rule, or left its
// item open. It shows no score and no judgement.
type SupportPage struct {
	page.Frame
	Token      string
	Receipt    string
	ReceivedAt time.Time
	// Answered is true when the item was answered, false when it was left open.
	Answered bool
	WhoSees  string
	Contacts page.Contacts
}

// ClosedPage is the one answer to a link that does not open anything.
type ClosedPage struct {
	page.Frame
	// Unrecorded is true when the request brought an answer, which is not kept.
	Unrecorded bool
	Contacts   page.Contacts
}

// NotRecordedPage answers a whole set of answers that came when the form takes
// none.
type NotRecordedPage struct {
	page.Frame
	// Earlier is true when other answers were recorded before, and Same when these
	// very ones were.
	Earlier bool
	Same    bool
	// Flagged is true when the answers met a safety rule or left its item open;
	// Answered tells the one from the other.
	Flagged  bool
	Answered bool
	WhoSees  string
	Contacts page.Contacts
}

// CrisisPage lists whom to call or text; it is made at the start and served
// always.
type CrisisPage struct {
	page.Frame
	Contacts page.Contacts
}
