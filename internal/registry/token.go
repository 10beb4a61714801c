package registry

import (
	"crypto/sha256"
	"encoding/base64"
)

const tokenBytes = 24

// newToken draws 192 random bits, written so that they fit a URL.
func newToken() string { return base64.RawURLEncoding.EncodeToString(random(tokenBytes)) }

// IsToken reports whether a text has the form of a token. What has not can be
// refused before anything is looked up, counted or kept for it.
func IsToken(s string) bool {
	if len(s) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// hashToken is all that is stored of a token (SR-39). A token is random and
// long, so a plain hash cannot be guessed back, and a lookup by hash leaks
// nothing through its timing.
func hashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
