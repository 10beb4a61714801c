// Package research holds the researcher's pages: the studies, and for one study
// whether the benefit lasts. Floor: face.
//
// It must not compute a statistic or choose a colour: durability answers,
// chart draws, and here the answer is put into sentences and tables.
package research

import (
	"context"
	"embed"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"afterglow/internal/care"
	"afterglow/internal/chart"
	"afterglow/internal/fault"
	"afterglow/internal/finding"
	"afterglow/internal/web/page"
)

//go:embed *.html
var files embed.FS

// Templates lists the researcher's pages.
var Templates = page.Templates{Folder: "research", Files: files, Pages: map[string][]string{"studies": nil, "study": {"chart"}}}

// Service is what the pages ask. Every function is needed.
type Service struct {
	// Ask answers a question of a study; settings are names and values as a
	// person gives them.
	Ask func(ctx context.Context, question, study string, settings map[string]string) (finding.Finding, error)
	// Studies lists the studies that can be asked about.
	Studies func(ctx context.Context) ([]care.Study, error)
	// DataAsOf says how fresh the data behind the answers are. It answers while
	// the warehouse is down.
	DataAsOf func(ctx context.Context) (Freshness, error)
	// Scale names what a measure is counted in and which way is better.
	Scale func(m care.Measure) (chart.Scale, error)
	// Protocols lists the clinic's protocols, every version.
	Protocols func(ctx context.Context) ([]care.Protocol, error)
}

// Validate says whether every function is there.
func (s Service) Validate() error {
	if s.Ask == nil || s.Studies == nil || s.DataAsOf == nil || s.Scale == nil || s.Protocols == nil {
		return fault.Invalid("research pages", "need what asks, lists studies, tells how fresh the data are and names scales and protocols")
	}
	return nil
}

// Freshness is when the warehouse last had everything, zero if never, and how
// many answers are on their way to it.
type Freshness struct {
	AsOf    time.Time
	Waiting int
}

// Pages serve the researcher's pages.
type Pages struct {
	Renderer *page.Renderer
	Service  Service
}

// ShowStudies lists the studies.
func (p Pages) ShowStudies(c echo.Context) error {
	ctx := c.Request().Context()
	studies, err := p.Service.Studies(ctx)
	if err != nil && !fault.Is(err, fault.KindUnavailable) {
		return err
	}
	protocols, titlesErr := p.Service.Protocols(ctx)
	if titlesErr != nil {
		return titlesErr
	}
	titles := map[string]string{}
	for _, protocol := range protocols {
		titles[protocol.ID] = protocol.Title // the newest version comes last
	}
	fresh, freshErr := p.Service.DataAsOf(ctx)
	if freshErr != nil {
		return freshErr
	}
	return p.Renderer.HTML(c, statusOf(c, err), "research/studies", NewStudiesPage(studies, titles, err, fresh))
}

// ShowStudy asks a study whether its benefit lasts.
func (p Pages) ShowStudy(c echo.Context) error {
	ctx := c.Request().Context()
	id, settings := c.Param("study"), readSettings(c.QueryParams())
	asked := Asked{Study: care.Study{ID: id}, Settings: settings}
	fresh, err := p.Service.DataAsOf(ctx)
	if err != nil {
		return err
	}
	asked.Fresh = fresh
	studies, err := p.Service.Studies(ctx)
	switch {
	case fault.Is(err, fault.KindUnavailable):
		asked.Retained.Err, asked.Loss.Err = err, err
	case err != nil:
		return err
	default:
		if asked.Study, err = find(studies, id); err != nil {
			return err
		}
		if err := p.askStudy(ctx, &asked); err != nil {
			return err
		}
	}
	shown, err := NewStudyPage(asked)
	if err != nil {
		return err
	}
	return p.Renderer.HTML(c, statusOf(c, asked.Retained.Err), "research/study", shown)
}

// askStudy asks the questions of the page. What cannot be answered stands in the
// replies; the error is one that the page cannot show.
func (p Pages) askStudy(ctx context.Context, asked *Asked) error {
	id, settings := asked.Study.ID, asked.Settings
	measure := chosenMeasure(asked.Study, settings)
	var err error
	if asked.Scale, err = p.Service.Scale(measure); err != nil {
		return err
	}
	asked.Scale.Anchor = asked.Study.Anchor
	asked.Retained.Finding, asked.Retained.Err = p.Service.Ask(ctx, "retained-benefit", id, only(settings, retainedSettings))
	asked.Loss.Finding, asked.Loss.Err = p.Service.Ask(ctx, "time-to-loss", id, only(settings, lossSettings))
	if asked.Retained.Err == nil && settings["adjust"] != "none" && measure.Baseline != "" {
		plain := only(settings, retainedSettings)
		plain["adjust"] = "none"
		asked.Unadjusted.Finding, asked.Unadjusted.Err = p.Service.Ask(ctx, "retained-benefit", id, plain)
	}
	return nil
}

// chosenMeasure is the measure that was asked for, or the study's first.
func chosenMeasure(s care.Study, settings map[string]string) care.Measure {
	if m, ok := s.Measure(settings["measure"]); ok {
		return m
	}
	return s.Measures[0]
}

func find(studies []care.Study, id string) (care.Study, error) {
	for _, s := range studies {
		if s.ID == id && len(s.Measures) > 0 {
			return s, nil
		}
	}
	return care.Study{}, fault.NotFound("study", "there is no such study here")
}

// statusOf keeps the page's status honest when the page itself tells of the
// failure: a program that reads it must not take it for an answer. A study
// without patients is an answer.
func statusOf(c echo.Context, err error) int {
	if err == nil || fault.Is(err, fault.KindNotFound) {
		return http.StatusOK
	}
	status := page.Status(err)
	if status == http.StatusServiceUnavailable {
		c.Response().Header().Set("Retry-After", page.RetryAfterSeconds)
	}
	return status
}
