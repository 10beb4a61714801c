package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/glm"
	"afterglow/internal/stats/mixed"
	"afterglow/internal/stats/survival"
)

// fitter fits what was prepared and gives the coefficients; it starts the watch when its sums are there.
type fitter func(after *stopwatch) ([]float64, error)

// stopwatch measures from its start, if it was started, to the first reading.
type stopwatch struct{ began time.Time }

func (s *stopwatch) start() { s.began = time.Now() }

func (s *stopwatch) seconds() float64 {
	if s.began.IsZero() {
		return 0
	}
	return time.Since(s.began).Seconds()
}

// fitOne is our side in a process of its own: read, fit with all inference that a result carries, say what it took.
func fitOne(kind, path string, rows int) error {
	fits := map[string]struct {
		columns int
		prepare func([][]float64) fitter
	}{"mmrm": {5, ofMMRM}, "lmm": {4, ofLMM}, "cox": {7, ofCox}, "logistic": {11, ofLogistic}}
	kindOf, known := fits[kind]
	if !known {
		return fmt.Errorf("no kind %q", kind)
	}
	columns, err := readColumns(path, rows, kindOf.columns)
	if err != nil {
		return err
	}
	fit := kindOf.prepare(columns)
	var after stopwatch
	began := time.Now()
	estimate, err := fit(&after)
	took, rest := time.Since(began), after.seconds()
	if err != nil {
		return err
	}
	peak, err := peakMB()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(measured{Seconds: took.Seconds(), After: rest, PeakMB: peak, Estimate: estimate})
}

// peakMB is the most memory that this process held at once.
func peakMB() (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024, err
		}
	}
	return 0, fmt.Errorf("the system does not say the peak of memory")
}

func numbers(column []float64) []stats.Number {
	out := make([]stats.Number, len(column))
	for i, x := range column {
		out[i] = stats.Of(x)
	}
	return out
}

func texts(column []float64) []string {
	out := make([]string, len(column))
	for i, x := range column {
		if i > 0 && column[i-1] == x {
			out[i] = out[i-1]
			continue
		}
		out[i] = strconv.Itoa(int(x))
	}
	return out
}

// ofMMRM counts the sums, the fit, Satterthwaite's and both Kenward-Roger inferences of all that is reported.
func ofMMRM(c [][]float64) fitter {
	frame := formula.Frame{Numbers: map[string][]stats.Number{"baseline": numbers(c[3]), "score": numbers(c[4])},
		Texts: map[string][]string{"id": texts(c[0]), "visit": texts(c[1]), "arm": texts(c[2])}}
	return func(after *stopwatch) ([]float64, error) {
		design, err := mixed.Model{Formula: "score ~ baseline + arm * visit", Visit: "visit", Visits: []string{"0", "1", "2", "3", "4"},
			Arm: "arm", Factors: map[string][]string{"arm": {"0", "1"}}}.Design()
		if err != nil {
			return nil, err
		}
		sums, err := design.SumRows(frame, "id")
		if err != nil {
			return nil, err
		}
		after.start()
		fit, err := mixed.FitSums(design, sums, mixed.Options{Covariance: mixed.Unstructured, Method: mixed.REML, Level: 0.95})
		if err != nil {
			return nil, err
		}
		result, err := fit.Result()
		if err != nil {
			return nil, err
		}
		var out []float64
		for _, b := range result.Coefficients {
			out = append(out, b.Estimate)
		}
		return out, nil
	}
}

// ofLMM counts the fit with Satterthwaite's and Kenward-Roger's inference of the coefficients.
func ofLMM(c [][]float64) fitter {
	frame := formula.Frame{Numbers: map[string][]stats.Number{"time": numbers(c[1]), "arm": numbers(c[2]), "score": numbers(c[3])},
		Texts: map[string][]string{"id": texts(c[0])}}
	return func(*stopwatch) ([]float64, error) {
		fit, err := mixed.FitRandom(mixed.RandomModel{Formula: "score ~ arm * time + (1 + time | id)", Method: mixed.REML, Level: 0.95}, frame)
		if err != nil {
			return nil, err
		}
		result, err := fit.Result(nil, nil, nil)
		if err != nil {
			return nil, err
		}
		var out []float64
		for _, b := range result.Fixed {
			out = append(out, b.Estimate)
		}
		return out, nil
	}
}

func ofCox(c [][]float64) fitter {
	spells := survival.Spells{Stop: c[0], Event: make([]bool, len(c[1])), Names: []string{"x1", "x2", "x3", "x4", "x5"}, X: interleave(c[2:])}
	for i, e := range c[1] {
		spells.Event[i] = e == 1
	}
	return func(*stopwatch) ([]float64, error) {
		fit, err := survival.FitCox(spells, survival.Efron)
		if err != nil {
			return nil, err
		}
		return fit.Beta, nil
	}
}

func ofLogistic(c [][]float64) fitter {
	ones := make([]float64, len(c[0]))
	for i := range ones {
		ones[i] = 1
	}
	data := glm.Data{Names: []string{"(Intercept)"}, Response: "y", Y: c[0], X: interleave(append([][]float64{ones}, c[1:]...))}
	for i := range c[1:] {
		data.Names = append(data.Names, "x"+strconv.Itoa(i+1))
	}
	return func(*stopwatch) ([]float64, error) {
		fit, err := glm.New(glm.Logit, data)
		if err != nil {
			return nil, err
		}
		return fit.Beta, nil
	}
}

// interleave lays columns out row by row.
func interleave(columns [][]float64) []float64 {
	p := len(columns)
	out := make([]float64, p*len(columns[0]))
	for c, column := range columns {
		for i, x := range column {
			out[i*p+c] = x
		}
	}
	return out
}
