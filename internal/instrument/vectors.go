package instrument

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"afterglow/internal/fault"
)

// Vector is a worked example: answers and what scoring must give for them.
type Vector struct {
	Name      string
	Answers   string
	Score     string
	Valid     bool
	Prorated  bool
	Band      string
	Flags     []string
	Subscales map[string]string
	Line      int
}

const maxVectorsBytes = 4 << 20

// ParseVectors reads a vectors file: the columns name, answers, score, valid,
// prorated, band and flags, then one column for each subscale. A fault.Invalid
// names every bad line.
func (d *Definition) ParseVectors(data []byte) ([]Vector, error) {
	where := d.ID + ".vectors.csv"
	if len(data) > maxVectorsBytes || !utf8.Valid(data) {
		return nil, fault.Invalid(where, "the file is not UTF-8, or is larger than %d bytes", maxVectorsBytes)
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	header, err := r.Read()
	if err != nil {
		return nil, fault.Invalid(where, "there is no header line")
	}
	want := slices.Clone(vectorColumns)
	for _, sub := range d.Subscales {
		want = append(want, sub.ID)
	}
	if !slices.Equal(header, want) {
		return nil, fault.Invalid(where+" line 1", "the columns must be %s", strings.Join(want, ","))
	}
	var vectors []Vector
	var faults []fault.Detail
	names := map[string]bool{}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fault.Invalid(where, "not CSV: %v", err)
		}
		line, _ := r.FieldPos(0)
		v, problem := d.vector(record, line)
		if names[v.Name] {
			problem = "the name is used twice"
		}
		names[v.Name] = true
		if problem != "" {
			faults = append(faults, fault.Detail{Item: where + " line " + strconv.Itoa(line), Message: problem})
			continue
		}
		vectors = append(vectors, v)
	}
	if len(faults) > 0 {
		return nil, fault.InvalidDetails(where, faults)
	}
	return vectors, nil
}

func (d *Definition) vector(record []string, line int) (v Vector, problem string) {
	if want := len(vectorColumns) + len(d.Subscales); len(record) != want {
		return v, fmt.Sprintf("has %d columns, not %d", len(record), want)
	}
	v = Vector{Name: record[0], Answers: record[1], Score: record[2], Band: record[5], Flags: strings.Fields(record[6]), Line: line}
	if v.Name == "" {
		return v, "has no name"
	}
	if !slices.Contains([]string{"true", "false"}, record[3]) || !slices.Contains([]string{"true", "false"}, record[4]) {
		return v, "valid and prorated are true or false"
	}
	v.Valid, v.Prorated = record[3] == "true", record[4] == "true"
	if v.Valid != (v.Score != "") {
		return v, "a score goes with valid = true, an empty place with false"
	}
	v.Subscales = make(map[string]string, len(d.Subscales))
	for i, sub := range d.Subscales {
		v.Subscales[sub.ID] = record[len(vectorColumns)+i]
	}
	return v, ""
}

// Run scores the vector's answers and says what differs; nil when all agree.
func (d *Definition) Run(v Vector) []string {
	answers, err := d.ParseAnswerList(v.Answers)
	if err != nil {
		return []string{err.Error()}
	}
	s, err := d.Score(answers, ScoreOptions{})
	if err != nil {
		return []string{err.Error()}
	}
	var differs []string
	compare := func(what, got, want string) {
		if got != want {
			differs = append(differs, fmt.Sprintf("%s is %q, expected %q", what, got, want))
		}
	}
	compare("score", writeScore(s.Score), v.Score)
	compare("valid", strconv.FormatBool(s.Valid), strconv.FormatBool(v.Valid))
	compare("prorated", strconv.FormatBool(s.Prorated), strconv.FormatBool(v.Prorated))
	compare("band", s.Band, v.Band)
	compare("flags", strings.Join(writeFlags(s.Flags), " "), strings.Join(v.Flags, " "))
	for _, sub := range d.Subscales {
		compare("subscale "+sub.ID, writeScore(s.Subscales[sub.ID].Score), v.Subscales[sub.ID])
	}
	return differs
}

func writeScore(score *float64) string {
	if score == nil {
		return ""
	}
	return strconv.FormatFloat(*score, 'f', -1, 64)
}

func writeFlags(flags []Flag) []string {
	words := make([]string, len(flags))
	for i, f := range flags {
		words[i] = f.Rule + ":" + string(f.Level)
	}
	return words
}

// Uncovered says what no vector shows: the lowest and highest score, a band, a
// level of a safety rule, a set of answers without a score, an answer that is not
// scored. A definition is fit
// for use when the list is empty and every vector agrees.
func (d *Definition) Uncovered(vectors []Vector) []string {
	shown := map[string]bool{}
	for _, v := range vectors {
		shown["band "+v.Band] = true
		shown["score "+v.Score] = true
		for _, f := range v.Flags {
			shown["flag "+f] = true
		}
		if !v.Valid {
			shown["answers without a score"] = true
		}
		if d.hasUnscoredAnswer(v) {
			shown[unscoredAnswer] = true
		}
	}
	wanted := []string{"score " + d.Total.Minimum.String(), "score " + d.Total.Maximum.String(), "answers without a score"}
	if d.offersUnscored() {
		wanted = append(wanted, unscoredAnswer)
	}
	for _, b := range d.Bands {
		wanted = append(wanted, "band "+b.Name)
	}
	for _, rule := range d.Safety {
		wanted = append(wanted, "flag "+rule.ID+":"+string(LevelUnknown))
		for _, row := range rule.When {
			wanted = append(wanted, "flag "+rule.ID+":"+string(row.Level))
		}
	}
	return slices.DeleteFunc(wanted, func(w string) bool { return shown[w] })
}

const unscoredAnswer = "an answer that is not scored"

func (d *Definition) offersUnscored() bool {
	return slices.ContainsFunc(d.Items, func(it Item) bool {
		return slices.ContainsFunc(it.Options, func(o Option) bool { return !o.IsScored() })
	})
}

// hasUnscoredAnswer looks for an answer of a vector that its item allows and does
// not score; answers that cannot be read differ in Run already.
func (d *Definition) hasUnscoredAnswer(v Vector) bool {
	answers, err := d.ParseAnswerList(v.Answers)
	if err != nil {
		return false
	}
	for id, given := range answers {
		if it, known := d.Item(id); known && given != nil && it.Allows(*given) && !it.Scores(*given) {
			return true
		}
	}
	return false
}
