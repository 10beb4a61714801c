package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"afterglow/internal/access"
	"afterglow/internal/web/middleware"
)

// The bounds of one connection.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 120 * time.Second
	maxHeaderBytes    = 64 << 10
	drainTimeout      = 30 * time.Second
)

// How long one body may take to arrive, and how long a request waits for its turn.
const (
	bodyPatience    = 10 * time.Second
	waitingPatience = 5 * time.Second
)

// Lane bounds the requests of one class of routes: how many are worked on and how
// many wait, and what their bodies hold together, in bytes.
type Lane struct {
	Working int
	Waiting int
	Bodies  int64
}

// DefaultLanes keep the classes apart: staff and sign-ins, however many, take no
// place and no memory from patients. A sign-in waits for one of the few password
// hashes in a lane of its own.
var DefaultLanes = map[middleware.RateClass]Lane{
	middleware.RateLink:   {Working: 256, Waiting: 4096, Bodies: 64 << 20},
	middleware.RateStaff:  {Working: 64, Waiting: 1024, Bodies: 32 << 20},
	middleware.RateSignIn: {Working: 32, Waiting: 256, Bodies: 8 << 20},
}

// Server is the site, ready to serve.
type Server struct {
	echo   *echo.Echo
	log    *slog.Logger
	routes []Route
	rate   *middleware.RateLimiter
}

// New builds the site. It fails when the configuration is not whole, a template
// does not parse, an asset is missing or a route declares no permission.
func New(c Config) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	site, err := assemble(c)
	if err != nil {
		return nil, fmt.Errorf("build the site: %w", err)
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = site.renderer.HandleError(c.Log)
	e.Use(middleware.Trace(c.Log, c.Now), middleware.Headers)
	s := &Server{echo: e, log: c.Log, routes: site.routes(), rate: site.guards.rate}
	if err := s.register(site.guards); err != nil {
		return nil, err
	}
	return s, nil
}

// guards are what stands before the handlers.
type guards struct {
	lanes    map[middleware.RateClass]lane
	rate     *middleware.RateLimiter
	origins  middleware.Origins
	sessions middleware.Sessions
	refused  func(class string, kind access.RefusalKind)
	// closed answers an address that holds no link's secret, by class.
	closed map[middleware.RateClass]echo.HandlerFunc
}

// lane is the room that the requests of one class have.
type lane struct {
	bodies   *middleware.Bodies
	capacity *middleware.Capacity
}

func newLanes(sizes map[middleware.RateClass]Lane) map[middleware.RateClass]lane {
	lanes := map[middleware.RateClass]lane{}
	for class, size := range sizes {
		lanes[class] = lane{
			bodies:   middleware.NewBodies(size.Bodies, bodyPatience),
			capacity: middleware.NewCapacity(size.Working, size.Waiting, waitingPatience),
		}
	}
	return lanes
}

// register puts every route behind its guards, always in the same order: the
// page it came from, whether its address could be a link, the whole of what it
// sends, room for one more, who calls, how often its address and link may, whether
// they may. A GET answers HEAD too.
func (s *Server) register(g guards) error {
	for _, r := range s.routes {
		if err := r.Validate(); err != nil {
			return err
		}
		chain := []echo.MiddlewareFunc{middleware.MarkRoute(r.Path, r.JSON), middleware.CountRefusals(g.refused, r.Rate), g.origins.Guard}
		if strings.Contains(r.Path, ":token") {
			closed, ok := g.closed[r.Rate]
			if !ok {
				return fmt.Errorf("route %s %s takes a link, but class %s has no page for a link that does not open", r.Method, r.Path, r.Rate)
			}
			chain = append(chain, middleware.PlausibleLinks(closed))
		}
		if r.Rate != middleware.RateUnlimited {
			room, ok := g.lanes[r.Rate]
			if !ok {
				return fmt.Errorf("route %s %s is of class %s, which has no lane", r.Method, r.Path, r.Rate)
			}
			chain = append(chain, room.bodies.Guard, room.capacity.Guard)
		}
		switch {
		case r.Unattended:
			chain = append(chain, g.sessions.IdentifyUnattended)
		case !r.Permission.Grants(access.RoleAnonymous) || r.Identify:
			chain = append(chain, g.sessions.Identify)
		}
		chain = append(chain, g.rate.Guard(r.Rate), middleware.Require(r.Permission))
		s.echo.Add(r.Method, r.Path, r.Handler, chain...)
		if r.Method == http.MethodGet {
			s.echo.Add(http.MethodHead, r.Path, r.Handler, chain...)
		}
	}
	return nil
}

// CountedPlaces gives how many addresses and how many targets (links, accounts) of a
// class the rate limiter keeps count of.
func (s *Server) CountedPlaces(class middleware.RateClass) [2]int { return s.rate.Counted(class) }

// Handler gives the site without a listener.
func (s *Server) Handler() http.Handler { return s.echo }

// HTTP gives the server that Serve runs, with the bounds of its connections.
func (s *Server) HTTP() *http.Server {
	return &http.Server{
		Handler:           s.echo,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// Serve answers on the listener until ctx ends, then takes no new connections
// and lets those under way finish, for at most 30 seconds.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := s.HTTP()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err := server.Shutdown(drain)
	if err != nil {
		err = errors.Join(fmt.Errorf("drain the server: %w", err), server.Close())
	}
	if stopped := <-served; !errors.Is(stopped, http.ErrServerClosed) {
		err = errors.Join(err, stopped)
	}
	return err
}

// Routes gives the site map.
func (s *Server) Routes() []Route { return slices.Clone(s.routes) }
