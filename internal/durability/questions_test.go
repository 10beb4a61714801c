package durability

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
)

// The list of questions names exactly the settings that each question asks for, and
// each choice and default is accepted.
func TestTheListOfQuestionsIsWhatIsAsked(t *testing.T) {
	f := loadBeatTheBlues(t)
	listed := []string{}
	for _, q := range Describe() {
		listed = append(listed, q.Name)
		require.NotEmpty(t, q.Title)
		names := []string{}
		for _, s := range q.Settings {
			names = append(names, s.Name)
			require.NotEmpty(t, s.Label, s.Name)
			require.NotNil(t, s.Choices, "an empty list in JSON, not null")
			if len(s.Choices) > 0 {
				require.Contains(t, s.Choices, s.Default)
			}
			for _, choice := range append(slices.Clone(s.Choices), s.Default) {
				if choice == "" || choice == "ML" {
					continue
				}
				_, err := f.asker.Ask(t.Context(), q.Name, "btheb", map[string]string{s.Name: choice})
				require.NoError(t, err, "%s=%s", s.Name, choice)
			}
		}
		_, err := f.asker.Ask(t.Context(), q.Name, "btheb", map[string]string{"no-such-setting": "1"})
		require.True(t, fault.Is(err, fault.KindInvalid))
		_, asked, found := strings.Cut(err.Error(), "there are: ")
		require.True(t, found, err.Error())
		asked, _, _ = strings.Cut(asked, ";")
		known := strings.Split(strings.TrimRight(strings.TrimSpace(asked), ")."), ", ")
		require.ElementsMatch(t, names, known)
	}
	require.Equal(t, Questions(), listed)
}
