package research_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"afterglow/internal/care"
	"afterglow/internal/chart"
	"afterglow/internal/fault"
	"afterglow/internal/finding"
	"afterglow/internal/intake"
	"afterglow/internal/web/assets"
	"afterglow/internal/web/page"
	"afterglow/internal/web/research"
)

var btheb = care.Study{
	ID: "btheb", Title: "Beat the Blues", Anchor: care.AnchorCourseStart, VisitName: "visit",
	Visits:   []care.Visit{{Name: "2m", Day: 61}, {Name: "3m", Day: 91}, {Name: "5m", Day: 152}, {Name: "8m", Day: 243}},
	Arm:      care.Factor{Name: "treatment", Levels: []string{"TAU", "BtheB"}},
	Measures: []care.Measure{{Instrument: "bdi-ii", Version: "1.0.0", Total: "bdi", Baseline: "bdi_pre"}},
}

func canned(t testing.TB, name string) finding.Finding {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../gallery/findings", name+".json"))
	require.NoError(t, err)
	var f finding.Finding
	require.NoError(t, json.Unmarshal(b, &f))
	return f
}

// working answers every question with the canned findings.
func working(t testing.TB) research.Service {
	return research.Service{
		Ask: func(_ context.Context, question, _ string, _ map[string]string) (finding.Finding, error) {
			return canned(t, question), nil
		},
		Studies: func(context.Context) ([]care.Study, error) { return []care.Study{btheb}, nil },
		DataAsOf: func(context.Context) (research.Freshness, error) {
			return research.Freshness{AsOf: time.Date(2026, 3, 14, 14, 2, 0, 0, time.UTC), Waiting: 3}, nil
		},
		Scale: func(care.Measure) (chart.Scale, error) {
			return chart.Scale{Name: "BDI-II", Maximum: 63, LowerIsBetter: true}, nil
		},
		Protocols: func(context.Context) ([]care.Protocol, error) { return nil, nil },
	}
}

// get serves one request and gives the status, the body and its tree.
func get(t testing.TB, s research.Service, target string) (int, string, *html.Node) {
	t.Helper()
	set, err := assets.Load()
	require.NoError(t, err)
	site := page.Site{Name: "Clinic", Zone: time.UTC, Now: func() time.Time { return time.Date(2026, 3, 14, 14, 5, 0, 0, time.UTC) }}
	renderer, err := page.NewRenderer(site, set, research.Templates)
	require.NoError(t, err)
	h := research.Pages{Renderer: renderer, Service: s}
	e := echo.New()
	e.HTTPErrorHandler = renderer.HandleError(slog.New(slog.DiscardHandler))
	e.GET("/research", h.ShowStudies)
	e.GET("/research/studies/:study", h.ShowStudy)
	answer := httptest.NewRecorder()
	e.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, target, nil))
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	tree, err := html.Parse(strings.NewReader(string(body)))
	require.NoError(t, err)
	return answer.Code, string(body), tree
}

// all gives the elements of a tag in reading order.
func all(n *html.Node, tag string) []*html.Node {
	var found []*html.Node
	for c := range n.Descendants() {
		if c.Type == html.ElementNode && c.Data == tag {
			found = append(found, c)
		}
	}
	return found
}

func words(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode && c.Parent.Data != "script" {
			b.WriteString(c.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

const path = "/research/studies/btheb"

// section finds a part of the page by the id of its heading.
func section(t testing.TB, tree *html.Node, id string) *html.Node {
	t.Helper()
	for _, s := range all(tree, "section") {
		if attribute(s, "aria-labelledby") == id {
			return s
		}
	}
	require.Failf(t, "the page lacks a section", "%s", id)
	return nil
}

// table finds a table of a section by its caption's beginning.
func table(t testing.TB, part *html.Node, caption string) *html.Node {
	t.Helper()
	for _, found := range all(part, "table") {
		if strings.HasPrefix(words(all(found, "caption")[0]), caption) {
			return found
		}
	}
	require.Failf(t, "the section lacks a table", "%s", caption)
	return nil
}

func TestTheAnswerStandsFirstThenPicturesThenTablesBehindThem(t *testing.T) {
	status, _, tree := get(t, working(t), path)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "Does the benefit last?", words(all(tree, "h1")[0]))
	var headings []string
	for _, part := range all(tree, "section") {
		headings = append(headings, words(all(part, "h2")[0]))
		for _, shown := range all(part, "table") {
			folded := false
			for up := shown.Parent; up != nil; up = up.Parent {
				folded = folded || up.Data == "details"
			}
			require.True(t, folded, "every table stands behind a summary: %s", words(shown))
		}
		if len(all(part, "figure")) > 0 {
			require.NotEmpty(t, all(part, "details"), "every picture has its numbers in a table")
		}
	}
	require.Equal(t, []string{"Answer", "Share of the benefit that is left", "Scores over time", "Difference between groups", "What to be careful about",
		"How long do responders keep their response?", "Who is missing", "How it is computed"}, headings)

	var contents []string
	for _, nav := range all(tree, "nav") {
		if attribute(nav, "aria-label") == "On this page" {
			for _, a := range all(nav, "a") {
				contents = append(contents, words(a))
				require.NotNil(t, section(t, tree, strings.TrimPrefix(attribute(a, "href"), "#")))
			}
		}
	}
	require.Equal(t, headings, contents, "the contents name every part")
}

func TestEachGroupHasACardWithItsShareAndItsDefinition(t *testing.T) {
	s := working(t)
	low, middle := 12, 20
	f := finding.Finding{Question: "retained-benefit", Title: "How much remains?",
		Answer: "Partly: 24 weeks later 59 % (95 % CI 45 to 74) of the benefit is left where the setting was rated high. The groups differ in more than this.",
		Groups: []finding.Group{
			{Name: "low", Label: "setting low", Definition: "Setting low: the index is below 60.", N: low, Verdict: "cannot be said"},
			{Name: "high", Label: "setting high", Definition: "Setting high: the index is 80 or more.", N: middle, Verdict: "partly"},
		},
		Estimates: []finding.Estimate{{Name: "retained_share", Level: 0.95}},
		Tables: []finding.Table{{Name: "retained", Caption: "Share", Columns: []finding.Column{{Name: "group"}, {Name: "visit"}, {Name: "day"},
			{Name: "estimate"}, {Name: "ci_lower"}, {Name: "ci_upper"}, {Name: "n_answered"}, {Name: "note"}},
			Rows: [][]finding.Cell{
				{finding.Text("high"), finding.Text("+14 d"), finding.Number(14), finding.Number(100), {}, {}, finding.Count(19), {}},
				{finding.Text("high"), finding.Text("+168 d"), finding.Number(168), finding.Number(59), finding.Number(45), finding.Number(74), finding.Count(11), {}},
				{finding.Text("low"), finding.Text("+168 d"), finding.Number(168), {}, {}, {}, finding.Count(6), finding.Text("patients were worse than before at +14 d")},
			}}},
	}
	s.Ask = func(_ context.Context, question, _ string, _ map[string]string) (finding.Finding, error) {
		if question == "retained-benefit" {
			return f, nil
		}
		return canned(t, question), nil
	}
	_, _, tree := get(t, s, path)
	answer := section(t, tree, "answer")
	require.Equal(t, "Partly: 24 weeks later 59 % (95 % CI 45 to 74) of the benefit is left where the setting was rated high.", words(all(answer, "p")[0]), "the first sentence stands alone")
	cards := all(answer, "li")
	require.Len(t, cards, 2)
	require.Equal(t, "Setting high partly 59 % is left 95 % CI 45 to 74 0 50 % 100 % 24 weeks after the start of the course 11 of 20 patients answered then Setting high: the index is 80 or more.", words(cards[0]))
	require.Equal(t, "Setting low cannot be said patients were worse than before at +14 d 12 patients Setting low: the index is below 60.", words(cards[1]), "no share, and why")
	bar := all(cards[0], "rect")[0]
	require.Equal(t, "90", attribute(bar, "x"), "two units a percent")
	require.Equal(t, "58", attribute(bar, "width"))
	require.Equal(t, "118", attribute(all(cards[0], "circle")[0], "cx"))
	require.Empty(t, all(cards[1], "svg"))

	beyond := f.Tables[0].Rows[1]
	beyond[3], beyond[5] = finding.Number(239), finding.Number(540)
	_, _, tree = get(t, s, path)
	card := all(section(t, tree, "answer"), "li")[0]
	require.Empty(t, all(card, "circle"), "the share lies beyond the line's end")
	require.Len(t, all(card, "path"), 1)
	require.Contains(t, words(table(t, section(t, tree, "share"), "Share")), "Setting low \u2013 \u2013", "a group without a share keeps its row")

	f.Tables = nil
	_, _, tree = get(t, s, path)
	require.Empty(t, all(section(t, tree, "answer"), "li"), "where nothing was estimated no group has a verdict")
}

func TestTheStudyIsToldInWordsWithWhoAnswered(t *testing.T) {
	_, _, tree := get(t, working(t), path)
	text := words(tree)
	for _, sentence := range []string{
		"100 patients: 48 TAU and 52 BtheB. Answered: 97 at 2m (day 61), 73 at 3m (day 91), 58 at 5m (day 152) and 52 at 8m (day 243). Days count from the start of the course.",
		"At the last visit that was analysed (8m, day 243) the answer is missing from 23 of 48 in TAU and 25 of 52 in BtheB.",
		"At 8m the difference BtheB minus TAU was \u22121.5 points (95 % CI \u22125.7 to 2.7)",
		"At 8m the difference BtheB \u2212 TAU was \u22121.5 points (95 % CI \u22125.7 to 2.7; 52 answered), so these data do not tell the groups apart.",
		"Data as of 14 Mar 2026, 14:02 UTC ; 3 answers are on their way.",
		"48 of 100 patients did not answer at 8m.",
		"Boosters: sessions after the planned series not recorded",
	} {
		require.Contains(t, text, sentence)
	}
	require.Equal(t, "Does the benefit last? Beat the Blues \u00b7 Clinic", words(all(tree, "title")[0]), "the title names the study")
}

func TestTablesHaveGroupsDownAndVisitsAcross(t *testing.T) {
	_, _, tree := get(t, working(t), path)
	means := table(t, section(t, tree, "scores"), "Model means")
	var header []string
	for _, th := range all(all(means, "thead")[0], "th") {
		header = append(header, words(th))
	}
	require.Equal(t, []string{"Group", "2m", "3m", "5m", "8m"}, header)
	first := all(all(means, "tbody")[0], "tr")[0]
	require.Equal(t, "TAU 18.9 (16.5 to 21.4) 17.3 (14.3 to 20.3) 15.7 (12.6 to 18.8) 13.3 (10.3 to 16.3)", words(first))
	require.Equal(t, "row", attribute(all(first, "th")[0], "scope"))
	require.Contains(t, words(table(t, section(t, tree, "missing"), "Answered")), "TAU 45 of 48 36 of 48 29 of 48 25 of 48")
}

func TestNumbersAtRiskRunAcross(t *testing.T) {
	_, _, tree := get(t, working(t), path)
	risk := table(t, section(t, tree, "time"), "Numbers at risk")
	require.Equal(t, "Numbers at risk Group Day 61 Day 91 Day 152 Day 243 TAU 9 8 5 5 BtheB 16 14 11 9", words(risk))
}

func TestTheTimeInResponseIsToldForRespondersAndForEveryone(t *testing.T) {
	_, _, tree := get(t, working(t), path)
	part := section(t, tree, "time")
	text := words(table(t, part, "How long the response lasted"))
	for _, row := range []string{
		"TAU Mean of responders, days 144 83 to 172 9", "BtheB Mean of responders, days 143 101 to 167 16",
		"BtheB − TAU Difference of these means, days −1 −57 to 55 25", "TAU Mean of everyone assessed, days 29 14 to 53 45",
	} {
		require.Contains(t, text, row)
	}
	require.Contains(t, words(part), "TAU 9 not reached: fewer than half had lost it by 8m (day 243)")
}

func TestTheHazardStandsAtTheSameBaselineAndUnadjustedBesideIt(t *testing.T) {
	s := working(t)
	answered, given := s.Ask, map[string]string{}
	s.Ask = func(ctx context.Context, question, study string, settings map[string]string) (finding.Finding, error) {
		given[question] = settings["adjust"]
		return answered(ctx, question, study, settings)
	}
	_, _, tree := get(t, s, path+"?adjust=none")
	require.Equal(t, map[string]string{"retained-benefit": "none", "time-to-loss": "none"}, given)
	part := section(t, tree, "time")
	require.Equal(t, "Hazard of losing the response Treatment Hazard ratio, adjusted by baseline 95 % CI p Hazard ratio, unadjusted 95 % CI p "+
		"Responders assessed again Lost Mean baseline TAU 1.0 \u2013 \u2013 1.0 \u2013 \u2013 8 2 23.9 BtheB 1.8 0.4 to 8.9 0.483 1.7 0.3 to 8.4 0.517 14 6 25.6",
		words(table(t, part, "Hazard of losing")))
	require.Contains(t, words(part), "compare the groups without adjustment")
}

func TestAFigureCarriesItsOptionsAsData(t *testing.T) {
	_, _, tree := get(t, working(t), path)
	figures := all(tree, "figure")
	require.Len(t, figures, 5)
	for _, f := range figures {
		script := all(f, "script")[0]
		require.Equal(t, "application/json", attribute(script, "type"))
		var options chart.Figure
		require.NoError(t, json.Unmarshal([]byte(script.FirstChild.Data), &options))
		require.NotEmpty(t, options.Light["series"])
		require.NotEmpty(t, options.Dark["series"])
		place := all(f, "div")[0]
		require.Equal(t, words(all(f, "figcaption")[0]), strings.ReplaceAll(attribute(place, "aria-label"), "\u00a0", " "))
		require.NotEmpty(t, all(f, "noscript"))
	}
}

// SR-63 on the page: the canary in every name that a study can bring.
func TestSR63_NamesOfAStudyRunNothing(t *testing.T) {
	const canary = `</script><script>alert(1)</script><img src=x onerror=alert(1)>`
	s := working(t)
	study := btheb
	study.Title = canary
	study.Arm.Levels = []string{canary, "BtheB"}
	s.Studies = func(context.Context) ([]care.Study, error) { return []care.Study{study}, nil }
	s.Scale = func(care.Measure) (chart.Scale, error) { return chart.Scale{Name: canary}, nil }
	s.Ask = func(_ context.Context, question, _ string, _ map[string]string) (finding.Finding, error) {
		b, err := json.Marshal(canned(t, question))
		require.NoError(t, err)
		escaped, err := json.Marshal(canary)
		require.NoError(t, err)
		var f finding.Finding
		return f, json.Unmarshal([]byte(strings.ReplaceAll(string(b), `"TAU"`, string(escaped))), &f)
	}
	_, body, tree := get(t, s, path)
	require.NotContains(t, body, "<img")
	for _, script := range all(tree, "script") {
		require.True(t, attribute(script, "src") != "" || attribute(script, "type") == "application/json")
	}
	require.Contains(t, words(tree), canary, "the name is shown as text")
}

func TestWhenThereIsNoAnswerThePageSaysWhy(t *testing.T) {
	down := fault.Unavailable("warehouse", io.EOF, "the engine is restarting")
	for _, c := range []struct {
		name   string
		change func(*research.Service)
		status int
		text   string
	}{
		{"the engine is down", func(s *research.Service) {
			s.Ask = func(context.Context, string, string, map[string]string) (finding.Finding, error) {
				return finding.Finding{}, down
			}
		}, http.StatusServiceUnavailable, "The analysis engine cannot answer just now. It restarts automatically."},
		{"the data are being compared", func(s *research.Service) {
			s.Ask = func(context.Context, string, string, map[string]string) (finding.Finding, error) {
				return finding.Finding{}, intake.Refusal("ClickHouse was restarted")
			}
		}, http.StatusServiceUnavailable, "The data are being checked. The data are being compared with the record"},
		{"not even the list of studies", func(s *research.Service) {
			s.Studies = func(context.Context) ([]care.Study, error) { return nil, down }
		}, http.StatusServiceUnavailable, "Data as of 14 Mar 2026"},
		{"no patients", func(s *research.Service) {
			s.Ask = func(context.Context, string, string, map[string]string) (finding.Finding, error) {
				return finding.Finding{}, fault.NotFound("study", "no patients yet")
			}
		}, http.StatusOK, "No data to ask yet. This page will say whether the benefit lasts"},
		{"settings that are not accepted", func(s *research.Service) {
			s.Ask = func(context.Context, string, string, map[string]string) (finding.Finding, error) {
				return finding.Finding{}, fault.InvalidDetails("settings", []fault.Detail{{Item: "df", Message: "Kenward-Roger needs REML"}})
			}
		}, http.StatusUnprocessableEntity, "This cannot be estimated as asked. Some values are not right. df: Kenward-Roger needs REML"},
		{"a failure of ours", func(s *research.Service) {
			s.Ask = func(context.Context, string, string, map[string]string) (finding.Finding, error) {
				return finding.Finding{}, errors.New("secret detail")
			}
		}, http.StatusInternalServerError, "Something went wrong on our side"},
		{"no such study", func(s *research.Service) {
			s.Studies = func(context.Context) ([]care.Study, error) { return nil, nil }
		}, http.StatusNotFound, "There is no such study here"},
		{"not estimable", func(s *research.Service) {
			s.Ask = func(_ context.Context, question, _ string, _ map[string]string) (finding.Finding, error) {
				return finding.Finding{Question: question, Title: "x", Answer: "This cannot be estimated from the available data: an empty cell."}, nil
			}
		}, http.StatusOK, "This cannot be estimated from the available data: an empty cell."},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := working(t)
			c.change(&s)
			status, body, tree := get(t, s, path)
			require.Equal(t, c.status, status)
			require.Contains(t, words(tree), c.text)
			require.NotContains(t, body, "secret detail")
		})
	}
}

func TestOneQuestionDownLeavesTheOthers(t *testing.T) {
	s := working(t)
	answered := s.Ask
	s.Ask = func(ctx context.Context, question, study string, settings map[string]string) (finding.Finding, error) {
		if question == "time-to-loss" {
			return finding.Finding{}, fault.Invalid("measure", "has no published response")
		}
		return answered(ctx, question, study, settings)
	}
	status, _, tree := get(t, s, path)
	require.Equal(t, http.StatusOK, status)
	require.Len(t, all(tree, "figure"), 4)
	require.Contains(t, words(tree), "Has no published response.")
}

func TestTheFormAsksTheQuestionItsWay(t *testing.T) {
	s := working(t)
	given := map[string]map[string]string{}
	answered := s.Ask
	s.Ask = func(ctx context.Context, question, study string, settings map[string]string) (finding.Finding, error) {
		name := question
		if settings["adjust"] == "none" {
			name += " unadjusted"
		}
		given[name] = settings
		return answered(ctx, question, study, settings)
	}
	_, _, tree := get(t, s, path+"?covariance=csh&method=REML&df=kenward-roger&group=drug&fixed=1&x=y")
	model := map[string]string{"covariance": "csh", "method": "REML", "df": "kenward-roger", "group": "drug"}
	require.Equal(t, model, given["retained-benefit"])
	require.Equal(t, map[string]string{"group": "drug"}, given["time-to-loss"], "time to loss takes the group, the scale and the adjustment only")
	get(t, s, path+"?boosters=censor")
	require.Equal(t, map[string]string{"boosters": "censor"}, given["time-to-loss"])
	require.Empty(t, given["retained-benefit"], "boosters are a setting of the time to loss")
	get(t, s, path+"?covariance=csh&method=REML&df=kenward-roger&group=drug")
	model["adjust"] = "none"
	require.Equal(t, model, given["retained-benefit unadjusted"], "the unadjusted answer stands beside the adjusted one")
	var chosen []string
	for _, o := range all(tree, "option") {
		for _, a := range o.Attr {
			if a.Key == "selected" {
				chosen = append(chosen, attribute(o, "value"))
			}
		}
	}
	require.Equal(t, []string{"baseline", "csh", "REML", "kenward-roger"}, chosen, "a factor that the study does not have is not chosen, and one scale leaves none to choose")
}

// TestWhatIsComparedIsOnePressAway: the factors and the scales of a study stand at the head of its page, and
// a press keeps how the rest was asked.
func TestWhatIsComparedIsOnePressAway(t *testing.T) {
	s := working(t)
	study := btheb
	study.Covariates = []care.Factor{{Name: "drug", Levels: []string{"no", "yes"}}, {Name: "site", Levels: []string{"one"}}}
	s.Studies = func(context.Context) ([]care.Study, error) { return []care.Study{study}, nil }
	_, _, tree := get(t, s, path+"?covariance=csh&group=drug")
	type link struct{ words, address, current string }
	var links []link
	for _, nav := range all(tree, "nav") {
		if attribute(nav, "aria-label") != "Compare by" {
			continue
		}
		for _, a := range all(nav, "a") {
			links = append(links, link{words(a), attribute(a, "href"), attribute(a, "aria-current")})
		}
	}
	require.Equal(t, []link{
		{"Treatment", "?covariance=csh&group=treatment", ""},
		{"Drug", "?covariance=csh&group=drug", "true"},
		{"Everyone together", "?covariance=csh&group=all", ""},
	}, links, "a factor with one level compares nothing")
	_, _, tree = get(t, working(t), path)
	for _, nav := range all(tree, "nav") {
		require.NotEqual(t, "Scale", attribute(nav, "aria-label"), "one scale leaves nothing to choose")
	}
}

// How groups came about is what the study's definition says of the factor that is
// compared, and nothing where nothing is.
func TestTheHintSaysHowGroupsCameAbout(t *testing.T) {
	for _, c := range []struct {
		assignment care.Assignment
		query      string
		says       string
	}{
		{care.AssignmentRandomised, "", "Treatment was randomised, as the study's definition says."},
		{care.AssignmentNotRandomised, "", "Treatment was not randomised: the groups can differ in more than this."},
		{care.AssignmentUnknown, "", "How patients were assigned to their treatment is not recorded"},
		{"", "", "How patients were assigned to their treatment is not recorded"},
		{care.AssignmentRandomised, "?group=drug", "How patients were assigned to their drug is not recorded"},
		{care.AssignmentRandomised, "?group=all", "Nothing is compared."},
	} {
		s := working(t)
		study := btheb
		study.Arm.Assignment = c.assignment
		study.Covariates = []care.Factor{{Name: "drug", Levels: []string{"no", "yes"}}}
		s.Studies = func(context.Context) ([]care.Study, error) { return []care.Study{study}, nil }
		_, _, tree := get(t, s, path+c.query)
		require.Contains(t, words(tree), c.says)
		require.NotContains(t, words(tree), "by lot")
	}
}

func TestTheListOfStudies(t *testing.T) {
	status, _, tree := get(t, working(t), "/research")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, words(tree), "Beat the Blues TAU and BtheB; 4 visits from day 61 to day 243 since the start of the course.")

	s := working(t)
	s.Studies = func(context.Context) ([]care.Study, error) { return nil, nil }
	_, _, tree = get(t, s, "/research")
	require.Contains(t, words(tree), "No study yet.")

	s.Studies = func(context.Context) ([]care.Study, error) {
		return nil, fault.Unavailable("warehouse", io.EOF, "restarting")
	}
	status, _, tree = get(t, s, "/research")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, words(tree), "nothing is lost")
}

func TestSimulatedStudiesSaySo(t *testing.T) {
	s := working(t)
	answered := s.Ask
	s.Ask = func(ctx context.Context, question, study string, settings map[string]string) (finding.Finding, error) {
		f, err := answered(ctx, question, study, settings)
		f.Simulated = true
		return f, err
	}
	_, _, tree := get(t, s, path)
	require.Contains(t, words(tree), "Simulated.")
}

func TestAMinusIsAMinusInEveryTable(t *testing.T) {
	_, _, tree := get(t, working(t), path)
	for _, shown := range all(tree, "table") {
		require.NotContains(t, words(shown), "BtheB - TAU")
	}
}

func TestTheListNamesProtocolsByTheirTitle(t *testing.T) {
	s := working(t)
	study := btheb
	study.Arm = care.Factor{Name: care.FactorProtocol, Levels: []string{"iv-series", "im-series", "at-home"}}
	s.Studies = func(context.Context) ([]care.Study, error) { return []care.Study{study}, nil }
	s.Protocols = func(context.Context) ([]care.Protocol, error) {
		return []care.Protocol{{ProtocolRef: care.ProtocolRef{ID: "iv-series", Version: 1}, Title: "Intravenous series as it was"},
			{ProtocolRef: care.ProtocolRef{ID: "iv-series", Version: 2}, Title: "Intravenous series"}, {ProtocolRef: care.ProtocolRef{ID: "im-series", Version: 1}, Title: "Intramuscular series"}}, nil
	}
	_, _, tree := get(t, s, "/research")
	require.Contains(t, words(tree), "Intravenous series, Intramuscular series and at-home; 4 visits", "by the newest version")
}

func TestAStudyWithoutArmsIsAskedAboutAsAWhole(t *testing.T) {
	s := working(t)
	study := btheb
	study.Arm = care.Factor{}
	s.Studies = func(context.Context) ([]care.Study, error) { return []care.Study{study}, nil }
	status, _, tree := get(t, s, path)
	require.Equal(t, http.StatusOK, status)
	for _, nav := range all(tree, "nav") {
		require.NotEqual(t, "Compare by", attribute(nav, "aria-label"))
	}
	_, _, tree = get(t, s, "/research")
	require.Contains(t, words(tree), "Everyone together; 4 visits")
}
