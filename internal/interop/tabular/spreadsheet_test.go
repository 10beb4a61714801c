package tabular_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/interop/tabular"
)

const cases = "../../../testdata/cases/"

func utf16Text(order binary.ByteOrder, mark bool, text string) string {
	var out []byte
	if mark {
		out = append(out, 0, 0)
		order.PutUint16(out, 0xfeff)
	}
	for _, unit := range utf16.Encode([]rune(text)) {
		out = append(out, 0, 0)
		order.PutUint16(out[len(out)-2:], unit)
	}
	return string(out)
}

// Files as spreadsheets and survey tools write them: one fault each, which says what
// is wrong and what to do.
func TestFilesAsSpreadsheetsWriteThem(t *testing.T) {
	const study = cases + "07-what-spreadsheets-write/"
	good := string(file(t, study+"blank-rows.csv"))
	replaced := func(old, now string) string {
		require.Contains(t, good, old)
		return strings.ReplaceAll(good, old, now)
	}
	from := func(name string) string { return string(file(t, study+name+".csv")) }
	for _, c := range []struct{ name, data, message string }{
		{"semicolons", from("semicolon"), "fields are separated by semicolons (;); save it with commas"},
		{"tabs", from("tab"), "fields are separated by tabs; save it with commas"},
		{"bars", strings.ReplaceAll(good, ",", "|"), "fields are separated by bars (|); save it with commas"},
		{"quoted fields between semicolons", strings.ReplaceAll(strings.ReplaceAll(good, "bdi_pre", `"bdi_pre"`), ",", ";"), "semicolons"},
		{"a sep line", from("sep-line"), "the first line (sep=,) is Excel's own note, not data; remove it"},
		{"a sep line of semicolons", "sep=;\n" + from("semicolon"), "remove it and save the file with commas"},
		{"CR alone", from("cr-only"), "has lines that end in CR alone"},
		{"a header with a space", from("header-space"), `there is a column "bdi ", the map says "bdi"`},
		{"a header with a no-break space", replaced("bdi_pre", "\u00a0bdi_pre"), `the map says "bdi_pre"`},
		{"a header in other case", from("header-case"), `there is a column "Subject", the map says "subject"; there is a column "BDI", the map says "bdi"`},
		{"label rows of Qualtrics", from("label-rows"), "rows 2 to 3: look like labels under the header, not like data (Qualtrics writes such rows); remove them"},
		{"one row of labels", strings.Replace(good, "\n", "\nSubject,Which treatment?,When,Sum of all 21,Sum before,Sex\n", 1), "row 2: looks like labels under the header"},
		{"a title above the header", "BDI export of 3 May,,,,,\n,,,,,\n" + good, "row 3: names the columns; the first row must do that, so remove the rows above it"},
		{"UTF-16 of Windows", utf16Text(binary.LittleEndian, true, good), "is UTF-16 text"},
		{"UTF-16 the other way", utf16Text(binary.BigEndian, true, good), "is UTF-16 text"},
		{"UTF-16 without a mark", utf16Text(binary.LittleEndian, false, good), "is UTF-16 text"},
		{"Latin-1", strings.Replace(good, "s03", "s\xfc3", 1), "row 6 holds a letter in an older encoding (ANSI, Latin-1); save it as CSV UTF-8"},
		{"an Excel workbook", "PK\x03\x04\x14\x00" + good, "is a spreadsheet (Excel or OpenDocument) or a ZIP archive, not CSV"},
		{"an old Excel workbook", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is a spreadsheet"},
		{"a web page", "<html><table>", "is a web page or XML"},
		{"nothing", "", "is empty"},
		{"only a mark", "\xef\xbb\xbf", "is empty"},
		{"only blank lines", "\n\r\n \n", "is empty"},
		{"only a header", "subject,treatment,visit,bdi,bdi_pre,sex\n", "no rows follow the header"},
		{"only a header and blank rows", "subject,treatment,visit,bdi,bdi_pre,sex\n,,,,,\n", "no rows follow the header"},
		{"a name twice", strings.Replace(good, "bdi_pre,sex", "bdi,sex", 1), `column 5: has the name "bdi" a second time; rename or remove one of the two`},
		{"a column without a name", strings.Replace(strings.Replace(good, "sex\n", "sex,\n", 1), "30,f\n", "30,f,note\n", 1), ""},
		{"a quote inside a field", strings.Replace(good, "s01,usual", `s01,us"ual`, 1), "row 2: there is a quote inside a field that is not quoted"},
		{"a quote that does not end", strings.Replace(good, "s01,usual", `s01,"usual`, 1), "a quoted field does not end where it should"},
		{"decimal commas", strings.ReplaceAll(good, ",30,f", `,"30,0",f`), "row 2, column bdi_pre: holds a comma; write a whole number, without a decimal comma or a thousands separator; the same in"},
		{"thousands separators", replaced("s01,usual,w4,20", `s01,usual,w4,"1,020"`), "row 2, column bdi: holds a comma"},
		{"spaces", replaced("s01,usual,w4,20", "s01,usual,w4,20 "), "row 2, column bdi: holds a space or a no-break space; remove it"},
		{"no-break spaces", replaced(",30,f", ",\u00a030,f"), "row 2, column bdi_pre: holds a space or a no-break space; remove it; the same in"},
		{"errors of formulas", replaced("s01,usual,w4,20", "s01,usual,w4,#N/A"), "row 2, column bdi: is an error value of a spreadsheet"},
		{"errors of formulas down a column", replaced(",30,f", ",#DIV/0!,f"), "row 2, column bdi_pre: is an error value of a spreadsheet, such as #N/A; leave the field empty, or list the text among the map's missing values; the same in"},
		{"halves", string(file(t, cases+"08-whole-numbers-as-floats/halves.csv")), "row 2, column bdi: has a decimal fraction"},
		{"a point and a zero", string(file(t, cases+"08-whole-numbers-as-floats/floats.csv")), "row 15, column bdi: is a decimal point with zeros alone, which may mean zero or an empty field"},
		{"leading zeros", replaced("s01,usual,w4,20", "s01,usual,w4,020"), "row 2, column bdi: is not written as a plain whole number"},
		{"an exponent", replaced("s01,usual,w4,20", "s01,usual,w4,2e1"), "row 2, column bdi: is not written as a plain whole number"},
		{"a level with a space", replaced("usual", "usual "), `row 2, column treatment: is not the level "usual": they differ only in case, spaces or leading zeros; write it as the map does; the same in`},
		{"a level in other case", replaced("new", "New"), `row 10, column treatment: is not the level "new"`},
		{"a subject with a space", replaced("s01,", "s01 ,"), "row 2, column subject: has a space before or behind the code; remove it; the same in 1 more row"},
		{"another word for missing", replaced("w12,,", "w12,NULL,"), "row 15, column bdi: is not a whole number; a score that was not given is left empty or written as the map's missing value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := mustMap(t, string(file(t, study+"map.yaml")))
			instruments, err := m.Resolve(library(t))
			require.NoError(t, err)
			imp, report, err := m.Read([]byte(c.data), instruments.Check)
			require.True(t, fault.Is(err, fault.KindInvalid), "%v", err)
			require.Empty(t, imp.Subjects)
			report.Refuse(err)
			require.Contains(t, err.Error(), c.message)
			if c.message != "" {
				require.Equal(t, 1, report.FaultCount, "%v", report.Faults)
			}
		})
	}
}

// Files that say the same as the plain one, in a spreadsheet's way.
func TestFilesThatAreReadAsTheyCome(t *testing.T) {
	const study = cases + "07-what-spreadsheets-write/"
	m := mustMap(t, string(file(t, study+"map.yaml")))
	instruments, err := m.Resolve(library(t))
	require.NoError(t, err)
	plain, _, err := m.Read(file(t, study+"blank-rows.csv"), instruments.Check)
	require.NoError(t, err)
	text := string(file(t, study+"blank-rows.csv"))
	floats := strings.ReplaceAll(string(file(t, cases+"08-whole-numbers-as-floats/floats.csv")), ",.0,", ",,")
	for _, c := range []struct{ name, data string }{
		{"blank columns behind the last", string(file(t, study+"blank-columns.csv"))},
		{"a byte order mark and CRLF", "\xef\xbb\xbf" + strings.ReplaceAll(text, "\n", "\r\n")},
		{"blank rows between", strings.ReplaceAll(text, "\ns03", "\n,,,,,\n\ns03")},
		{"blank rows of another width", text + ",,\n,,,,,,,,\n"},
		{"no line end behind the last row", strings.TrimRight(text, ",\n")},
		{"whole numbers as floats", floats},
		{"whole numbers with more zeros", strings.ReplaceAll(floats, ".0,", ".000,")},
		{"quoted fields", strings.ReplaceAll(text, "usual", `"usual"`)},
		{"a further column that nobody reads", strings.ReplaceAll(strings.ReplaceAll(strings.TrimRight(text, ",\n")+"\n", "\n", ",x\n"), "sex,x", "sex,note")},
	} {
		t.Run(c.name, func(t *testing.T) {
			imp, report, err := m.Read([]byte(c.data), instruments.Check)
			require.NoError(t, err)
			require.Equal(t, 23, report.Responses)
			require.Equal(t, withoutRows(plain), withoutRows(imp))
		})
	}
	crlf, report, err := m.Read(file(t, study+"crlf-bom.csv"), instruments.Check)
	require.NoError(t, err)
	require.Equal(t, 23, report.Responses)
	require.Len(t, crlf.Subjects, 8)
}

func TestTextInAMapThatYAMLTakesForANumberGoesInQuotes(t *testing.T) {
	_, err := tabular.ParseMap(file(t, cases+"08-whole-numbers-as-floats/map-unquoted.yaml"))
	require.ErrorContains(t, err, "missing/0 (line 3): is read as a number; it is text here, so put it in quotes")
	for _, c := range []struct{ from, to, place string }{
		{"levels: [a, b]", "levels: [0, 1]", "arm/levels/0 (line 6)"},
		{"value: w1", "value: 1", "visit/levels/0/value (line 7)"},
		{"levels: [f, m]", "levels: [true, false]", "covariates/0/levels/0 (line 9)"},
		{"total: phq", "total: 9", "measures/0/total (line 8)"},
	} {
		_, err := tabular.ParseMap([]byte(strings.Replace(smallMap, c.from, c.to, 1)))
		require.ErrorContains(t, err, c.place)
		require.ErrorContains(t, err, "put it in quotes")
	}
}

func TestCodesThatAreAlikeAreReported(t *testing.T) {
	m := mustMap(t, strings.Replace(strings.Replace(smallMap, "levels: [a, b]", "levels: [TAU, tau]", 1), "value: w4", `value: "W01"`, 1))
	rows := "id,arm,sex,phq0,visit,phq\ns05,TAU,f,12,w1,9\nS05,TAU,f,12,w1,9\n005,TAU,f,12,w1,9\n5,TAU,f,12,w1,9\n5.0,TAU,f,12,w1,9\n50,TAU,f,12,w1,9\n"
	_, report, err := m.Read([]byte(rows), upTo(27))
	require.NoError(t, err)
	require.Equal(t, []string{
		`levels of arm: "TAU" and "tau" are alike: they differ only in case, spaces or leading zeros and are read as two`,
		`visits: "w1" and "W01" are alike: they differ only in case, spaces or leading zeros and are read as two`,
		`subjects "s05" (row 2) and "S05" (row 3) are alike: they differ only in case, spaces or leading zeros and are read as two persons`,
		`subjects "005" (row 4) and "5" (row 5) are alike: they differ only in case, spaces or leading zeros and are read as two persons`,
		`subjects "005" (row 4) and "5.0" (row 6) are alike: they differ only in case, spaces or leading zeros and are read as two persons`,
	}, report.Warnings)
}
