package access

import (
	_ "embed"
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

// blocklist holds words, folded, that a password may not consist of.
var blocklist = func() map[string]bool {
	words := map[string]bool{}
	for line := range strings.Lines(blocklistText) {
		if w := strings.TrimSpace(line); w != "" && !strings.HasPrefix(w, "#") {
			words[fold(w)] = true
		}
	}
	return words
}()

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
		return fault.Invalid(where, "needs at least %d characters; a few unrelated words are easy to keep in mind", MinPasswordRunes)
	case guessable(normal, context):
		return fault.Invalid(where, "is made of words or a pattern that are tried first; use a few unrelated words")
	}
	return nil
}

// guessable reports whether nothing of substance is left once listed words,
// context words, digits and punctuation are taken out, or the password repeats
// one short piece or climbs along the alphabet or the digits.
func guessable(password string, context []string) bool {
	folded := fold(password)
	if distinct(folded) < 5 || repeats(folded) || sequential(folded) {
		return true
	}
	plain := lettersOf(folded)
	if plain == "" {
		return false
	}
	return madeOf(plain, context) || madeOf(lettersOf(disguises.Replace(folded)), context)
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

// sequential reports whether nearly every character follows the one before.
func sequential(s string) bool {
	r := []rune(s)
	steps := 0
	for i := 1; i < len(r); i++ {
		if d := r[i] - r[i-1]; d == 1 || d == -1 {
			steps++
		}
	}
	return steps*4 >= (len(r)-1)*3
}

// madeOf reports whether taking the listed and the context words out of the
// letters leaves fewer than four.
func madeOf(letters string, context []string) bool {
	rest := letters
	for _, c := range context {
		if c = lettersOf(fold(c)); len(c) >= 3 {
			rest = strings.ReplaceAll(rest, c, "")
		}
	}
	for changed := true; changed && rest != ""; {
		changed = false
		for size := len(rest); size >= 4; size-- {
			if blocklist[rest[:size]] {
				rest, changed = rest[size:], true
				break
			}
		}
	}
	return len([]rune(rest)) < 4
}
