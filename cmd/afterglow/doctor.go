package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"afterglow/internal/fault"
)

type doctorCmd struct {
	JSON bool `name:"json" help:"Print one JSON value."`
}

// verdict says how a check came out.
type verdict string

const (
	verdictGood verdict = "good"
	// verdictNote is worth knowing and needs nothing done.
	verdictNote    verdict = "note"
	verdictWrong   verdict = "wrong"
	verdictMissing verdict = "missing"
)

// check is one thing in force: its value and, unless it is good, what to do.
type check struct {
	Part    string  `json:"part"`
	What    string  `json:"what"`
	Value   string  `json:"value"`
	Verdict verdict `json:"verdict"`
	Do      string  `json:"do,omitempty"`
}

// settingLine is a setting in force and where it came from.
type settingLine struct {
	Name   string `json:"name"`
	Env    string `json:"env"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

// examination is what doctor prints.
type examination struct {
	Version  string        `json:"version"`
	Data     string        `json:"data"`
	Server   string        `json:"server"`
	Settings []settingLine `json:"settings"`
	Checks   []check       `json:"checks"`
	Wrong    int           `json:"wrong"`
	Missing  int           `json:"missing"`
}

// Run checks everything that it can reach, with or without a running server;
// one part that cannot be looked at does not keep it from the others.
func (c *doctorCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	f, err := existingFolder(root.Data)
	if err != nil {
		return err
	}
	d := &doctor{ctx: ctx, house: newHouse(f, root.settings, slog.New(slog.DiscardHandler))}
	d.found = examination{Version: software(), Data: string(f), Settings: settingsOf(k)}
	d.examine()
	if err := d.house.close(); err != nil {
		d.wrong("program", "closing", err.Error(), "check that the disk can be written")
	}
	for _, found := range d.found.Checks {
		switch found.Verdict {
		case verdictWrong:
			d.found.Wrong++
		case verdictMissing:
			d.found.Missing++
		}
	}
	if c.JSON {
		err = printJSON(k.Stdout, d.found)
	} else {
		err = d.found.print(k.Stdout)
	}
	if err != nil {
		return err
	}
	return d.found.verdict()
}

// verdict is the command's end: something needed that is not there counts
// before something that is not right.
func (e examination) verdict() error {
	switch {
	case e.Missing > 0:
		return fault.Unavailable("doctor", nil, "missing: %d, not right: %d; each line says what to do", e.Missing, e.Wrong)
	case e.Wrong > 0:
		return checkFailed{fmt.Sprintf("not right: %d; each line says what to do", e.Wrong)}
	}
	return nil
}

var marks = map[verdict]string{verdictGood: "ok", verdictNote: "--", verdictWrong: "WRONG", verdictMissing: "MISSING"}

func (e examination) print(w io.Writer) error {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\ndata folder  %s\nserver       %s\n\nSettings\n", e.Version, e.Data, e.Server)
	for _, s := range e.Settings {
		fmt.Fprintf(&out, "  %-34s %-12s %s\n", s.Env, s.Source, s.Value)
	}
	part := ""
	for _, c := range e.Checks {
		if c.Part != part {
			part = c.Part
			fmt.Fprintf(&out, "\n%s\n", strings.ToUpper(part[:1])+part[1:])
		}
		fmt.Fprintf(&out, "  %-8s%-26s %s\n", marks[c.Verdict], c.What, c.Value)
		if c.Do != "" {
			fmt.Fprintf(&out, "  %-8s%-26s -> %s\n", "", "", c.Do)
		}
	}
	if _, err := io.WriteString(w, out.String()); err != nil {
		return fmt.Errorf("print what was found: %w", err)
	}
	return nil
}

// secretInAddress is a password in an address, before the host or as a parameter.
var secretInAddress = regexp.MustCompile(`(//[^:@/?]*:).*(@)|([?&]password=)[^&]*`)

func redacted(address string) string {
	return secretInAddress.ReplaceAllString(address, "${1}${3}[redacted]${2}")
}

// settingsOf lists the settings that can come from the environment, with the
// place that each did come from.
func settingsOf(k *kong.Context) []settingLine {
	given := map[*kong.Flag]bool{}
	for _, p := range k.Path {
		if p.Flag != nil && !p.Resolved {
			given[p.Flag] = true
		}
	}
	var lines []settingLine
	for _, flag := range k.Model.Flags {
		if len(flag.Envs) == 0 {
			continue
		}
		line := settingLine{Name: flag.Name, Env: flag.Envs[0], Source: "default"}
		if _, set := os.LookupEnv(line.Env); set {
			line.Source = "environment"
		}
		if given[flag] {
			line.Source = "flag"
		}
		line.Value = redacted(written(flag.Target))
		lines = append(lines, line)
	}
	return lines
}

// written is a setting as a person gives it: a list by commas, nothing for nothing.
func written(v reflect.Value) string {
	if v.Kind() != reflect.Slice {
		return fmt.Sprint(v.Interface())
	}
	parts := make([]string, v.Len())
	for i := range parts {
		parts[i] = fmt.Sprint(v.Index(i).Interface())
	}
	return strings.Join(parts, ",")
}

// doctor looks at a house and notes what it finds.
type doctor struct {
	ctx   context.Context
	house *house
	found examination
}

func (d *doctor) add(c check) { d.found.Checks = append(d.found.Checks, c) }

func (d *doctor) good(part, what, value string) { d.add(check{part, what, value, verdictGood, ""}) }

func (d *doctor) note(part, what, value, do string) { d.add(check{part, what, value, verdictNote, do}) }

func (d *doctor) wrong(part, what, value, do string) {
	d.add(check{part, what, value, verdictWrong, do})
}

func (d *doctor) missing(part, what, value, do string) {
	d.add(check{part, what, value, verdictMissing, do})
}

// oneLine puts an error of several on one line.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' }), "; ")
}
