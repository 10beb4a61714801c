// Command mutants breaks a copy of the source on purpose, one stored change at a time, and tells which of them the tests notice.
// Not shipped: `make mutants` runs it from the root of the source tree.
//
// It must not change the tree that it is called in: it works in a copy below the system's folder for temporary files.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

const (
	exitDone   = 0
	exitFailed = 1
	exitBadUse = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are what the command line asks for.
type options struct {
	folder, list string
	only         *regexp.Regexp
	wanted       float64
	timeout      time.Duration
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := options{folder: "."}
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.list, "list", "testdata/mutants", "folder of the lists, *.yaml")
	only := flags.String("only", "", "run those whose name this expression matches")
	flags.Float64Var(&o.wanted, "wanted", 0.95, "share that has to be killed")
	flags.DurationVar(&o.timeout, "timeout", 5*time.Minute, "time that the tests of one mutant may take")
	if err := flags.Parse(args); err != nil {
		return exitBadUse
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		fmt.Fprintf(stderr, "mutants: --only is no regular expression: %v\n", err)
		return exitBadUse
	}
	counts, err := o.count(ctx, stdout)
	if err != nil {
		fmt.Fprintf(stderr, "mutants: %v\n", err)
		return exitBadUse
	}
	fmt.Fprintln(stdout, counts)
	if !counts.hold(o.wanted) {
		return exitFailed
	}
	return exitDone
}

// count tries every mutant of the lists in a copy of the tree.
func (o options) count(ctx context.Context, out io.Writer) (tally, error) {
	counts := tally{}
	mutants, err := readLists(o.list)
	if err != nil {
		return counts, err
	}
	t, err := copyTree(ctx, o.folder)
	if err != nil {
		return counts, err
	}
	defer t.remove()
	t.timeout = o.timeout
	for _, m := range mutants {
		if !o.only.MatchString(m.Name) {
			continue
		}
		began := time.Now()
		fate, why := t.try(ctx, m)
		if ctx.Err() != nil {
			return counts, fmt.Errorf("stopped at %s", m.Name)
		}
		counts[fate]++
		fmt.Fprintf(out, "%-9s %-12s %-60s %5.1f s", fate, m.SR, m.Name, time.Since(began).Seconds())
		if why != "" {
			fmt.Fprintf(out, "\n          %s", why)
		}
		fmt.Fprintln(out)
	}
	return counts, nil
}

// tally counts mutants by what became of them.
type tally map[fate]int

// hold tells whether enough are killed and none is stale or broken.
func (t tally) hold(wanted float64) bool {
	tried := t[killed] + t[survived]
	return t[stale]+t[broken] == 0 && tried > 0 && float64(t[killed]) >= wanted*float64(tried)
}

// String is the last line of a run.
func (t tally) String() string {
	return fmt.Sprintf("%d killed, %d survived, %d stale, %d broken, of %d", t[killed], t[survived], t[stale], t[broken], t[killed]+t[survived]+t[stale]+t[broken])
}
