// Package patient holds the pages that a patient sees: the notice, the form one
// question at a time, the review, the receipt, and the crisis contacts. Floor: face.
//
// It must not show a score, a band or anything answered on an earlier occasion,
// and it works without JavaScript.
package patient

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"afterglow/internal/access"
	"afterglow/internal/crisis"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/safety"
	"afterglow/internal/web/page"
)

// Config is what the pages work with.
type Config struct {
	Intake      *intake.Service
	Instruments *instrument.Library
	Renderer    *page.Renderer
	Contacts    page.Contacts
	// Words stand above the contacts where a safety rule has none of its own.
	Words *crisis.Words
	// Safety says who is on call, by the clock of Zone.
	Safety *safety.Service
	Now    func() time.Time
	Zone   *time.Location
	// HTTPS is whether the site's own address is https.
	HTTPS bool
}

// Pages handles the patient's routes.
type Pages struct {
	intake      *intake.Service
	instruments *instrument.Library
	renderer    *page.Renderer
	contacts    page.Contacts
	general     *crisis.Words
	safety      *safety.Service
	now         func() time.Time
	zone        *time.Location
	formCookie  access.CookieName
	sentCookie  access.CookieName
	sealer      *sealer
}

// New makes the handlers.
func New(c Config) (*Pages, error) {
	sealer, err := newSealer()
	if err != nil {
		return nil, err
	}
	return &Pages{
		intake: c.Intake, instruments: c.Instruments, renderer: c.Renderer, contacts: c.Contacts, sealer: sealer,
		general: c.Words, safety: c.Safety, now: c.Now, zone: c.Zone,
		formCookie: access.FormCookie(c.HTTPS), sentCookie: access.ReceiptCookie(c.HTTPS),
	}, nil
}

// Crisis shows who to call or text. It reads nothing.
func (p *Pages) Crisis(c echo.Context) error {
	return p.renderer.HTML(c, http.StatusOK, "patient/crisis", &CrisisPage{Frame: frame("Help now"), Contacts: p.contacts})
}

func frame(title string) page.Frame { return page.Frame{Title: title, Patient: true} }

// isClosed reports whether an error only says that the link does not open.
func isClosed(err error) bool {
	return fault.Is(err, fault.KindNotFound) || fault.Is(err, fault.KindConflict) || fault.Is(err, fault.KindForbidden)
}

// browserSecrets have 256 bits; the draft of a form can be read only with it.
const browserSecretBytes = 32

// formCookieAge is how long a browser can resume a form, in seconds.
const formCookieAge = 30 * 24 * 3600

// browser gives the secret of this browser, or "".
func (p *Pages) browser(c echo.Context) string {
	cookie, err := c.Request().Cookie(string(p.formCookie))
	if err != nil {
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil || len(raw) != browserSecretBytes {
		return ""
	}
	return cookie.Value
}

// ensureBrowser gives this browser a secret if it has none. That is done before
// the first question is answered, so an answer that comes without it is from a
// browser that gives no cookies back.
func (p *Pages) ensureBrowser(c echo.Context) string {
	if known := p.browser(c); known != "" {
		return known
	}
	value := newBrowserSecret()
	c.SetCookie(p.cookie(p.formCookie, value, formCookieAge))
	return value
}

func newBrowserSecret() string {
	secret := make([]byte, browserSecretBytes)
	rand.Read(secret)
	return base64.RawURLEncoding.EncodeToString(secret)
}

func (p *Pages) cookie(name access.CookieName, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: string(name), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: name.Secure(), SameSite: http.SameSiteLaxMode,
	}
}

// submissionKey is the idempotency key of this form in this browser. It follows
// from the two secrets, so it is the same however often the page is opened or
// the answers are sent, and is stored nowhere.
func submissionKey(token, browser string) string {
	sum := sha256.Sum256([]byte("afterglow form key\x00" + token + "\x00" + browser))
	return "form-" + hex.EncodeToString(sum[:20])
}
