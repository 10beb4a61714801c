package access

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"math"
	"time"

	"afterglow/internal/registry"
)

// Wrong attempts are counted twice: for the name from one place, and for the name
// from everywhere. Those of one place are slowed, and stopped at a hundred in a
// row. Those of everywhere only make a place that is new wait before its first
// attempt is judged: however many places a stranger has, the person of the account
// gets in from a place of their own, within longestWait. A browser that the
// account signed in with before is a place of its own that no stranger shares, and
// does not wait for what others do.
const (
	// freeAttempts wrong attempts in a row cost no wait: people mistype.
	freeAttempts = 5
	// maxAttempts in a row from one place is where it is judged no more (SR-47).
	maxAttempts = 100
	// stopLasts is how long after its last judged attempt a place stays stopped, so
	// that a person who shares it with a stranger is not locked out for good.
	stopLasts = 24 * time.Hour
	// alarmAttempts in a row from everywhere are an attack on the account.
	alarmAttempts = 50
	// longestWait bounds the wait between attempts, so that a stranger who keeps
	// trying cannot lock the person out for long.
	longestWait = time.Minute
	// runForgotten is the pause after which a run of wrong attempts starts anew.
	runForgotten = 30 * 24 * time.Hour
)

// TooSoonError says that the next attempt for this name must wait.
type TooSoonError struct{ Wait time.Duration }

// Error says how long, in whole seconds.
func (e *TooSoonError) Error() string {
	return fmt.Sprintf("the next attempt may be made in %.0f seconds", math.Ceil(e.Wait.Seconds()))
}

// origin is whose attempt it is and where it comes from.
type origin struct {
	name, place string
	// exists is whether an account has the name; marked is whether the place is a
	// browser that the account signed in with.
	exists, marked bool
}

func (o origin) own() registry.Subject {
	return registry.Subject{Name: o.name, Place: "from " + o.place}
}
func (o origin) everywhere() registry.Subject { return registry.Subject{Name: o.name} }

// countAttempt counts this attempt before it is judged, and refuses one that comes
// too soon. Both happen in one transaction, so of attempts made at the same moment
// no more are judged than of attempts made one after the other. stopped means that
// the place is judged no more: the same work is done, and refused.
func (s *Service) countAttempt(ctx context.Context, from origin) (stopped bool, err error) {
	var early *TooSoonError
	err = s.registry.Write(ctx, registry.System("sign-in"), func(tx *registry.Tx) error {
		var wait time.Duration
		var err error
		stopped, wait, err = s.judge(tx, from)
		if wait > 0 {
			early = &TooSoonError{Wait: wait}
		}
		return err
	})
	switch {
	case err != nil:
		return false, fmt.Errorf("count a sign-in: %w", err)
	case early != nil:
		return false, early
	}
	return stopped, nil
}

func (s *Service) judge(tx *registry.Tx, from origin) (stopped bool, wait time.Duration, err error) {
	own, err := tx.Failures(from.own())
	if err != nil {
		return false, 0, err
	}
	everywhere, err := tx.Failures(from.everywhere())
	if err != nil {
		return false, 0, err
	}
	if own.LastAt.After(tx.Now()) { // the clock was ahead then and is right now
		if err := tx.RestampFailures(from.own()); err != nil {
			return false, 0, err
		}
		own.LastAt = tx.Now()
	}
	since := tx.Now().Sub(own.LastAt)
	if own.Count >= maxAttempts {
		if since < stopLasts {
			return true, 0, nil
		}
		if err := tx.ClearFailures(from.own()); err != nil {
			return false, 0, err
		}
		own = registry.Failures{}
	}
	attacked := !from.marked && everywhere.Count >= alarmAttempts
	switch {
	case attacked && own.Count == 0:
		// Coming once is counted; after the wait the place is judged, whatever
		// other places do meanwhile.
		_, err := tx.CountFailure(from.own(), from.class(), runForgotten)
		return false, longestWait, err
	case attacked && since < longestWait:
		return false, longestWait - since, nil
	case own.Count > 0 && since < waitAfter(own.Count):
		return false, waitAfter(own.Count) - since, nil
	}
	return false, 0, s.count(tx, from)
}

func (o origin) class() registry.FailureClass {
	if o.exists {
		return registry.FailuresOfPlace
	}
	return registry.FailuresOfNobody
}

// count adds the attempt to the runs of its place and, unless the browser is
// known, of everywhere. Where a run reaches its limit the trail and the log say so.
func (s *Service) count(tx *registry.Tx, from origin) error {
	own, err := tx.CountFailure(from.own(), from.class(), runForgotten)
	if err != nil {
		return err
	}
	if own.Count == maxAttempts {
		if err := s.alarm(tx, "sign-in-stopped", from); err != nil {
			return err
		}
	}
	if from.marked {
		return nil
	}
	class := registry.FailuresOfNobody
	if from.exists {
		class = registry.FailuresOfAccount
	}
	everywhere, err := tx.CountFailure(from.everywhere(), class, runForgotten)
	if err != nil || everywhere.Count != alarmAttempts {
		return err
	}
	return s.alarm(tx, "sign-in-attacked", from)
}

// alarm leaves the audit event of a name that is attacked, or judged no more from
// one place.
func (s *Service) alarm(tx *registry.Tx, action string, from origin) error {
	subject, err := s.registry.SubjectHash(from.name)
	if err != nil {
		return err
	}
	s.log.Warn("many wrong sign-ins in a row", "event", action, "subject", subject)
	return tx.Audit(registry.Event{Action: action, SubjectKind: "account-name", Subject: subject})
}

// waitAfter is the wait that follows a number of wrong attempts: none, then
// doubling from a second up to a minute.
func waitAfter(attempts int) time.Duration {
	if attempts < freeAttempts {
		return 0
	}
	wait := longestWait
	if doublings := attempts - freeAttempts; doublings < 6 {
		wait = time.Second << doublings
	}
	return min(wait, longestWait)
}

// MarkDays is how long a browser keeps its mark.
const MarkDays = 90

const markNonceBytes = 16

// newMark makes the browser known that an account has just signed in with. A mark
// holds for this account and this password only, and nothing is stored for it.
func (s *Service) newMark(account registry.Account) (string, error) {
	nonce := make([]byte, markNonceBytes)
	rand.Read(nonce)
	sum, err := s.registry.BrowserMark(string(nonce) + account.Name + "\x00" + account.PasswordHash)
	if err != nil {
		return "", fmt.Errorf("mark a browser: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(append(nonce, sum...)), nil
}

func (s *Service) hasMark(mark, name, passwordHash string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(mark)
	if err != nil || len(raw) <= markNonceBytes {
		return false
	}
	sum, err := s.registry.BrowserMark(string(raw[:markNonceBytes]) + name + "\x00" + passwordHash)
	return err == nil && hmac.Equal(sum, raw[markNonceBytes:])
}
