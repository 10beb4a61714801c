package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
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

// The bounds of the whole: how long one body may take to arrive and what all of
// them may hold, requests worked on, requests waiting, and for how long one
// waits.
const (
	bodyPatience    = 10 * time.Second
	heldBodyBytes   = 64 << 20
	workingRequests = 256
	waitingRequests = 4096
	waitingPatience = 5 * time.Second
)

// Server is the site, ready to serve.
type Server struct {
	echo   *echo.Echo
	log    *slog.Logger
	routes []Route
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
	s := &Server{echo: e, log: c.Log, routes: site.routes()}
	if err := s.register(site.guards); err != nil {
		return nil, err
	}
	return s, nil
}

// guards are what stands before the handlers.
type guards struct {
	bodies   *middleware.Bodies
	capacity *middleware.Capacity
	rate     *middleware.RateLimiter
	origins  middleware.Origins
	sessions middleware.Sessions
}

// register puts every route behind its guards, always in the same order: the
// page it came from, the whole of what it sends, room for one more, who calls,
// how often its address and link may, whether they may. A GET answers HEAD too.
func (s *Server) register(g guards) error {
	for _, r := range s.routes {
		if err := r.Validate(); err != nil {
			return err
		}
		chain := []echo.MiddlewareFunc{middleware.MarkRoute(r.Path, r.JSON), g.origins.Guard}
		if r.Rate != middleware.RateUnlimited {
			chain = append(chain, g.bodies.Guard, g.capacity.Guard)
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

// Handler gives the site without a listener.
func (s *Server) Handler() http.Handler { return s.echo }

// Serve answers on the listener until ctx ends, then takes no new connections
// and lets those under way finish, for at most 30 seconds.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s.echo,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
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
