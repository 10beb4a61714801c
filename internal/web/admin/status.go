package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"afterglow/internal/fault"
	"afterglow/internal/web/page"
)

// Sources tell how the parts are doing. The program that wires the parts hands
// them in; each answers within a second or two.
type Sources struct {
	// Registry and Warehouse are nil errors while the part can be used, Record while
	// everything in the registry is as it was written.
	Registry  func(context.Context) error
	Record    func(context.Context) error
	Warehouse func(context.Context) error
	// Confinement says in words what the engine's process is kept from, "" when
	// it is not confined or there is none.
	Confinement func() string
	// Backlog is how many answers the warehouse does not have yet, and since
	// when it is complete; the zero time when it never was.
	Backlog func(context.Context) (waiting int64, dataAsOf time.Time, err error)
}

// Validate says what is missing.
func (s Sources) Validate() error {
	if s.Registry == nil || s.Record == nil || s.Warehouse == nil || s.Confinement == nil || s.Backlog == nil {
		return fault.Invalid("status", "needs the registry, the record, the warehouse, the confinement and the backlog")
	}
	return nil
}

// Red names the parts that cannot be used now.
func (s Sources) Red(ctx context.Context) []string {
	red := []string{}
	if s.Registry(ctx) != nil || s.Record(ctx) != nil {
		red = append(red, "registry")
	}
	if s.Warehouse(ctx) != nil {
		red = append(red, "warehouse")
	}
	return red
}

// Report is what the sources said.
type Report struct {
	RegistryUp  bool
	WarehouseUp bool
	// Damage says what in the registry is not as it was written, "" when nothing is.
	Damage string
	// WarehouseSays is why the warehouse cannot be used, "" when that is not known.
	WarehouseSays string
	Confinement   string
	Waiting       int64
	DataAsOf      time.Time
	// BacklogKnown is false when the registry could not say.
	BacklogKnown bool
}

// Pages handles the administrators' routes.
type Pages struct {
	Renderer *page.Renderer
	Sources  Sources
	Now      func() time.Time
}

// Status shows how the installation is doing.
func (p Pages) Status(c echo.Context) error {
	ctx := c.Request().Context()
	report := Report{
		RegistryUp: p.Sources.Registry(ctx) == nil, Damage: said(p.Sources.Record(ctx)), Confinement: p.Sources.Confinement(),
	}
	warehouse := p.Sources.Warehouse(ctx)
	report.WarehouseUp, report.WarehouseSays = warehouse == nil, said(warehouse)
	waiting, dataAsOf, err := p.Sources.Backlog(ctx)
	if err == nil {
		report.Waiting, report.DataAsOf, report.BacklogKnown = waiting, dataAsOf, true
	}
	return p.Renderer.HTML(c, http.StatusOK, "admin/status", Status(report, p.Now()))
}

// said is a failure's message for people.
func said(err error) string {
	var f *fault.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &f):
		return f.Message
	}
	return "see the log"
}

// Status puts a report into words.
func Status(r Report, at time.Time) *StatusPage {
	shown := &StatusPage{Frame: page.Frame{Title: "Status", Wide: true, DataAsOf: r.DataAsOf, Waiting: int(r.Waiting)}, At: at, Headline: "All parts answer"}
	shown.Parts = []Part{
		part("Registry", r.RegistryUp, "Answers are accepted and kept.", "No answer can be accepted now; patients are asked to try again. Confirmed answers are safe."),
		record(r),
		warehouse(r),
		confinement(r),
	}
	for _, p := range shown.Parts {
		if p.Class == "red" {
			shown.Headline = "A part needs attention"
		}
	}
	switch {
	case !r.BacklogKnown:
		shown.Backlog = "The number of answers on their way could not be read."
	case r.Waiting == 0:
		shown.Backlog = "Every answer that was received is in the warehouse."
	default:
		shown.Backlog = fmt.Sprintf("%d received, not yet in the warehouse.", r.Waiting)
	}
	return shown
}

func part(name string, up bool, well, down string) Part {
	if up {
		return Part{Name: name, Word: "works", Class: "green", Meaning: well}
	}
	return Part{Name: name, Word: "does not answer", Class: "red", Meaning: down}
}

func record(r Report) Part {
	if r.Damage == "" {
		return Part{Name: "Record", Word: "whole", Class: "green", Meaning: "Every answer, session and event that was read is as it was written."}
	}
	return Part{Name: "Record", Word: "damaged", Class: "red", Meaning: sentence(r.Damage)}
}

func warehouse(r Report) Part {
	p := part("Warehouse", r.WarehouseUp, "Questions about the data can be asked.", "Answers are still accepted and kept, and are sent when it is back. Questions about the data must wait.")
	if !r.WarehouseUp && r.WarehouseSays != "" {
		p.Word, p.Meaning = "not ready", sentence(r.WarehouseSays)+" "+p.Meaning
	}
	return p
}

// sentence begins with a capital and ends with a full stop.
func sentence(message string) string {
	return strings.ToUpper(message[:1]) + strings.TrimSuffix(message[1:], ".") + "."
}

func confinement(r Report) Part {
	if r.Confinement == "" {
		return Part{Name: "Engine's confinement", Word: "not confined", Class: "waiting", Meaning: "This machine's kernel does not keep the analysis engine from other files and the network, or a ClickHouse server is used instead."}
	}
	return Part{Name: "Engine's confinement", Word: "confined", Class: "green", Meaning: "Confined by: " + r.Confinement + "."}
}
