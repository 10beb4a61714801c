package tabular

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// numberKind says how a field that should hold a whole number is written.
type numberKind string

const (
	plainNumber      numberKind = ""
	numberFraction   numberKind = "fraction"
	numberBarePoint  numberKind = "bare point"
	numberComma      numberKind = "comma"
	numberSpace      numberKind = "space"
	spreadsheetError numberKind = "spreadsheet error"
	otherSpelling    numberKind = "spelling"
	noNumber         numberKind = "no number"
)

// words say what is wrong and what to do; they never repeat the value.
func (k numberKind) words(what string) string {
	switch k {
	case numberFraction:
		return "has a decimal fraction; " + what + " here is a whole number: give it as it was recorded, it is not rounded"
	case numberBarePoint:
		return "is a decimal point with zeros alone, which may mean zero or an empty field; write 0 or leave it empty"
	case numberComma:
		return "holds a comma; write a whole number, without a decimal comma or a thousands separator"
	case numberSpace:
		return "holds a space or a no-break space; remove it"
	case spreadsheetError:
		return "is an error value of a spreadsheet, such as #N/A; leave the field empty, or list the text among the map's missing values"
	case otherSpelling:
		return "is not written as a plain whole number: leave out plus signs, leading zeros, exponents and other signs"
	default:
		return "is not a whole number; a score that was not given is left empty or written as the map's missing value"
	}
}

var (
	wholeWithZeros = regexp.MustCompile(`^(0|-?[1-9][0-9]*)\.0*$`)
	barePoint      = regexp.MustCompile(`^-?\.0+$`)
	fraction       = regexp.MustCompile(`^-?[0-9]*\.[0-9]+$`)
	withCommas     = regexp.MustCompile(`^[-+]?[0-9.]*,[0-9.,]*$`)
	otherNumber    = regexp.MustCompile(`^[-+'’]*[0-9][0-9'’.]*([eE][-+]?[0-9]+)?$`)
	errorValue     = regexp.MustCompile(`^#[A-Z0-9/!?_]+$`)
)

// readWhole takes digits with an optional minus sign, and zeros after a point,
// which some programs write behind every number of a column with gaps. A score has
// one spelling otherwise: no plus, no spaces, no leading zeros, no "-0".
func readWhole(text string) (int, numberKind) {
	if wholeWithZeros.MatchString(text) {
		text = text[:strings.IndexByte(text, '.')]
	}
	n, err := strconv.Atoi(text)
	if err == nil && len(text) <= maxScoreDigits && strconv.Itoa(n) == text {
		return n, plainNumber
	}
	return 0, badNumber(text)
}

func badNumber(text string) numberKind {
	compact := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' {
			return -1
		}
		return r
	}, text)
	switch {
	case compact == "":
		return noNumber
	case errorValue.MatchString(compact):
		return spreadsheetError
	case compact != text && otherNumber.MatchString(compact):
		return numberSpace
	case barePoint.MatchString(text):
		return numberBarePoint
	case fraction.MatchString(text):
		return numberFraction
	case withCommas.MatchString(compact):
		return numberComma
	case otherNumber.MatchString(text) && len(text) <= maxScoreDigits+4:
		return otherSpelling
	}
	return noNumber
}
