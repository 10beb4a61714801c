package tabular

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"afterglow/internal/fault"
)

// MaxBytes is the largest CSV file that is read.
const MaxBytes = 10 << 20

// maxColumns bounds the header: a study has dozens of columns, not thousands.
const maxColumns = 1000

// sheet is a CSV file as cells. lines[i] is the line of the file on which
// rows[i] begins; the header is on line 1.
type sheet struct {
	header []string
	rows   [][]string
	lines  []int
}

// readSheet reads RFC 4180: UTF-8 (a byte order mark is passed over), commas,
// double quotes, a header, and as many fields in every row as in the header. A
// row that breaks this is a fault in the log; a broken quote ends the reading,
// because nothing after it can be trusted to be a row.
func readSheet(data []byte, log *faultLog) (sheet, error) {
	switch {
	case len(data) > MaxBytes:
		return sheet{}, fault.New(fault.KindTooLarge, "file", "holds more than %d MiB; split the study or leave out columns that are not read", MaxBytes>>20)
	case !utf8.Valid(data):
		return sheet{}, fault.Invalid("file", "is not UTF-8 text; save it as CSV UTF-8")
	case bytes.IndexByte(data, 0) >= 0:
		return sheet{}, fault.Invalid("file", "holds a zero byte, so it is not a CSV file")
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	r.FieldsPerRecord = -1
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return sheet{}, fault.Invalid("file", "is empty; the first row must name the columns")
	}
	if err != nil {
		return sheet{}, brokenRow(err)
	}
	if err := checkHeader(header); err != nil {
		return sheet{}, err
	}
	s := sheet{header: header}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return sheet{}, brokenRow(err)
		}
		line, _ := r.FieldPos(0)
		if len(row) != len(header) {
			log.add(line, "", "has %d fields where the header has %d", len(row), len(header))
			continue
		}
		s.rows = append(s.rows, row)
		s.lines = append(s.lines, line)
	}
}

func brokenRow(err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return fault.Invalid(fmt.Sprintf("row %d", parse.Line), "%v; a quote inside a quoted field is written twice", parse.Err)
	}
	return fmt.Errorf("read the CSV file: %w", err)
}

func checkHeader(header []string) error {
	if len(header) > maxColumns {
		return fault.Invalid("header", "has %d columns, more than %d", len(header), maxColumns)
	}
	var faults []fault.Detail
	for i, name := range header {
		switch {
		case strings.TrimSpace(name) == "":
			faults = append(faults, fault.Detail{Item: fmt.Sprintf("column %d", i+1), Message: "has no name"})
		case slices.Contains(header[:i], name):
			faults = append(faults, fault.Detail{Item: fmt.Sprintf("column %d", i+1), Message: fmt.Sprintf("has the name %q a second time", name)})
		}
	}
	if len(faults) > 0 {
		return fault.InvalidDetails("header", faults)
	}
	return nil
}

// places finds each wanted column. Columns of the file that nobody wants are
// ignored, by name, in the file's order.
func (s sheet) places(wanted []string) (at map[string]int, ignored []string, err error) {
	at = map[string]int{}
	for i, name := range s.header {
		if slices.Contains(wanted, name) {
			at[name] = i
		} else {
			ignored = append(ignored, name)
		}
	}
	var faults []fault.Detail
	for _, name := range wanted {
		if _, found := at[name]; !found {
			faults = append(faults, fault.Detail{Item: "column " + name, Message: "is named by the map and is not in the file"})
		}
	}
	if len(faults) > 0 {
		return nil, nil, fault.InvalidDetails("header", faults)
	}
	return at, ignored, nil
}
