package main

import (
	"fmt"
	"io"
	"sync"
	"unicode"
	"unicode/utf8"
)

// terminal is where a command prints. What it prints may come from data, and a
// terminal obeys control characters; they are written as their codes instead, which
// JSON reads as the same characters. Line ends and tabs stay.
type terminal struct {
	mu sync.Mutex
	w  io.Writer
	// rest are the first bytes of a character that a write has cut in two.
	rest []byte
}

func newTerminal(w io.Writer) *terminal { return &terminal{w: w} }

// Write prints p and reports it as written whole, whatever its length became.
func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := append(t.rest, p...)
	t.rest = nil
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		if !utf8.FullRune(text) {
			t.rest = append([]byte(nil), text...)
			break
		}
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			out = fmt.Appendf(out, `\x%02x`, text[0])
		case steersTerminal(r):
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = append(out, text[:size]...)
		}
		text = text[size:]
	}
	if _, err := t.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// steersTerminal is true of control characters and of the marks that turn the
// direction of writing, which can make a line read as another.
func steersTerminal(r rune) bool {
	switch {
	case r == '\n', r == '\t':
		return false
	case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
		return true
	}
	return unicode.IsControl(r)
}
