package research

import (
	"net/url"
	"slices"
	"strings"

	"afterglow/internal/care"
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

// settingNames are the settings that the page's form offers, in its order.
var settingNames = []string{"group", "measure", "adjust", "boosters", "covariance", "method", "df"}

// sharedSettings are those that every question on the page takes.
var sharedSettings = []string{"group", "measure"}

// retainedSettings are those that the retained benefit takes.
var retainedSettings = []string{"group", "measure", "adjust", "covariance", "method", "df"}

// lossSettings are those that the time to loss takes.
var lossSettings = []string{"group", "measure", "adjust", "boosters"}

// choices lists the settings with their defaults first. What a study does not
// leave open is not asked.
func choices(study care.Study, settings map[string]string) []Choice {
	group := Choice{Name: "group", Label: "Compare by", Hint: assignmentHint(study, settings["group"])}
	together := Option{Value: everyone, Label: "Everyone together"}
	if !study.HasArms() {
		group.Options = append(group.Options, together)
	}
	for i, factor := range study.Factors() {
		if i == 0 && study.HasArms() || len(factor.Levels) > 1 {
			group.Options = append(group.Options, Option{Value: factor.Name, Label: capital(factor.Name)})
		}
	}
	if study.HasArms() {
		group.Options = append(group.Options, together)
	}
	measure := Choice{Name: "measure", Label: "Scale", Hint: "Which total score is followed."}
	for _, m := range study.Measures {
		measure.Options = append(measure.Options, Option{Value: m.Total, Label: strings.ToUpper(m.Instrument)})
	}
	boosters := Choice{Name: "boosters", Label: "Boosters", Hint: "How long a response lasts: whether answers after a booster count, or only those up to the first booster."}
	if study.Anchor == care.AnchorLastSession { // only such a study has sessions for sure
		boosters.Options = []Option{{Value: "observed", Label: "Count answers after a booster"}, {Value: "censor", Label: "End follow-up at the first booster"}}
	}
	all := []Choice{group, measure,
		{Name: "adjust", Label: "Adjustment", Hint: "Unadjusted compares the groups as they are, even if they started from different scores.", Options: []Option{
			{Value: "baseline", Label: "By the score before treatment"},
			{Value: "none", Label: "None"},
		}},
		boosters,
		{Name: "covariance", Label: "Covariance of the visits", Hint: "How the scores of one patient at different visits are related.", Options: []Option{
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
	all = slices.DeleteFunc(all, func(c Choice) bool { return len(c.Options) < 2 })
	for i := range all {
		chosen := settings[all[i].Name]
		for j := range all[i].Options {
			o := &all[i].Options[j]
			o.Chosen = o.Value == chosen || chosen == "" && j == 0
		}
	}
	return all
}

// everyone is the value of the setting group that compares nothing.
const everyone = "all"

// assignmentHint says how patients came to the groups that are compared, as the
// study's definition has it; the first factor's where none is chosen.
func assignmentHint(study care.Study, chosen string) string {
	factors := study.Factors()
	if chosen == "" && !study.HasArms() || chosen == everyone || len(factors) == 0 {
		return "Nothing is compared."
	}
	factor := factors[0]
	for _, f := range factors {
		if f.Name == chosen {
			factor = f
		}
	}
	switch factor.Assignment {
	case care.AssignmentRandomised:
		return capital(factor.Name) + " was randomised, as the study's definition says."
	case care.AssignmentNotRandomised:
		return capital(factor.Name) + " was not randomised: the groups can differ in more than this."
	}
	return "How patients were assigned to their " + factor.Name + " is not recorded: the groups can differ in more than this."
}

// Quick is one choice that is made with one press at the head of the page.
type Quick struct {
	Label string
	Links []QuickLink
}

// QuickLink is the same page with another option chosen.
type QuickLink struct {
	Label, Address string
	Current        bool
}

// quick offers what decides the question, rather than how it is computed: what
// is compared, and on which scale. Everything else that was set stays.
func quick(all []Choice, settings map[string]string) []Quick {
	var offered []Quick
	for _, choice := range all {
		if !slices.Contains(sharedSettings, choice.Name) {
			continue
		}
		q := Quick{Label: choice.Label}
		for _, o := range choice.Options {
			query := url.Values{}
			for name, value := range settings {
				query.Set(name, value)
			}
			query.Set(choice.Name, o.Value)
			q.Links = append(q.Links, QuickLink{Label: o.Label, Address: "?" + query.Encode(), Current: o.Chosen})
		}
		offered = append(offered, q)
	}
	return offered
}

// readSettings takes the form's own names from an address and nothing else. A
// wrong value stays: the question says what it accepts.
func readSettings(query url.Values) map[string]string {
	settings := map[string]string{}
	for _, name := range settingNames {
		if value := strings.TrimSpace(query.Get(name)); value != "" {
			settings[name] = value
		}
	}
	return settings
}

// only keeps some settings.
func only(settings map[string]string, names []string) map[string]string {
	kept := map[string]string{}
	for _, name := range names {
		if value, ok := settings[name]; ok {
			kept[name] = value
		}
	}
	return kept
}

// settingsWords says in a few words how the answers were asked for, apart from what
// the chips show.
func settingsWords(all []Choice) string {
	var words []string
	for _, choice := range all {
		if slices.Contains(sharedSettings, choice.Name) {
			continue
		}
		i := slices.IndexFunc(choice.Options, func(o Option) bool { return o.Chosen })
		if i >= 0 {
			words = append(words, choice.Label+": "+choice.Options[i].Label)
		}
	}
	return strings.Join(words, "; ")
}
