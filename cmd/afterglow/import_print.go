package main

import (
	"fmt"
	"io"

	"afterglow/internal/registry"
)

// printImport writes the report for people.
func printImport(w io.Writer, r importReport, dryRun bool) {
	fmt.Fprintf(w, "study %s: %s, %s, %s\n", r.Study, counted(r.Rows, "row"), counted(r.Subjects, "subject"), counted(r.Responses, "score"))
	for _, name := range r.Ignored {
		fmt.Fprintf(w, "column %s is not in the map and was not read\n", name)
	}
	for _, c := range r.Covariates {
		if c.Missing > 0 {
			fmt.Fprintf(w, "%s is missing for %s\n", c.Covariate, counted(c.Missing, "subject"))
		}
	}
	fmt.Fprintf(w, "%-12s %-12s %-12s %9s %9s %9s\n", "measure", "visit", "arm", "expected", "answered", "missing")
	for _, o := range r.Occasions {
		arm := o.Arm
		if arm == "" {
			arm = "-"
		}
		fmt.Fprintf(w, "%-12s %-12s %-12s %9d %9d %9d\n", o.Measure, o.Visit, arm, o.Expected, o.Answered, o.Missing)
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
	if r.Registry == nil {
		return
	}
	printStored(w, *r.Registry)
	verb := "stored"
	if dryRun {
		verb = "would be stored (dry run)"
	}
	fmt.Fprintf(w, "%s: %s, %s; known already: %s, %s\n", verb,
		counted(r.Registry.SubjectsAdded, "new subject"), counted(r.Registry.ResponsesAdded, "new score"),
		counted(r.Registry.SubjectsKnown, "subject"), counted(r.Registry.ResponsesKnown, "score"))
	if n := r.Registry.Corrected + r.Registry.Retracted + r.Registry.FactorsChanged; n > 0 {
		fmt.Fprintf(w, "%s as corrections: %s changed, %s retracted, %s changed\n", verb,
			counted(r.Registry.Corrected, "score"), counted(r.Registry.Retracted, "score"), counted(r.Registry.FactorsChanged, "level"))
	}
	if r.Registry.FactorsAdded > 0 {
		fmt.Fprintf(w, "%s: %s not known before\n", verb, counted(r.Registry.FactorsAdded, "level"))
	}
}

// printStored says what the file is beside what is stored.
func printStored(w io.Writer, r registry.ImportReport) {
	for _, change := range r.StudyChanges {
		fmt.Fprintf(w, "study: %s\n", change)
	}
	for _, d := range r.Differences {
		fmt.Fprintf(w, "row %d: %s\n", d.Row, d.Words())
	}
	printRest(w, r.DifferenceCount-len(r.Differences), "values that differ")
	for _, a := range r.Absent {
		fmt.Fprintf(w, "subject %s, visit %s: %s is stored but has no row in the file; it is kept\n", a.Subject, a.Visit, a.Instrument)
	}
	printRest(w, r.AbsentCount-len(r.Absent), "stored scores without a row")
	for _, code := range r.AbsentSubjects {
		fmt.Fprintf(w, "subject %s is stored and has no row in the file; what is stored is kept\n", code)
	}
	printRest(w, r.AbsentSubjectsCount-len(r.AbsentSubjects), "stored subjects without a row")
	if r.AbsentSubjectsCount > 0 || len(r.Kept) > 0 {
		fmt.Fprintf(w, "the file lacks %s and %s; the counts above are those of the store\n",
			counted(r.AbsentSubjectsCount, "stored subject"), counted(keptScores(r), "stored score"))
	}
}

func keptScores(r registry.ImportReport) (n int) {
	for _, k := range r.Kept {
		n += k.Scores
	}
	return n
}

func printRest(w io.Writer, n int, what string) {
	if n > 0 {
		fmt.Fprintf(w, "and %d more %s\n", n, what)
	}
}

// counted writes a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
