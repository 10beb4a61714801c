package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"afterglow/internal/fault"
	"afterglow/internal/finding"
)

type askCmd struct {
	Question string   `arg:"" help:"retained-benefit or time-to-loss."`
	Study    string   `required:"" help:"The study's id." placeholder:"ID"`
	Set      []string `help:"A setting of the question, such as covariance=un; may be given several times, each name once." placeholder:"NAME=VALUE" sep:"none"`
	JSON     bool     `name:"json" help:"Print the finding as one JSON value."`
}

// Run asks the running server's warehouse, or opens the folder when there is no
// server.
func (c *askCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	settings, err := readSettings(c.Set)
	if err != nil {
		return err
	}
	h, err := openCommand(ctx, root, slog.Default(), true)
	if err != nil {
		return err
	}
	found, err := h.asker().Ask(ctx, c.Question, c.Study, settings)
	if err = errors.Join(err, h.close()); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(k.Stdout, found)
	}
	printFinding(k.Stdout, found)
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

// printFinding writes a finding for a terminal: the answer first, then the
// tables, then how and what to be careful about.
func printFinding(w io.Writer, f finding.Finding) {
	fmt.Fprintf(w, "%s\n\n%s\n", f.Title, f.Answer)
	for _, t := range f.Tables {
		fmt.Fprintf(w, "\n%s\n", t.Caption)
		printTable(w, t)
		for _, note := range t.Notes {
			fmt.Fprintln(w, "  "+note)
		}
	}
	fmt.Fprintf(w, "\nMethod: %s\n", f.Method)
	for _, c := range f.Caveats {
		fmt.Fprintf(w, "Note: %s\n", c.Text)
	}
	fmt.Fprintf(w, "\nData: %s up to journal row %d, checksum %s, taken %s. %s.\n", f.Study, f.Snapshot.Sequence, f.Snapshot.Hash,
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
			text := cell.Text
			if cell.Number != nil {
				text = strconv.FormatFloat(*cell.Number, 'f', t.Columns[i].Digits, 64)
				if strings.HasSuffix(t.Columns[i].Name, "p_value") {
					text = finding.PValueWords(*cell.Number)
				}
			}
			line = append(line, text)
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
