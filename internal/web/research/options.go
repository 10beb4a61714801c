package research

import (
	"net/url"
	"slices"
	"strings"
)

// Choice is one setting of the model as the page's form offers it.
type Choice struct {
	Name    string
	Label   string
	Hint    string
	Options []Option
}

// Option is one value of a setting.
type Option struct {
	Value, Label string
	Chosen       bool
}

// choices lists the settings with their defaults first.
func choices(settings map[string]string) []Choice {
	all := []Choice{
		{Name: "covariance", Label: "Covariance of the visits", Hint: "How scores of one patient hang together.", Options: []Option{
			{Value: "un", Label: "Unstructured"},
			{Value: "cs", Label: "Compound symmetry"},
			{Value: "csh", Label: "Compound symmetry, variances differ"},
			{Value: "ar1", Label: "Autoregressive"},
			{Value: "ar1h", Label: "Autoregressive, variances differ"},
		}},
		{Name: "method", Label: "Fit", Hint: "ML only to compare models.", Options: []Option{
			{Value: "REML", Label: "Restricted maximum likelihood"},
			{Value: "ML", Label: "Maximum likelihood"},
		}},
		{Name: "df", Label: "Degrees of freedom", Hint: "Kenward-Roger also widens the errors in small studies.", Options: []Option{
			{Value: "satterthwaite", Label: "Satterthwaite"},
			{Value: "kenward-roger", Label: "Kenward-Roger"},
		}},
	}
	for i := range all {
		chosen := settings[all[i].Name]
		for j := range all[i].Options {
			o := &all[i].Options[j]
			o.Chosen = o.Value == chosen || chosen == "" && j == 0
		}
	}
	return all
}

// readSettings takes the form's own names from an address and nothing else. A
// wrong value stays: the question says what it accepts.
func readSettings(query url.Values) map[string]string {
	settings := map[string]string{}
	for _, choice := range choices(nil) {
		if value := strings.TrimSpace(query.Get(choice.Name)); value != "" {
			settings[choice.Name] = value
		}
	}
	return settings
}

// settingsWords says in a few words how the answers were asked for.
func settingsWords(all []Choice) string {
	var words []string
	for _, choice := range all {
		i := slices.IndexFunc(choice.Options, func(o Option) bool { return o.Chosen })
		if i >= 0 {
			words = append(words, choice.Options[i].Label)
		}
	}
	return strings.Join(words, "; ")
}
