package engine

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
)

// exception is an error as ClickHouse gives it: a code that programs branch on, and the whole text,
// which begins with "Code: N.".
type exception struct {
	code int
	text string
}

func (e exception) Error() string { return e.text }

// Codes of ClickHouse that this package gives itself.
const (
	codeUnsupportedMethod = 1
	codeBadArguments      = 36
	codeSyntax            = 62
	codeReadonly          = 164
	codeTooMany           = 202
	codeNetwork           = 210
	codeQuerySizeExceeded = 229
	codeCancelled         = 394
	codeUnknown           = 1002
)

// httpStatus maps the codes that say something about the request; every other one is 500, as
// ClickHouse answers.
var httpStatus = map[int]int{
	6:                     http.StatusBadRequest, // CANNOT_PARSE_TEXT
	26:                    http.StatusBadRequest, // CANNOT_PARSE_QUOTED_STRING
	27:                    http.StatusBadRequest, // CANNOT_PARSE_INPUT_ASSERTION_FAILED
	33:                    http.StatusBadRequest, // CANNOT_READ_ALL_DATA
	codeBadArguments:      http.StatusBadRequest,
	46:                    http.StatusNotFound,   // UNKNOWN_FUNCTION
	47:                    http.StatusNotFound,   // UNKNOWN_IDENTIFIER
	53:                    http.StatusBadRequest, // TYPE_MISMATCH
	60:                    http.StatusNotFound,   // UNKNOWN_TABLE
	codeSyntax:            http.StatusBadRequest,
	81:                    http.StatusNotFound,       // UNKNOWN_DATABASE
	108:                   http.StatusBadRequest,     // NO_DATA_TO_INSERT
	115:                   http.StatusNotFound,       // UNKNOWN_SETTING
	159:                   http.StatusRequestTimeout, // TIMEOUT_EXCEEDED
	codeReadonly:          http.StatusForbidden,
	codeTooMany:           http.StatusServiceUnavailable,
	codeNetwork:           http.StatusBadRequest,
	codeQuerySizeExceeded: http.StatusRequestEntityTooLarge,
	456:                   http.StatusBadRequest, // UNKNOWN_QUERY_PARAMETER
	457:                   http.StatusBadRequest, // BAD_QUERY_PARAMETER
}

var exceptionCode = regexp.MustCompile(`^Code: (\d+)\.`)

// exceptionFrom reads the code out of a message of libchdb. A message without one gets
// UNKNOWN_EXCEPTION, so that clients always find a code.
func exceptionFrom(message string) exception {
	if m := exceptionCode.FindStringSubmatch(message); m != nil {
		if code, err := strconv.Atoi(m[1]); err == nil {
			return exception{code: code, text: message}
		}
	}
	return newException(codeUnknown, "UNKNOWN_EXCEPTION", message)
}

func newException(code int, name, message string) exception {
	return exception{code: code, text: fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)", code, message, name)}
}

// asException gives any error of this package the form that clients of ClickHouse understand.
func asException(err error) exception {
	var e exception
	if errors.As(err, &e) {
		return e
	}
	return newException(codeUnknown, "UNKNOWN_EXCEPTION", err.Error())
}
