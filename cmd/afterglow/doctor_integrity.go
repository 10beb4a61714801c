package main

import (
	"fmt"
	"strings"
	"time"

	"afterglow/internal/registry"
)

// checkWholeness reads the whole registry and takes an answer of nobody, which it
// undoes: a file that opens may hold a page that no answer can be written to.
func (d *doctor) checkWholeness() {
	const part = "registry"
	store := d.house.store
	found, err := store.Examine(d.ctx)
	if err != nil {
		d.wrong(part, "examining", oneLine(err), "check that the disk works; see docs/operations.md, When something is wrong")
		return
	}
	if found.Structure == "" {
		d.good(part, "structure", "every page, index and reference is correct")
	} else {
		d.wrong(part, "structure", found.Structure, "stop the server, keep a copy of the data folder, restore a backup")
	}
	if found.Audit.FirstBad == 0 {
		d.good(part, "audit trail", fmt.Sprintf("%d entries as they were written", found.Audit.Entries))
	} else {
		d.wrong(part, "audit trail", fmt.Sprintf("entry %d: %s", found.Audit.FirstBad, found.Audit.Why), "a person or a faulty disk changed it: keep a copy of the data folder, restore a backup, and find out who had access")
	}
	if len(found.Damage) == 0 {
		d.good(part, "answers and sessions", "every row as it was written")
	} else {
		d.wrong(part, "answers and sessions", "not as written: "+registry.NameDamage(found.Damage), "do not rebuild the warehouse, which may hold the good copy: keep a copy of the data folder and restore a backup of the registry")
	}
	if err := store.CheckWritable(d.ctx); err != nil {
		d.wrong(part, "taking an answer", oneLine(err), "no answer can be accepted now: see the lines above, and check whether the disk is full or read-only")
	} else {
		d.good(part, "taking an answer", "tested, then undone")
	}
	d.checkRefusals()
}

// refusalsOf is how far back refused submissions are listed.
const refusalsOf = 7 * 24 * time.Hour

func (d *doctor) checkRefusals() {
	const part, what = "registry", "refused submissions"
	all, err := d.house.store.Refusals(d.ctx)
	if err != nil {
		d.wrong(part, what, oneLine(err), "see the lines above")
		return
	}
	since := time.Now().Add(-refusalsOf).UTC().Format(time.DateOnly)
	counts, names := map[string]int64{}, []string{}
	for _, r := range all {
		if r.Day < since {
			continue
		}
		if counts[r.Reason] == 0 {
			names = append(names, r.Reason)
		}
		counts[r.Reason] += r.Count
	}
	if len(names) == 0 {
		d.good(part, what, "none in 7 days")
		return
	}
	said := make([]string, len(names))
	for i, name := range names {
		said[i] = fmt.Sprintf("%s %d", name, counts[name])
	}
	d.note(part, what, strings.Join(said, ", ")+" in 7 days", "")
}

// checkComparison says whether the running server answers from the warehouse.
func (d *doctor) checkComparison() {
	const part, what = "ClickHouse", "compared with the record"
	if _, err := d.house.folder.readTrust(); err != nil {
		d.wrong(part, what, "not yet: "+oneLine(err), "it repairs itself; if this lasts for minutes, see the server's log")
		return
	}
	d.good(part, what, "by the running server, without a difference")
}
