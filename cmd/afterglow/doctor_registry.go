package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"afterglow/internal/crisis"
	"afterglow/internal/fault"
	"afterglow/internal/registry"
	"afterglow/internal/safety"
)

// examine goes from what everything rests on to what people see.
func (d *doctor) examine() {
	running := d.checkServer()
	d.checkDisk()
	d.checkKey()
	demo := false
	if d.openRegistry() {
		demo = d.checkSite()
		d.checkRegistry(running)
		d.checkWholeness()
		d.checkCare(demo)
	}
	d.checkAddress(demo)
	d.checkWarehouse(running)
}

// checkServer says whether a server has this folder.
func (d *doctor) checkServer() bool {
	d.found.Server = "not running"
	pid, alive, err := d.house.folder.serverProcess()
	switch {
	case fault.Is(err, fault.KindInvalid):
		d.note("program", "process file", d.house.folder.serverPID()+" does not contain a process number", "nothing: the next start writes it again")
		return false
	case err != nil:
		return false
	case !alive:
		d.note("program", "process file", fmt.Sprintf("process %d is gone", pid), "the server did not shut down cleanly: see its log, then start it again")
		return false
	}
	d.found.Server = fmt.Sprintf("running as process %d", pid)
	return true
}

const leastFree = 1 << 30

func (d *doctor) checkDisk() {
	const part = "disk"
	var stat unix.Statfs_t
	if err := unix.Statfs(string(d.house.folder), &stat); err != nil {
		d.wrong(part, "free space", "cannot be read: "+err.Error(), "check that the data folder's disk is mounted")
		return
	}
	free := uint64(stat.Bavail) * uint64(stat.Bsize)
	said := fmt.Sprintf("%.1f GiB", float64(free)/(1<<30))
	if free < leastFree {
		d.wrong(part, "free space", said, "free at least 1 GiB: a full disk stops answers from being taken")
		return
	}
	d.good(part, "free space", said)
	for _, path := range append([]string{string(d.house.folder)}, d.house.folder.registryFiles()...) {
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
			d.wrong(part, "data folder", fmt.Sprintf("%s, mode %04o", path, info.Mode().Perm()), "close it to other users: chmod go= "+path)
		}
	}
}

func (d *doctor) checkKey() {
	const part, what = "keys", "master key"
	path := d.house.settings.KeyFile
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		d.missing(part, what, "there is no file "+path, "restore the key from your copy, or name it with AFTERGLOW_KEY_FILE; without it no identity can be read")
		return
	}
	if err == nil {
		_, err = registry.ReadMasterKey(path)
	}
	if err != nil {
		d.wrong(part, what, oneLine(err), "see docs/operations.md, Keys")
		return
	}
	d.good(part, what, fmt.Sprintf("%s, mode %04o", path, info.Mode().Perm()))
	if path == d.house.folder.masterKey() {
		d.note(part, "place of the key", "inside the data folder", "keep it elsewhere and name it with AFTERGLOW_KEY_FILE: a copy of the folder should not contain its own key")
	}
}

// openRegistry opens it as a guest, so that nothing is owned or migrated.
func (d *doctor) openRegistry() bool {
	h := d.house
	key, err := registry.ReadMasterKey(h.settings.KeyFile)
	if err != nil {
		return false // said already
	}
	if err := h.openLibrary(); err != nil {
		d.wrong("care", "instruments", oneLine(err), "correct the definition, or remove it from the data folder's instruments/")
		return false
	}
	store, err := registry.Open(d.ctx, registry.Config{Path: h.folder.registry(), MasterKey: key, Clock: time.Now, Logger: h.log, Beside: true})
	if err != nil {
		d.wrong("registry", "opening", oneLine(err), "if the schema is older, start the server once; otherwise see docs/operations.md, When something is wrong")
		return false
	}
	h.store = store
	h.onClose(store.Close)
	return true
}

// checkSite reads what the clinic said of itself, and the clocks.
func (d *doctor) checkSite() (demo bool) {
	const part = "site"
	values := map[string]string{}
	for _, name := range []string{registry.SettingSiteName, registry.SettingCountry, registry.SettingZone, registry.SettingDemo} {
		value, err := d.house.store.Setting(d.ctx, name)
		if err != nil {
			d.wrong(part, name, oneLine(err), "see the registry's lines below")
			return false
		}
		values[name] = value
		d.good(part, name, ifEmpty(value, "not set"))
	}
	zone, err := time.LoadLocation(ifEmpty(values[registry.SettingZone], "UTC"))
	if err != nil {
		d.wrong(part, "clock", "the zone is not known here", "install the time zone data (Debian: tzdata)")
	} else {
		d.good(part, "clock", time.Now().In(zone).Format("2006-01-02 15:04:05 -0700 MST"))
	}
	return values[registry.SettingDemo] == "yes"
}

func ifEmpty(value, instead string) string {
	if value == "" {
		return instead
	}
	return value
}

// A clock that is behind the record by more than this was set back.
const clockTolerance = 2 * time.Minute

// waitsTooLong is how old the oldest waiting answer may be beside a server.
const waitsTooLong = 10 * time.Minute

func (d *doctor) checkRegistry(running bool) {
	const part = "registry"
	found, err := d.house.store.Inspect(d.ctx)
	if err != nil {
		d.wrong(part, "reading", oneLine(err), "check that the disk works; see docs/operations.md, When something is wrong")
		return
	}
	d.good(part, "schema version", strconv.FormatInt(found.Schema, 10))
	for _, s := range found.Settings {
		if s.Right {
			d.good(part, s.Name, s.Value)
		} else {
			d.wrong(part, s.Name, s.Value, "must be "+s.Want+": use the program as it was built")
		}
	}
	if ahead := time.Until(found.LastEvent); ahead > clockTolerance {
		d.wrong(part, "newest event", fmt.Sprintf("%s in the future", ahead.Round(time.Second)), "this machine's clock was set back: correct it (time synchronisation) before more is recorded")
	}
	waiting := fmt.Sprintf("%d answers", found.Waiting)
	switch age := time.Since(found.OldestWaiting); {
	case found.Waiting == 0:
		d.good(part, "waiting for ClickHouse", waiting)
	case running && age > waitsTooLong:
		d.wrong(part, "waiting for ClickHouse", fmt.Sprintf("%s, the oldest for %s", waiting, age.Round(time.Minute)), "answers are safe; the server's log says why ClickHouse does not accept them")
	default:
		d.note(part, "waiting for ClickHouse", waiting, "nothing: they are sent while a server runs")
	}
}

// checkCare looks at what patients meet: questionnaires, who is on call, whom
// they can turn to.
func (d *doctor) checkCare(demo bool) {
	const part = "care"
	offered, err := d.house.store.Activations(d.ctx)
	if err != nil {
		d.wrong(part, "instruments", oneLine(err), "see the registry's lines")
		return
	}
	risk := false
	names := make([]string, len(offered))
	for i, a := range offered {
		names[i] = a.Instrument + " " + a.Version
		risk = risk || a.HasSafetyRules
	}
	if len(names) == 0 {
		d.note(part, "instruments on offer", "none", "patients cannot be asked yet")
	} else {
		d.good(part, "instruments on offer", strings.Join(names, ", "))
	}
	d.checkRoster(risk)
	d.checkCrisis(demo)
}

func (d *doctor) checkRoster(risk bool) {
	const part, what = "care", "on call"
	lines, err := d.house.store.Roster(d.ctx)
	if err != nil {
		d.wrong(part, what, oneLine(err), "see the registry's lines")
		return
	}
	gaps := safety.Gaps(lines)
	if len(gaps) == 0 {
		d.good(part, what, "every hour of the week is covered")
		return
	}
	said := fmt.Sprintf("%d gaps in the week, the first %s", len(gaps), gaps[0])
	if risk {
		d.wrong(part, what, said, "an instrument that asks about risk is on offer: put somebody on call for every hour and confirm the roster")
		return
	}
	d.note(part, what, said, "needed before an instrument that asks about risk is offered")
}

func (d *doctor) checkCrisis(demo bool) {
	const part, what = "care", "crisis contacts"
	directories, err := crisis.Load(crisisFolders(d.house.folder)...)
	if err != nil {
		d.wrong(part, what, oneLine(err), "correct the list in the data folder's crisis/")
		return
	}
	country, err := d.house.store.Setting(d.ctx, registry.SettingCountry)
	if err != nil {
		d.wrong(part, what, oneLine(err), "see the registry's lines")
		return
	}
	list := directories.For(country)
	if list.ConfirmedBySite {
		d.good(part, what, list.Country+", confirmed")
		return
	}
	do := fmt.Sprintf("try every contact, then save the list with confirmed_by_site: true as crisis/%s.yaml in the data folder and restart", list.Country)
	if demo {
		d.note(part, what, list.Country+", not confirmed by the site", do)
		return
	}
	d.wrong(part, what, list.Country+", not confirmed by the site", do)
}
