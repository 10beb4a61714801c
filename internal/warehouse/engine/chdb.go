package engine

import (
	"fmt"

	"github.com/ebitengine/purego"
)

// library is libchdb's public interface as far as this package calls it, in the signatures of
// chdb.h. Handles (sessions, results, insert streams) are opaque here and kept as uintptr.
type library struct {
	version           func() string
	setSignalHandlers func(enabled int32)
	connect           func(argc int32, argv **byte) *uintptr
	closeConn         func(conn *uintptr)
	classify          func(conn uintptr, q *byte, qn uintptr, db *byte, dbn uintptr, out *analysis) int32

	query       beginFunc
	streamQuery beginFunc
	streamFetch func(conn, result uintptr) uintptr
	streamStop  func(conn, result uintptr)

	insert        beginFunc
	insertAppend  func(stream uintptr, data *byte, n uintptr) int32
	insertDone    func(stream uintptr) uintptr
	insertError   func(stream uintptr) string
	insertDestroy func(stream uintptr)

	resultBuffer  func(result uintptr) *byte
	resultLength  func(result uintptr) uintptr
	resultError   func(result uintptr) string
	resultWritten func(result uintptr) uint64
	resultDestroy func(result uintptr)
}

// beginFunc is the shape of the three functions that begin a statement: the text, the format, and
// the names and values of the {name:Type} parameters, each with its length.
type beginFunc func(conn uintptr, q *byte, qn uintptr, f *byte, fn uintptr,
	names **byte, nameLens *uintptr, values **byte, valueLens *uintptr, count uintptr) uintptr

// analysis is chdb_query_analysis_v1.
type analysis struct {
	structSize uint32
	statements uint32
	_          uint32 // flags
	class      uint32
}

// classRead is CHDB_QUERY_READ_ONLY: SELECT, SHOW, DESCRIBE, EXPLAIN, EXISTS, CHECK. Reads through
// file() and url() are in it too.
const classRead = 0

// load opens libchdb and binds what this package calls. A missing symbol is an error here, so that
// another version of the library is refused at start and not at the first insert.
func load(path string) (*library, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("load libchdb from %s: %w", path, err)
	}
	lib := &library{}
	for _, s := range []struct {
		name string
		fn   any
	}{
		{"chdb_version", &lib.version},
		{"chdb_set_signal_handlers_enabled", &lib.setSignalHandlers},
		{"chdb_connect", &lib.connect},
		{"chdb_close_conn", &lib.closeConn},
		{"chdb_classify_query_n", &lib.classify},
		{"chdb_query_with_params_n", &lib.query},
		{"chdb_stream_query_with_params_n", &lib.streamQuery},
		{"chdb_stream_fetch_result", &lib.streamFetch},
		{"chdb_stream_cancel_query", &lib.streamStop},
		{"chdb_stream_insert_with_params_n", &lib.insert},
		{"chdb_stream_append", &lib.insertAppend},
		{"chdb_stream_done", &lib.insertDone},
		{"chdb_stream_insert_error", &lib.insertError},
		{"chdb_destroy_insert_stream", &lib.insertDestroy},
		{"chdb_result_buffer", &lib.resultBuffer},
		{"chdb_result_length", &lib.resultLength},
		{"chdb_result_error", &lib.resultError},
		{"chdb_result_rows_written", &lib.resultWritten},
		{"chdb_destroy_query_result", &lib.resultDestroy},
	} {
		symbol, err := purego.Dlsym(handle, s.name)
		if err != nil {
			return nil, fmt.Errorf("bind %s of %s (another version of libchdb?): %w", s.name, path, err)
		}
		purego.RegisterFunc(s.fn, symbol)
	}
	return lib, nil
}
