package access

import (
	"strings"
	"unicode"
)

const (
	// fewWords is how many common words do not make a password: some eight hundred
	// are listed, so three of them are found by a few hundred million guesses.
	fewWords = 3
	// fewLetters is how many letters beside the words still count as an ending.
	fewLetters = 3
	// shortestWalk is the least number of keys in a line that is a walk.
	shortestWalk = 3
	// longestWord bounds the words that are looked for.
	longestWord = 32
)

// functionWords join others and add nothing to guess.
var functionWords = readWords("a an and at be by for i im in is it me mine my no not of on or our so the this that to u us we with you your")

// reading is how far a password was read: the common words that it took and the
// letters that belong to nothing.
type reading struct{ words, letters int }

func (r reading) guessable() bool { return r.words <= fewWords && r.letters <= fewLetters }

// madeOf reports whether the password can be read as listed words, context words,
// walks over the keyboard, digits and punctuation, with at most a few common words
// and a few letters more. A word that comes again counts again only once it is
// followed by another.
func madeOf(password []rune, context map[string]bool) bool {
	// best holds every reading of the first n characters that may still be the
	// simplest: fewest words for each number of letters.
	best := make([][fewLetters + 1]int, len(password)+1)
	for n := range best {
		for letters := range best[n] {
			best[n][letters] = unread
		}
	}
	best[0][0] = 0
	for n := range password {
		for letters, words := range best[n] {
			if words == unread {
				continue
			}
			r := reading{words: words, letters: letters}
			for _, part := range partsAt(password, n, context) {
				after := reading{words: r.words + part.words, letters: r.letters + part.letters}
				if after.guessable() {
					into := &best[n+part.length][after.letters]
					*into = min(*into, after.words)
				}
			}
		}
	}
	for _, words := range best[len(password)] {
		if words != unread {
			return true
		}
	}
	return false
}

// unread is more words than a password has.
const unread = 1 << 30

// part is one way to read on from a place in a password.
type part struct{ length, words, letters int }

func partsAt(password []rune, at int, context map[string]bool) []part {
	first := part{length: 1}
	if unicode.IsLetter(password[at]) {
		first.letters = 1
	}
	parts := []part{first}
	for size := 1; size <= longestWord && at+size <= len(password); size++ {
		word := string(password[at : at+size])
		switch {
		case blocklist[word] || context[word] || functionWords[word]:
			parts = append(parts, part{length: size})
		case common[word]:
			again := at >= size && string(password[at-size:at]) == word
			parts = append(parts, part{length: size, words: countOf(!again)})
		}
	}
	for _, size := range walksAt(password, at) {
		parts = append(parts, part{length: size})
	}
	return parts
}

func countOf(counts bool) int {
	if counts {
		return 1
	}
	return 0
}

// keyboards are the rows of keys as they lie, from the top, in the usual layouts.
var keyboards = [][]string{
	{"1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"},
	{"1234567890", "qwertzuiop", "asdfghjkl", "yxcvbnm"},
	{"1234567890", "azertyuiop", "qsdfghjklm", "wxcvbn"},
}

type key struct{ row, column int }

var keyPlaces = func() []map[rune]key {
	places := make([]map[rune]key, len(keyboards))
	for i, rows := range keyboards {
		places[i] = map[rune]key{}
		for row, keys := range rows {
			for column, r := range keys {
				places[i][r] = key{row, column}
			}
		}
	}
	return places
}()

// walksAt gives the lengths of the walks that start at a place: keys in a straight
// line along a row or a column.
func walksAt(password []rune, at int) []int {
	longest := 0
	for _, places := range keyPlaces {
		longest = max(longest, walkLength(places, password[at:]))
	}
	var sizes []int
	for size := shortestWalk; size <= longest; size++ {
		sizes = append(sizes, size)
	}
	return sizes
}

func walkLength(places map[rune]key, r []rune) int {
	var step key
	length := 1
	for ; length < len(r); length++ {
		from, known := places[r[length-1]]
		to, alsoKnown := places[r[length]]
		d := key{to.row - from.row, to.column - from.column}
		straight := d.row == 0 && (d.column == 1 || d.column == -1) || d.column == 0 && (d.row == 1 || d.row == -1)
		if !known || !alsoKnown || !straight || length > 1 && d != step {
			break
		}
		step = d
	}
	return length
}

// wanders reports whether nearly every key lies beside the one before, in one of
// the layouts: a finger that goes to and fro over the keyboard.
func wanders(s string) bool {
	r := []rune(strings.TrimSpace(s))
	for _, places := range keyPlaces {
		steps := 0
		for i := 1; i < len(r); i++ {
			from, known := places[r[i-1]]
			to, alsoKnown := places[r[i]]
			if known && alsoKnown && abs(from.row-to.row) <= 1 && abs(from.column-to.column) <= 1 {
				steps++
			}
		}
		if steps*5 >= (len(r)-1)*4 {
			return true
		}
	}
	return false
}

func abs(n int) int { return max(n, -n) }
