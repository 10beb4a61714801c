package engine

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// handler answers ClickHouse's HTTP interface for one pool.
type handler struct{ pool *pool }

// writeStall is how long a client may leave a block of its answer unread before its query is ended.
const writeStall = time.Minute

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := &answer{w: w, control: http.NewResponseController(w)}
	req, err := readRequest(r)
	answer.native = req.format == "Native"
	if err == nil {
		err = h.pool.with(r.Context(), req, func(s *session) error { return h.execute(s, req, answer) })
	}
	if err != nil {
		answer.fail(asException(err))
	}
}

// execute runs the statement the way its kind asks for: an insert reads the body, a read is
// streamed, everything else runs to its end before the first byte of the answer.
func (h *handler) execute(s *session, req request, to *answer) error {
	found, err := s.analyse(req.sql)
	if err != nil {
		return err
	}
	if err := h.admit(found, req); err != nil {
		return err
	}
	switch {
	case req.sql == helloQuery && req.revision > 0:
		block, err := hello(s, req.revision)
		if err != nil {
			return err
		}
		return to.write(block)
	case req.body != nil:
		written, err := s.insertFrom(req.statement(), req.body)
		if err != nil {
			return err
		}
		to.w.Header().Set("X-ClickHouse-Summary", fmt.Sprintf(`{"written_rows":"%d"}`, written))
		return nil
	case found.class == classRead:
		err := s.stream(req.statement(), to.write)
		if !errors.Is(err, errNotStreamed) {
			return err
		}
	}
	out, err := s.run(req.statement())
	if err != nil || len(out) == 0 {
		return err
	}
	return to.write(out)
}

// admit refuses what the pool must not run. libchdb would run several statements in one text, which
// ClickHouse's HTTP interface does not.
func (h *handler) admit(found analysis, req request) error {
	if found.statements > 1 {
		return newException(codeSyntax, "SYNTAX_ERROR", "Multi-statements are not allowed")
	}
	if !h.pool.readOnly {
		return nil
	}
	if found.statements == 0 {
		return newException(codeSyntax, "SYNTAX_ERROR", "Syntax error, or a statement that the read pool cannot classify")
	}
	if found.class != classRead || req.body != nil {
		return newException(codeReadonly, "READONLY", "Cannot execute query in readonly mode: the read pool runs reads only")
	}
	return nil
}

// answer is the response to one request. Until its first byte is written an error gives the HTTP
// status; after that, a frame at the end of the body.
type answer struct {
	w       http.ResponseWriter
	control *http.ResponseController
	tag     string
	native  bool
}

// impossibleBlock is the head of a Native block of one column and 2^62 rows. A client that reads the
// frame of an exception as a block would go some way into it, by luck to its end; this stops it
// at the first byte of the frame.
const impossibleBlock = "\x01\x80\x80\x80\x80\x80\x80\x80\x80\x40"

// write sends one block of rows on its way.
func (a *answer) write(block []byte) error {
	if a.tag == "" {
		// The frame of a late exception must be told from rows that hold the same bytes.
		a.tag = rand.Text()[:16]
		a.w.Header().Set("X-ClickHouse-Exception-Tag", a.tag)
		a.w.Header().Set("Content-Type", "application/octet-stream")
	}
	if err := a.control.SetWriteDeadline(time.Now().Add(writeStall)); err != nil {
		return fmt.Errorf("bound the answer's time: %w", err)
	}
	if _, err := a.w.Write(block); err != nil {
		return fmt.Errorf("send a block of the answer: %w", err)
	}
	return a.control.Flush()
}

// fail tells the client of an exception.
func (a *answer) fail(e exception) {
	text := e.text
	if a.tag == "" {
		status, known := httpStatus[e.code]
		if !known {
			status = http.StatusInternalServerError
		}
		header := a.w.Header()
		header.Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.code))
		header.Set("Content-Type", "text/plain; charset=UTF-8")
		header.Del("X-ClickHouse-Summary")
		a.w.WriteHeader(status)
		fmt.Fprintln(a.w, text)
		return
	}
	// A client reads at most 16 KiB of a frame.
	text = strings.TrimRight(text[:min(len(text), 12<<10)], "\n")
	if a.native {
		fmt.Fprint(a.w, impossibleBlock)
	}
	fmt.Fprintf(a.w, "\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n", a.tag, text, len(text)+1, a.tag)
	// The client may be the reason of the exception and gone: there is no one left to tell.
	_ = a.control.Flush()
}
