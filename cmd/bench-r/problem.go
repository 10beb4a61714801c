package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
)

// problem is a data set and the model that both sides fit to it.
type problem struct {
	name, kind string
	rounds     int
	draw       func() [][]float64 // columns
}

var problems = []problem{
	{"mmrm-1k", "mmrm", 3, func() [][]float64 { return visits(1_000) }},
	{"mmrm-10k", "mmrm", 1, func() [][]float64 { return visits(10_000) }},
	{"lmm-10k", "lmm", 3, func() [][]float64 { return slopes(10_000) }},
	{"lmm-100k", "lmm", 3, func() [][]float64 { return slopes(100_000) }},
	{"cox-100k", "cox", 3, func() [][]float64 { return times(100_000) }},
	{"cox-1M", "cox", 3, func() [][]float64 { return times(1_000_000) }},
	{"logistic-1M", "logistic", 3, func() [][]float64 { return outcomes(1_000_000) }},
}

func seeded() *rand.Rand { return rand.New(rand.NewPCG(4, 2026)) }

// visits are subject, visit, arm, baseline and score of n subjects at five visits, a tenth of the scores missing.
func visits(n int) [][]float64 {
	source, out := seeded(), make([][]float64, 5)
	for i := range n {
		level, baseline, arm, last := 5*source.NormFloat64(), 30+8*source.NormFloat64(), float64(i%2), 0.0
		for v := range 5 {
			last = 0.6*last + 4*source.NormFloat64()
			if source.Float64() < 0.1 {
				continue
			}
			score := 20 + 0.5*(baseline-30) - float64(v) - 3*arm + 0.4*arm*float64(v) + level + last*(1+0.1*float64(v))
			for c, x := range []float64{float64(i), float64(v), arm, baseline, score} {
				out[c] = append(out[c], x)
			}
		}
	}
	return out
}

// slopes are subject, time, arm and score of n subjects at five times of their own.
func slopes(n int) [][]float64 {
	source, out := seeded(), make([][]float64, 4)
	for i := range n {
		level, slope, arm := 5*source.NormFloat64(), 0.8*source.NormFloat64(), float64(i%2)
		for v := range 5 {
			time := float64(v) + 0.5*source.Float64()
			score := 25 + level + (slope-1-0.3*arm)*time + 3*source.NormFloat64()
			for c, x := range []float64{float64(i), time, arm, score} {
				out[c] = append(out[c], x)
			}
		}
	}
	return out
}

// times are time, event and five covariates of n subjects, in whole days up to two years.
func times(n int) [][]float64 {
	source, out := seeded(), make([][]float64, 7)
	for i := range n {
		x := []float64{float64(i % 2), source.NormFloat64(), source.NormFloat64(), source.NormFloat64(), source.Float64()}
		risk := math.Exp(0.4*x[0] + 0.3*x[1] - 0.2*x[2] + 0.1*x[3])
		time, end, event := 400*source.ExpFloat64()/risk, 730*source.Float64(), 0.0
		if time <= end {
			event = 1
		}
		for c, value := range append([]float64{math.Ceil(math.Min(time, end)), event}, x...) {
			out[c] = append(out[c], value)
		}
	}
	return out
}

// outcomes are a yes or no and ten covariates of n subjects.
func outcomes(n int) [][]float64 {
	source, out := seeded(), make([][]float64, 11)
	for range n {
		eta := -0.5
		for c := 1; c < len(out); c++ {
			x := source.NormFloat64()
			eta += 0.1 * float64(c-5) * x
			out[c] = append(out[c], x)
		}
		yes := 0.0
		if source.Float64() < 1/(1+math.Exp(-eta)) {
			yes = 1
		}
		out[0] = append(out[0], yes)
	}
	return out
}

// writeColumns writes columns one after another as little-endian doubles, which both sides read without parsing; it gives
// how many rows there are.
func writeColumns(path string, columns [][]float64) (int, error) {
	file, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	to := bufio.NewWriter(file)
	for _, column := range columns {
		if err := binary.Write(to, binary.LittleEndian, column); err != nil {
			return 0, fmt.Errorf("write %s: %w", path, err)
		}
	}
	if err := to.Flush(); err != nil {
		return 0, fmt.Errorf("write %s: %w", path, err)
	}
	return len(columns[0]), file.Close()
}

func readColumns(path string, rows, columns int) ([][]float64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	from, out := bufio.NewReader(file), make([][]float64, columns)
	for c := range out {
		out[c] = make([]float64, rows)
		if err := binary.Read(from, binary.LittleEndian, out[c]); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
	}
	return out, nil
}
