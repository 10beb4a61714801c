package durability

import "afterglow/internal/stats/mixed"

// Question describes a question that can be asked and how it can be asked.
type Question struct {
	Name     string    `json:"name"`
	Title    string    `json:"title"`
	Settings []Setting `json:"settings"`
}

// Setting is one setting of a question. Choices are the values that it accepts;
// empty where the study decides or any number or text is. Default is what holds
// where the setting is not given; empty where the study decides.
type Setting struct {
	Name    string   `json:"name"`
	Choices []string `json:"choices"`
	Default string   `json:"default"`
	Label   string   `json:"label"`
}

// Describe lists the questions with their settings.
func Describe() []Question {
	return []Question{
		{Name: retainedName, Title: retainedTitle, Settings: append(sharedSettings(), retainedSettings()...)},
		{Name: timeToLossName, Title: timeToLossTitle, Settings: append(sharedSettings(), lossSettings()...)},
	}
}

// sharedSettings are those of every question.
func sharedSettings() []Setting {
	return []Setting{
		{Name: "level", Choices: []string{}, Default: "0.95", Label: "Confidence level of the intervals, from 0.5 to 0.999"},
		{Name: "measure", Choices: []string{}, Label: "Which scale is followed: the name of its total score or its instrument's id; default: the study's first"},
		{Name: "first-visit", Choices: []string{}, Label: "The visit that later visits are compared with; default: the first one 14 days or more after the last session of the series, or the first follow-up visit where days count from the start of the course"},
		{Name: "group", Choices: []string{}, Label: "What is compared: a factor of the study, or all for everyone together; default: the study's arm, or all if it has none"},
		{Name: "adjust", Choices: []string{"baseline", "none"}, Default: "baseline", Label: "Whether the score before treatment is in the model"},
	}
}

func retainedSettings() []Setting {
	structures := []string{}
	for _, structure := range mixed.Structures() {
		structures = append(structures, string(structure))
	}
	return []Setting{
		{Name: "fixed", Choices: []string{}, Label: "The right side of the model in R's notation, instead of the one that adjust gives"},
		{Name: "covariance", Choices: structures, Default: structures[0], Label: "How the scores of one patient at different visits are related"},
		{Name: "method", Choices: []string{string(mixed.REML), string(mixed.ML)}, Default: string(mixed.REML), Label: "The likelihood that is maximised; ML only to compare models"},
		{Name: "df", Choices: append([]string{}, dfMethods...), Default: dfMethods[0], Label: "How degrees of freedom are found; Kenward-Roger also widens the errors in small studies"},
		{Name: "times", Choices: []string{}, Label: "The times of the visits for the covariance sp_exp, as numbers separated by commas; default: their days"},
	}
}

func lossSettings() []Setting {
	return []Setting{
		{Name: "boosters", Choices: []string{boostersObserved, boostersCensor}, Default: boostersObserved, Label: "Whether answers after a booster count, or follow-up ends with the last answer up to a course's first booster"},
		{Name: "tau", Choices: []string{}, Label: "How many days after the first visit restricted means end; default: the last day to which every group was followed"},
	}
}
