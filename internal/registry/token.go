package registry

import (
	"crypto/sha256"
	"encoding/base64"
)

const tokenBytes = 24

// newToken draws 192 random bits, written so that they fit a URL.
func newToken() string { return base64.RawURLEncoding.EncodeToString(random(tokenBytes)) }

// hashToken is all that is stored of a token (SR-39). A token is random and
// long, so a plain hash cannot be guessed back, and a lookup by hash leaks
// nothing through its timing.
func hashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
