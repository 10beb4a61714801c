package gallery_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
	"afterglow/internal/web/gallery"
)

func TestEveryStateRenders(t *testing.T) {
	handler, err := gallery.Handler()
	require.NoError(t, err)
	states, err := gallery.All()
	require.NoError(t, err)
	help := regexp.MustCompile(`<a class="help" href="/crisis">Help now</a>\s*</div>\s*</div>`)
	for _, state := range states {
		t.Run(state.Name, func(t *testing.T) {
			recorder := httptest.NewRecorder()
			handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, state.Path(), nil))
			raw, err := io.ReadAll(recorder.Result().Body)
			require.NoError(t, err)
			body := string(raw)
			if state.Err == nil {
				require.Equal(t, http.StatusOK, recorder.Code, body)
			} else {
				require.GreaterOrEqual(t, recorder.Code, 400)
				require.Contains(t, body, "Reference")
			}
			require.Contains(t, body, "</html>", "the page is whole")
			require.NotContains(t, body, gallery.Canary)
			require.NotContains(t, body, "ZgotmplZ", "a value was refused by its context")
			require.NotContains(t, body, "<no value>")
			require.Regexp(t, help, body, "SR-119: help stands in the same place on every page")
			if state.Role == access.RolePatientLink {
				require.Contains(t, body, "Answers are not watched live", "SR-109: the crisis link stands on every patient page")
				require.GreaterOrEqual(t, strings.Count(body, `href="/crisis"`), 2)
			}
			for _, phrase := range []string{"low risk", "no risk", "well done", "!</"} {
				require.NotContains(t, strings.ToLower(body), phrase)
			}
		})
	}
}
