package care

import (
	"regexp"
	"strings"
	"unicode"
)

var leadingZeros = regexp.MustCompile(`0+([0-9])`)

// Alike brings codes together that people take for one: without case, spaces,
// leading zeros of their numbers, and a .0 at the end that a program added.
func Alike(code string) string {
	code = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' {
			return -1
		}
		return unicode.ToLower(r)
	}, code)
	if whole := strings.TrimRight(code, "0"); strings.HasSuffix(whole, ".") && len(whole) > 1 && len(whole) < len(code) {
		code = whole[:len(whole)-1]
	}
	return trimZeros(code)
}

// trimZeros takes the zeros from the front of every number in a code.
func trimZeros(code string) string {
	var out strings.Builder
	for i := 0; i < len(code); i++ {
		startsNumber := i == 0 || code[i-1] < '0' || code[i-1] > '9'
		if startsNumber {
			if at := leadingZeros.FindStringIndex(code[i:]); at != nil && at[0] == 0 {
				i += at[1] - 1
			}
		}
		out.WriteByte(code[i])
	}
	return out.String()
}
