package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"afterglow/internal/instrument"
)

func showScore(w io.Writer, s instrument.Score) {
	fmt.Fprintf(w, "%s %s\n", s.Instrument, s.Version)
	switch {
	case !s.Valid:
		fmt.Fprintln(w, "  no score: too many items are missing")
	case s.Prorated:
		fmt.Fprintf(w, "  score %v (prorated) %s\n", *s.Score, s.Band)
	default:
		fmt.Fprintf(w, "  score %v %s\n", *s.Score, s.Band)
	}
	names := make([]string, 0, len(s.Subscales))
	for name := range s.Subscales {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if sub := s.Subscales[name]; sub.Valid {
			fmt.Fprintf(w, "  %s %v\n", name, *sub.Score)
		} else {
			fmt.Fprintf(w, "  %s no score\n", name)
		}
	}
	for _, f := range s.Flags {
		if f.Value == nil {
			fmt.Fprintf(w, "  %s: %s, item %s has no answer\n", f.Level, f.Rule, f.Item)
		} else {
			fmt.Fprintf(w, "  %s: %s, item %s = %d\n", f.Level, f.Rule, f.Item, *f.Value)
		}
	}
}

func showLint(w io.Writer, results []lintedFile) {
	for _, r := range results {
		if len(r.Faults) == 0 {
			fmt.Fprintf(w, "ok    %s (%s %s)\n", r.File, r.Instrument, r.Version)
			continue
		}
		fmt.Fprintf(w, "wrong %s\n", r.File)
		for _, f := range r.Faults {
			fmt.Fprintf(w, "      %s: %s\n", f.Item, f.Message)
		}
	}
}

func showVector(w io.Writer, r vectorResult) {
	if r.Pass {
		fmt.Fprintf(w, "ok    %s %s: %s\n", r.Instrument, r.Version, r.Name)
		return
	}
	fmt.Fprintf(w, "wrong %s %s: %s: %s\n", r.Instrument, r.Version, r.Name, strings.Join(r.Differs, "; "))
}

func showInstrument(w io.Writer, d *instrument.Definition) {
	fmt.Fprintf(w, "%s\n%s\n%s; answered by: %s; %s; %s\n", d.Titles.In("en"), d.ScoringVersion(), d.Construct, d.Reporter, d.Direction, d.Recall.In("en"))
	fmt.Fprintf(w, "Licence class %s, %s. %s %s\n", d.Licence.Class, d.Licence.Holder, d.Licence.Credit, d.Licence.Terms)
	if stem := d.Stem.In("en"); stem != "" {
		fmt.Fprintf(w, "\n%s\n", stem)
	}
	for i := range d.Items {
		showItem(w, &d.Items[i])
	}
	missing := d.Total.Missing
	fmt.Fprintf(w, "\nScore: %s, %s to %s; missing items: %s", d.Total.Op, d.Total.Minimum, d.Total.Maximum, missing.Rule)
	if missing.UpTo > 0 {
		fmt.Fprintf(w, " up to %d", missing.UpTo)
	}
	fmt.Fprintln(w, unconfirmed(missing.Source))
	for _, b := range d.Bands {
		fmt.Fprintf(w, "  from %s: %s\n", b.From, b.Labels.In("en"))
	}
	for _, cut := range d.Screening {
		fmt.Fprintf(w, "Screen %s %s: %s %s%s\n", cut.Name, cut.ForSex, cut.Op, cut.Value, unconfirmed(cut.Source))
	}
	for _, t := range d.Thresholds {
		fmt.Fprintf(w, "%s (%s): %s%s\n  %s\n", t.Kind, t.Name, thresholdWords(t), unconfirmed(t.Source), t.Citation)
	}
	for _, rule := range d.Safety {
		for _, row := range rule.When {
			fmt.Fprintf(w, "Safety %s: item %s %s %d: %s. %s%s\n", rule.ID, rule.Item, row.Op, row.Value, row.Level, row.Action, unconfirmed(rule.Source))
		}
	}
	for _, note := range d.Notes {
		fmt.Fprintf(w, "Note: %s\n", note)
	}
}

func showItem(w io.Writer, it *instrument.Item) {
	words := it.Text.In("en")
	if words == "" {
		words = "[" + it.Topic.In("en") + "]"
	}
	fmt.Fprintf(w, "  %s. %s\n", it.ID, words)
	var options []string
	for _, o := range it.Options {
		words := strings.TrimSpace(fmt.Sprintf("%d %s", o.Value, o.Label.In("en")))
		if !o.IsScored() {
			words += " (not scored)"
		}
		options = append(options, words)
	}
	if it.Range != nil {
		options = append(options, fmt.Sprintf("%d to %d", it.Range.From, it.Range.To))
	}
	if !it.IsScored() {
		options = append(options, "not scored")
	}
	fmt.Fprintf(w, "     %s\n", strings.Join(options, " · "))
}

func thresholdWords(t instrument.Threshold) string {
	switch {
	case t.Percent != nil:
		return t.Percent.String() + " % of baseline"
	case t.Points != nil:
		return t.Points.String() + " points"
	default:
		return string(t.Op) + " " + t.Value.String()
	}
}

func unconfirmed(s instrument.Source) string {
	if s.Confirmed {
		return ""
	}
	return " (unconfirmed)"
}
