package engine

import (
	"errors"
	"io"
	"runtime"
	"unsafe"
)

// session is one libchdb connection. It runs one statement at a time; the caller sees to that.
type session struct {
	lib    *library
	opened *uintptr
	handle uintptr
}

// statement is one SQL text, the values of its {name:Type} places in ClickHouse's escaped text form,
// and the format its rows are read or written in.
type statement struct {
	sql    string
	format string
	params []param
}

type param struct{ name, value string }

// open begins a session with command-line style arguments (--path=…, --setting=value).
func (lib *library) open(args []string) (*session, error) {
	argv := make([]*byte, 0, len(args)+1)
	for _, a := range append([]string{"clickhouse"}, args...) {
		argv = append(argv, unsafe.SliceData(append([]byte(a), 0)))
	}
	opened := lib.connect(int32(len(argv)), unsafe.SliceData(argv))
	runtime.KeepAlive(argv)
	if opened == nil || *opened == 0 {
		return nil, errors.New("libchdb refused to open a session on the data folder: see its own message in the log")
	}
	return &session{lib: lib, opened: opened, handle: *opened}, nil
}

// close ends the session; whatever it still runs is cancelled.
func (s *session) close() { s.lib.closeConn(s.opened) }

// run executes a statement to its end and returns its whole output.
func (s *session) run(st statement) ([]byte, error) {
	var out []byte
	_, err := s.take(s.begin(s.lib.query, st), func(b []byte) error {
		out = append(out, b...)
		return nil
	})
	return out, err
}

// errNotStreamed says that libchdb cannot stream this kind of statement and has not begun it.
var errNotStreamed = errors.New("not streamed")

// stream executes a read and gives its rows to sink block by block, in libchdb's own memory: sink
// must not keep them. An error of sink ends the statement.
func (s *session) stream(st statement, sink func([]byte) error) error {
	result := s.begin(s.lib.streamQuery, st)
	if result == 0 {
		return errors.New("libchdb gave no result")
	}
	defer s.lib.resultDestroy(result)
	if s.lib.resultError(result) != "" {
		return errNotStreamed
	}
	for {
		n, err := s.take(s.lib.streamFetch(s.handle, result), sink)
		if err != nil {
			s.lib.streamStop(s.handle, result)
			return err
		}
		if n == 0 {
			return nil
		}
	}
}

// insertChunk is how much of a body is handed to libchdb at once.
const insertChunk = 256 << 10

// errNoData: ClickHouse would take an insert without a byte as zero rows. A client that broke off
// before its first byte would then read success for rows that never came.
var errNoData = newException(108, "NO_DATA_TO_INSERT", "No data to insert: the body of the insert is empty")

// insertFrom streams body into an INSERT and returns how many rows were written. A body that ends in
// an error is not committed.
func (s *session) insertFrom(st statement, body io.Reader) (uint64, error) {
	stream := s.begin(s.lib.insert, st)
	if stream == 0 {
		return 0, errors.New("libchdb gave no insert stream")
	}
	// Destroying a stream that is not done cancels it.
	defer s.lib.insertDestroy(stream)
	if message := s.lib.insertError(stream); message != "" {
		return 0, exceptionFrom(message)
	}
	chunk := make([]byte, insertChunk)
	empty := true
	for {
		n, readErr := body.Read(chunk)
		if n > 0 {
			empty = false
			if s.lib.insertAppend(stream, unsafe.SliceData(chunk), uintptr(n)) != 0 {
				return 0, exceptionFrom(s.lib.insertError(stream))
			}
		}
		if readErr == io.EOF {
			break
		}
		if readErr != nil {
			return 0, newException(codeNetwork, "NETWORK_ERROR", "the body of the insert broke off, nothing of it is committed: "+readErr.Error())
		}
	}
	if empty {
		return 0, errNoData
	}
	done := s.lib.insertDone(stream)
	if done == 0 {
		return 0, exceptionFrom(s.lib.insertError(stream))
	}
	written := s.lib.resultWritten(done)
	_, err := s.take(done, func([]byte) error { return nil })
	return written, err
}

// analyse says what a statement would do, without running it.
func (s *session) analyse(sql string) (analysis, error) {
	out := analysis{structSize: uint32(unsafe.Sizeof(analysis{}))}
	q, qn := address(sql)
	failed := s.lib.classify(s.handle, q, qn, nil, 0, &out) != 0
	runtime.KeepAlive(sql)
	if failed {
		return out, errors.New("libchdb did not classify the statement")
	}
	return out, nil
}

// begin hands a statement to one of the functions that begin one.
func (s *session) begin(fn beginFunc, st statement) uintptr {
	var names, values []*byte
	var nameLens, valueLens []uintptr
	for _, p := range st.params {
		name, n := address(p.name)
		value, v := address(p.value)
		names, nameLens = append(names, name), append(nameLens, n)
		values, valueLens = append(values, value), append(valueLens, v)
	}
	q, qn := address(st.sql)
	f, fl := address(st.format)
	handle := fn(s.handle, q, qn, f, fl,
		unsafe.SliceData(names), unsafe.SliceData(nameLens),
		unsafe.SliceData(values), unsafe.SliceData(valueLens), uintptr(len(st.params)))
	runtime.KeepAlive(st)
	runtime.KeepAlive(names)
	runtime.KeepAlive(values)
	return handle
}

// take gives the bytes of a result to sink, frees the result, and returns how many there were.
func (s *session) take(result uintptr, sink func([]byte) error) (int, error) {
	if result == 0 {
		return 0, errors.New("libchdb gave no result")
	}
	defer s.lib.resultDestroy(result)
	if message := s.lib.resultError(result); message != "" {
		return 0, exceptionFrom(message)
	}
	n := s.lib.resultLength(result)
	if n == 0 {
		return 0, nil
	}
	return int(n), sink(unsafe.Slice(s.lib.resultBuffer(result), n))
}

// nothing stands in for the address of an empty text, which C must not see as NULL.
var nothing = []byte{0}

func address(s string) (*byte, uintptr) {
	if s == "" {
		return unsafe.SliceData(nothing), 0
	}
	return unsafe.StringData(s), uintptr(len(s))
}
