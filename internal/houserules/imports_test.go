package houserules

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A room's row: what of ours it may import (a trailing /... takes the rooms
// below too), what of others it must not, and the reason that the failing test
// prints.
type room struct {
	path    string
	may     []string
	mustNot []string
	because string
}

var (
	ground = []string{"fault", "instrument", "care", "finding", "crisis", "yamldoc"}
	// calendar rooms work with moments that they are given; pure ones not even that.
	calendar = []string{"os", "os/exec", "net", "net/http", "database/sql", "context", "math/rand", "math/rand/v2"}
	pure     = append([]string{"time"}, calendar...)
	// seeded rooms may draw from a generator that they are given or seed themselves, never from the process's own ("chance").
	seeded  = slices.DeleteFunc(slices.Clone(pure), func(p string) bool { return p == "math/rand/v2" })
	outside = []string{"database/sql", "net/http", "github.com/labstack/echo/v4", "github.com/ClickHouse/clickhouse-go/v2"}
)

// The first row that fits a package's path decides, so a narrower row stands
// before a wider one. Paths are below afterglow/internal unless they start
// with a slash.
var rooms = []room{
	{"fault", nil, pure, "a rule must not depend on where it runs"},
	{"yamldoc", []string{"fault"}, outside, "reading a document of ours is a value's work, not a store's"},
	{"identity", []string{"fault"}, outside, "who a patient is prints itself as [redacted] and travels nowhere"},
	{"stats", []string{"stats/..."}, seeded, "a number must not depend on where it is computed"},
	{"stats/...", []string{"stats", "stats/..."}, seeded, "a number must not depend on where it is computed"},
	{"care", []string{"fault"}, calendar, "the record's words are quoted in tests, maps and exports"},
	{"crisis", []string{"fault", "yamldoc", "/schemas"}, outside, "contacts must be readable when everything else is down"},
	{"instrument", []string{"fault", "yamldoc", "/schemas"}, outside, "an instrument is data and a closed set of operations"},
	{"finding", []string{"fault", "care"}, outside, "a finding is data: it does not compute"},
	{"registry", append([]string{"identity", "/migrations"}, ground...), []string{"github.com/labstack/echo/v4", "github.com/ClickHouse/clickhouse-go/v2"}, "the store of record knows no derived store"},
	{"warehouse/engine", nil, []string{"database/sql", "github.com/labstack/echo/v4"}, "the engine is replaceable by a server"},
	{"warehouse", ground, []string{"github.com/labstack/echo/v4"}, "pseudonymous by construction, rebuildable"},
	{"intake", append([]string{"registry", "warehouse"}, ground...), []string{"database/sql", "github.com/labstack/echo/v4"}, "it accepts and ships; it does not compute or show"},
	{"safety", append([]string{"registry"}, ground...), []string{"database/sql", "github.com/labstack/echo/v4"}, "it acts; it does not compute or show"},
	{"caseload", append([]string{"registry"}, ground...), []string{"database/sql", "github.com/labstack/echo/v4"}, "it reads for the clinic's pages; it acts on nothing"},
	{"access", append([]string{"registry", "identity"}, ground...), []string{"database/sql", "github.com/labstack/echo/v4"}, "it decides who may; it does not show"},
	{"durability", append([]string{"stats", "stats/...", "warehouse"}, ground...), []string{"database/sql", "github.com/labstack/echo/v4"}, "the one place where domain and numerics meet"},
	{"simulate", append([]string{"registry", "warehouse"}, ground...), append([]string{"math/rand"}, outside...), "it makes records; it does not analyse, store or show them"},
	{"interop/...", append([]string{"/schemas", "registry", "intake", "warehouse", "/schemas"}, ground...), []string{"database/sql", "github.com/labstack/echo/v4"}, "formats are adapters"},
	{"chart", []string{"finding", "care", "fault"}, outside, "drawing does not compute"},
	{"web/gallery", append([]string{"web/...", "chart", "access", "caseload", "/schemas"}, ground...), []string{"database/sql"}, "canned pages need no store"},
	{"web/gallery/...", append([]string{"web/...", "chart", "access", "caseload", "/schemas"}, ground...), []string{"database/sql"}, "canned pages need no store"},
	{"web/...", append([]string{"web/...", "chart", "intake", "safety", "caseload", "access"}, ground...), []string{"database/sql", "github.com/ClickHouse/clickhouse-go/v2", "gonum.org/v1/gonum/mat"}, "a page holds no SQL and no statistics"},
	{"web", append([]string{"web/...", "chart", "intake", "safety", "caseload", "access"}, ground...), []string{"database/sql", "github.com/ClickHouse/clickhouse-go/v2", "gonum.org/v1/gonum/mat"}, "a page holds no SQL and no statistics"},
	{"testkit/...", []string{"/..."}, nil, "tests may reach everything"},
	{"houserules", nil, nil, "it only looks"},
	{"/schemas", nil, outside, "data with an embed.go"},
	{"/migrations", nil, outside, "data with an embed.go"},
	{"/cmd/mutants", nil, outside, "it breaks a copy of the source and asks its tests, whatever the program does"},
	{"/cmd/...", []string{"/..."}, nil, "the only wiring"},
}

type pkg struct {
	ImportPath string
	Doc        string
	Imports    []string
	GoFiles    []string
}

func listPackages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Imports,GoFiles", "afterglow/...")
	out, err := cmd.Output()
	require.NoError(t, err, "go list")
	var found []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		found = append(found, p)
	}
}

func fullPath(path string) string {
	if rest, ok := strings.CutPrefix(path, "/"); ok {
		if rest == "..." {
			return "afterglow/..."
		}
		return "afterglow/" + rest
	}
	return "afterglow/internal/" + path
}

func fits(pattern, path string) bool {
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return strings.HasPrefix(path, below+"/")
	}
	return pattern == path
}

func roomOf(path string) (room, bool) {
	for _, r := range rooms {
		if fits(fullPath(r.path), path) {
			return r, true
		}
	}
	return room{}, false
}

func TestWhoMayImportWhom(t *testing.T) {
	packages := listPackages(t)
	for _, p := range packages {
		r, ok := roomOf(p.ImportPath)
		if !ok {
			t.Errorf("%s has no row in the table of rooms: add one with its reason, or put the code where a reader would look first", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			if slices.Contains(r.mustNot, imported) {
				t.Errorf("%s imports %s, but %s", p.ImportPath, imported, r.because)
			}
			if !strings.HasPrefix(imported, "afterglow/") {
				continue
			}
			if strings.HasPrefix(imported, "afterglow/internal/testkit/") && !strings.HasPrefix(p.ImportPath, "afterglow/internal/testkit/") {
				t.Errorf("%s imports %s, which is for tests only", p.ImportPath, imported)
			}
			allowed := slices.ContainsFunc(r.may, func(m string) bool { return fits(fullPath(m), imported) })
			if !allowed {
				t.Errorf("%s imports %s, but %s", p.ImportPath, imported, r.because)
			}
		}
	}
	for _, r := range rooms {
		exists := slices.ContainsFunc(packages, func(p pkg) bool { return fits(fullPath(r.path), p.ImportPath) })
		if !exists {
			t.Errorf("the table of rooms names %s, which is gone: take the row out", r.path)
		}
	}
}

var floor = regexp.MustCompile(`Floor:\s+(ground|store|service|face|wiring|testkit)\b`)

func TestEveryPackageSaysWhatItIsAndItsFloor(t *testing.T) {
	for _, p := range listPackages(t) {
		if len(p.GoFiles) == 0 {
			continue // tests only
		}
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
			continue
		}
		if strings.HasPrefix(p.ImportPath, "afterglow/internal/") && !floor.MatchString(docOf(t, p.ImportPath)) {
			t.Errorf("the package comment of %s does not name its floor", p.ImportPath)
		}
	}
}

// docOf gives the whole package comment; go list shortens it to a sentence.
func docOf(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command("go", "doc", path).Output()
	require.NoError(t, err, "go doc %s", path)
	return string(out)
}
