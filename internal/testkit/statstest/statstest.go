// Package statstest asks of statistical methods what every one of them owes, and reads the data and results that they are held
// against. Floor: testkit.
// It must not be imported by a file that is not a test.
package statstest

import (
	"encoding/json"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
)

// tester is what *testing.T, *testing.B, *testing.F and *rapid.T have in common.
type tester interface {
	require.TestingT
	Helper()
}

// RequireFailure asks that err is a failure of this kind that names this place.
func RequireFailure(t tester, err error, kind stats.Kind, where string) {
	t.Helper()
	var failure *stats.Failure
	require.ErrorAs(t, err, &failure)
	require.Equal(t, kind, failure.Kind, err)
	require.Equal(t, where, failure.Where, err)
}

// RequireAnswer asks that a method ended in a failure that names a place and is no defect of the program, or in a result
// that JSON can hold: one without NaN and infinities. It tells whether there is a result.
func RequireAnswer(t tester, result any, err error) bool {
	t.Helper()
	if err != nil {
		var failure *stats.Failure
		require.ErrorAs(t, err, &failure)
		require.NotEmpty(t, failure.Where, err)
		require.NotEqual(t, stats.Internal, failure.Kind, err)
		return false
	}
	_, err = json.Marshal(result)
	require.NoError(t, err)
	return true
}
