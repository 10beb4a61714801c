package simulate

import (
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/mixed"
)

// The published targets and bands are those of docs/simulate.md.
func TestCalibration(t *testing.T) {
	const patients = 20_000
	var n, response, remission, worse, ideation, baselines float64
	var classes [3]float64
	var baseline, squares float64
	counts := map[survivalKey]int{}
	each(t, simulator(t, patients, 11), func(p *Patient) {
		classes[p.nature.class]++
		b := p.nature.baseline[phq9]
		baseline, squares = baseline+float64(b), squares+float64(b*b)
		first := false
		for _, r := range latest(p) {
			switch {
			case r.Visit == care.BaselineVisit && r.Answers[8] >= 0:
				baselines++
				if r.Answers[8] > 0 {
					ideation++
				}
			case r.Day >= 14 && r.Valid && !first:
				first = true
				n++
				response += yes(2*r.Score <= b)
				remission += yes(r.Score < 5)
				worse += yes(r.Score > b)
			}
		}
		if days, lost, ok := timeToLoss(p); ok {
			counts[survivalKey{days, lost}]++
		}
	})
	mean := baseline / patients
	require.InDelta(t, 17.3, mean, 0.1, "baseline mean")
	require.InDelta(t, 4.3, math.Sqrt(squares/patients-mean*mean), 0.1, "baseline SD")
	require.InDelta(t, 0.54, response/n, 0.02, "response at the first assessment from day 14")
	require.InDelta(t, 0.29, remission/n, 0.02, "remission")
	require.InDelta(t, 0.06, worse/n, 0.015, "worse than baseline")
	require.InDelta(t, 0.11, classes[flat]/patients, 0.01, "flat")
	require.InDelta(t, 0.09, classes[delayed]/patients, 0.01, "delayed")
	require.InDelta(t, 0.375, ideation/baselines, 0.075, "item 9 above 0 at baseline")

	curve := kaplanMeier(counts)
	require.InDelta(t, 0.80, between(curve, 28), 0.03, "responders in response after 4 weeks")
	require.InDelta(t, 0.60, between(curve, 56), 0.03, "responders in response after 8 weeks")
}

type survivalKey struct {
	days int
	lost bool
}

func yes(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// latest gives the PHQ-9 as it stands after corrections.
func latest(p *Patient) []*Response {
	var out []*Response
	for i := range p.Responses {
		r := &p.Responses[i]
		if r.scale != phq9 {
			continue
		}
		if r.Revision > 1 {
			out = out[:len(out)-1]
		}
		out = append(out, r)
	}
	return out
}

// timeToLoss is the question's own rule for a responder of +14 d.
func timeToLoss(p *Patient) (days int, lost, ok bool) {
	var base *Response
	responder := false
	for _, r := range latest(p) {
		switch {
		case !r.Valid:
		case r.Visit == care.BaselineVisit:
			base = r
		case base == nil:
			return 0, false, false
		case r.Visit == "+14 d":
			if responder = 2*r.Score <= base.Score; !responder {
				return 0, false, false
			}
		case responder && !lost:
			days, lost = r.Day-14, 2*r.Score > base.Score
		}
	}
	return days, lost, responder
}

// kaplanMeier is the product over the days, to be read between them.
func kaplanMeier(counts map[survivalKey]int) [][2]float64 {
	days := map[int]bool{}
	for key := range counts {
		days[key.days] = true
	}
	curve, s := [][2]float64{{0, 1}}, 1.0
	for _, day := range slices.Sorted(maps.Keys(days)) {
		atRisk := 0
		for key, n := range counts {
			if key.days >= day {
				atRisk += n
			}
		}
		if lost := counts[survivalKey{day, true}]; lost > 0 {
			s *= 1 - float64(lost)/float64(atRisk)
			curve = append(curve, [2]float64{float64(day), s})
		}
	}
	return curve
}

func between(curve [][2]float64, day float64) float64 {
	for i := 1; i < len(curve); i++ {
		if a, b := curve[i-1], curve[i]; day <= b[0] {
			return a[1] + (b[1]-a[1])*(day-a[0])/(b[0]-a[0])
		}
	}
	return math.NaN()
}

func TestThoseWithAHighLastScoreLeaveMoreOften(t *testing.T) {
	var left, stayed Moments
	var nLeft, nStayed float64
	each(t, simulator(t, 20_000, 12), func(p *Patient) {
		var last, next *Response
		for _, r := range latest(p) {
			switch r.Visit {
			case "+56 d":
				last = r
			case "+84 d", "+168 d":
				next = r
			}
		}
		switch {
		case last == nil || !last.Valid:
		case next == nil:
			left.Mean += float64(last.Score)
			nLeft++
		default:
			stayed.Mean += float64(last.Score)
			nStayed++
		}
	})
	require.Greater(t, left.Mean/nLeft, stayed.Mean/nStayed+1.0)
}

func TestTheRawDifferenceOfSettingsIsWrongAndTheAdjustedOneRight(t *testing.T) {
	s := simulator(t, 20_000, 13)
	frame := newRows()
	var sums [3]float64
	var ns [3]float64
	each(t, s, func(p *Patient) {
		if p.Setting == "" {
			return
		}
		rows := latest(p)
		if !rows[0].Valid {
			return
		}
		for _, r := range rows[1:] {
			if !r.Valid || r.Day == 0 {
				continue
			}
			frame.add(string(p.Pseudonym), p.Setting, r.Visit, float64(rows[0].Score), float64(r.Score))
			if r.Visit == "+14 d" {
				sums[p.got.level] += float64(r.Score)
				ns[p.got.level]++
			}
		}
	})
	truth := s.truth(newTally())
	want := truth.Effects.Setting["high"]
	require.Less(t, want, -1.5, "a setting that holds helps by design")
	raw := sums[2]/ns[2] - sums[0]/ns[0]
	require.Greater(t, math.Abs(raw-want), 1.5, "the more ill get the better setting, so scores compared as they are mislead")

	fit := frame.fit(t, s.Study())
	differences, err := fit.Differences()
	require.NoError(t, err)
	checked := 0
	for _, d := range differences {
		if d.Visit == "+14 d" && d.Contrast == "high - low" {
			require.InDelta(t, want, d.Estimate, 0.35, "SE %v", d.SE)
			checked++
		}
	}
	require.Equal(t, 1, checked)
	means, err := fit.LSMeans()
	require.NoError(t, err)
	for _, g := range truth.Groups {
		if g.Factor != care.FactorSetting {
			continue
		}
		for _, v := range g.Standardised {
			for _, m := range means {
				if m.Arm == g.Level && m.Visit == v.Visit {
					require.InDelta(t, v.Change, m.Estimate-frame.meanBaseline(), 0.45, "%s at %s", g.Level, v.Visit)
					checked++
				}
			}
		}
	}
	require.Equal(t, 1+3*6, checked)
}

// rows are the visits of a study in memory, for the mixed model.
type rows struct{ formula.Frame }

func newRows() rows {
	return rows{formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}}
}

func (r rows) add(subject, setting, visit string, baseline, score float64) {
	for name, v := range map[string]string{"subject": subject, "setting": setting, "visit": visit} {
		r.Texts[name] = append(r.Texts[name], v)
	}
	r.Numbers["phq9_pre"] = append(r.Numbers["phq9_pre"], stats.Of(baseline))
	r.Numbers["phq9"] = append(r.Numbers["phq9"], stats.Of(score))
}

func (r rows) meanBaseline() float64 {
	sum := 0.0
	for _, b := range r.Numbers["phq9_pre"] {
		sum += b.Value
	}
	return sum / float64(len(r.Numbers["phq9_pre"]))
}

func (r rows) fit(t *testing.T, study care.Study) *mixed.Fit {
	t.Helper()
	d, err := mixed.Model{Formula: "phq9 ~ phq9_pre*visit + setting*visit", Visit: "visit", Visits: study.VisitNames(), Arm: "setting",
		Factors: map[string][]string{"setting": care.SettingLevels}}.Design()
	require.NoError(t, err)
	sums, err := d.SumRows(r.Frame, "subject")
	require.NoError(t, err)
	times := []float64{}
	for _, v := range study.Visits {
		times = append(times, float64(v.Day))
	}
	fit, err := mixed.FitSums(d, sums, mixed.Options{Covariance: mixed.Unstructured, Method: mixed.REML, Times: times, Level: 0.95})
	require.NoError(t, err)
	return fit
}
