//go:build ignore

// Makes the archive of a data folder as the program wrote it with schema version
// 2, through that program's own packages and pages. make.sh runs it there.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"afterglow/internal/access"
	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/registry"
	"afterglow/internal/safety"
	"afterglow/internal/simulate"
	"afterglow/schemas"
)

// kept is what a later program is held to.
type kept struct {
	Password string            `json:"password"`
	Tokens   map[string]string `json:"tokens"`
	Half     struct {
		Cookie   *http.Cookie `json:"cookie"`
		Question int          `json:"question"`
	} `json:"half"`
	Answered struct {
		Body    json.RawMessage `json:"body"`
		Receipt string          `json:"receipt"`
	} `json:"answered"`
	Alert     int64                      `json:"alert"`
	Corrected int64                      `json:"corrected"`
	Audit     auditHead                  `json:"audit"`
	Journal   []json.RawMessage          `json:"journal"`
	Findings  map[string]json.RawMessage `json:"findings"`
}

// auditHead names the newest entry of the audit trail.
type auditHead struct {
	Entries int64  `json:"entries"`
	Head    string `json:"head"`
}

var (
	ctx   = context.Background() // house:background a program that runs once, by hand
	quiet = slog.New(slog.NewTextHandler(io.Discard, nil))
	out   = kept{Password: "violet teapot under nine bridges", Tokens: map[string]string{}, Findings: map[string]json.RawMessage{}}
)

func must[T any](v T, err error) T {
	if err != nil {
		log.Output(2, err.Error())
		os.Exit(1)
	}
	return v
}

func check(err error) { must(0, err) }

func main() {
	folder, program := os.Args[1], os.Args[2]
	library := must(instrument.LoadLibrary(schemas.Instruments()))
	begin(folder, library)
	run(program, folder, "import", "study", "testdata/btheb/btheb.csv", "--map", "studies/btheb.yaml")
	serve(program, folder)
	for _, question := range []string{"retained-benefit", "time-to-loss"} {
		for _, study := range []string{"btheb", simulate.StudyID} {
			out.Findings[question+" "+study] = run(program, folder, "ask", question, "--study", study, "--json")
		}
	}
	for _, line := range bytes.Split(bytes.TrimSpace(run(program, folder, "journal", "list", "--json")), []byte("\n")) {
		if bytes.Contains(line, []byte(`"archive-`)) {
			out.Journal = append(out.Journal, line)
		}
	}
	end(folder, library)
	encoded := must(json.Marshal(out))
	check(os.WriteFile(filepath.Join(folder, "kept.json"), append(encoded, '\n'), 0o600))
}

func open(folder string) *registry.Store {
	key := must(registry.ReadMasterKey(filepath.Join(folder, "keys", "master.key")))
	return must(registry.Open(ctx, registry.Config{Path: filepath.Join(folder, "registry.db"), MasterKey: key, Clock: time.Now, Logger: quiet}))
}

// begin makes the folder, a clinic and its patients.
func begin(folder string, library *instrument.Library) {
	check(os.MkdirAll(filepath.Join(folder, "keys"), 0o700))
	check(registry.CreateMasterKey(filepath.Join(folder, "keys", "master.key")))
	store := open(folder)
	by := registry.Actor{Kind: registry.ActorCommand, ID: "archive"}
	check(store.Write(ctx, by, func(tx *registry.Tx) error {
		for _, s := range [][2]string{{registry.SettingDemo, "yes"}, {registry.SettingSiteName, "Archive Clinic"}, {registry.SettingCountry, "us"}, {registry.SettingZone, "America/New_York"}} {
			if err := tx.SetSetting(s[0], s[1]); err != nil {
				return err
			}
		}
		return nil
	}))
	phq9 := must(library.Latest("phq-9"))
	guard := safety.New(store)
	check(guard.ConfirmRoster(ctx, by, []registry.RosterLine{{Person: "Archive Clinician", Duty: "primary", Days: registry.AllDays, ToMinute: 1440}}))
	check(guard.Activate(ctx, by, phq9))
	door := must(access.New(ctx, access.Config{Registry: store, Log: quiet, Now: time.Now, SiteName: "Archive Clinic"}))
	for _, role := range access.AccountRoles {
		check(door.CreateAccount(ctx, by, access.NewAccount{Name: "archive-" + string(role), Role: role, Password: out.Password}))
	}
	names := []string{"half", "answered", "risk-draft", "alert", "untouched", "corrected"}
	patients := must(store.CreateSimulatedPatients(ctx, by, len(names), registry.SimulatedOccasion{Instrument: phq9.ID, Version: phq9.Version, Visit: "+14 d", Day: 14}))
	for i, name := range names {
		out.Tokens[name] = patients[i].Token
	}
	clinic := must(simulate.StudyImport(library, 40, 7))
	must(store.ImportStudy(ctx, by, clinic))
	check(store.Close())
}

// serve lets patients and a clinician use the pages.
func serve(program, folder string) {
	cmd := exec.Command(program, "demo", "--resume", "--data", folder)
	cmd.Env = append(os.Environ(), "AFTERGLOW_LISTEN=127.0.0.1:0")
	stdout := must(cmd.StdoutPipe())
	check(cmd.Start())
	var text strings.Builder
	buffer := make([]byte, 4096)
	for !strings.Contains(text.String(), "admin: ") {
		n := must(stdout.Read(buffer))
		text.Write(buffer[:n])
	}
	base := regexp.MustCompile(`(?m)^ready (.*)$`).FindStringSubmatch(text.String())[1]

	body := answers("archive-answered", map[string]int{"1": 2, "2": 1, "3": 0, "4": 3, "5": 1, "6": 0, "7": 2, "8": 1, "9": 0, "10": 1})
	out.Answered.Body = body
	out.Answered.Receipt = send(base, out.Tokens["answered"], body)["receipt"].(string)
	send(base, out.Tokens["alert"], answers("archive-alert", map[string]int{"1": 2, "2": 2, "3": 2, "4": 2, "5": 2, "6": 2, "7": 2, "8": 2, "9": 1, "10": 2}))
	out.Corrected = int64(send(base, out.Tokens["corrected"], answers("archive-corrected", map[string]int{"1": 1, "2": 1, "3": 1, "4": 1, "5": 1, "6": 1, "7": 1, "8": 1, "9": 0, "10": 0}))["sequence"].(float64))

	out.Half.Cookie, out.Half.Question = fill(base, out.Tokens["half"], 4), 5
	fill(base, out.Tokens["risk-draft"], 9)
	takeOn(base)

	check(cmd.Process.Signal(os.Interrupt))
	check(cmd.Wait())
}

func answers(key string, values map[string]int) json.RawMessage {
	return must(json.Marshal(map[string]any{"key": key, "instrument": "phq-9", "version": "1.0.0", "answers": values}))
}

func send(base, token string, body []byte) map[string]any {
	request := must(http.NewRequest(http.MethodPost, base+"/p/"+token+"/answers", bytes.NewReader(body)))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Origin", base)
	response := must(http.DefaultClient.Do(request))
	defer response.Body.Close()
	var got map[string]any
	check(json.NewDecoder(response.Body).Decode(&got))
	if response.StatusCode != http.StatusCreated {
		log.Fatal(response.Status, got)
	}
	return got
}

// browser posts forms as a page of the site does.
func browser() func(base, path string, form url.Values) *http.Client {
	jar := must(cookiejar.New(nil))
	client := &http.Client{Jar: jar}
	return func(base, path string, form url.Values) *http.Client {
		request := must(http.NewRequest(http.MethodPost, base+path, strings.NewReader(form.Encode())))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Origin", base)
		response := must(client.Do(request))
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			log.Fatal(path, " ", response.Status)
		}
		return client
	}
}

// fill answers the first questions of a form and leaves it; it gives the cookie
// that the browser resumes with.
func fill(base, token string, questions int) *http.Cookie {
	post := browser()
	client := post(base, "/p/"+token+"/notice", url.Values{"version": {must(noticeVersion(base, token))}})
	for item := 1; item <= questions; item++ {
		client = post(base, "/p/"+token+"/page", url.Values{"item": {strconv.Itoa(item)}, "value": {"1"}, "go": {"next"}})
	}
	for _, cookie := range client.Jar.Cookies(must(url.Parse(base + "/p/" + token))) {
		return &http.Cookie{Name: cookie.Name, Value: cookie.Value}
	}
	log.Fatal("no cookie")
	return nil
}

func noticeVersion(base, token string) (string, error) {
	response := must(http.Get(base + "/p/" + token))
	defer response.Body.Close()
	page := must(io.ReadAll(response.Body))
	found := regexp.MustCompile(`name="version" value="([^"]+)"`).FindSubmatch(page)
	if found == nil {
		return "", fmt.Errorf("no notice")
	}
	return string(found[1]), nil
}

// takeOn lets the clinician acknowledge the alert of the one who sent.
func takeOn(base string) {
	post := browser()
	client := post(base, "/sign-in", url.Values{"name": {"archive-clinician"}, "password": {out.Password}})
	response := must(client.Get(base + "/alerts"))
	defer response.Body.Close()
	page := string(must(io.ReadAll(response.Body)))
	id := regexp.MustCompile(`/alerts/(\d+)/acknowledge`).FindStringSubmatch(page)[1]
	code := regexp.MustCompile(`<option value="([a-z-]+)"`).FindStringSubmatch(page)[1]
	post(base, "/alerts/"+id+"/acknowledge", url.Values{"code": {code}})
	out.Alert = must(strconv.ParseInt(id, 10, 64))
}

func run(program, folder string, args ...string) json.RawMessage {
	cmd := exec.Command(program, append(args, "--data", folder)...)
	cmd.Stderr = os.Stderr
	return bytes.TrimSpace(must(cmd.Output()))
}

// end corrects an answer and a session, and leaves a batch under way.
func end(folder string, library *instrument.Library) {
	store := open(folder)
	by := registry.Actor{Kind: registry.ActorAccount, ID: "archive-clinician"}
	service := must(intake.New(intake.Config{Store: store, Instruments: library, Logger: quiet}))
	two := 2
	values := instrument.Answers{}
	for item := 1; item <= 10; item++ {
		values[strconv.Itoa(item)] = &two
	}
	zero := 0
	values["9"] = &zero
	must(service.Correct(ctx, by, intake.Correction{Sequence: out.Corrected, Key: "archive-correction", Answers: values, Reason: "entry-error"}))
	check(store.Write(ctx, by, func(tx *registry.Tx) error {
		rows, err := store.Sessions(ctx, firstWithSessions(store))
		if err != nil {
			return err
		}
		corrected := rows[0].Session
		depth := 2
		corrected.Depth = &depth
		_, err = tx.CorrectSession(rows[0], corrected, "entry-error")
		return err
	}))
	if _, found, err := store.NextShipment(ctx, 1000); err != nil || !found {
		log.Fatal("no batch is under way: ", err)
	}
	report := must(store.VerifyAudit(ctx, registry.AuditCheckpoint{}))
	out.Audit = auditHead{report.Entries, report.Head}
	check(store.Close())
}

func firstWithSessions(store *registry.Store) int64 {
	for course := int64(1); course < 1000; course++ {
		if rows, err := store.Sessions(ctx, course); err == nil && len(rows) > 0 {
			return course
		}
	}
	log.Fatal("no course has sessions")
	return 0
}
