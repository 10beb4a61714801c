package houserules

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A rule about the text of our Go files. A line that must break it says why in
// a comment that starts with the rule's word: // house:<word> <reason>.
type sourceRule struct {
	word    string
	pattern *regexp.Regexp
	only    func(path string) bool
	because string
}

func production(path string) bool { return !strings.HasSuffix(path, "_test.go") }

func below(folders ...string) func(string) bool {
	return func(path string) bool {
		for _, f := range folders {
			if strings.HasPrefix(path, f) {
				return true
			}
		}
		return false
	}
}

func both(a, b func(string) bool) func(string) bool {
	return func(path string) bool { return a(path) && b(path) }
}

func not(a func(string) bool) func(string) bool { return func(path string) bool { return !a(path) } }

var sourceRules = []sourceRule{
	{"skip", regexp.MustCompile(`\bt(b)?\.Skip|\bb\.Skip`), func(p string) bool { return true },
		"a skipped test is a test that nobody sees fail"},
	{"background", regexp.MustCompile(`context\.(Background|TODO)\(\)`), both(production, not(below("cmd/", "internal/testkit/", "internal/web/gallery/shoot/"))),
		"work that nobody can cancel outlives its caller; take a context"},
	{"clock", regexp.MustCompile(`\btime\.(Now|Since|Until)\(`), both(production, below("internal/fault/", "internal/identity/", "internal/instrument/", "internal/care/", "internal/crisis/", "internal/finding/", "internal/stats/", "internal/chart/")),
		"ground rooms read no clock: time is an argument"},
	{"chance", regexp.MustCompile(`\brand\.(Int|Uint|Float|Norm|Exp|Perm|Shuffle|N\()`), both(production, below("internal/stats/", "internal/simulate/")),
		"the same seed gives the same number: draw from a generator that was seeded"},
	{"panic", regexp.MustCompile(`\bpanic\(`), both(production, below("internal/", "cmd/")),
		"data can never cause a panic; a programming error says so in a comment"},
	{"sql", regexp.MustCompile("(?i)[\"`]\\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE|ALTER TABLE|TRUNCATE)\\s"), both(production, not(below("internal/registry/", "internal/warehouse/", "migrations/"))),
		"SQL lives in the stores"},
	{"template", regexp.MustCompile(`"(html|text)/template"`), both(production, not(below("internal/web/"))),
		"pages are made in the web rooms"},
	{"unescaped", regexp.MustCompile(`template\.(HTML|JS|URL|CSS|HTMLAttr|Srcset)\b`), production,
		"SR-64: only contextual escaping"},
	{"rand", regexp.MustCompile(`"math/rand(/v2)?"`), both(production, below("internal/registry/", "internal/access/", "internal/identity/", "internal/intake/", "internal/web/")),
		"SR-75: secrets, tokens and pseudonyms come from crypto/rand only"},
	{"echo", regexp.MustCompile(`middleware\.(Static|Decompress|BodyDump|MethodOverride)|\.RealIP\(\)`), production,
		"SR-107: these parts of Echo stay unused"},
	{"render", regexp.MustCompile(`JSONNotEscaped|\.RenderSnippet\(|charts?\.Render\(`), production,
		"SR-63: chart options leave only through encoding/json"},
}

func goFiles(t *testing.T) map[string]string {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	cmd := exec.Command("git", "ls-files", "-co", "--exclude-standard", "*.go")
	cmd.Dir = root
	out, err := cmd.Output()
	require.NoError(t, err, "git ls-files")
	files := map[string]string{}
	for path := range strings.Lines(string(out)) {
		path = strings.TrimSpace(path)
		text, err := os.ReadFile(filepath.Join(root, path))
		if os.IsNotExist(err) {
			continue // deleted in the working tree
		}
		require.NoError(t, err)
		files[path] = string(text)
	}
	require.NotEmpty(t, files)
	return files
}

func TestSourceRules(t *testing.T) {
	for path, text := range goFiles(t) {
		if strings.HasPrefix(path, "internal/houserules/") {
			continue
		}
		lines := strings.Split(text, "\n")
		for _, rule := range sourceRules {
			if !rule.only(path) {
				continue
			}
			for i, line := range lines {
				if !rule.pattern.MatchString(line) || strings.HasPrefix(strings.TrimSpace(line), "//") {
					continue
				}
				excuse := "// house:" + rule.word + " "
				if strings.Contains(line, excuse) || i > 0 && strings.Contains(lines[i-1], excuse) {
					continue
				}
				t.Errorf("%s:%d: %s (%s)", path, i+1, strings.TrimSpace(line), rule.because)
			}
		}
	}
}

func TestFilesFitOnAFewScreens(t *testing.T) {
	for path, text := range goFiles(t) {
		if !production(path) {
			continue
		}
		if n := strings.Count(text, "\n"); n > 400 {
			t.Errorf("%s has %d lines: split it by subject", path, n)
		}
	}
}
