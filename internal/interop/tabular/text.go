package tabular

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"
	"unicode/utf8"

	"afterglow/internal/fault"
)

const utf8BOM = "\xef\xbb\xbf"

const saveAsUTF8 = "save it as CSV UTF-8 (comma delimited)"

// plainText refuses what is no CSV text and says what it is; each is a file that a
// spreadsheet or survey program writes under one of its own names for CSV.
func plainText(data []byte) ([]byte, error) {
	switch {
	case len(data) > MaxBytes:
		return nil, fault.New(fault.KindTooLarge, "file", "holds more than %d MiB; split the study or leave out columns that are not read", MaxBytes>>20)
	case bytes.HasPrefix(data, []byte("PK\x03\x04")), bytes.HasPrefix(data, []byte("\xd0\xcf\x11\xe0")):
		return nil, fault.Invalid("file", "is a spreadsheet (Excel or OpenDocument) or a ZIP archive, not CSV; open it and %s", saveAsUTF8)
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")), isUTF16(data):
		return nil, fault.Invalid("file", "is UTF-16 text, not UTF-8 ('Unicode text' in a spreadsheet); %s", saveAsUTF8)
	case bytes.IndexByte(data, 0) >= 0:
		return nil, fault.Invalid("file", "holds a zero byte, so it is not a CSV file")
	case !utf8.Valid(data):
		return nil, fault.Invalid("file", "is not UTF-8 text: row %d holds a letter in an older encoding (ANSI, Latin-1); %s", firstInvalidLine(data), saveAsUTF8)
	}
	data = bytes.TrimPrefix(data, []byte(utf8BOM))
	first, _, _ := bytes.Cut(data, []byte("\n"))
	trimmed := strings.ToLower(strings.Trim(string(first), " \r\""))
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return nil, fault.Invalid("file", "is empty; the first row must name the columns")
	case bytes.IndexByte(bytes.TrimSuffix(first, []byte("\r")), '\r') >= 0:
		return nil, fault.Invalid("file", "has lines that end in CR alone, as old Macintosh programs write them; save it with LF or CRLF line ends")
	case strings.HasPrefix(trimmed, "sep="):
		message := "the first line (" + trimmed + ") is Excel's own note, not data; remove it"
		if trimmed != "sep=," {
			message += " and save the file with commas between fields"
		}
		return nil, fault.Invalid("file", "%s", message)
	case strings.HasPrefix(trimmed, "<"):
		return nil, fault.Invalid("file", "is a web page or XML, not CSV; export the data as CSV")
	}
	return data, nil
}

// isUTF16 looks for text of which every second byte is zero.
func isUTF16(data []byte) bool {
	sample := data[:min(len(data), 200)]
	return len(sample) >= 4 && bytes.Count(sample, []byte{0}) >= len(sample)/3
}

func firstInvalidLine(data []byte) int {
	line := 1
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size <= 1 {
			return line
		}
		if r == '\n' {
			line++
		}
		data = data[size:]
	}
	return line
}

var otherSeparators = []struct {
	sign rune
	name string
}{{';', "semicolons (;)"}, {'\t', "tabs"}, {'|', "bars (|)"}}

// separators refuses a file whose header gives more of the wanted columns with
// another sign between the fields than with a comma.
func separators(data []byte, header, wanted []string) error {
	count := func(fields []string) (n int) {
		for _, name := range wanted {
			if nearest(name, fields) != "" {
				n++
			}
		}
		return n
	}
	best := count(header)
	if best == len(wanted) {
		return nil
	}
	first, _, _ := bytes.Cut(data, []byte("\n"))
	for _, other := range otherSeparators {
		r := csv.NewReader(bytes.NewReader(first))
		r.Comma, r.LazyQuotes = other.sign, true
		fields, err := r.Read()
		if err == nil && len(fields) > 1 && count(fields) > best {
			return fault.Invalid("file", "fields are separated by %s; save it with commas", other.name)
		}
	}
	return nil
}

// labelRows counts the rows under the header that name the columns once more
// instead of holding data, as survey tools write them.
func (g *gatherer) labelRows(s sheet) int {
	const most = 3
	n := 0
	for n < min(most, len(s.rows)) && (isImportID(s.rows[n]) || g.looksLikeLabels(s.rows[n])) {
		n++
	}
	return n
}

func isImportID(row []string) bool {
	for _, cell := range row {
		if strings.Contains(cell, `{"ImportId":`) {
			return true
		}
	}
	return false
}

// looksLikeLabels is true when nothing that is read of a row could be a value: two
// fields at least are filled, and none is a level, a missing text or has a digit
// where a number belongs.
func (g *gatherer) looksLikeLabels(row []string) bool {
	filled := 0
	for _, column := range g.m.readColumns() {
		cell := row[g.at[column]]
		if column == g.m.subject || cell == "" {
			continue
		}
		levels, isFactor := g.levels[column]
		switch {
		case g.m.isMissing(cell):
			return false
		case isFactor && nearest(cell, levels) != "":
			return false
		case column == g.m.test && g.m.measureOfTest(cell) >= 0:
			return false
		case !isFactor && column != g.m.test && !isWords(cell):
			return false
		}
		filled++
	}
	return filled >= 2
}

// isWords takes text that no number is hidden in: it has a letter or a space, and
// its digits, if any, stand behind letters.
func isWords(cell string) bool {
	_, kind := readWhole(cell)
	return kind == noNumber && strings.ContainsFunc(cell, func(r rune) bool { return r >= 'A' })
}

func labelFault(s sheet, n int) error {
	tool := ""
	for _, row := range s.rows[:n] {
		if isImportID(row) {
			tool = " (Qualtrics writes such rows)"
		}
	}
	if n == 1 {
		return fault.Invalid(fmt.Sprintf("row %d", s.lines[0]), "looks like labels under the header, not like data%s; remove it", tool)
	}
	return fault.Invalid(fmt.Sprintf("rows %d to %d", s.lines[0], s.lines[n-1]), "look like labels under the header, not like data%s; remove them", tool)
}
