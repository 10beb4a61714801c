package middleware

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
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

// RateLimiter counts requests in memory. Each class has buckets of its own, by
// address and by target, so the traffic of one class makes none of another
// forgotten.
type RateLimiter struct {
	addresses Addresses
	now       func() time.Time
	classes   map[RateClass]classBuckets
}

type classBuckets struct{ addresses, targets *buckets }

// NewRateLimiter makes a limiter with the given limits and clock.
func NewRateLimiter(limits map[RateClass]ClassLimit, addresses Addresses, now func() time.Time) *RateLimiter {
	l := &RateLimiter{addresses: addresses, now: now, classes: map[RateClass]classBuckets{}}
	for class, limit := range limits {
		l.classes[class] = classBuckets{addresses: newBuckets(limit.PerAddress), targets: newBuckets(limit.PerTarget)}
	}
	return l
}

// Guard refuses with 429 and Retry-After what goes beyond the class's limits.
//
// A loopback peer has no address bucket on links: it is this machine, or a
// proxy on it that was not configured, and then everyone would share a bucket.
// The bucket of the link itself holds for it too.
func (l *RateLimiter) Guard(class RateClass) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		counted, limited := l.classes[class]
		return func(c echo.Context) error {
			addr := l.addresses.Client(c.Request())
			place := bucketAddress(addr)
			c.Set(placeKey, place)
			if !limited {
				return next(c)
			}
			if !(class == RateLink && addr.IsLoopback()) {
				if wait := counted.addresses.take(keyOf(place), l.now()); wait > 0 {
					return TooMany(c, wait)
				}
			}
			if target := targetOf(c); target != "" {
				if wait := counted.targets.take(keyOf(target), l.now()); wait > 0 {
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

// Counted gives how many addresses and targets of a class are kept count of.
func (l *RateLimiter) Counted(class RateClass) [2]int {
	counted, limited := l.classes[class]
	if !limited {
		return [2]int{}
	}
	addresses, _ := counted.addresses.held()
	targets, _ := counted.targets.held()
	return [2]int{addresses, targets}
}
