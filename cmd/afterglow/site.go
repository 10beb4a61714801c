package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/chart"
	"afterglow/internal/crisis"
	"afterglow/internal/finding"
	"afterglow/internal/instrument"
	"afterglow/internal/web"
	"afterglow/internal/web/admin"
	"afterglow/internal/web/research"
	"afterglow/schemas"
)

// newSite builds the pages over the services.
func (s *server) newSite() (*web.Server, error) {
	contacts, err := crisis.Load(schemas.Crisis())
	if err != nil {
		return nil, err
	}
	return web.New(web.Config{
		Name: s.site.name, URL: s.url, Zone: s.site.zone, Demo: s.site.demo, Log: s.log.With("part", "web"), Now: time.Now,
		Contacts: contacts.For(s.site.country), Instruments: s.library,
		Intake: s.intake, Access: s.access, Safety: s.safety,
		Status:   s.sources(),
		Research: s.researchService(),
	})
}

func (s *server) sources() admin.Sources {
	return admin.Sources{
		Registry: func(ctx context.Context) error {
			_, err := s.store.JournalCounts(ctx)
			return err
		},
		Warehouse:   s.keeper.check,
		Confinement: s.confinement,
		Backlog:     s.keeper.backlog,
	}
}

// confinement says in words what the engine's process is kept from.
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
	asker := s.asker()
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
		Scale: s.scale,
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
