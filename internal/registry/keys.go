package registry

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"afterglow/internal/fault"
)

const keyBytes = chacha20poly1305.KeySize

// MasterKey wraps the data keys. It lives in a file outside the database, the
// repository and the backups, and prints as [redacted].
type MasterKey struct{ secret []byte }

func (k MasterKey) isSet() bool { return len(k.secret) == keyBytes }

// Format writes [redacted] for every verb.
func (k MasterKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[redacted]")) }

// LogValue writes [redacted] to a structured log.
func (k MasterKey) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// CreateMasterKey draws a key into a new file that only its owner can read; it
// never overwrites one: a fault.Conflict. The file appears under its name only
// when the whole key is on disk, so that a crash leaves no key or a whole one;
// what a crash may leave beside it, named .master-key-*, was never used.
func CreateMasterKey(path string) (err error) {
	folder := filepath.Dir(path)
	file, err := os.CreateTemp(folder, ".master-key-*")
	if err != nil {
		return fmt.Errorf("create the master key: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	_, err = file.WriteString(base64.StdEncoding.EncodeToString(random(keyBytes)) + "\n")
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write the master key: %w", err)
	}
	// A second name, unlike a rename, is refused where there is a file already.
	switch err := os.Link(file.Name(), path); {
	case errors.Is(err, fs.ErrExist):
		return fault.Conflict("master key", "there is already a key file at %s; a key is never overwritten", path)
	case err != nil:
		return fmt.Errorf("name the master key: %w", err)
	}
	if err := syncFolder(folder); err != nil {
		return fmt.Errorf("keep the name of the master key: %w", err)
	}
	return nil
}

// syncFolder puts the names of a folder's files on disk.
func syncFolder(path string) (err error) {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	return folder.Sync()
}

// ReadMasterKey reads the key file and refuses one that is missing, short,
// guessable or readable by others (SR-70).
func ReadMasterKey(path string) (MasterKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return MasterKey{}, fault.Invalid("master key", "there is no key file at %s", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return MasterKey{}, fault.Invalid("master key", "users other than its owner can read %s; run: chmod 600 %s", path, path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return MasterKey{}, fmt.Errorf("read the master key: %w", err)
	}
	secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(content)))
	if err != nil || len(secret) != keyBytes {
		return MasterKey{}, fault.Invalid("master key", "%s must hold %d random bytes in base64", path, keyBytes)
	}
	distinct := map[byte]bool{}
	for _, b := range secret {
		distinct[b] = true
	}
	// 32 random bytes have fewer than 12 different values about once in 10^12 keys.
	if len(distinct) < 12 {
		return MasterKey{}, fault.Invalid("master key", "%s does not hold random bytes; make a new key", path)
	}
	return MasterKey{secret: secret}, nil
}

// keyring holds the unwrapped data keys.
type keyring struct {
	field        map[int64][]byte
	fieldVersion int64
	index        []byte
	audit        []byte
	// seals is the key of the seals of the record, drawn from the audit's.
	seals []byte
}

type keyringConfig struct {
	master MasterKey
	now    time.Time
	create bool
}

const (
	purposeField = "field"
	purposeIndex = "index"
	purposeAudit = "audit"
)

func openKeyring(ctx context.Context, conn *sql.Conn, c keyringConfig) (*keyring, error) {
	k := &keyring{field: map[int64][]byte{}}
	if err := k.load(ctx, conn, c.master); err != nil {
		return nil, err
	}
	for _, missing := range k.missing() {
		if !c.create {
			return nil, fault.Invalid("registry keys", "the %s key is missing; start the server once to make it", missing)
		}
		if err := addDataKey(ctx, conn, c, missing); err != nil {
			return nil, err
		}
	}
	if err := k.load(ctx, conn, c.master); err != nil {
		return nil, err
	}
	var err error
	if k.seals, err = hkdf.Key(sha256.New, k.audit, nil, "seals of the record", sha256.Size); err != nil {
		return nil, fmt.Errorf("derive the key of the seals: %w", err)
	}
	return k, nil
}

func (k *keyring) missing() []string {
	var missing []string
	if len(k.field) == 0 {
		missing = append(missing, purposeField)
	}
	if k.index == nil {
		missing = append(missing, purposeIndex)
	}
	if k.audit == nil {
		missing = append(missing, purposeAudit)
	}
	return missing
}

func (k *keyring) load(ctx context.Context, conn *sql.Conn, master MasterKey) (err error) {
	rows, err := conn.QueryContext(ctx, "SELECT version, purpose, wrapped FROM data_key ORDER BY version")
	if err != nil {
		return fmt.Errorf("read the data keys: %w", storageFault(err))
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var version int64
		var purpose string
		var wrapped []byte
		if err := rows.Scan(&version, &purpose, &wrapped); err != nil {
			return fmt.Errorf("read a data key: %w", err)
		}
		key, err := open(master.secret, wrapped, "data_key", "wrapped", purpose)
		if err != nil {
			return fault.Invalid("master key", "cannot decrypt data key %d: it is not the key of this registry, or the row was changed", version)
		}
		switch purpose {
		case purposeField:
			k.field[version], k.fieldVersion = key, version
		case purposeIndex:
			k.index = key
		case purposeAudit:
			k.audit = key
		}
	}
	return storageFault(rows.Err())
}

func addDataKey(ctx context.Context, conn *sql.Conn, c keyringConfig, purpose string) error {
	wrapped, err := seal(c.master.secret, random(keyBytes), "data_key", "wrapped", purpose)
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "INSERT INTO data_key (purpose, wrapped, created_at) VALUES (?, ?, ?)",
		purpose, wrapped, timeText(c.now)); err != nil {
		return fmt.Errorf("store the %s key: %w", purpose, storageFault(err))
	}
	return nil
}

// place names a field of a row: what its ciphertext is bound to.
type place struct{ table, column, row string }

// sealField encrypts an identifier under the newest data key, bound to its
// place and the key's version, so that a ciphertext put elsewhere does not open
// (SR-69). "" stays NULL.
func (k *keyring) sealField(at place, plain string) (any, error) {
	if plain == "" {
		return nil, nil
	}
	return seal(k.field[k.fieldVersion], []byte(plain), at.table, at.column, at.row, fmt.Sprint(k.fieldVersion))
}

func (k *keyring) openField(at place, version int64, sealed []byte) (string, error) {
	if sealed == nil {
		return "", nil
	}
	plain, err := open(k.field[version], sealed, at.table, at.column, at.row, fmt.Sprint(version))
	if err != nil {
		return "", fmt.Errorf("open %s.%s: the stored value does not belong to this row or key", at.table, at.column)
	}
	return string(plain), nil
}

// indexOf is a keyed hash for exact search; each field has a key of its own, so
// equal values in two fields do not show (SR-72).
func (k *keyring) indexOf(table, column, value string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, k.index, nil, table+"."+column, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive the index key of %s.%s: %w", table, column, err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(value))
	return mac.Sum(nil), nil
}

func seal(key, plain []byte, bound ...string) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, fmt.Errorf("encrypt a field: %w", err)
	}
	nonce := random(aead.NonceSize())
	return aead.Seal(nonce, nonce, plain, boundBytes(bound)), nil
}

func open(key, sealed []byte, bound ...string) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, fmt.Errorf("decrypt a field: %w", err)
	}
	if len(sealed) < aead.NonceSize() {
		return nil, errors.New("decrypt a field: it is too short")
	}
	return aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], boundBytes(bound))
}

// boundBytes joins with NUL, which no table, column, pseudonym or number holds.
func boundBytes(bound []string) []byte { return []byte(strings.Join(bound, "\x00")) }

// random draws from the operating system, which never gives less.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	return b
}
