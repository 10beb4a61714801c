package web_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func contextWithStop(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

// sources gives the text of every file below this folder with one of the
// endings, tests apart.
func sources(t *testing.T, endings ...string) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "assets/dist") {
			return err
		}
		for _, ending := range endings {
			if strings.HasSuffix(path, ending) {
				text, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				found[path] = string(text)
			}
		}
		return nil
	}))
	require.NotEmpty(t, found)
	return found
}

func TestSR64_OnlyContextualEscaping(t *testing.T) {
	unescaped := regexp.MustCompile(`template\.(HTML|HTMLAttr|JS|JSStr|URL|CSS|Srcset)\b|"text/template"`)
	for path, text := range sources(t, ".go") {
		require.NotRegexp(t, unescaped, text, path)
	}
	for path, text := range sources(t, ".html") {
		for _, inline := range []string{"<style", " style=", " onclick=", " onload=", "javascript:", "|safe", "http://", "https://", "hx-on"} {
			require.NotContains(t, text, inline, path)
		}
		for _, script := range regexp.MustCompile(`<script[^>]*>`).FindAllString(text, -1) {
			require.Regexp(t, `src=|type="application/json"`, script, path)
		}
	}
}

func TestSR107_BannedMiddlewareIsNotUsed(t *testing.T) {
	banned := regexp.MustCompile(`echo/v4/middleware|\.Static\(|\.File\(|Decompress|BodyDump|MethodOverride|RealIP\(|\.Bind\(|JSONNotEscaped|\.Render\(`)
	for path, text := range sources(t, ".go") {
		if strings.HasSuffix(path, "middleware/doc.go") {
			continue
		}
		require.NotRegexp(t, banned, text, path)
	}
}

func TestSR63_ScriptsEvaluateNothingAndKeepNothing(t *testing.T) {
	for path, text := range sources(t, ".js") {
		for _, banned := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "localStorage", "sessionStorage", "indexedDB", "http:", "https:"} {
			require.NotContains(t, text, banned, path)
		}
	}
}

func TestSR117_NoPageAdvisesReassuresOrPromises(t *testing.T) {
	banned := []string{
		"low risk", "no risk", "at risk", "you should take", "dose you", "increase the dose", "reduce the dose", "fit to drive", "monitored live", "monitored around",
		"24/7", "hipaa compliant", "gdpr compliant", "fully anonymous", "completely anonymous", "is anonymous", "cure", "proven", "well done", "congratulations", "great job", "don't worry", "!",
	}
	comment := regexp.MustCompile(`(?s)<!doctype[^>]*>|<[^>]*>|\{\{.*?\}\}`)
	for path, text := range sources(t, ".html") {
		shown := strings.ToLower(comment.ReplaceAllString(text, " "))
		for _, phrase := range banned {
			require.NotContains(t, shown, phrase, path)
		}
	}
}
