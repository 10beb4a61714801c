package patient

import (
	"embed"
	"time"

	"afterglow/internal/intake"
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
		"question": {"contacts", "support"},
		"review":   {"contacts", "support"},
		"whole":    {"contacts", "support"},
		"receipt":  {"contacts"},
		"support":  {"contacts", "whosees"},
		"closed":   {"contacts"},
		"crisis":   {"contacts"},

		"notrecorded": {"contacts", "whosees"},
	},
}

// NoticePage asks to accept, before first use, that nobody watches live.
type NoticePage struct {
	page.Frame
	Token      string
	Instrument string
	// Questions are those of the score, or all where there is no other; Further
	// are those beside it.
	Questions int
	Further   int
	Version   string
	Points    []string
	Contacts  page.Contacts
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
	// FromReview is true when the person came back from the review to change this
	// answer, and returns there.
	FromReview bool
	// Support stands above the question once an answer called for it.
	Support *Support
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
	// Support is there when the answers met a safety rule or left its item open.
	Support *Support
}

// ReviewLine is one item; Answer and Value are empty when it has no answer.
type ReviewLine struct {
	Item   string
	Number int
	Text   string
	Answer string
	Value  string
}

// Next is what a course asks next.
type Next = intake.Next

// ReceiptPage confirms that answers were received.
type ReceiptPage struct {
	page.Frame
	Receipt string
	// ReceivedAt is the server's time of the commit.
	ReceivedAt time.Time
	// Next is what the course asks next; nil where that could not be read.
	Next *Next
	// Contacts stand on every receipt: a browser without cookies, a second tab or
	// a reload must lead to them too, and a list that everybody gets tells nothing.
	Contacts page.Contacts
}

// receiptGroup is how many letters of a receipt stand together, to be read aloud.
const receiptGroup = 4

func groups(receipt string) []string {
	var list []string
	for i := 0; i < len(receipt); i += receiptGroup {
		list = append(list, receipt[i:min(i+receiptGroup, len(receipt))])
	}
	return list
}

// Groups are the receipt's letters, a few at a time.
func (p *ReceiptPage) Groups() []string { return groups(p.Receipt) }

// Groups are the receipt's letters, a few at a time.
func (p *SupportPage) Groups() []string { return groups(p.Receipt) }

// SupportPage is what someone sees whose answers met a safety rule, or left its
// item open. It shows no score and no judgement.
type SupportPage struct {
	page.Frame
	Token      string
	Receipt    string
	ReceivedAt time.Time
	Support    *Support
	WhoSees    WhoSees
}

// ClosedPage is the one answer to a link that does not open anything.
type ClosedPage struct {
	page.Frame
	// Unrecorded is true when the request brought an answer, which is not kept.
	Unrecorded bool
	// SentAt is when this browser sent its answers from the link; zero where it did
	// not.
	SentAt   time.Time
	Contacts page.Contacts
}

// NotRecordedPage answers a whole set of answers that came when the form takes
// none.
type NotRecordedPage struct {
	page.Frame
	// Earlier is true when other answers were recorded before, and Same when these
	// very ones were.
	Earlier bool
	Same    bool
	// Support is there when the answers met a safety rule or left its item open.
	Support  *Support
	WhoSees  WhoSees
	Contacts page.Contacts
}

// CrisisPage lists who to call or text; it is made at the start and served
// always.
type CrisisPage struct {
	page.Frame
	Contacts page.Contacts
}
