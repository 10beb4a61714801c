package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/sync/errgroup"

	"afterglow/internal/access"
	"afterglow/internal/fault"
	"afterglow/internal/intake"
	"afterglow/internal/registry"
	"afterglow/internal/safety"
	"afterglow/internal/web/tour"
)

type serveCmd struct{}

// Run serves a clinic's folder until it is told to stop.
func (c *serveCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	s, err := openServer(ctx, root)
	if err != nil {
		return err
	}
	err = s.run(ctx, func(ctx context.Context) error {
		fmt.Fprintf(k.Stdout, "ready %s\n", s.url)
		return s.offerSetup(ctx, k.Stdout)
	})
	return errors.Join(err, s.close())
}

// server is a house with its services and an open listener.
type server struct {
	*house
	listener net.Listener
	url      *url.URL
	intake   *intake.Service
	access   *access.Service
	safety   *safety.Service
	keeper   *keeper
	examiner *examiner
	site     siteSettings
	// doors is what the start page does and putBack what ends this round of a
	// demo; nil unless this is a running demo.
	doors   *tour.Service
	putBack func()
}

// siteSettings are what the clinic said about itself.
type siteSettings struct {
	name    string
	country string
	zone    *time.Location
	demo    bool
}

// openServer opens, in order: the listener (a port in use must show before
// anything else happens), the folder, the registry, the services.
func openServer(ctx context.Context, root *cli) (*server, error) {
	listener, err := listen(root.settings)
	if err != nil {
		return nil, err
	}
	return openServerOn(ctx, root, listener)
}

// listen opens the address that the settings name, for those who may speak plain
// HTTP with it.
func listen(s settings) (net.Listener, error) {
	plain, err := decidePlainHTTP(s)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return nil, fault.Unavailable("listen", nil, "the server cannot listen on %s (%v): stop the program that uses this address, or choose another with AFTERGLOW_LISTEN", s.Listen, rootCause(err))
	}
	return plain.guarded(listener, s.TrustedProxies, slog.Default()), nil
}

// openServerOn opens a server on a listener, which it then owns.
func openServerOn(ctx context.Context, root *cli, listener net.Listener) (*server, error) {
	f, err := openFolder(root.Data)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s := &server{house: newHouse(f, root.settings, slog.Default()), listener: listener}
	s.onClose(func() error {
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func rootCause(err error) error {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return err
}

func (s *server) open(ctx context.Context) error {
	if err := s.findURL(); err != nil {
		return err
	}
	if err := s.openLibrary(); err != nil {
		return err
	}
	if err := s.takeStore(ctx); err != nil {
		return err
	}
	withdraw, err := s.folder.announce(s.url.String(), s.listener.Addr().String())
	if err != nil {
		return err
	}
	s.onClose(withdraw)
	return s.openServices(ctx)
}

// takeStore opens the registry as its owner. A command that looks at the folder
// holds it for a moment, so a refusal is tried again for a few seconds.
func (s *server) takeStore(ctx context.Context) error {
	const patience, pause = 5 * time.Second, 200 * time.Millisecond
	for deadline := time.Now().Add(patience); ; {
		err := s.openStore(ctx, false)
		if !fault.Is(err, fault.KindConflict) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// findURL takes the address that links carry, localhost with our port when
// nothing else was said.
func (s *server) findURL() error {
	text := s.settings.URL
	if text == "" {
		_, port, err := net.SplitHostPort(s.listener.Addr().String())
		if err != nil {
			return fmt.Errorf("find the port: %w", err)
		}
		text = "http://localhost:" + port
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return fault.Invalid("AFTERGLOW_URL", "%q is not an address like https://clinic.example", text)
	}
	s.url = u
	return nil
}

// openServices builds what works on the registry.
func (s *server) openServices(ctx context.Context) error {
	if err := s.readSite(ctx); err != nil {
		return err
	}
	var err error
	if s.intake, err = intake.New(intake.Config{Store: s.store, Instruments: s.library, Logger: s.log.With("part", "intake")}); err != nil {
		return err
	}
	if s.access, err = access.New(ctx, access.Config{Registry: s.store, Log: s.log.With("part", "access"), Now: time.Now, SiteName: s.site.name}); err != nil {
		return err
	}
	s.safety = safety.New(s.store)
	s.examiner = newExaminer(s.house)
	s.keeper, err = newKeeper(s.house)
	return err
}

// readSite reads what the clinic said about itself.
func (s *server) readSite(ctx context.Context) error {
	values := map[string]string{registry.SettingSiteName: "Afterglow", registry.SettingCountry: "", registry.SettingZone: "UTC", registry.SettingDemo: ""}
	for name := range values {
		v, err := s.store.Setting(ctx, name)
		if err != nil {
			return err
		}
		if v != "" {
			values[name] = v
		}
	}
	zone, err := time.LoadLocation(values[registry.SettingZone])
	if err != nil {
		return fault.Invalid("setting zone", "%q is not a time zone like Europe/Berlin", values[registry.SettingZone])
	}
	s.site = siteSettings{name: values[registry.SettingSiteName], country: values[registry.SettingCountry], zone: zone, demo: values[registry.SettingDemo] == "yes"}
	if host, _, err := net.SplitHostPort(s.listener.Addr().String()); s.site.demo && err == nil {
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			return fault.Invalid("AFTERGLOW_LISTEN", "a demo is served on this machine only: listen on 127.0.0.1")
		}
	}
	return nil
}

// run serves until ctx ends; ready is called once everything can be used, or
// once the pages can when ClickHouse is away.
func (s *server) run(ctx context.Context, ready func(context.Context) error) error {
	site, err := s.newSite()
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return site.Serve(ctx, s.listener) })
	group.Go(func() error { return s.keeper.run(ctx) })
	group.Go(func() error { s.examiner.run(ctx); return nil })
	group.Go(func() error { s.intake.RunSweeps(ctx); return nil })
	group.Go(func() error { s.access.Run(ctx); return nil })
	group.Go(func() error {
		s.awaitWarehouse(ctx)
		if ctx.Err() != nil {
			return nil
		}
		return ready(ctx)
	})
	return group.Wait()
}

// awaitWarehouse waits until the registry was examined and ClickHouse holds what
// was recorded, but not for long: pages and intake work without it.
func (s *server) awaitWarehouse(ctx context.Context) {
	const patience = 50 * time.Second
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if s.examiner.examined() && s.keeper.check(limited) == nil {
			if waiting, _, err := s.keeper.backlog(limited); err == nil && waiting == 0 {
				return
			}
		}
		select {
		case <-limited.Done():
			if ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "ClickHouse is not ready yet; answers are accepted and wait in the registry")
			}
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// offerSetup shows, on an installation without accounts, the one-time token that
// makes the first administrator (SR-54).
func (s *server) offerSetup(ctx context.Context, w io.Writer) error {
	token, err := s.access.NewSetupToken(ctx)
	if fault.Is(err, fault.KindConflict) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "setup: %s/setup with the one-time token %s (works for an hour)\n", s.url, token)
	return err
}
