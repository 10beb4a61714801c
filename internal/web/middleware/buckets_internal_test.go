package middleware

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// most is how many buckets there may be, as docs/operations.md says.
const most = 20_000

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// A key's length is the sender's choice; what is kept for it is not.
func TestSR32_WhatIsCountedIsBoundedInBytes(t *testing.T) {
	b := newBuckets(Limit{Burst: 2, PerSecond: 1})
	huge := strings.Repeat("x", 60_000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 3 * most {
		size := 20
		if i%30 == 0 {
			size = len(huge)
		}
		b.take(keyOf(fmt.Sprint(i, huge[:size])), noon.Add(time.Duration(i)*time.Millisecond))
	}
	count, bytes := b.held()
	require.LessOrEqual(t, count, most)
	require.LessOrEqual(t, bytes, 12<<20)
	runtime.GC()
	runtime.ReadMemStats(&after)
	held := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	require.LessOrEqual(t, held, int64(bytes)+1<<20, "what a bucket is said to take at most is what it takes")
	runtime.KeepAlive(b)
}

// A bucket that says something is never forgotten for one that says nothing, nor
// for a new one.
func TestSR31_AFullBucketIsNeverForgotten(t *testing.T) {
	limit := Limit{Burst: 3, PerSecond: 0.001}
	t.Run("while others are idle", func(t *testing.T) {
		b := newBuckets(limit)
		spent := keyOf("spent")
		for range limit.Burst {
			require.Zero(t, b.take(spent, noon))
		}
		require.Positive(t, b.take(spent, noon))
		later := noon.Add(10 * time.Second)
		for i := range 3 * most {
			idle := keyOf(fmt.Sprint(i))
			b.take(idle, later.Add(-2*time.Hour)) // full again by now
		}
		require.Positive(t, b.take(spent, later))
	})
	t.Run("while none is idle, what is new shares one bucket", func(t *testing.T) {
		b := newBuckets(limit)
		for i := range most {
			for range limit.Burst {
				require.Zero(t, b.take(keyOf(fmt.Sprint(i)), noon))
			}
		}
		for i := range limit.Burst {
			require.Zero(t, b.take(keyOf(fmt.Sprint("new", i)), noon))
		}
		require.Positive(t, b.take(keyOf("new one more"), noon))
		for i := range most {
			require.Positive(t, b.take(keyOf(fmt.Sprint(i)), noon), "bucket %d", i)
		}
		count, _ := b.held()
		require.Equal(t, most, count)
	})
}
