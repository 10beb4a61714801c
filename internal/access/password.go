package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// HashParams are the costs of argon2id: passes, memory and lanes.
type HashParams struct {
	Passes    uint32
	MemoryKiB uint32
	Lanes     uint8
}

// DefaultHashParams are OWASP's first choice for argon2id (ASVS 5, appendix C):
// two passes over 19 MiB.
var DefaultHashParams = HashParams{Passes: 2, MemoryKiB: 19 * 1024, Lanes: 1}

const (
	saltBytes = 16
	hashBytes = 32
	// maxStoredPasses and maxStoredMemoryKiB bound what a stored hash may ask
	// for, so that a damaged row cannot take all memory.
	maxStoredPasses    = 16
	maxStoredMemoryKiB = 256 * 1024
)

// hasher computes password hashes, at most `slots` at a time: each takes
// MemoryKiB, so the number of parallel sign-ins must not decide the memory.
type hasher struct {
	params HashParams
	slots  chan struct{}
	sum    func(password, salt []byte, cost HashParams) []byte
}

func newHasher(params HashParams, parallel int, sum func(password, salt []byte, cost HashParams) []byte) *hasher {
	return &hasher{params: params, slots: make(chan struct{}, parallel), sum: sum}
}

// Argon2id derives the hash of a password (RFC 9106).
func Argon2id(password, salt []byte, cost HashParams) []byte {
	return argon2.IDKey(password, salt, cost.Passes, cost.MemoryKiB, cost.Lanes, hashBytes)
}

// hash gives the stored form of a password, with its parameters, in the PHC
// string format.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	sum, err := h.derive(ctx, password, salt, h.params)
	if err != nil {
		return "", err
	}
	return formatHash(h.params, salt, sum), nil
}

// verify reports whether the password is the one stored, and whether the hash
// should be made anew because today's parameters differ from the stored ones.
func (h *hasher) verify(ctx context.Context, password, stored string) (ok, stale bool, err error) {
	params, salt, want, err := parseHash(stored)
	if err != nil {
		return false, false, err
	}
	got, err := h.derive(ctx, password, salt, params)
	if err != nil {
		return false, false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, params != h.params, nil
}

func (h *hasher) derive(ctx context.Context, password string, salt []byte, p HashParams) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a password slot: %w", ctx.Err())
	}
	return h.sum(norm.NFKC.Bytes([]byte(password)), salt, p), nil
}

func formatHash(p HashParams, salt, sum []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.MemoryKiB, p.Passes, p.Lanes, b64(salt), b64(sum))
}

var errStoredHash = errors.New("a stored password hash is not in a form this version reads")

func parseHash(stored string) (p HashParams, salt, sum []byte, err error) {
	var version int
	var tail string
	if _, err := fmt.Sscanf(stored, "$argon2id$v=%d$m=%d,t=%d,p=%d$%s", &version, &p.MemoryKiB, &p.Passes, &p.Lanes, &tail); err != nil {
		return p, nil, nil, errStoredHash
	}
	if version != argon2.Version || p.Passes < 1 || p.Passes > maxStoredPasses || p.Lanes < 1 ||
		p.MemoryKiB < 8 || p.MemoryKiB > maxStoredMemoryKiB {
		return p, nil, nil, errStoredHash
	}
	for i := range tail {
		if tail[i] != '$' {
			continue
		}
		salt, err = base64.RawStdEncoding.DecodeString(tail[:i])
		if err != nil {
			return p, nil, nil, errStoredHash
		}
		sum, err = base64.RawStdEncoding.DecodeString(tail[i+1:])
		if err != nil || len(sum) != hashBytes || len(salt) < saltBytes {
			return p, nil, nil, errStoredHash
		}
		return p, salt, sum, nil
	}
	return p, nil, nil, errStoredHash
}
