package patient

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/web/page"
)

// How long, in seconds, a browser can say when it sent its answers, and for how
// long it shows again what they called for: a phone passes through other hands.
const (
	receiptCookieAge = 30 * 24 * 3600
	supportShown     = 10 * time.Minute
)

func (p *Pages) sent(c echo.Context, s intake.Submission, receipt intake.Receipt, asJSON bool) error {
	a := acceptance{Token: s.Token, Receipt: receipt.Receipt, ReceivedAt: receipt.ReceivedAt, Concern: concernOf(receipt.Flags)}
	if f := worst(receipt.Flags); f != nil {
		a.Instrument, a.Version, a.Rule = s.Instrument, s.Version, f.Rule
	}
	if asJSON {
		body := accepted{Receipt: receipt}
		if a.Concern != concernNone {
			body.Crisis = p.contacts.Lines
		}
		if receipt.Replayed {
			return c.JSON(http.StatusOK, body)
		}
		return c.JSON(http.StatusCreated, body)
	}
	sealed, err := p.sealer.seal(a)
	if err != nil {
		return err
	}
	c.SetCookie(p.cookie(p.sentCookie, sealed, receiptCookieAge))
	name, shown := p.receiptPage(c, a)
	return p.renderer.SeeOther(c, "/p/"+pathToken(s.Token)+"/receipt/"+pathToken(receipt.Receipt), name, shown)
}

// receiptPage is the receipt, or the page with crisis contacts. What it adds from
// the stores, what comes next and who is on call, is left out when they are away.
func (p *Pages) receiptPage(c echo.Context, a acceptance) (string, page.Page) {
	if a.Concern == concernNone {
		shown := &ReceiptPage{Frame: frame("Received"), Receipt: a.Receipt, ReceivedAt: a.ReceivedAt, Contacts: p.contacts}
		if next, err := p.intake.NextFor(c.Request().Context(), a.Token); err == nil {
			shown.Next = &next
		}
		return "patient/receipt", shown
	}
	var d *instrument.Definition
	if found, err := p.instruments.Get(a.Instrument, a.Version); err == nil {
		d = found
	}
	return "patient/support", &SupportPage{
		Frame: frame("Help now"), Token: a.Token, Receipt: a.Receipt, ReceivedAt: a.ReceivedAt,
		Support: p.support(d, a.Rule, a.Concern), WhoSees: p.whoSees(c),
	}
}

// acceptedHere is what this browser sent from a link, by its sealed cookie.
func (p *Pages) acceptedHere(c echo.Context, token string) (acceptance, bool) {
	cookie, err := c.Request().Cookie(string(p.sentCookie))
	if err != nil {
		return acceptance{}, false
	}
	return p.sealer.open(cookie.Value, token)
}

// Receipt confirms to the browser that sent the answers, without reading any
// store, that they were received. Any other browser with the link and the
// receipt sees when they were received, and nothing of what they were.
func (p *Pages) Receipt(c echo.Context) error {
	token, receipt := c.Param("token"), c.Param("receipt")
	if a, ok := p.acceptedHere(c, token); ok && a.Receipt == receipt {
		if c.QueryParam("go") == "on" || !p.now().Before(a.ReceivedAt.Add(supportShown)) {
			a.Concern = concernNone
		}
		name, shown := p.receiptPage(c, a)
		return p.renderer.HTML(c, http.StatusOK, name, shown)
	}
	found, _, err := p.intake.ReceiptFor(c.Request().Context(), token, receipt)
	switch {
	case isClosed(err):
		return p.closed(c, http.StatusNotFound)
	case err != nil:
		return err
	}
	name, shown := p.receiptPage(c, acceptance{Token: token, Receipt: found.Receipt, ReceivedAt: found.ReceivedAt})
	return p.renderer.HTML(c, http.StatusOK, name, shown)
}

// sentAt is when this browser sent its answers from a link; zero where it did not,
// or cannot show it. The sealed cookie says so or, after a restart of the server,
// the key that the browser's secret gives.
func (p *Pages) sentAt(c echo.Context, token string) time.Time {
	if a, ok := p.acceptedHere(c, token); ok {
		return a.ReceivedAt
	}
	browser := p.browser(c)
	if browser == "" {
		return time.Time{}
	}
	found, sent, err := p.intake.SentBy(c.Request().Context(), token, submissionKey(token, browser))
	if err != nil || !sent {
		return time.Time{}
	}
	return found.ReceivedAt
}

// closed renders the page for a link that does not open. The browser that sent the answers is told
// when. To any other a link that was answered, has ended, is not offered or never
// was is the same, so that a stranger who finds one learns nothing from it; only
// the status of a POST keeps the contract.
func (p *Pages) closed(c echo.Context, status int) error {
	shown := &ClosedPage{
		Frame: frame("This link is not open"), Unrecorded: c.Request().Method == http.MethodPost, Contacts: p.contacts,
		SentAt: p.sentAt(c, c.Param("token")),
	}
	if !shown.SentAt.IsZero() {
		shown.Title = "Sent already"
		if !shown.Unrecorded {
			status = http.StatusOK
		}
	}
	return p.renderer.HTML(c, status, "patient/closed", shown)
}
