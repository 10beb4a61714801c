package simulate

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/fault"
)

// The files of a run. The first column of every file says which patient a row belongs to;
// what was not recorded is empty.
const (
	patientsFile  = "patients.csv"
	coursesFile   = "courses.csv"
	sessionsFile  = "sessions.csv"
	settingsFile  = "settings.csv"
	responsesFile = "responses.csv"
	truthFile     = "truth.json"
)

// WriteFiles writes the clinic as CSV files and its truth into a folder, which is
// made when it is missing. Memory does not grow with the number of patients.
func (s *Simulator) WriteFiles(folder string) (truth Truth, err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return Truth{}, fault.Unavailable("folder", err, "%s cannot be made", folder)
	}
	w := &csvWriter{}
	defer func() { err = errors.Join(err, w.close()) }()
	for i, name := range []string{patientsFile, coursesFile, sessionsFile, settingsFile, responsesFile} {
		if err := w.open(i, filepath.Join(folder, name)); err != nil {
			return Truth{}, err
		}
	}
	counts := newTally()
	w.headers()
	err = s.Each(func(p *Patient) error {
		counts.add(p)
		return w.patient(s, p)
	})
	if err != nil {
		return Truth{}, err
	}
	truth = s.truth(counts)
	return truth, writeTruth(filepath.Join(folder, truthFile), truth)
}

func writeTruth(path string, truth Truth) error {
	text, err := json.MarshalIndent(truth, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the truth: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the truth: %w", err)
	}
	return nil
}

// csvWriter writes lines by hand, which is several times faster than a general
// writer; only a form's answers hold commas, and stand in quotes.
type csvWriter struct {
	files     [5]*os.File
	buffers   [5]*bufio.Writer
	line      []byte
	responses int
}

const (
	toPatients = iota
	toCourses
	toSessions
	toSettings
	toResponses
)

func (w *csvWriter) open(i int, path string) error {
	file, err := os.Create(path)
	if err != nil {
		return fault.Unavailable("folder", err, "%s cannot be written", path)
	}
	w.files[i], w.buffers[i] = file, bufio.NewWriterSize(file, 1<<20)
	return nil
}

func (w *csvWriter) close() error {
	var errs []error
	for i, file := range w.files {
		if file != nil {
			errs = append(errs, w.buffers[i].Flush(), file.Close())
		}
	}
	return errors.Join(errs...)
}

func (w *csvWriter) headers() {
	settings := "course,session"
	for _, item := range care.SettingItems {
		settings += "," + item.Code
	}
	for i, header := range []string{
		"patient,code,age,sex,weight_kg,simulated",
		"course,patient,protocol,protocol_version,mode,setting,preparation,maintenance,started_on,last_session_on",
		"course,number,started_at,day,day_since_last,route,dose_mg,dose_mg_per_kg,depth,mode,booster,preparation_done,setting_index,adverse_events",
		settings,
		"response,course,patient,visit,day,instrument,version,answered_at,revision,reason,answers,score,valid,prorated",
	} {
		_, _ = w.buffers[i].WriteString(header + "\n") // the buffer keeps its error
	}
}

func (w *csvWriter) patient(s *Simulator, p *Patient) error {
	w.field(string(p.Pseudonym)).field(p.code()).whole(p.Age).field(p.Sex).whole(p.WeightKg).field("true").end(toPatients)
	w.whole(p.Number).field(string(p.Pseudonym)).field(p.Protocol.ID).whole(p.Protocol.Version).field(string(p.Protocol.Mode)).
		field(p.Setting).field(p.Preparation).yes(p.Maintenance).date(p.Start).date(p.LastSession).end(toCourses)
	for i := range p.Sessions {
		w.session(p, &p.Sessions[i])
	}
	for i := range p.Responses {
		w.response(s, p, &p.Responses[i])
	}
	for _, b := range w.buffers {
		if _, err := b.Write(nil); err != nil {
			return fmt.Errorf("write the files: %w", err)
		}
	}
	return nil
}

func (w *csvWriter) session(p *Patient, one *Session) {
	w.whole(p.Number).whole(one.Number).moment(one.StartedAt).whole(one.Day).whole(one.SinceLast).field(string(p.Protocol.Route)).
		whole(one.DoseMg).decimal(one.DoseMgPerKg, 2).whole(one.Depth).field(string(p.Protocol.Mode)).yes(one.Booster).yes(one.Prepared)
	if index, ok := one.index(); ok {
		w.decimal(index, 2)
	} else {
		w.field("")
	}
	for i, e := range one.Events {
		if i > 0 {
			w.line = append(w.line, ' ')
		}
		w.line = append(w.line, e.Term...)
		w.line = append(w.line, ':', byte('0'+e.Grade), ':')
		if e.Elicited {
			w.line = append(w.line, "elicited"...)
		} else {
			w.line = append(w.line, "spontaneous"...)
		}
	}
	w.field("").end(toSessions)
	if one.Booster {
		return // nobody fills in the inventory of a booster
	}
	w.whole(p.Number).whole(one.Number)
	for _, v := range one.Inventory {
		w.field([3]string{"", "no", "yes"}[v+1])
	}
	w.end(toSettings)
}

func (w *csvWriter) response(s *Simulator, p *Patient, r *Response) {
	w.responses++
	w.whole(w.responses).whole(p.Number).field(string(p.Pseudonym)).quoted(r.Visit).whole(r.Day).field(scaleIDs[r.scale]).
		field(s.forms[r.scale].version).moment(r.AnsweredAt).whole(r.Revision).field(r.Reason)
	w.line = append(w.line, '"')
	for i, v := range r.Answers {
		if i > 0 {
			w.line = append(w.line, ',')
		}
		if v != unanswered {
			w.line = strconv.AppendInt(w.line, int64(v), 10)
		}
	}
	w.line = append(w.line, '"', ',')
	if r.Valid {
		w.whole(r.Score)
	} else {
		w.field("")
	}
	w.yes(r.Valid).yes(r.Prorated).end(toResponses)
}

func (w *csvWriter) field(v string) *csvWriter {
	w.line = append(append(w.line, v...), ',')
	return w
}

func (w *csvWriter) quoted(v string) *csvWriter {
	w.line = append(append(append(w.line, '"'), v...), '"', ',')
	return w
}

func (w *csvWriter) whole(v int) *csvWriter {
	w.line = append(strconv.AppendInt(w.line, int64(v), 10), ',')
	return w
}

func (w *csvWriter) decimal(v float64, places int) *csvWriter {
	w.line = append(strconv.AppendFloat(w.line, v, 'f', places, 64), ',')
	return w
}

func (w *csvWriter) yes(v bool) *csvWriter {
	w.line = append(strconv.AppendBool(w.line, v), ',')
	return w
}

func (w *csvWriter) date(t time.Time) *csvWriter {
	w.line = append(t.AppendFormat(w.line, time.DateOnly), ',')
	return w
}

func (w *csvWriter) moment(t time.Time) *csvWriter {
	w.line = append(t.AppendFormat(w.line, time.RFC3339), ',')
	return w
}

// end puts the line into its file; a buffer that could not write keeps the error.
func (w *csvWriter) end(file int) {
	w.line[len(w.line)-1] = '\n'
	_, _ = w.buffers[file].Write(w.line)
	w.line = w.line[:0]
}
