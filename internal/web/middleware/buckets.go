package middleware

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// bucketKey stands for whatever is counted. It has a fixed size, so a sender
// decides how many buckets there are and never how large one is.
type bucketKey [16]byte

func keyOf(text string) bucketKey {
	sum := sha256.Sum256([]byte(text))
	return bucketKey(sum[:16])
}

const (
	// maxBuckets bounds the buckets of one class, by address and by target each.
	maxBuckets = 20_000
	// bucketBytes is what one bucket takes at most: key, limiter, list element and
	// the map's share of both.
	bucketBytes = 512
	// chances is how many of the buckets used longest ago are looked at for one
	// that is idle before a new one goes without a place.
	chances = 64
)

// buckets are the token buckets of one class and kind, at most maxBuckets. Only an
// idle bucket, one that is full again and so says nothing, is ever forgotten: a
// sender cannot win attempts back by making others forgotten. What finds no place
// shares one bucket.
type buckets struct {
	mu       sync.Mutex
	known    *simplelru.LRU[bucketKey, *rate.Limiter]
	overflow *rate.Limiter
	limit    Limit
}

func newBuckets(limit Limit) *buckets {
	known, err := simplelru.NewLRU[bucketKey, *rate.Limiter](maxBuckets, nil)
	if err != nil {
		panic(err) // house:panic the size is a constant above zero
	}
	return &buckets{known: known, overflow: newBucket(limit), limit: limit}
}

func newBucket(limit Limit) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(limit.PerSecond), limit.Burst)
}

// take uses one token and gives 0, or says how long until there is one.
func (b *buckets) take(key bucketKey, now time.Time) time.Duration {
	if b.limit.Burst == 0 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	reservation := b.bucket(key, now).ReserveN(now, 1)
	if wait := reservation.DelayFrom(now); wait > 0 {
		reservation.CancelAt(now)
		return wait
	}
	return 0
}

func (b *buckets) bucket(key bucketKey, now time.Time) *rate.Limiter {
	if known, ok := b.known.Get(key); ok {
		return known
	}
	if b.known.Len() >= maxBuckets && !b.forgetIdle(now) {
		return b.overflow
	}
	made := newBucket(b.limit)
	b.known.Add(key, made)
	return made
}

// forgetIdle makes room for one bucket. Those that it passes over go to the newest
// end, so that each call looks at others.
func (b *buckets) forgetIdle(now time.Time) bool {
	for range chances {
		key, oldest, ok := b.known.GetOldest()
		if !ok {
			return true
		}
		if oldest.TokensAt(now) >= float64(b.limit.Burst) {
			return b.known.Remove(key)
		}
		b.known.Get(key)
	}
	return false
}

// held gives how many buckets there are and what they take at most.
func (b *buckets) held() (count, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known.Len(), b.known.Len() * bucketBytes
}
