package page

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"afterglow/internal/access"
	"afterglow/internal/web/assets"
	"afterglow/internal/web/middleware"
)

//go:embed layout/*.html partials/*.html errorpages/*.html
var shared embed.FS

// Templates is one folder's pages: for each page the partials that it may use.
// A page that is not listed cannot be rendered, and a partial that is not
// listed cannot be called, so nothing is used unseen.
type Templates struct {
	Folder string
	Files  fs.FS
	Pages  map[string][]string
}

// Site is what is the same on every page.
type Site struct {
	Name string
	Zone *time.Location
	Demo bool
	Now  func() time.Time
	// Nav lists the entries of the staff navigation with the permission that
	// shows them.
	Nav []NavEntry
	// Contacts are shown on the error pages that a patient may meet.
	Contacts Contacts
}

// NavEntry is a page of the staff navigation: what it is for, in one sentence
// on the home page, and the permission that shows it.
type NavEntry struct {
	Label      string
	Path       string
	Purpose    string
	Permission access.Permission
	// Count is a number next to the label, how many wait there; nil where nothing is
	// counted. An error shows no number: a page is not lost for it.
	Count func(context.Context) (int, error)
}

// Renderer renders pages into memory first, so that a failing template sends an
// error page and never half a page.
type Renderer struct {
	site  Site
	pages map[string]*template.Template
}

// NewRenderer parses every page of every folder; a template that does not parse
// or names an unknown partial stops the start.
func NewRenderer(site Site, set *assets.Set, folders ...Templates) (*Renderer, error) {
	r := &Renderer{site: site, pages: map[string]*template.Template{}}
	for _, folder := range append(folders, Templates{Folder: "page", Files: shared, Pages: map[string][]string{"errorpages/error": {"contacts"}}}) {
		for name, partials := range folder.Pages {
			t := template.New("frame.html").Funcs(r.functions(set)).Option("missingkey=error")
			paths := []string{"layout/frame.html"}
			for _, partial := range partials {
				paths = append(paths, path.Join("partials", partial+".html"))
			}
			if _, err := t.ParseFS(shared, paths...); err != nil {
				return nil, fmt.Errorf("parse the frame of page %s/%s: %w", folder.Folder, name, err)
			}
			if _, err := t.ParseFS(folder.Files, name+".html"); err != nil {
				return nil, fmt.Errorf("parse the page %s/%s: %w", folder.Folder, name, err)
			}
			r.pages[path.Join(folder.Folder, name)] = t
		}
	}
	return r, nil
}

// functions are the few things a template may do besides showing fields.
func (r *Renderer) functions(set *assets.Set) template.FuncMap {
	return template.FuncMap{
		"asset": set.URL,
		"day":   func(t time.Time) string { return t.In(r.site.Zone).Format("2 Jan 2006") },
		"clock": func(t time.Time) string { return Clock(t, r.site.Zone) },
		"at":    func(t time.Time) string { return t.In(r.site.Zone).Format("2 Jan 2006 at ") + Clock(t, r.site.Zone) },
		"stamp": func(t time.Time) string { return t.In(r.site.Zone).Format("2 Jan 2006, ") + Clock(t, r.site.Zone) },
		"machine": func(t time.Time) string {
			return t.UTC().Format(time.RFC3339)
		},
		"plural": func(n int, one, many string) string {
			if n == 1 {
				return one
			}
			return many
		},
	}
}

// Clock is the time of day with its zone, such as "13:57 EST". A zone without
// letters is written by its distance from UTC.
func Clock(t time.Time, zone *time.Location) string {
	local := t.In(zone)
	name, _ := local.Zone()
	if name == "" || name[0] == '+' || name[0] == '-' {
		name = "UTC" + strings.Replace(name, "-", "\u2212", 1)
	}
	return local.Format("15:04 ") + name
}

// HTML answers with a page. The name is folder/page.
func (r *Renderer) HTML(c echo.Context, status int, name string, p Page) error {
	body, err := r.render(c, name, p)
	if err != nil {
		return err
	}
	return send(c, status, body, p.frame())
}

// SeeOther answers 303 to a path of this site and carries a page as the body,
// for clients that do not follow and for what must be seen in this response.
func (r *Renderer) SeeOther(c echo.Context, location string, name string, p Page) error {
	body, err := r.render(c, name, p)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, location)
	return c.HTMLBlob(http.StatusSeeOther, body)
}

func (r *Renderer) render(c echo.Context, name string, p Page) ([]byte, error) {
	t, ok := r.pages[name]
	if !ok {
		return nil, fmt.Errorf("render: there is no page %q", name)
	}
	r.fill(c, p.frame())
	var buffer bytes.Buffer
	if err := t.Execute(&buffer, p); err != nil {
		return nil, fmt.Errorf("render the page %s: %w", name, err)
	}
	return buffer.Bytes(), nil
}

func (r *Renderer) fill(c echo.Context, f *Frame) {
	f.Site, f.Demo, f.Lang = r.site.Name, r.site.Demo, "en"
	f.Caller, f.SeenAt = middleware.Caller(c), r.site.Now()
	if f.Patient {
		f.LargeText, f.Back = hasLargeText(c), back(c)
	}
	if f.Patient || f.Caller.Role == access.RoleAnonymous {
		return
	}
	f.SessionEndsIn = int(f.Caller.EndsAt.Sub(r.site.Now()).Seconds())
	f.Nav = nil
	for _, entry := range r.site.Nav {
		if entry.Permission.Grants(f.Caller.Role) {
			f.Nav = append(f.Nav, navItem(c, entry))
		}
	}
}

// navItem marks the page itself and the pages below it.
func navItem(c echo.Context, entry NavEntry) NavItem {
	path := c.Request().URL.Path
	item := NavItem{Label: entry.Label, Path: entry.Path, Current: path == entry.Path, Within: isWithin(path, entry.Path)}
	if entry.Count == nil {
		return item
	}
	n, err := entry.Count(c.Request().Context())
	item.Counted, item.Count = err == nil, n
	return item
}

// isWithin reports whether a page is an entry's own or lies below it.
func isWithin(path, entry string) bool {
	return path == entry || strings.HasPrefix(path, strings.TrimSuffix(entry, "/")+"/")
}

// Local reports whether a redirect's target is a path of this site: it starts
// with one slash and holds no backslash, colon, control character or encoded
// slash that a browser could read as another host.
func Local(target string) bool {
	if len(target) == 0 || target[0] != '/' {
		return false
	}
	for i := range len(target) {
		c := target[i]
		second := i == 1 && (c == '/' || c == '%')
		if second || c == '\\' || c == ':' || c < 0x20 || c == 0x7f || c == '@' {
			return false
		}
	}
	return true
}

// Redirect answers 303 to a path of this site; any other target is a mistake in
// the program and becomes an internal error.
func Redirect(c echo.Context, target string) error {
	if !Local(target) {
		return fmt.Errorf("redirect: the target is not a path of this site")
	}
	return c.Redirect(http.StatusSeeOther, target)
}
