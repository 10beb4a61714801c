package main

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	"afterglow/internal/access"
	"afterglow/internal/fault"
	"afterglow/internal/registry"
)

type demoCmd struct {
	Run_  demoRunCmd   `cmd:"" name:"run" default:"withargs" help:"Set up a demo folder with a real trial's data and serve it on this machine only; 'afterglow demo' does the same."`
	Links demoLinksCmd `cmd:"" help:"Make simulated patients with one open questionnaire each and print their links."`
}

type demoRunCmd struct {
	Resume bool   `help:"Serve an existing demo folder again without loading anything."`
	Clone  string `help:"Folder of the source tree, where the demo study is read; found automatically if not given." type:"path" placeholder:"DIR"`
}

// demoInstrument is what the demo's patients are asked.
const demoInstrument = "phq-9"

// command names who acts when this program does.
func command(name string) registry.Actor {
	return registry.Actor{Kind: registry.ActorCommand, ID: name}
}

// Run makes or reopens a demo folder and serves it on this machine.
func (c *demoRunCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	progress := func(format string, args ...any) { fmt.Fprintf(k.Stderr, format+"\n", args...) }
	if c.Resume {
		if _, err := existingFolder(root.Data); err != nil {
			return err
		}
	}
	listener, err := listen(root.settings)
	if err != nil {
		return err
	}
	return c.rounds(ctx, root, k.Stdout, progress, listener)
}

// round serves the demo until ctx ends. While it gets ready, pause answers in
// its place; nil on the first start, when nobody waits.
func (c *demoRunCmd) round(ctx context.Context, out io.Writer, progress func(string, ...any), s *server, again bool, pause *waiting) error {
	if err := s.markDemo(ctx, c.Resume && !again); err != nil {
		return err
	}
	accounts, err := s.demoAccounts(ctx)
	if err != nil {
		return err
	}
	if !c.Resume || again {
		progress("Loading the study ...")
		if err := c.loadStudy(ctx, s, progress); err != nil {
			return err
		}
		if err := s.loadSimulatedClinic(ctx, progress); err != nil {
			return err
		}
	}
	patient, err := s.demoPatient(ctx)
	if err != nil {
		return err
	}
	progress("Starting ClickHouse and bringing it up to date ...")
	// A demo is for looking at answers, so an engine that cannot start ends it.
	if err := s.keeper.start(ctx); err != nil {
		return err
	}
	s.openDoors(accounts)
	if err := pause.end(); err != nil {
		return err
	}
	return s.run(ctx, func(context.Context) error {
		if again {
			progress("The demo is as it was at its first start")
			return nil
		}
		fmt.Fprintf(out, "ready %s\n", s.url)
		fmt.Fprintf(out, "patient: %s/p/%s\n", s.url, patient)
		for _, a := range accounts {
			fmt.Fprintf(out, "%s: %s%s %s %s -\n", a.label, s.url, a.path, a.name, a.password)
		}
		progress("Ctrl-C stops everything; the data stay in %s", s.folder)
		fmt.Fprintf(out, "open: %s\n", s.url)
		return nil
	})
}

// markDemo makes the folder a demo for ever, with a clinic, its roster and its
// questionnaire, or refuses a folder that is somebody's real one.
func (s *server) markDemo(ctx context.Context, resume bool) error {
	if s.site.demo {
		return s.readyDemo(ctx)
	}
	if resume {
		return fault.Invalid("data folder", "%s is not a demo; start it with: afterglow serve", s.folder)
	}
	err := s.store.Write(ctx, command("demo"), func(tx *registry.Tx) error {
		for _, setting := range [][2]string{{registry.SettingDemo, "yes"}, {registry.SettingSiteName, "Afterglow Demo Clinic"},
			{registry.SettingCountry, "us"}, {registry.SettingZone, "America/New_York"}} {
			if err := tx.SetSetting(setting[0], setting[1]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.readSite(ctx); err != nil {
		return err
	}
	return s.readyDemo(ctx)
}

// readyDemo sees that the demo's questionnaire is offered: a first start that was
// interrupted may have left the roster or the activation out.
func (s *server) readyDemo(ctx context.Context) error {
	d, err := s.library.Latest(demoInstrument)
	if err != nil {
		return err
	}
	if offered, err := s.store.IsOffered(ctx, d.ID, d.Version); err != nil || offered {
		return err
	}
	everyHour := registry.RosterLine{Person: "Demo Clinician", Duty: "primary", Days: registry.AllDays, FromMinute: 0, ToMinute: 1440}
	if err := s.safety.ConfirmRoster(ctx, command("demo"), []registry.RosterLine{everyHour}); err != nil {
		return err
	}
	return s.safety.Activate(ctx, command("demo"), d)
}

// demoAccount is a line that the demo prints.
type demoAccount struct {
	label, path, name, password string
	role                        access.Role
}

// demoAccounts makes the staff of the demo. Their passwords come from this
// folder's random master key, so they stay the same and are stored nowhere.
func (s *server) demoAccounts(ctx context.Context) ([]demoAccount, error) {
	secret, err := os.ReadFile(s.settings.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("read the master key: %w", err)
	}
	known, err := s.access.AccountNames(ctx)
	if err != nil {
		return nil, err
	}
	exists := map[string]bool{}
	for _, name := range known {
		exists[name] = true
	}
	roles := []struct {
		role access.Role
		demoAccount
	}{
		{access.RoleClinician, demoAccount{label: "clinician", path: "/patients"}},
		{access.RoleResearcher, demoAccount{label: "researcher", path: "/research"}},
		{access.RoleAdministrator, demoAccount{label: "admin", path: "/status"}},
	}
	var out []demoAccount
	for _, r := range roles {
		a := r.demoAccount
		a.name, a.role = "demo-"+a.label, r.role
		raw, err := hkdf.Key(sha256.New, secret, nil, "demo password of "+a.name, 15)
		if err != nil {
			return nil, fmt.Errorf("draw a password: %w", err)
		}
		a.password = strings.ToLower(base32.StdEncoding.EncodeToString(raw))
		if !exists[a.name] {
			if err := s.access.CreateAccount(ctx, command("demo"), access.NewAccount{Name: a.name, Role: r.role, Password: a.password}); err != nil {
				return nil, err
			}
		}
		out = append(out, a)
	}
	return out, nil
}

// loadStudy imports the demo's study from the source tree; again is no effect.
func (c *demoRunCmd) loadStudy(ctx context.Context, s *server, progress func(string, ...any)) error {
	clone, err := findClone(c.Clone)
	if err != nil {
		return err
	}
	report, err := runImportStudy(ctx, s.store, s.library, importStudyCmd{
		File: filepath.Join(clone, "testdata", "btheb", "btheb.csv"), Map: filepath.Join(clone, "studies", "btheb.yaml")})
	if err != nil {
		return err
	}
	progress("Study %s: %d patients, %d scores, %d of them new", report.Study, report.Subjects, report.Responses, report.Registry.ResponsesAdded)
	return nil
}

// findClone looks for the source tree here and above the program, since data of
// others is never built into the binary.
func findClone(given string) (string, error) {
	candidates := []string{given}
	if given == "" {
		candidates = []string{"."}
		if program, err := os.Executable(); err == nil {
			candidates = append(candidates, filepath.Dir(filepath.Dir(program)))
		}
	}
	for _, dir := range candidates {
		if _, err := os.Stat(filepath.Join(dir, "studies", "btheb.yaml")); err == nil {
			return dir, nil
		}
	}
	return "", fault.Unavailable("demo", nil, "the demo study was not found; run this in the source tree, or name the source tree with --clone")
}

// demoPatient gives the token of the demo's own patient: the one of the start
// before while it still takes answers, else a new one. Only a demo keeps a token
// in a file.
func (s *server) demoPatient(ctx context.Context) (string, error) {
	kept := filepath.Join(s.folder.run(), "demo.link")
	if token, err := os.ReadFile(kept); err == nil {
		occasion, err := s.store.OccasionByToken(ctx, string(token))
		if err == nil && occasion.TakesAnswers(s.store.Now()) {
			return string(token), nil
		}
	}
	links, err := s.demoLinks(ctx, 1)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(kept, []byte(links[0].Token), 0o600); err != nil {
		return "", fmt.Errorf("keep the demo's link: %w", err)
	}
	return links[0].Token, nil
}

type demoLinksCmd struct {
	Count int  `help:"How many patients." default:"1"`
	JSON  bool `name:"json" help:"Print one JSON value per line."`
}

// demoLink is a patient's link; the token is stored nowhere.
type demoLink struct {
	URL     string `json:"url"`
	Token   string `json:"token"`
	Patient string `json:"patient"`
}

// Run makes simulated patients, with or without a running demo.
func (c *demoLinksCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	h, err := openCommand(ctx, root, slog.Default(), false)
	if err != nil {
		return err
	}
	links, err := h.demoLinks(ctx, c.Count)
	if err = errors.Join(err, h.close()); err != nil {
		return err
	}
	out := json.NewEncoder(k.Stdout)
	for _, l := range links {
		if c.JSON {
			err = out.Encode(l)
		} else {
			_, err = fmt.Fprintln(k.Stdout, l.URL)
		}
		if err != nil {
			return fmt.Errorf("print a link: %w", err)
		}
	}
	return nil
}

// demoLinks makes patients with one open questionnaire each.
func (h *house) demoLinks(ctx context.Context, count int) ([]demoLink, error) {
	d, err := h.library.Latest(demoInstrument)
	if err != nil {
		return nil, err
	}
	patients, err := h.store.CreateSimulatedPatients(ctx, command("demo links"), count,
		registry.SimulatedOccasion{Instrument: d.ID, Version: d.Version, Visit: "+14 d", Day: 14})
	if err != nil {
		return nil, err
	}
	base, err := h.baseURL()
	if err != nil {
		return nil, err
	}
	links := make([]demoLink, len(patients))
	for i, p := range patients {
		links[i] = demoLink{URL: base + "/p/" + p.Token, Token: p.Token, Patient: string(p.Patient)}
	}
	return links, nil
}
