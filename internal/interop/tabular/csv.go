package tabular

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"afterglow/internal/fault"
)

// MaxBytes is the largest CSV file that is read.
const MaxBytes = 10 << 20

// maxColumns bounds the header: a study has dozens of columns, not thousands.
const maxColumns = 1000

// sheet is a CSV file as cells. lines[i] is the line of the file on which
// rows[i] begins; the header is on line 1. Columns and rows that hold nothing are
// left out.
type sheet struct {
	header []string
	rows   [][]string
	lines  []int
}

// readSheet reads RFC 4180: UTF-8 (a byte order mark is passed over), commas,
// double quotes, a header, and as many fields in every row as in the header. What
// keeps the file as a whole from being read is one fault; a row that breaks the
// form is a fault in the log; a broken quote ends the reading, because nothing
// after it can be trusted to be a row.
func readSheet(data []byte, wanted []string, log *faultLog) (sheet, error) {
	data, err := plainText(data)
	if err != nil {
		return sheet{}, err
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return sheet{}, fault.Invalid("file", "is empty; the first row must name the columns")
	}
	if other := separators(data, header, wanted); other != nil {
		return sheet{}, other
	}
	if err != nil {
		return sheet{}, brokenRow(err)
	}
	s := sheet{header: header}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return sheet{}, brokenRow(err)
		}
		line, _ := r.FieldPos(0)
		switch {
		case isBlank(row):
		case len(row) != len(header):
			log.addOnce(line, "", fmt.Sprint("fields ", len(row)), "has %d fields where the header has %d", len(row), len(header))
		default:
			s.rows = append(s.rows, row)
			s.lines = append(s.lines, line)
		}
	}
	if err := s.headerAbove(wanted); err != nil {
		return sheet{}, err
	}
	s.dropBlankColumns()
	return s, s.checkHeader()
}

func brokenRow(err error) error {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return err
	}
	place := fmt.Sprintf("row %d", parse.Line)
	if errors.Is(parse.Err, csv.ErrBareQuote) {
		return fault.Invalid(place, "there is a quote inside a field that is not quoted; put the whole field in quotes and write the inner quote twice")
	}
	return fault.Invalid(place, "%v: a quoted field does not end where it should; write a quote inside a quoted field twice", parse.Err)
}

func isBlank(row []string) bool {
	return !slices.ContainsFunc(row, func(cell string) bool { return strings.TrimSpace(cell) != "" })
}

// dropBlankColumns leaves out columns without a name and without a value, as
// spreadsheets write them behind the last one.
func (s *sheet) dropBlankColumns() {
	var keep []int
	for i, name := range s.header {
		used := strings.TrimSpace(name) != ""
		for _, row := range s.rows {
			used = used || strings.TrimSpace(row[i]) != ""
		}
		if used {
			keep = append(keep, i)
		}
	}
	if len(keep) == len(s.header) {
		return
	}
	take := func(row []string) []string {
		kept := make([]string, len(keep))
		for i, at := range keep {
			kept[i] = row[at]
		}
		return kept
	}
	s.header = take(s.header)
	for i := range s.rows {
		s.rows[i] = take(s.rows[i])
	}
}

func (s *sheet) checkHeader() error {
	if len(s.header) > maxColumns {
		return fault.Invalid("header", "has %d columns, more than %d", len(s.header), maxColumns)
	}
	var faults []fault.Detail
	for i, name := range s.header {
		switch {
		case strings.TrimSpace(name) == "":
			faults = append(faults, fault.Detail{Item: fmt.Sprintf("column %d", i+1), Message: "has no name but holds values; name it or remove it"})
		case slices.Contains(s.header[:i], name):
			faults = append(faults, fault.Detail{Item: fmt.Sprintf("column %d", i+1), Message: fmt.Sprintf("has the name %q a second time; rename or remove one of the two", name)})
		}
	}
	if len(faults) > 0 {
		return fault.InvalidDetails("header", faults)
	}
	return nil
}

// places finds each wanted column, and those of the optional ones that are there.
// Columns of the file that nobody wants are ignored, by name, in the file's order.
func (s sheet) places(wanted, optional []string) (at map[string]int, ignored []string, err error) {
	at = map[string]int{}
	for i, name := range s.header {
		if slices.Contains(wanted, name) || slices.Contains(optional, name) {
			at[name] = i
		} else {
			ignored = append(ignored, name)
		}
	}
	var faults []fault.Detail
	var alike []string
	for _, name := range wanted {
		if _, found := at[name]; found {
			continue
		}
		if other := nearest(name, ignored); other != "" {
			alike = append(alike, fmt.Sprintf("there is a column %q, the map says %q", other, name))
			continue
		}
		faults = append(faults, fault.Detail{Item: "column " + name, Message: "is named by the map and is not in the file"})
	}
	if len(alike) > 0 {
		faults = append(faults, fault.Detail{Item: "header", Message: strings.Join(alike, "; ") + ": they " + theyDiffer + "; rename the column in the file or in the map"})
	}
	if len(faults) > 0 {
		return nil, nil, fault.InvalidDetails("header", faults)
	}
	return at, ignored, nil
}

// headerAbove refuses a file whose columns are named further down, below a title.
func (s *sheet) headerAbove(wanted []string) error {
	if len(wanted) == 0 || holdsHeader(s.header, wanted) {
		return nil
	}
	const looked = 10
	for i, row := range s.rows[:min(looked, len(s.rows))] {
		if holdsHeader(row, wanted) {
			return fault.Invalid(fmt.Sprintf("row %d", s.lines[i]), "names the columns; the first row must do that, so remove the rows above it")
		}
	}
	return nil
}

func holdsHeader(row, wanted []string) bool {
	found := 0
	for _, name := range wanted {
		if nearest(name, row) != "" {
			found++
		}
	}
	return 2*found > len(wanted)
}
