package warehouse

import (
	"context"
	"errors"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2"

	"afterglow/internal/fault"
)

// ErrUnreadable is in the error of a statement that met data which ClickHouse
// cannot read: files that are gone, cut off or not as they were written.
var ErrUnreadable = errors.New("ClickHouse cannot read a part of its data")

// unreadable are ClickHouse's codes for it: a file or what stands in it is not what
// the part's own notes say.
var unreadable = []int32{
	32,  // ATTEMPT_TO_READ_AFTER_EOF
	33,  // CANNOT_READ_ALL_DATA
	40,  // CHECKSUM_DOESNT_MATCH
	74,  // CANNOT_READ_FROM_FILE_DESCRIPTOR
	76,  // CANNOT_OPEN_FILE
	107, // FILE_DOESNT_EXIST
	226, // NO_FILE_IN_DATA_PART
	228, // BAD_SIZE_OF_FILE_IN_DATA_PART
	246, // CORRUPTED_DATA
	271, // CANNOT_DECOMPRESS
	432, // UNKNOWN_CODEC
}

// unavailable marks failures to reach ClickHouse and to read its data, so that a
// face says 'try later'; ClickHouse's other errors about a statement keep their
// code.
func unavailable(err error) error {
	var exception *clickhouse.Exception
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return err
	case !errors.As(err, &exception):
		return fault.Unavailable("warehouse", err, "ClickHouse does not answer; what was entered is safe, try again in a minute")
	case slices.Contains(unreadable, exception.Code):
		return fault.Unavailable("warehouse", errors.Join(ErrUnreadable, err),
			"ClickHouse cannot read a part of its data, so nothing is answered; a running server brings the part back from the registry, try again in a minute")
	}
	return err
}

// FailedReads counts the questions that ClickHouse could not answer to their end,
// for whatever reason: one that grows is a reason to look at the tables' parts.
func (w *Warehouse) FailedReads() uint64 { return w.failed.Load() }
