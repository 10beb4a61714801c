package patient

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// acceptance is what the receipt page shows. It travels sealed in a cookie of
// the browser that sent the answers, so that the page after the redirect needs
// no store: the crisis contacts are there even if the registry went away right
// after the commit. Nobody else, with the link alone, learns that a safety rule
// was met.
type acceptance struct {
	Token      string    `json:"t"`
	Receipt    string    `json:"r"`
	ReceivedAt time.Time `json:"a"`
	Concern    concern   `json:"c"`
	// Instrument, Version and Rule say whose words the page shows.
	Instrument string `json:"i,omitempty"`
	Version    string `json:"v,omitempty"`
	Rule       string `json:"s,omitempty"`
}

// sealer encrypts and signs small values with a key that lives as long as the
// process.
type sealer struct{ aead cipher.AEAD }

func newSealer() (*sealer, error) {
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make the key of receipt pages: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make the key of receipt pages: %w", err)
	}
	return &sealer{aead}, nil
}

func (s *sealer) seal(a acceptance) (string, error) {
	plain, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("seal a receipt: %w", err)
	}
	nonce := make([]byte, s.aead.NonceSize())
	rand.Read(nonce)
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain, nil)), nil
}

// open gives the acceptance of this token; false for anything that this process
// did not seal for it.
func (s *sealer) open(value, token string) (acceptance, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(raw) < s.aead.NonceSize() {
		return acceptance{}, false
	}
	plain, err := s.aead.Open(nil, raw[:s.aead.NonceSize()], raw[s.aead.NonceSize():], nil)
	if err != nil {
		return acceptance{}, false
	}
	var a acceptance
	if err := json.Unmarshal(plain, &a); err != nil || a.Token != token {
		return acceptance{}, false
	}
	return a, true
}
