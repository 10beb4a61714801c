// Command afterglow is the whole platform in one program: it collects answers,
// keeps them, ships them to ClickHouse and says whether benefit lasts. Floor:
// wiring: one file a subcommand, flags and order of start only.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

type cli struct {
	Data     string `help:"Data folder." env:"AFTERGLOW_DATA" default:"afterglow-data" type:"path" placeholder:"DIR"`
	settings `embed:""`

	Serve      serveCmd      `cmd:"" help:"Serve the clinic's pages and take answers."`
	Demo       demoCmd       `cmd:"" help:"Set up a demo folder with a real trial's data and serve it on this machine only."`
	Import     importCmd     `cmd:"" help:"Import a study's data."`
	Ask        askCmd        `cmd:"" help:"Ask a question of a study and print the finding."`
	Analyze    analyzeCmd    `cmd:"" help:"Run a specification of statistical analyses on the data sets of a folder (--data)."`
	Validate   validateCmd   `cmd:"" help:"Compare the statistics with R's results on published data and print a report."`
	Instrument instrumentCmd `cmd:"" help:"List, check and score instruments."`
	Journal    journalCmd    `cmd:"" help:"Show the journal of submissions."`
	Alerts     alertsCmd     `cmd:"" help:"Show the alerts."`
	User       userCmd       `cmd:"" help:"Add, list, unlock, disable and reset accounts."`
	Simulate   simulateCmd   `cmd:"" help:"Simulate a clinic whose true effects are known, as files or in a ClickHouse database of its own."`
	Audit      auditCmd      `cmd:"" help:"Verify the audit trail."`
	Warehouse  warehouseCmd  `cmd:"" help:"Compare the warehouse with the journal, repair or rebuild it."`
	Doctor     doctorCmd     `cmd:"" help:"Show the settings in use, what is wrong and what to do about it."`
	Healthz    healthzCmd    `cmd:"" help:"Check whether the server on this machine is alive, for a container's health check."`
	Engine     engineCmd     `cmd:"" hidden:"" help:"The embedded ClickHouse: started by the program itself."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	stdout, stderr := newTerminal(os.Stdout), newTerminal(os.Stderr)
	slog.SetDefault(slog.New(slog.NewTextHandler(stderr, nil)))
	var c cli
	parser := kong.Must(&c,
		kong.Name("afterglow"),
		kong.Description("Does the benefit last? Symptom scales before and after sessions, kept safe and analysed honestly."),
		kong.UsageOnError(),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { os.Exit(usageCode(code)) }),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	command, err := parser.Parse(os.Args[1:])
	if err != nil {
		parser.Errorf("%s", err)
		os.Exit(exitBadUse)
	}
	if err := command.Run(&c); err != nil {
		os.Exit(report(stderr, err))
	}
}

// software names what computed a result: the program and its commit.
func software() string {
	version, revision := "dev", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			version = v
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				revision = "+" + s.Value[:12]
			}
		}
	}
	return "afterglow " + version + revision
}
