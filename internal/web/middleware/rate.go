package middleware

import (
	"container/list"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"
)

// RateClass names how often a route may be used.
type RateClass string

// The classes. Unlimited is for what must answer always and costs next to
// nothing: crisis contacts, health, assets.
const (
	RateUnlimited RateClass = "unlimited"
	RateLink      RateClass = "link"
	RateSignIn    RateClass = "sign-in"
	RateStaff     RateClass = "staff"
)

// Limit is a token bucket: Burst at once, then PerSecond.
type Limit struct {
	Burst     int
	PerSecond float64
}

// ClassLimit holds the buckets of one class, by client address and by target
// (a link's secret, an account).
type ClassLimit struct {
	PerAddress Limit
	PerTarget  Limit
}

// DefaultLimits are our own choice. A waiting room may share one address, so
// the address bucket of links is wide; sign-in is narrow, because each attempt
// costs 19 MiB and some 50 ms.
var DefaultLimits = map[RateClass]ClassLimit{
	RateLink:   {PerAddress: Limit{Burst: 5000, PerSecond: 500}, PerTarget: Limit{Burst: 2000, PerSecond: 5}},
	RateSignIn: {PerAddress: Limit{Burst: 60, PerSecond: 1}, PerTarget: Limit{}},
	RateStaff:  {PerAddress: Limit{Burst: 1000, PerSecond: 100}, PerTarget: Limit{Burst: 300, PerSecond: 20}},
}

// maxBuckets bounds the memory of the limiter: the bucket not used for longest
// is forgotten first.
const maxBuckets = 20_000

// RateLimiter counts requests in memory, with a bound on how many buckets it
// keeps.
type RateLimiter struct {
	limits    map[RateClass]ClassLimit
	addresses Addresses
	now       func() time.Time

	mu      sync.Mutex
	buckets map[bucketKey]*list.Element
	recent  *list.List
}

type bucketKey struct {
	class RateClass
	key   string
}

type bucket struct {
	key     bucketKey
	limiter *rate.Limiter
}

// NewRateLimiter makes a limiter with the given limits and clock.
func NewRateLimiter(limits map[RateClass]ClassLimit, addresses Addresses, now func() time.Time) *RateLimiter {
	return &RateLimiter{
		limits: limits, addresses: addresses, now: now,
		buckets: map[bucketKey]*list.Element{}, recent: list.New(),
	}
}

// Guard refuses with 429 and Retry-After what goes beyond the class's limits.
//
// A loopback peer has no address bucket on links: it is this machine, or a
// proxy on it that was not configured, and then everyone would share a bucket.
// The bucket of the link itself holds for it too.
func (l *RateLimiter) Guard(class RateClass) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		limit, limited := l.limits[class]
		if !limited {
			return next
		}
		return func(c echo.Context) error {
			addr := l.addresses.Client(c.Request())
			if !(class == RateLink && addr.IsLoopback()) {
				if wait := l.take(bucketKey{class, "a:" + bucketAddress(addr)}, limit.PerAddress); wait > 0 {
					return TooMany(c, wait)
				}
			}
			if target := targetOf(c); target != "" {
				if wait := l.take(bucketKey{class, "t:" + target}, limit.PerTarget); wait > 0 {
					return TooMany(c, wait)
				}
			}
			return next(c)
		}
	}
}

// targetOf is whose bucket a request counts against: the link it shows or the
// account it comes from.
func targetOf(c echo.Context) string {
	if token := c.Param("token"); token != "" {
		return token
	}
	return Caller(c).AccountID
}

// TooMany is the refusal of a request that came too soon.
func TooMany(c echo.Context, wait time.Duration) error {
	c.Response().Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	return echo.NewHTTPError(http.StatusTooManyRequests)
}

// take uses one token and gives 0, or says how long until there is one.
func (l *RateLimiter) take(key bucketKey, limit Limit) time.Duration {
	if limit.Burst == 0 {
		return 0
	}
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	element, known := l.buckets[key]
	if known {
		l.recent.MoveToFront(element)
	} else {
		if l.recent.Len() >= maxBuckets {
			oldest := l.recent.Remove(l.recent.Back()).(*bucket)
			delete(l.buckets, oldest.key)
		}
		element = l.recent.PushFront(&bucket{key, rate.NewLimiter(rate.Limit(limit.PerSecond), limit.Burst)})
		l.buckets[key] = element
	}
	reservation := element.Value.(*bucket).limiter.ReserveN(now, 1)
	if wait := reservation.DelayFrom(now); wait > 0 {
		reservation.CancelAt(now)
		return wait
	}
	return 0
}
