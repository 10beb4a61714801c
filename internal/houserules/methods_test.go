package houserules

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	pageNamed = regexp.MustCompile(`docs/methods/([a-z0-9-]+)\.md`)
	fileNamed = regexp.MustCompile("`(internal/[A-Za-z0-9_/.-]+)`")
)

// TestEveryMethodHasAPageAndEveryPageAMethod: from the page to the function and back. A page that code names exists, a page
// that exists is named by code (or by the index), and the folders and files that a page names are there.
func TestEveryMethodHasAPageAndEveryPageAMethod(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	named := map[string]bool{"README": true}
	for path, text := range goFiles(t) {
		if !strings.HasPrefix(path, "internal/") {
			continue
		}
		for _, found := range pageNamed.FindAllStringSubmatch(text, -1) {
			named[found[1]] = true
			if _, err := os.Stat(filepath.Join(root, found[0])); err != nil {
				t.Errorf("%s names %s, which is not there", path, found[0])
			}
		}
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs/methods/*.md"))
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	index, err := os.ReadFile(filepath.Join(root, "docs/methods/README.md"))
	require.NoError(t, err)
	for _, page := range pages {
		if base := filepath.Base(page); base != "README.md" && !strings.Contains(string(index), "("+base+")") {
			t.Errorf("docs/methods/README.md does not list %s", base)
		}
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		if !named[name] {
			t.Errorf("no function's comment names docs/methods/%s.md", name)
		}
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		places := fileNamed.FindAllStringSubmatch(string(text), -1)
		if len(places) == 0 && name != "README" {
			t.Errorf("docs/methods/%s.md names no room of the code", name)
		}
		for _, place := range places {
			if _, err := os.Stat(filepath.Join(root, place[1])); err != nil {
				t.Errorf("docs/methods/%s.md names %s, which is not there", name, place[1])
			}
		}
	}
}
