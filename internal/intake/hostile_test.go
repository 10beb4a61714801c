package intake_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/intake"
)

// hostile texts, as they come as keys, tokens, items, versions and languages.
var hostile = []string{
	"", " ", "\x00", "a\x00b", "\xff\xfe", "\u202edrowssap", "\u200b", "é́́́́", "𝔄𝔣𝔱𝔢𝔯", "1e400", "-1e400", "NaN", "9223372036854775808", "0x1F",
	"'; DROP TABLE journal; --", "' OR 1=1 --", "{{.}}", "{{template \"x\"}}", "<script>alert(1)</script>", "../../etc/passwd", "%00", "%s%s%n",
	"${jndi:ldap://x}", "\r\nSet-Cookie: a=b", strings.Repeat("a", 1<<16), strings.Repeat("[", 10_000), strings.Repeat("é", 5000), "null", "[]", "{}",
	"import-btheb-1", "IMPORT-x", "constructor", "__proto__", "10", "9 ", " 9", "９",
}

// refusals are the kinds that a sender may see; anything else would be a 5xx.
var refusals = map[fault.Kind]bool{
	fault.KindInvalid: true, fault.KindNotFound: true, fault.KindConflict: true,
}

var numbers = []int{-1 << 31, -1, 0, 1, 2, 3, 4, 1 << 31, 1<<62 + 1}

// TestSR26_NoSubmissionCausesAnInternalError sends ten thousand hostile
// submissions: every one is refused with a reason or accepted, and the journal
// holds the accepted ones.
func TestSR26_NoSubmissionCausesAnInternalError(t *testing.T) {
	b := setup(t, 400)
	random := rand.New(rand.NewPCG(26, 0))
	pick := func(good string) string {
		if random.IntN(4) > 0 {
			return good
		}
		return hostile[random.IntN(len(hostile))]
	}
	accepted := map[string]bool{}
	var all sync.WaitGroup
	var mu sync.Mutex
	senders := make(chan struct{}, 64)
	for i := range 10_000 {
		patient := random.IntN(len(b.patients))
		sub := b.submission(patient, pick(fmt.Sprintf("key-%d", i)), answers(random.IntN(4)))
		sub.Token, sub.Version, sub.Language = pick(sub.Token), pick(sub.Version), pick(sub.Language)
		sub.Instrument = pick(sub.Instrument)
		if random.IntN(3) == 0 {
			sub.Answers[pick("9")] = &numbers[random.IntN(len(numbers))]
		}
		if random.IntN(50) == 0 {
			sub.Answers = nil
		}
		if random.IntN(20) == 0 {
			far := time.Unix(random.Int64N(1<<36)-1<<35, 0)
			sub.ClaimedAt = &far
		}
		senders <- struct{}{}
		all.Go(func() {
			defer func() { <-senders }()
			receipt, err := b.service.Accept(ctx, sub)
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				accepted[receipt.Receipt] = true
				return
			}
			assert.True(t, refusals[fault.KindOf(err)], "submission %d: %v", i, err)
			assert.Less(t, len(err.Error()), 2000, "a refusal does not repeat what was sent")
		})
	}
	all.Wait()
	rows := b.rows(t)
	require.Len(t, rows, len(accepted))
	for _, r := range rows {
		require.True(t, accepted[r.Receipt])
	}
	require.NoError(t, b.store.CheckIntegrity(ctx))
}

func TestSR26_NoLinkCausesAnInternalError(t *testing.T) {
	b := setup(t, 1)
	for _, text := range hostile {
		_, err := b.service.OpenForm(ctx, text, text)
		require.True(t, refusals[fault.KindOf(err)], "%v", err)
		_, _, err = b.service.LoadDraft(ctx, text, text)
		require.True(t, refusals[fault.KindOf(err)], "%v", err)
		_, _, err = b.service.ReceiptFor(ctx, b.patients[0].Token, text)
		require.True(t, refusals[fault.KindOf(err)], "%v", err)
		err = b.service.SaveDraft(ctx, b.patients[0].Token, intake.DraftPage{Browser: text + strings.Repeat("x", 16), Answers: instrument.Answers{text: instrument.Answer(0)}})
		require.True(t, err == nil || refusals[fault.KindOf(err)], "%v", err)
	}
}

// TestSR23_ValidAnswersAreTakenAndInvalidOnesRefused draws answers item by item;
// what makes a draw invalid is known from how it was drawn.
func TestSR23_ValidAnswersAreTakenAndInvalidOnesRefused(t *testing.T) {
	const each = 1000
	b := setup(t, each)
	random := rand.New(rand.NewPCG(23, 0))
	draw := func() instrument.Answers {
		a := instrument.Answers{}
		for _, item := range b.phq9.Items {
			if random.IntN(5) > 0 {
				a[item.ID] = instrument.Answer(item.Options[random.IntN(len(item.Options))].Value)
			}
		}
		return a
	}
	var all sync.WaitGroup
	for i := range each {
		bad, good := draw(), draw()
		switch random.IntN(3) {
		case 0:
			bad[fmt.Sprint(1+random.IntN(10))] = instrument.Answer(4 + random.IntN(100))
		case 1:
			bad[fmt.Sprint(1+random.IntN(10))] = instrument.Answer(-1 - random.IntN(100))
		default:
			bad[fmt.Sprint(11+random.IntN(100))] = instrument.Answer(0)
		}
		all.Go(func() {
			_, err := b.service.Accept(ctx, b.submission(i, fmt.Sprintf("bad-%d", i), bad))
			assert.True(t, fault.Is(err, fault.KindInvalid), "%v: %v", bad, err)
			_, err = b.service.Accept(ctx, b.submission(i, fmt.Sprintf("good-%d", i), good))
			assert.NoError(t, err)
		})
	}
	all.Wait()
	require.Len(t, b.rows(t), each)
}
