package doseresponse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/doseresponse"
	"afterglow/internal/stats/formula"
	"afterglow/internal/testkit/statstest"
)

// matrix evaluates a formula in the rows complete in the further columns too.
func matrix(t testing.TB, f formula.Frame, text string, levels map[string][]string, further ...string) formula.Matrix {
	parsed, err := formula.Parse(text)
	require.NoError(t, err)
	design, err := parsed.Design(levels)
	require.NoError(t, err)
	m, err := f.Evaluate(design, levels, further...)
	require.NoError(t, err)
	return m
}

func values(f formula.Frame, column string, rows []int) []float64 {
	out := make([]float64, len(rows))
	for i, row := range rows {
		out[i] = f.Numbers[column][row].Value
	}
	return out
}

// data takes covariates from a formula, whose intercept is the room's own.
func data(t testing.TB, f formula.Frame, family doseresponse.Family, response, exposure, covariates string) doseresponse.Data {
	m := matrix(t, f, "~ "+covariates, map[string][]string{"sex": {"male", "female"}}, response, exposure)
	d := doseresponse.Data{Exposure: exposure, Response: response, Names: m.Names[1:], Dose: values(f, exposure, m.Rows), Y: values(f, response, m.Rows), Family: family}
	for i := range m.Rows {
		d.X = append(d.X, m.Row(i)[1:]...)
	}
	return d
}

func find(r doseresponse.Result, shape doseresponse.Shape) doseresponse.Fitted {
	for _, m := range r.Models {
		if m.Shape == shape {
			return m
		}
	}
	return doseresponse.Fitted{}
}

func test(r doseresponse.Result, small, big doseresponse.Shape) doseresponse.Comparison {
	for _, c := range r.Tests {
		if c.Small == string(small) && c.Big == string(big) {
			return c
		}
	}
	return doseresponse.Comparison{}
}

func near(t testing.TB, want float64, got stats.Number) {
	t.Helper()
	require.True(t, got.Defined)
	require.InDelta(t, want, got.Value, 1e-8+1e-7*abs(want))
}

func abs(x float64) float64 {
	if x < 0 {
		return -x
	}
	return x
}

// R 4.2.2 on lung.csv, rows complete in age, sex, ph_karno and wt_loss (n = 214):
//
//	m0 <- lm(ph_karno ~ age + sex); m1 <- update(m0, . ~ . + wt_loss); m2 <- update(m1, . ~ . + I(wt_loss^2))
//	kn <- quantile(wt_loss, c(.1, .5, .9)), and so on for 4 and 5 knots
//	m  <- lm(ph_karno ~ age + sex + splines::ns(wt_loss, knots = kn[-c(1, k)], Boundary.knots = kn[c(1, k)]))
//
// logLik, AIC, anova(m1, m), and predictions at wt_loss -24, 10, 68 with age and sex at their means. ns spans the same
// functions as the restricted cubic spline with the same knots.
func TestALinearModelEqualsR(t *testing.T) {
	d := data(t, statstest.Data(t, "lung.csv").Frame("sex"), doseresponse.Gaussian, "ph_karno", "wt_loss", "age + sex")
	r, err := doseresponse.Compare(d, doseresponse.Options{At: []float64{-24, 10, 68}, Level: 0.95})
	require.NoError(t, err)
	require.Equal(t, 214, r.N)
	near(t, -834.866017797341, find(r, doseresponse.Null).LogLik)
	near(t, -831.651448908316, find(r, doseresponse.Straight).LogLik)
	quadratic := find(r, doseresponse.Quadratic)
	near(t, -831.598134883018, quadratic.LogLik)
	near(t, 1675.19626976604, quadratic.AIC)
	near(t, 1695.39212585617, quadratic.BIC)
	near(t, 0.0793116595618841, quadratic.R2)
	for j, want := range [][2]float64{{102.422660763588, 5.83333665224871645}, {-0.299875352815082, 0.09051593874861208},
		{-0.352742423905297, 1.69560497365534402}, {-0.126546655900154, 0.11703770948427529}, {-8.98442409625116e-4, 0.00278377514261522}} {
		near(t, want[0], quadratic.Coefficients[j].Estimate.Estimate)
		near(t, want[1], quadratic.Coefficients[j].SE)
	}
	bend := test(r, doseresponse.Straight, doseresponse.Quadratic)
	near(t, 0.104162688996845, bend.F)
	near(t, 0.747212942706312, bend.FPValue)
	for shape, want := range map[doseresponse.Shape]struct {
		knots              []float64
		logLik, aic, f, fP float64
		curve              [3][4]float64
	}{
		doseresponse.Spline3: {[]float64{-1.7, 7, 28}, -831.057108382512865, 1674.114216765025731, 1.164138288866780, 0.281852566890361, [3][4]float64{
			{83.0774599894895, 4.61673131082052, 73.9761307038545, 92.1787892751245},
			{82.8605208183797, 1.12022116691728, 80.6521398175282, 85.0689018192313},
			{68.7192866089624, 5.33851642569366, 58.1950449722157, 79.2435282457091}}},
		doseresponse.Spline4: {[]float64{-5, 2, 11.45, 33.35}, -822.129209820947, 1658.25841964189, 9.67957984171637, 9.56073917468653e-05, [3][4]float64{
			{63.6219160280427, 6.45257643159398, 50.9010832140475, 76.3427488420379},
			{82.1206293337102, 1.04392280190571, 80.0626037412137, 84.1786549262067},
			{80.6844038203031, 6.02268461795281, 68.8110746271342, 92.5577330134720}}},
		doseresponse.Spline5: {[]float64{-5, 0, 7, 15, 33.35}, -822.035942656818, 1660.07188531364, 6.48779963839467, 3.23492054828653e-04, [3][4]float64{
			{63.4120220632529, 7.05321507389577, 49.5066763132935, 77.3173678132122},
			{82.4630500591180, 1.53304553855793, 79.4406655095559, 85.4854346086800},
			{81.4119418634446, 6.53460871998138, 68.5290235573888, 94.2948601695004}}},
	} {
		m, c := find(r, shape), test(r, doseresponse.Straight, shape)
		require.Nil(t, m.Failure)
		require.InDeltaSlice(t, want.knots, m.Knots, 1e-12)
		near(t, want.logLik, m.LogLik)
		near(t, want.aic, m.AIC)
		near(t, want.f, c.F)
		near(t, want.fP, c.FPValue)
		require.Equal(t, len(want.knots)-2, c.DF)
		for i, p := range want.curve {
			near(t, p[0], m.Curve[i].Estimate)
			near(t, p[1], m.Curve[i].SE)
			near(t, p[2], m.Curve[i].Lower)
			near(t, p[3], m.Curve[i].Upper)
		}
	}
	require.Equal(t, doseresponse.Spline4, r.LowestAIC)
}

// R 4.2.2 on lung.csv, rows complete in age, sex and ph_karno (n = 227), the same with
// glm(status ~ sex + ph_karno, binomial, epsilon = 1e-14), age in place of wt_loss, anova(g1, m, test = "LRT"), and
// probabilities at age 39, 63, 82 with limits on the log odds.
func TestALogisticModelEqualsR(t *testing.T) {
	d := data(t, statstest.Data(t, "lung.csv").Frame("sex"), doseresponse.Binomial, "status", "age", "sex + ph_karno")
	r, err := doseresponse.Compare(d, doseresponse.Options{At: []float64{39, 63, 82}, Level: 0.95})
	require.NoError(t, err)
	require.Equal(t, 227, r.N)
	near(t, -123.418644285180, find(r, doseresponse.Null).LogLik)
	near(t, -122.587004171587, find(r, doseresponse.Straight).LogLik)
	quadratic := find(r, doseresponse.Quadratic)
	near(t, -122.150767210338, quadratic.LogLik)
	near(t, 254.301534420676, quadratic.AIC)
	for j, want := range [][2]float64{{-2.08105265143442075, 5.56393468769713717}, {-1.10535964319900981, 0.31782601213769618},
		{-0.03460479571351045, 0.01416511871311821}, {0.19388715648720914, 0.18266452137895034}, {-0.00142627276735086, 0.00151318120020909}} {
		near(t, want[0], quadratic.Coefficients[j].Estimate.Estimate)
		near(t, want[1], quadratic.Coefficients[j].SE)
	}
	for shape, want := range map[doseresponse.Shape]struct {
		logLik, aic, chiSq, p float64
		curve                 [3][4]float64
	}{
		doseresponse.Spline3: {-122.466556327172398, 254.933112654344797, 0.240895688828516, 0.623559948300860, [3][4]float64{
			{0.584419956554536, 0.589937076469322, 0.306759945204898, 0.817156496475995},
			{0.761499175781094, 0.226306343640438, 0.672026296997533, 0.832642008284636},
			{0.777620798168977, 0.659387156981429, 0.489871355496309, 0.927184925849085}}},
		doseresponse.Spline4: {-121.628467408272726, 255.256934816545453, 1.917073526627860, 0.383453558991333, [3][4]float64{
			{0.457047827435673, 0.706412428712572, 0.174109740510624, 0.770707372767096},
			{0.748890242187642, 0.228892835502653, 0.655675301062420, 0.823657116613270},
			{0.874560157257042, 0.977521006947033, 0.506496837292308, 0.979322214349737}}},
		doseresponse.Spline5: {-120.10279256826870, 254.20558513653739, 4.96842320663592, 0.17412400855170, [3][4]float64{
			{0.338326488257030, 0.777107339011279, 0.100302924182625, 0.701058098482949},
			{0.666061063965386, 0.317778776604385, 0.516890632237740, 0.788057853400161},
			{0.739122566496108, 1.024698301683921, 0.275487113025061, 0.954773236296990}}},
	} {
		m, c := find(r, shape), test(r, doseresponse.Straight, shape)
		near(t, want.logLik, m.LogLik)
		near(t, want.aic, m.AIC)
		near(t, want.chiSq, c.ChiSq)
		near(t, want.p, c.PValue)
		require.False(t, c.F.Defined)
		for i, p := range want.curve {
			near(t, p[0], m.Curve[i].Estimate)
			near(t, p[1], m.Curve[i].SE)
			near(t, p[2], m.Curve[i].Lower)
			near(t, p[3], m.Curve[i].Upper)
		}
	}
}

// R 4.2.2 on btheb_wide.csv, rows complete in bdi_pre and bdi_2m (n = 97): logLik, AIC, summary()$r.squared of the three lm
// fits; anova() of neighbours for F; twice the differences of logLik with pchisq for the likelihood ratio.
func TestNestedModelsEqualR(t *testing.T) {
	f := statstest.Data(t, "btheb_wide.csv").Frame("drug", "length", "treatment")
	levels := map[string][]string{"drug": {"No", "Yes"}, "length": {"lt6m", "gt6m"}, "treatment": {"TAU", "BtheB"}}
	var chain []doseresponse.Candidate
	var rows []int
	for _, right := range []string{"bdi_pre + drug", "bdi_pre + drug + length", "bdi_pre + drug * length + treatment"} {
		m := matrix(t, f, "bdi_2m ~ "+right, levels, "bdi_2m")
		chain, rows = append(chain, doseresponse.Candidate{Formula: right, Names: m.Names, X: m.X}), m.Rows
	}
	r, err := doseresponse.Nested(chain, "bdi_2m", values(f, "bdi_2m", rows), doseresponse.Gaussian, 0.95)
	require.NoError(t, err)
	require.Equal(t, 97, r.N)
	for i, want := range [][3]float64{{-342.173310319287, 692.346620638574, 0.410790876198228}, {-342.154319048697, 694.308638097393, 0.411021549175033},
		{-338.346295291618, 690.692590583237, 0.455496895894995}} {
		near(t, want[0], r.Models[i].LogLik)
		near(t, want[1], r.Models[i].AIC)
		near(t, want[2], r.Models[i].R2)
	}
	for i, want := range [][5]float64{{0.0379825411806678, 1, 0.8454782011254728, 0.0364233815562374, 0.8490598281952313},
		{7.6160475141564348, 2, 0.0221919924176927, 3.7164678410502892, 0.0280862289473473}} {
		near(t, want[0], r.Tests[i].ChiSq)
		require.EqualValues(t, want[1], r.Tests[i].DF)
		near(t, want[2], r.Tests[i].PValue)
		near(t, want[3], r.Tests[i].F)
		near(t, want[4], r.Tests[i].FPValue)
		near(t, r.Models[i+1].R2.Value-r.Models[i].R2.Value, r.Tests[i].R2Change)
	}
	near(t, 7.6540300553371026, r.Overall.ChiSq)
	require.Equal(t, 3, r.Overall.DF)
	near(t, 0.0537300826272796, r.Overall.PValue)
}
