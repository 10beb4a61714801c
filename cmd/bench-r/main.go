// Command bench-r compares our fitters with R's on the same simulated data, in turns, in one run: time of the fit, peak
// memory of a process that reads the data and fits, and how far the estimates are apart. Floor: wiring.
// It must not be part of the program that is shipped: `make bench-r` runs it where R is installed.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// measured is what one process says of its fit. After is what was left to do once the sums were there, as they are when
// ClickHouse makes them; 0 where a fit has none.
type measured struct {
	Seconds  float64   `json:"seconds"`
	After    float64   `json:"after"`
	PeakMB   float64   `json:"peak_mb"`
	Estimate []float64 `json:"estimate"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench-r:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 4 && args[0] == "fit" {
		rows, err := strconv.Atoi(args[3])
		if err != nil {
			return fmt.Errorf("rows %q: %w", args[3], err)
		}
		return fitOne(args[1], args[2], rows)
	}
	flags := flag.NewFlagSet("bench-r", flag.ContinueOnError)
	only := flags.String("only", "", "run the problems whose name holds this")
	script := flags.String("script", "scripts/bench-r/fit.R", "the R side")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if _, err := exec.LookPath("Rscript"); err != nil {
		return errors.New("there is no Rscript: apt-get install r-base-core r-cran-nlme r-cran-lme4 r-cran-survival")
	}
	folder, err := os.MkdirTemp("", "bench-r")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	fmt.Println("| problem | R | ours | R / ours | peak R | peak ours | estimates apart |")
	fmt.Println("|---|---|---|---|---|---|---|")
	for _, p := range problems {
		if !strings.Contains(p.name, *only) {
			continue
		}
		if err := p.compare(folder, *script); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// compare runs both sides in turns and prints the medians.
func (p problem) compare(folder, script string) error {
	file := filepath.Join(folder, p.name)
	rows, err := writeColumns(file, p.draw())
	if err != nil {
		return err
	}
	defer os.Remove(file)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var theirs, ours []measured
	for range p.rounds {
		r, err := child("Rscript", "--vanilla", script, p.kind, file, strconv.Itoa(rows))
		if err != nil {
			return err
		}
		o, err := child(self, "fit", p.kind, file, strconv.Itoa(rows))
		if err != nil {
			return err
		}
		theirs, ours = append(theirs, r), append(ours, o)
	}
	p.print("", theirs, ours, func(m measured) float64 { return m.Seconds })
	if ours[0].After > 0 {
		p.print(", sums given", theirs, ours, func(m measured) float64 { return m.After })
	}
	return nil
}

// print gives a row of medians; took reads our time.
func (p problem) print(what string, theirs, ours []measured, took func(measured) float64) {
	r := func(m measured) float64 { return m.Seconds }
	peak := func(m measured) float64 { return m.PeakMB }
	ratio := make([]measured, len(ours))
	for i := range ours {
		ratio[i].Seconds = theirs[i].Seconds / took(ours[i])
	}
	fmt.Printf("| %s%s (%d in turns) | %.3g s | %.3g s | %.3g | %.0f MB | %.0f MB | %.1g |\n", p.name, what, p.rounds, median(theirs, r), median(ours, took),
		median(ratio, r), median(theirs, peak), median(ours, peak), apart(theirs[0].Estimate, ours[0].Estimate))
}

func child(name string, args ...string) (measured, error) {
	command := exec.Command(name, args...)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return measured{}, fmt.Errorf("run %s: %w", filepath.Base(name), err)
	}
	var m measured
	if err := json.Unmarshal(out, &m); err != nil {
		return measured{}, fmt.Errorf("read what %s printed: %w", filepath.Base(name), err)
	}
	return m, nil
}

func median(all []measured, of func(measured) float64) float64 {
	values := make([]float64, len(all))
	for i, m := range all {
		values[i] = of(m)
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// apart is the largest relative difference between estimates.
func apart(a, b []float64) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	worst := 0.0
	for i := range a {
		worst = math.Max(worst, math.Abs(a[i]-b[i])/math.Max(math.Abs(a[i]), 1e-3))
	}
	return worst
}
