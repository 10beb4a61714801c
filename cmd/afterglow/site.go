package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/caseload"
	"afterglow/internal/chart"
	"afterglow/internal/crisis"
	"afterglow/internal/fault"
	"afterglow/internal/finding"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
	"afterglow/internal/web"
	"afterglow/internal/web/admin"
	"afterglow/internal/web/research"
	"afterglow/schemas"
)

// newSite builds the pages over the services.
func (s *server) newSite() (*web.Server, error) {
	contacts, err := crisis.Load(crisisFolders(s.folder)...)
	if err != nil {
		return nil, err
	}
	patients, err := caseload.New(caseload.Config{Store: s.store, Instruments: s.library, Zone: s.site.zone})
	if err != nil {
		return nil, err
	}
	if s.url.Scheme == "https" && len(s.settings.TrustedProxies) == 0 {
		s.log.Warn("links are https, so there is a proxy in front of this server, but AFTERGLOW_TRUSTED_PROXIES names none: all clients count as one address in the rate limits")
	}
	return web.New(web.Config{
		Name: s.site.name, URL: s.url, Zone: s.site.zone, Demo: s.site.demo, Log: s.log.With("part", "web"), Now: time.Now,
		TrustedProxies: s.settings.TrustedProxies, Contacts: contacts.For(s.site.country), Instruments: s.library,
		Intake: s.intake, Access: s.access, Safety: s.safety, Caseload: patients,
		Status:   s.sources(),
		Research: s.researchService(), DemoDoors: s.doors,
	})
}

// crisisFolders are the shipped lists of crisis contacts and, where the data
// folder has them, the site's own.
func crisisFolders(f folder) []fs.FS {
	folders := []fs.FS{schemas.Crisis()}
	site := filepath.Join(string(f), "crisis")
	if info, err := os.Stat(site); err == nil && info.IsDir() {
		folders = append(folders, os.DirFS(site))
	}
	return folders
}

func (s *server) sources() admin.Sources {
	ping := remember(s.keeper.ping)
	return admin.Sources{
		Registry: remember(s.checkRegistry),
		Record:   remember(s.examiner.check),
		Warehouse: func(ctx context.Context) error {
			if err := s.keeper.trusted(); err != nil {
				return err
			}
			return ping(ctx)
		},
		Confinement: s.confinement,
		Backlog:     s.keeper.backlog,
	}
}

// checkRegistry reports whether the registry can be read and take an answer now. One
// whose pages are known to be damaged is not tried: the trial would take the writes
// of others down with it.
func (s *server) checkRegistry(ctx context.Context) error {
	if s.store.SawCorruption() {
		return fault.Unavailable("registry", nil, "the registry file is damaged; stop the server and restore a backup")
	}
	if _, err := s.store.Setting(ctx, registry.SettingDemo); err != nil {
		return err
	}
	return s.store.CheckWritable(ctx)
}

// remember lets one caller at a time check, and gives what was found to those who
// ask within the next second: readiness is open to everyone and must cost next
// to nothing.
func remember(check func(context.Context) error) func(context.Context) error {
	const fresh = time.Second
	var mu sync.Mutex
	var at time.Time
	var found error
	return func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(at) >= fresh {
			found = check(ctx)
			at = time.Now()
		}
		return found
	}
}

// confinement says in words what confines the engine's process.
func (s *server) confinement() string {
	state, embedded := s.keeper.engineState()
	if !embedded {
		return ""
	}
	c := state.Confinement
	words := strings.Join(c.Layers, ", ")
	if !c.Files {
		words += "; it can open files outside its folder"
	}
	if !c.Network {
		words += "; it can open network connections"
	}
	return words
}

func (s *server) researchService() research.Service {
	asker := s.asker(s.keeper.trust)
	return research.Service{
		Ask: func(ctx context.Context, question, study string, settings map[string]string) (finding.Finding, error) {
			if err := s.keeper.check(ctx); err != nil {
				return finding.Finding{}, err
			}
			return asker.Ask(ctx, question, study, settings)
		},
		Studies: s.store.Studies,
		DataAsOf: func(ctx context.Context) (research.Freshness, error) {
			waiting, asOf, err := s.keeper.backlog(ctx)
			return research.Freshness{AsOf: asOf, Waiting: int(waiting)}, err
		},
		Scale:     s.scale,
		Protocols: s.store.Protocols,
	}
}

// scale names what a measure is counted in.
func (s *server) scale(m care.Measure) (chart.Scale, error) {
	d, err := s.library.Get(m.Instrument, m.Version)
	if err != nil {
		return chart.Scale{}, fmt.Errorf("find the instrument of measure %s: %w", m.Total, err)
	}
	return chart.Scale{Name: d.Titles.In("en"), Minimum: d.Total.Minimum.Float(), Maximum: d.Total.Maximum.Float(),
		LowerIsBetter: d.Direction == instrument.DirectionHigherIsWorse}, nil
}
