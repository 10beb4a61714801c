package registry

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
)

// recordKind names a table of the record whose rows are sealed.
type recordKind string

const (
	recordJournal recordKind = "journal"
	recordSession recordKind = "session"
)

// settingSealed says that the rows of before seals existed have theirs: from then
// on, a row without one is damaged.
const settingSealed = "record-sealed"

// hashFields is a SHA-256 over fields, each with its length before it, so that
// nothing can move from one field to the next. Fields are texts, bytes and whole
// numbers.
func hashFields(fields ...any) [sha256.Size]byte {
	sum := sha256.New()
	var number [8]byte
	for _, field := range fields {
		var content []byte
		switch f := field.(type) {
		case string:
			content = []byte(f)
		case []byte:
			content = f
		case int:
			content = strconv.AppendInt(nil, int64(f), 10)
		case int64:
			content = strconv.AppendInt(nil, f, 10)
		default:
			panic("registry: a field that cannot be hashed") // house:panic the callers are in this package
		}
		binary.BigEndian.PutUint64(number[:], uint64(len(content)))
		_, _ = sum.Write(number[:]) // a hash takes every write
		_, _ = sum.Write(content)
	}
	return [sha256.Size]byte(sum.Sum(nil))
}

// macOf is the seal of a row. The key keeps whoever has only the file from making
// one; the kind and the sequence keep it from fitting another row.
func (k *keyring) macOf(kind recordKind, sequence int64, whole [sha256.Size]byte) []byte {
	bound := hashFields(string(kind), sequence, whole[:])
	mac := hmac.New(sha256.New, k.seals)
	_, _ = mac.Write(bound[:])
	return mac.Sum(nil)
}

func (s *Store) sealed(kind recordKind, sequence int64, whole [sha256.Size]byte, mac []byte) bool {
	return hmac.Equal(s.keys.macOf(kind, sequence, whole), mac)
}

func (tx *Tx) sealed(kind recordKind, sequence int64, whole [sha256.Size]byte, mac []byte) bool {
	return hmac.Equal(tx.w.keys.macOf(kind, sequence, whole), mac)
}

// seal stores the seal of a row that this transaction wrote.
func (tx *Tx) seal(kind recordKind, sequence int64, whole [sha256.Size]byte) ([]byte, error) {
	mac := tx.w.keys.macOf(kind, sequence, whole)
	if _, err := tx.keep("INSERT INTO seal (kind, sequence, mac) VALUES (?, ?, ?)", string(kind), sequence, mac); err != nil {
		return nil, fmt.Errorf("seal %s row %d: %w", kind, sequence, err)
	}
	return mac, nil
}

// sealOld seals the rows that were written before there were seals, once. An
// answer whose own hash does not fit any more gets none, and is found as damaged;
// sessions of that time carry no hash, so they are sealed as they are.
func (s *Store) sealOld(ctx context.Context) error {
	done, err := s.Setting(ctx, settingSealed)
	if err != nil || done != "" {
		return err
	}
	err = s.Write(ctx, System("seals"), func(tx *Tx) error {
		sealed, refused := 0, 0
		var rows []JournalRow
		if err := eachEvenDamaged(tx.ctx, tx, func(r JournalRow) error {
			if r.mac != nil {
				return nil
			}
			if !r.bodyFits() {
				refused++
				return nil
			}
			rows = append(rows, JournalRow{Sequence: r.Sequence, whole: r.whole})
			return nil
		}, "ORDER BY j.sequence"); err != nil {
			return err
		}
		for _, r := range rows {
			if _, err := tx.seal(recordJournal, r.Sequence, r.whole); err != nil {
				return err
			}
			sealed++
		}
		given, err := sessions(tx.ctx, tx, "WHERE NOT EXISTS (SELECT 1 FROM seal WHERE kind = 'session' AND seal.sequence = s.sequence)")
		if err != nil {
			return err
		}
		for _, r := range given {
			if _, err := tx.seal(recordSession, r.Sequence, r.whole); err != nil {
				return err
			}
			sealed++
		}
		if _, err := tx.keep("INSERT INTO setting (name, value, changed_at) VALUES (?, 'yes', ?)", settingSealed, timeText(tx.now)); err != nil {
			return fmt.Errorf("note that the record is sealed: %w", err)
		}
		if sealed+refused == 0 {
			return nil
		}
		return tx.Audit(Event{Action: "record-sealed", SubjectKind: "registry", Subject: "record", Detail: map[string]any{"rows": sealed, "refused": refused}})
	})
	if err != nil {
		return fmt.Errorf("seal the record: %w", err)
	}
	return nil
}

// bodyFits compares an answer from before seals with its body hash, which an import
// and a form made differently.
func (r JournalRow) bodyFits() bool {
	for _, body := range [][]any{
		{r.Occasion, r.Instrument, r.Version, r.Answers},
		{r.Instrument, r.Version, r.Visit, r.TargetDay, r.Answers},
	} {
		encoded, err := json.Marshal(body)
		if sum := sha256.Sum256(encoded); err == nil && sum == r.BodyHash {
			return true
		}
	}
	return false
}
