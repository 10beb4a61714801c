package mixed

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/testkit/statstest"
)

// clinics deals a trial's patients to sites, in one origin, and gives the sums of each beside those of all.
func clinics(t testing.TB, tr trial, f string, frame formula.Frame, n int) (*Design, []*Sums, *Sums) {
	m, err := tr.model(f).Classify(frame, "id")
	require.NoError(t, err)
	d, err := m.Design()
	require.NoError(t, err)
	rows := Rows{Data: frame, Subject: "id"}
	parts, err := d.SumBuckets(rows, n)
	require.NoError(t, err)
	all, err := d.Sum(rows)
	require.NoError(t, err)
	return d, parts, all
}

func sitesOf(t testing.TB, d *Design, parts []*Sums) []Respondent {
	var out []Respondent
	for _, s := range parts {
		site, err := NewSite(d, s, SitePolicy{MinPatients: 1})
		require.NoError(t, err)
		out = append(out, wire{site})
	}
	return out
}

// wire carries questions and answers as JSON, as a network would.
type wire struct{ site *Site }

func (w wire) Answer(q Question) (Answer, error) {
	sent, err := json.Marshal(q)
	if err != nil {
		return Answer{}, err
	}
	var arrived Question
	if err := json.Unmarshal(sent, &arrived); err != nil {
		return Answer{}, err
	}
	answer, err := w.site.Answer(arrived)
	if err != nil {
		return Answer{}, err
	}
	if sent, err = json.Marshal(answer); err != nil {
		return Answer{}, err
	}
	var out Answer
	return out, json.Unmarshal(sent, &out)
}

// SR-94: clinics that pool keep their sums, and the fit is that of all rows in one place.
func TestSR94_SitesThatAnswerRoundByRoundReachTheFitOfAllRows(t *testing.T) {
	for name, shape := range shapes {
		if name == "almost every pattern once" || name == "one visit" {
			continue
		}
		for _, o := range []Options{options(shape.trial, Unstructured, REML), options(shape.trial, HeterogeneousToeplitz, ML)} {
			t.Run(name+", "+string(o.Method), func(t *testing.T) {
				d, parts, all := clinics(t, shape.trial, shape.formula, shape.trial.frame(41), 4)
				whole, err := FitSums(d, all, o)
				require.NoError(t, err)
				pooled, err := FitSites(d, sitesOf(t, d, parts), o)
				require.NoError(t, err)
				same(t, whole, pooled, 1e-7)
				a, err := whole.Result()
				require.NoError(t, err)
				b, err := pooled.Result()
				require.NoError(t, err)
				require.Equal(t, []int{a.NObs, a.NSubjects, a.NWithoutVisit, a.NExcludedSubjects}, []int{b.NObs, b.NSubjects, b.NWithoutVisit, b.NExcludedSubjects})
				require.InDeltaMapValues(t, a.CovariatesAt, b.CovariatesAt, 1e-8*(1+shape.trial.baselineAt))
				for k := range a.FTests {
					require.InEpsilon(t, a.FTests[k].F.Value, b.FTests[k].F.Value, 1e-6)
				}
			})
		}
	}
}

func TestSitesReachEveryStructure(t *testing.T) {
	tr := trial{patients: 80, arms: 3, visits: 4, missing: gaps}
	d, parts, all := clinics(t, tr, "score ~ base * week + arm * week", tr.frame(47), 3)
	for _, structure := range Structures() {
		whole, err := FitSums(d, all, options(tr, structure, REML))
		require.NoError(t, err)
		pooled, err := FitSites(d, sitesOf(t, d, parts), options(tr, structure, REML))
		require.NoError(t, err)
		same(t, whole, pooled, 1e-7)
	}
}

// SR-94: what travels holds sums over all of a site's patients only.
func TestSR94_NoMessageHasAPlaceForAPattern(t *testing.T) {
	var names []string
	var walk func(reflect.Type)
	walk = func(of reflect.Type) {
		require.NotEqual(t, reflect.TypeFor[Pattern](), of)
		require.NotEqual(t, reflect.TypeFor[uint64](), of, "a mask of visits")
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(of.Elem())
		case reflect.Struct:
			for i := range of.NumField() {
				names = append(names, strings.ToLower(of.Field(i).Name))
				walk(of.Field(i).Type)
			}
		default:
		}
	}
	walk(reflect.TypeFor[Question]())
	walk(reflect.TypeFor[Answer]())
	require.NotContains(t, strings.Join(names, " "), "pattern")

	// two sites with the same sums over patients but other patterns give answers of the same size
	tr := trial{patients: 40, arms: 2, visits: 3, missing: gaps}
	d, s := tr.sums(t, "score ~ arm * week", tr.frame(42))
	full := trial{patients: 40, arms: 2, visits: 3}
	_, one := full.sums(t, "score ~ arm * week", full.frame(42))
	require.Greater(t, len(s.Patterns), len(one.Patterns))
	size := func(s *Sums) int {
		site, err := NewSite(d, s, SitePolicy{MinPatients: 1})
		require.NoError(t, err)
		a, err := site.Answer(Question{Ask: AskLevel, Covariance: flat(identity(3))})
		require.NoError(t, err)
		return len(a.Score) + len(a.Information)
	}
	require.Equal(t, size(one), size(s))
}

func TestASiteRefusesWhatWouldTellPatientsApart(t *testing.T) {
	tr := trial{patients: 12, arms: 2, visits: 2}
	d, s := tr.sums(t, "score ~ arm * week", tr.frame(43))
	_, err := NewSite(d, s, SitePolicy{MinPatients: 13})
	statstest.RequireFailure(t, err, stats.TooFew, "site")
	_, err = NewSite(d, s, SitePolicy{})
	statstest.RequireFailure(t, err, stats.TooFew, "armB") // six of twelve patients
	site, err := NewSite(d, s, SitePolicy{MinPatients: 6, MaxRounds: 2})
	require.NoError(t, err)
	for range 2 {
		_, err = site.Answer(Question{Ask: AskOpening})
		require.NoError(t, err)
	}
	_, err = site.Answer(Question{Ask: AskOpening})
	statstest.RequireFailure(t, err, stats.BadInput, "site")
}

// SR-94: one to ten patients behind a visit, a level or a level at a visit are too few; none are no one.
func TestSR94_SmallCellsAreRefusedAndNamed(t *testing.T) {
	tr := trial{patients: 60, arms: 2, visits: 3}
	seen := func(patients int, of func(formula.Frame, int) bool) formula.Frame {
		frame, left := tr.frame(48), patients
		for row := range frame.Texts["id"] {
			if of(frame, row) {
				if left--; left < 0 {
					frame.Numbers["score"][row] = stats.Number{}
				}
			}
		}
		return frame
	}
	last := func(f formula.Frame, r int) bool { return f.Texts["week"][r] == "w2" }
	lastOfB := func(f formula.Frame, r int) bool { return last(f, r) && f.Texts["arm"][r] == "B" }
	lastOfA := func(f formula.Frame, r int) bool { return last(f, r) && f.Texts["arm"][r] == "A" }
	for _, c := range []struct {
		name  string
		frame formula.Frame
		where string
	}{
		{"ten at a visit", seen(10, last), "w2"},
		{"one at a visit", seen(1, last), "w2"},
		{"nobody at a visit", seen(0, last), ""},
		{"ten of an arm at a visit", seen(10, lastOfB), "armB, w2"},
		{"eleven of an arm at a visit", seen(11, lastOfB), ""},
		{"ten of the reference arm at a visit", seen(10, lastOfA), "armA, w2"},
		{"everyone", tr.frame(48), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, s := tr.sums(t, "score ~ arm * week", c.frame)
			_, err := NewSite(d, s, SitePolicy{})
			if c.where == "" {
				require.NoError(t, err)
				return
			}
			statstest.RequireFailure(t, err, stats.TooFew, c.where)
		})
	}
	few := tr.frame(48)
	for row := range few.Texts["id"] {
		few.Texts["site"][row] = []string{"north", "south"}[row/3%12/11] // every twelfth patient
	}
	d, s := tr.sums(t, "score ~ site + arm * week", few)
	_, err := NewSite(d, s, SitePolicy{})
	statstest.RequireFailure(t, err, stats.TooFew, "sitesouth")
}

// failing answers so many rounds and then as its function says.
type failing struct {
	Respondent
	after int
	then  func(Answer) (Answer, error)
	round int
}

func (f *failing) Answer(q Question) (Answer, error) {
	f.round++
	a, err := f.Respondent.Answer(q)
	if f.round > f.after && err == nil {
		return f.then(a)
	}
	return a, err
}

func TestASiteThatFailsIsNamed(t *testing.T) {
	tr := trial{patients: 60, arms: 2, visits: 3, missing: gaps}
	d, parts, _ := clinics(t, tr, "score ~ base + arm * week", tr.frame(44), 3)
	for name, then := range map[string]func(Answer) (Answer, error){
		"goes away":          func(Answer) (Answer, error) { return Answer{}, errors.New("no route") },
		"answers another":    func(a Answer) (Answer, error) { a.Round++; return a, nil },
		"answers short":      func(a Answer) (Answer, error) { a.Score, a.U, a.Middle = nil, nil, nil; return a, nil },
		"answers with a NaN": func(a Answer) (Answer, error) { return Answer{Round: a.Round, Minus2LogLik: math.NaN()}, nil },
	} {
		for _, after := range []int{1, 4, 9} {
			t.Run(name, func(t *testing.T) {
				sites := sitesOf(t, d, parts)
				sites[1] = &failing{Respondent: sites[1], after: after, then: then}
				_, err := FitSites(d, sites, options(tr, Unstructured, REML))
				statstest.RequireFailure(t, err, stats.BadInput, "site 2")
			})
		}
	}
	_, err := FitSites(d, nil, options(tr, Unstructured, REML))
	statstest.RequireFailure(t, err, stats.TooFew, "sites")
	other, err := d.NewSums(PlainOrigin(len(d.Columns)))
	require.NoError(t, err)
	for _, p := range parts[1].Patterns {
		require.NoError(t, other.Put(p))
	}
	_, err = FitSites(d, sitesOf(t, d, []*Sums{parts[0], other}), options(tr, Unstructured, REML))
	statstest.RequireFailure(t, err, stats.BadInput, "site 2")
}

// What cannot be estimated over all sites is named as for rows in one place, as far as totals tell.
func TestWhatPooledSitesCannotEstimateIsNamed(t *testing.T) {
	tr := trial{patients: 40, arms: 2, visits: 3}
	cases := []struct {
		name   string
		change func(formula.Frame, int)
		kind   stats.Kind
		where  string
	}{
		{"a constant outcome", func(f formula.Frame, r int) { f.Numbers["score"][r] = stats.Of(7) }, stats.Constant, "score"},
		{"a constant baseline", func(f formula.Frame, r int) { f.Numbers["base"][r] = stats.Of(20) }, stats.Collinear, "base"},
		{"nobody seen in an arm", func(f formula.Frame, r int) {
			if f.Texts["week"][r] == "w2" && f.Texts["arm"][r] == "B" {
				f.Numbers["score"][r] = stats.Number{}
			}
		}, stats.Collinear, "armB:weekw2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			frame := tr.frame(45)
			for row := range frame.Texts["id"] {
				c.change(frame, row)
			}
			d, parts, _ := clinics(t, tr, "score ~ base + arm * week", frame, 2)
			_, err := FitSites(d, sitesOf(t, d, parts), options(tr, Unstructured, REML))
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
}

func TestThereIsNoScanOverPatientsOfSites(t *testing.T) {
	tr := trial{patients: 40, arms: 2, visits: 2}
	d, parts, _ := clinics(t, tr, "score ~ arm * week", tr.frame(46), 2)
	fit, err := FitSites(d, sitesOf(t, d, parts), options(tr, Unstructured, REML))
	require.NoError(t, err)
	_, err = fit.NewScan()
	statstest.RequireFailure(t, err, stats.BadInput, "robust")
}
