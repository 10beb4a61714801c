package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"afterglow/internal/durability"
	"afterglow/internal/fault"
	"afterglow/internal/finding"
)

type askCmd struct {
	Question string        `arg:"" optional:"" help:"retained-benefit or time-to-loss."`
	Study    string        `help:"The study's id." placeholder:"ID"`
	Set      []string      `help:"A setting of the question, such as covariance=un; may be given several times, each name once." placeholder:"NAME=VALUE" sep:"none"`
	Wait     time.Duration `help:"How long to wait until received data have reached the warehouse." default:"1m" placeholder:"TIME"`
	List     bool          `help:"List the questions and their settings instead of asking one."`
	JSON     bool          `name:"json" help:"Print the finding, or the list, as one JSON value."`
}

// Run asks the running server's warehouse, or opens the folder when there is no
// server.
func (c *askCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	if c.List {
		return c.list(k.Stdout)
	}
	if c.Question == "" {
		return fault.Invalid("question", "is not given; the questions are %s; show their settings with: afterglow ask --list", strings.Join(durability.Questions(), " and "))
	}
	if c.Study == "" {
		return fault.Invalid("--study", "is not given; name the study to ask about")
	}
	settings, err := readSettings(c.Set)
	if err != nil {
		return err
	}
	h, err := openCommand(ctx, root, slog.Default(), true)
	if err != nil {
		return err
	}
	found, err := c.ask(ctx, k, h, settings)
	if err = errors.Join(err, h.close()); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(k.Stdout, found)
	}
	printFinding(k.Stdout, found)
	return nil
}

func (c *askCmd) ask(ctx context.Context, k *kong.Context, h *house, settings map[string]string) (finding.Finding, error) {
	if err := h.awaitShipped(ctx, c.Wait, k.Stderr); err != nil {
		return finding.Finding{}, err
	}
	trust, err := h.trust(ctx)
	if err != nil {
		return finding.Finding{}, err
	}
	return h.asker(trust).Ask(ctx, c.Question, c.Study, settings)
}

// list prints the questions; it needs no data folder.
func (c *askCmd) list(w io.Writer) error {
	questions := durability.Describe()
	if c.JSON {
		return printJSON(w, questions)
	}
	for _, q := range questions {
		fmt.Fprintf(w, "%s: %s\n", q.Name, q.Title)
		for _, s := range q.Settings {
			fmt.Fprintf(w, "  %s: %s\n", s.Name, s.Label)
			if len(s.Choices) > 0 {
				fmt.Fprintf(w, "    one of %s; default %s\n", strings.Join(s.Choices, ", "), s.Default)
			} else if s.Default != "" {
				fmt.Fprintf(w, "    default %s\n", s.Default)
			}
		}
	}
	return nil
}

// readSettings takes NAME=VALUE apart. A name given twice is refused: taking the
// last one would answer a question that half of the command did not ask.
func readSettings(given []string) (map[string]string, error) {
	settings := map[string]string{}
	for _, pair := range given {
		name, value, ok := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		if _, twice := settings[name]; twice {
			return nil, fault.Invalid("--set", "%s is given twice; give each setting once", name)
		}
		if !ok || name == "" {
			return nil, fault.Invalid("--set", "%q is not of the form NAME=VALUE", pair)
		}
		settings[name] = value
	}
	return settings, nil
}

// printFinding writes a finding for a terminal: the answer first, who the groups
// are, then the tables, then how and what to be careful about.
func printFinding(w io.Writer, f finding.Finding) {
	fmt.Fprintf(w, "%s\n\n%s\n", f.Title, f.Answer)
	if len(f.Groups) > 0 {
		fmt.Fprintln(w)
	}
	for _, g := range f.Groups {
		name := g.Label
		if name != g.Name {
			name += " (" + g.Name + " in the tables)"
		}
		fmt.Fprintf(w, "  %s, n = %d. %s\n", name, g.N, g.Definition)
	}
	for _, t := range f.Tables {
		fmt.Fprintf(w, "\n%s\n", t.Caption)
		printTable(w, t)
		for _, note := range t.Notes {
			fmt.Fprintln(w, "  "+note)
		}
	}
	if len(f.Estimand.IntercurrentEvents) > 0 {
		fmt.Fprintf(w, "\nEvents: %s.\n", strings.Join(f.Estimand.IntercurrentEvents, "; "))
	}
	fmt.Fprintf(w, "\nMethod: %s\n", f.Method)
	for _, c := range f.Caveats {
		fmt.Fprintf(w, "Note: %s\n", c.Text)
	}
	fmt.Fprintf(w, "\nData: study %s up to journal row %d, checksum %s, taken %s. %s.\n", f.Study, f.Snapshot.Sequence, f.Snapshot.Hash,
		f.Snapshot.TakenAt.Format("2 Jan 2006 15:04 MST"), f.Software)
}

func printTable(w io.Writer, t finding.Table) {
	lines := [][]string{{}}
	for _, c := range t.Columns {
		lines[0] = append(lines[0], c.Label)
	}
	for _, row := range t.Rows {
		line := []string{}
		for i, cell := range row {
			line = append(line, t.Columns[i].Words(cell))
		}
		lines = append(lines, line)
	}
	widths := make([]int, len(t.Columns))
	for _, line := range lines {
		for i, text := range line {
			widths[i] = max(widths[i], len([]rune(text)))
		}
	}
	for _, line := range lines {
		parts := []string{}
		for i, text := range line {
			parts = append(parts, strings.Repeat(" ", widths[i]-len([]rune(text)))+text)
		}
		fmt.Fprintln(w, "  "+strings.Join(parts, "  "))
	}
}
