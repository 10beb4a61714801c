package access

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"afterglow/internal/fault"
)

const (
	// MinPasswordRunes is the least length of a password where there is no
	// second factor (NIST SP 800-63B-4).
	MinPasswordRunes = 15
	// maxPasswordBytes bounds the work of one attempt; no password of a person
	// or a password manager is longer.
	maxPasswordBytes = 1024
)

//go:embed blocklist.txt
var blocklistText string

//go:embed commonwords.txt
var commonText string

// blocklist holds words, folded, that add nothing to a password; common holds
// words that people take first, a few of which do not make a password.
var (
	blocklist = readWords(blocklistText)
	common    = readWords(commonText)
)

func readWords(text string) map[string]bool {
	words := map[string]bool{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		for w := range strings.FieldsSeq(line) {
			words[fold(w)] = true
		}
	}
	return words
}

// CheckNewPassword says what is wrong with a password that someone wants to
// set: too short, unreadable, or easily guessed. There is no rule about kinds
// of characters. The words of context (the person's account name, the site's
// name) count as easily guessed.
func CheckNewPassword(password string, context ...string) error {
	const where = "password"
	normal := norm.NFKC.String(password)
	switch {
	case !utf8.ValidString(password) || strings.ContainsRune(password, 0):
		return fault.Invalid(where, "holds characters that are not text")
	case len(password) > maxPasswordBytes:
		return fault.Invalid(where, "has more than %d bytes", maxPasswordBytes)
	case utf8.RuneCountInString(normal) < MinPasswordRunes:
		return fault.Invalid(where, "needs at least %d characters; a few unrelated words are easy to remember", MinPasswordRunes)
	case guessable(normal, context):
		return fault.Invalid(where, "is easy to guess: it is made of common words or a pattern; use a few unrelated words")
	}
	return nil
}

// guessable reports whether the password repeats one short piece, climbs along
// the alphabet or the digits, wanders over neighbouring keys, or is made of listed
// words, context words, walks over the keyboard, digits and punctuation alone;
// forwards or backwards, with letters replaced by digits or not.
func guessable(password string, context []string) bool {
	folded := fold(password)
	if distinct(folded) < 5 || repeats(folded) || sequential(folded) || wanders(folded) {
		return true
	}
	if lettersOf(folded) == "" {
		return false
	}
	known := contextWords(context)
	for _, reading := range []string{folded, disguises.Replace(folded), backwards(folded), disguises.Replace(backwards(folded))} {
		if madeOf([]rune(reading), known) {
			return true
		}
	}
	return false
}

func backwards(s string) string {
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}

// contextWords are the context's names, whole and in their parts.
func contextWords(context []string) map[string]bool {
	words := map[string]bool{}
	for _, name := range context {
		parts := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) })
		for _, w := range append(parts, lettersOf(fold(name))) {
			if w = fold(w); utf8.RuneCountInString(w) >= 3 {
				words[w] = true
			}
		}
	}
	return words
}

// disguises undoes the usual replacements of letters by digits and signs.
var disguises = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// fold brings a word to the form in which words are compared.
func fold(s string) string {
	return strings.ReplaceAll(strings.ToLower(norm.NFKC.String(s)), " ", "")
}

func lettersOf(folded string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, folded)
}

func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

// repeats reports whether s is one piece of at most a third of its length, over
// and over.
func repeats(s string) bool {
	r := []rune(s)
	for size := 1; size*3 <= len(r); size++ {
		same := true
		for i := size; i < len(r) && same; i++ {
			same = r[i] == r[i-size]
		}
		if same {
			return true
		}
	}
	return false
}

// sequential reports whether nearly every character follows or repeats the one
// before.
func sequential(s string) bool {
	r := []rune(s)
	steps := 0
	for i := 1; i < len(r); i++ {
		if d := r[i] - r[i-1]; d >= -1 && d <= 1 {
			steps++
		}
	}
	return steps*4 >= (len(r)-1)*3
}
