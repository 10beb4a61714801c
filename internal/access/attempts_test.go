package access_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
	"afterglow/internal/fault"
	"afterglow/internal/registry"
)

const wrongPassword = "a wrong password, number one"

func (b bundle) count(t *testing.T, action string) (n int) {
	t.Helper()
	require.NoError(t, b.store.EachAuditEntry(t.Context(), 0, func(e registry.AuditEntry) error {
		if e.Action == action {
			n++
		}
		return nil
	}))
	return n
}

// try makes one attempt with a wrong password and gives its refusal.
func (b bundle) try(t *testing.T, name, place string) error {
	t.Helper()
	_, err := b.Enter(t.Context(), access.Attempt{Name: name, Password: wrongPassword, Place: place})
	require.Error(t, err)
	return err
}

// comesIn waits as it is told and tries again with the right password until it is
// judged; it gives how long that took.
func (b bundle) comesIn(t *testing.T, a access.Attempt) (time.Duration, error) {
	t.Helper()
	began := b.clock.Now()
	for {
		_, err := b.Enter(t.Context(), a)
		var early *access.TooSoonError
		if !errors.As(err, &early) {
			return b.clock.Now().Sub(began), err
		}
		require.Positive(t, early.Wait)
		b.clock.Advance(early.Wait)
	}
}

func TestSR43_KnownAndUnknownPeopleAreAnsweredAlike(t *testing.T) {
	b := setup(t, cheap)
	b.account(t, "anna", access.RoleClinician)
	for attempt := range 8 {
		var known, unknown error
		forKnown := b.hashes.since(func() { known = b.try(t, "anna", "") })
		forUnknown := b.hashes.since(func() { unknown = b.try(t, "nobody", "") })
		require.Equal(t, known.Error(), unknown.Error(), "attempt %d", attempt+1)
		require.Equal(t, fault.KindOf(known), fault.KindOf(unknown))
		require.Equal(t, forKnown, forUnknown, "attempt %d: the same work", attempt+1)
		if attempt == 0 {
			require.Equal(t, 1, forUnknown, "an unknown name costs a hash")
		}
	}
}

// Every wait, from the first attempt on: none for what people mistype, then
// doubling, never beyond a minute and never shorter again.
func TestSR47_TheWaitsBetweenAttempts(t *testing.T) {
	b := setup(t, cheap)
	b.account(t, "anna", access.RoleClinician)
	var waits []time.Duration
	for len(waits) < 40 {
		err := b.try(t, "anna", "")
		var early *access.TooSoonError
		if !errors.As(err, &early) {
			waits = append(waits, 0)
			continue
		}
		waits[len(waits)-1] = early.Wait
		b.clock.Advance(early.Wait - time.Millisecond)
		require.ErrorAs(t, b.try(t, "anna", ""), &early, "not a moment before")
		b.clock.Advance(time.Millisecond)
	}
	const s = time.Second
	require.Equal(t, []time.Duration{0, 0, 0, 0, 1 * s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s}, waits[:12])
	for _, wait := range waits[12:39] {
		require.Equal(t, time.Minute, wait)
	}
}

func TestSR47_WrongAttemptsAreSlowedThenStopped(t *testing.T) {
	b := setup(t, cheap)
	b.account(t, "anna", access.RoleClinician)
	for range 100 {
		b.clock.Advance(time.Minute)
		require.Equal(t, fault.KindUnauthenticated, fault.KindOf(b.try(t, "anna", "")))
	}
	b.clock.Advance(time.Minute)
	_, err := b.SignIn(t.Context(), "anna", goodPassword)
	require.Equal(t, fault.KindUnauthenticated, fault.KindOf(err), "attempt 101 with the right password")
	require.Equal(t, 1, b.count(t, "sign-in-stopped"))
	require.Equal(t, 1, b.count(t, "sign-in-attacked"))

	t.Run("somebody at the machine opens it", func(t *testing.T) {
		require.NoError(t, b.Unlock(t.Context(), command, "anna"))
		require.Equal(t, 1, b.count(t, "sign-in-unlocked"))
		b.signedIn(t)
	})
	t.Run("or a day does, however often a stranger comes meanwhile", func(t *testing.T) {
		for range 100 {
			b.clock.Advance(time.Minute)
			b.try(t, "anna", "")
		}
		for range 23 {
			b.clock.Advance(time.Hour)
			_, err := b.SignIn(t.Context(), "anna", goodPassword)
			require.Error(t, err)
		}
		b.clock.Advance(time.Hour)
		_, err := b.comesIn(t, access.Attempt{Name: "anna", Password: goodPassword})
		require.NoError(t, err)
	})
}

// A stranger who never stops, from one place or from many, does not keep the
// person out who comes from another place or with the browser they always use.
func TestSR47_AStrangerCannotLockAPersonOut(t *testing.T) {
	for name, places := range map[string]int{"from one place": 1, "from sixty places": 60} {
		attacked := func(t *testing.T) (b bundle, mark string, attack func()) {
			b = setup(t, cheap)
			b.account(t, "anna", access.RoleAdministrator)
			usual, err := b.Enter(t.Context(), access.Attempt{Name: "anna", Password: goodPassword, Place: "home"})
			require.NoError(t, err)
			attack = func() {
				for i := range places {
					b.try(t, "anna", fmt.Sprint("stranger ", i))
				}
			}
			for range 120/places + 1 {
				b.clock.Advance(time.Minute)
				attack()
			}
			return b, usual.Mark, attack
		}
		t.Run(name+", the usual browser gets in at once", func(t *testing.T) {
			b, mark, _ := attacked(t)
			_, err := b.Enter(t.Context(), access.Attempt{Name: "anna", Password: goodPassword, Place: "stranger 0", Mark: mark})
			require.NoError(t, err, "even from the stranger's own address")
		})
		t.Run(name+", a new place gets in after one wait", func(t *testing.T) {
			b, _, attack := attacked(t)
			owner := access.Attempt{Name: "anna", Password: goodPassword, Place: "a hotel"}
			_, err := b.Enter(t.Context(), owner)
			var early *access.TooSoonError
			require.ErrorAs(t, err, &early)
			require.Equal(t, time.Minute, early.Wait)
			for range 6 {
				b.clock.Advance(10 * time.Second)
				attack()
			}
			_, err = b.Enter(t.Context(), owner)
			require.NoError(t, err, "a minute later, while the attack goes on")
		})
	}
}

func TestAMarkIsForOneAccountAndPasswordOnly(t *testing.T) {
	b := setup(t, cheap)
	b.account(t, "anna", access.RoleClinician)
	b.account(t, "ben", access.RoleClinician)
	anna, err := b.Enter(t.Context(), access.Attempt{Name: "anna", Password: goodPassword, Place: "home"})
	require.NoError(t, err)
	attacked := func(name, mark string) error {
		require.NoError(t, b.Unlock(t.Context(), command, name))
		for i := range 50 {
			b.try(t, name, fmt.Sprint("stranger ", i))
		}
		_, err := b.Enter(t.Context(), access.Attempt{Name: name, Password: goodPassword, Place: "away", Mark: mark})
		return err
	}
	require.NoError(t, attacked("anna", anna.Mark))
	var early *access.TooSoonError
	for _, mark := range []string{"", "x", anna.Mark + "A", anna.Mark[:20] + "AAAA" + anna.Mark[24:], "=====", string(make([]byte, 5000))} {
		require.ErrorAs(t, attacked("anna", mark), &early, "%q", mark)
	}
	require.ErrorAs(t, attacked("ben", anna.Mark), &early, "another account's mark")
	link, err := b.Reset(t.Context(), command, "anna")
	require.NoError(t, err)
	require.NoError(t, b.SetPassword(t.Context(), link.Token, goodPassword))
	require.ErrorAs(t, attacked("anna", anna.Mark), &early, "a mark from before the reset")
	t.Run("and its own wrong attempts are slowed and stopped", func(t *testing.T) {
		ben, err := b.comesInWithMark(t)
		require.NoError(t, err)
		for range 100 {
			b.clock.Advance(time.Minute)
			_, err := b.Enter(t.Context(), access.Attempt{Name: "ben", Password: wrongPassword, Mark: ben.Mark})
			require.Equal(t, fault.KindUnauthenticated, fault.KindOf(err))
		}
		b.clock.Advance(time.Minute)
		_, err = b.Enter(t.Context(), access.Attempt{Name: "ben", Password: goodPassword, Mark: ben.Mark})
		require.Equal(t, fault.KindUnauthenticated, fault.KindOf(err))
	})
}

func (b bundle) comesInWithMark(t *testing.T) (access.Admission, error) {
	t.Helper()
	require.NoError(t, b.Unlock(t.Context(), command, "ben"))
	return b.Enter(t.Context(), access.Attempt{Name: "ben", Password: goodPassword, Place: "home"})
}

// Of attempts at one moment no more are judged than of as many made one after the
// other: each is counted before it is judged, the right password too.
func TestSR47_AttemptsAtTheSameMomentAllCount(t *testing.T) {
	b := setup(t, cheap)
	b.account(t, "anna", access.RoleClinician)
	together := func(passwords ...string) (judged, early, admitted int) {
		var mu sync.Mutex
		var group sync.WaitGroup
		judged = b.hashes.since(func() {
			for _, password := range passwords {
				group.Go(func() {
					_, err := b.SignIn(t.Context(), "anna", password)
					var soon *access.TooSoonError
					mu.Lock()
					defer mu.Unlock()
					if errors.As(err, &soon) {
						early++
					}
					if err == nil {
						admitted++
					}
				})
			}
			group.Wait()
		})
		return judged, early, admitted
	}
	thirty := make([]string, 30)
	for i := range thirty {
		thirty[i] = wrongPassword
	}
	judged, early, admitted := together(thirty...)
	require.Equal(t, []int{5, 25, 0}, []int{judged, early, admitted})
	require.Equal(t, 5, b.run(t, "anna").Count)

	// The right one among them is told to wait like the others.
	thirty[29] = goodPassword
	judged, early, admitted = together(thirty...)
	require.Equal(t, []int{0, 30, 0}, []int{judged, early, admitted})

	b.clock.Advance(time.Minute)
	judged, early, _ = together(thirty[:29]...)
	require.Equal(t, []int{1, 28}, []int{judged, early}, "after a wait one is judged")
	require.Equal(t, 6, b.run(t, "anna").Count)

	// The last of the hundred: of thirty at one moment one is judged, and then none.
	for b.run(t, "anna").Count < 99 {
		b.clock.Advance(time.Minute)
		b.try(t, "anna", "")
	}
	b.clock.Advance(time.Minute)
	together(thirty[:29]...)
	require.Equal(t, 100, b.run(t, "anna").Count)
	b.clock.Advance(time.Minute)
	_, err := b.SignIn(t.Context(), "anna", goodPassword)
	require.Equal(t, fault.KindUnauthenticated, fault.KindOf(err))
}

func (b bundle) run(t *testing.T, name string) registry.Failures {
	t.Helper()
	run, err := b.store.Failures(t.Context(), registry.Subject{Name: name})
	require.NoError(t, err)
	return run
}

// Wrong attempts stamped while the clock was ahead make nobody wait until it is
// there again.
func TestSR18_AClockThatWasAheadMakesNobodyWaitForIt(t *testing.T) {
	const ahead = 48 * time.Hour
	b := setup(t, cheap)
	b.account(t, "anna", access.RoleClinician)
	b.clock.Advance(ahead)
	for range 5 {
		b.try(t, "anna", "")
	}
	b.clock.Advance(-ahead)
	waited, err := b.comesIn(t, access.Attempt{Name: "anna", Password: goodPassword})
	require.NoError(t, err)
	require.LessOrEqual(t, waited, time.Minute)
}

// However many names strangers try, the rows that count them are bounded, and the
// run of an account is not among those forgotten.
func TestSR32_NamesThatStrangersTryDoNotGrowTheRegistry(t *testing.T) {
	b := setup(t, cheap)
	b.account(t, "anna", access.RoleClinician)
	for range 5 {
		b.try(t, "anna", "")
	}
	const tried = registry.MaxFailureRows + 300
	require.NoError(t, b.store.Write(t.Context(), registry.System("test"), func(tx *registry.Tx) error {
		for i := range tried {
			for class, subject := range map[registry.FailureClass]registry.Subject{
				registry.FailuresOfNobody: {Name: fmt.Sprint("name", i)}, registry.FailuresOfPlace: {Name: "ben", Place: fmt.Sprint("place", i)},
			} {
				if _, err := tx.CountFailure(subject, class, time.Hour); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	for _, class := range []registry.FailureClass{registry.FailuresOfNobody, registry.FailuresOfPlace} {
		rows, err := b.store.FailureRows(t.Context(), class)
		require.NoError(t, err)
		require.LessOrEqual(t, rows, registry.MaxFailureRows)
	}
	require.Equal(t, 5, b.run(t, "anna").Count)
	b.clock.Advance(31 * 24 * time.Hour)
	require.NoError(t, b.Forget(t.Context()))
	require.Zero(t, b.run(t, "anna").Count, "a month later it is forgotten")
}

// What is refused is in the trail as counts: however much a stranger sends, one
// event a class of routes.
func TestSR103_RefusalsAreCountedInTheTrail(t *testing.T) {
	b := setup(t, cheap)
	for range 5000 {
		b.CountRefusal("sign-in", access.RefusedSignIn)
		b.CountRefusal("link", access.RefusedTooMany)
	}
	require.NoError(t, b.RecordRefusals(t.Context()))
	require.NoError(t, b.RecordRefusals(t.Context()))
	details := map[string]string{}
	require.NoError(t, b.store.EachAuditEntry(t.Context(), 0, func(e registry.AuditEntry) error {
		if e.Action == "requests-refused" {
			require.NotContains(t, details, e.Subject)
			details[e.Subject] = string(e.Detail)
		}
		return nil
	}))
	require.Equal(t, map[string]string{"sign-in": `{"wrong-sign-in":5000}`, "link": `{"too-many":5000}`}, details)
}
