package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
)

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want fault.Kind
	}{
		{"a fault keeps its kind through wrapping", fmt.Errorf("accept: %w", fault.Conflict("key", "already used")), fault.KindConflict},
		{"an error without a kind is internal", io.EOF, fault.KindInternal},
		{"the outermost fault decides", fault.Unavailable("registry", fault.Invalid("x", "y"), "not writable"), fault.KindUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, fault.KindOf(c.err)) })
	}
	require.False(t, fault.Is(nil, fault.KindInternal), "no error has no kind")
}

func TestErrorNamesPlaceAndCause(t *testing.T) {
	err := fault.Unavailable("registry", io.ErrShortWrite, "the disk is full")
	require.EqualError(t, err, "registry: the disk is full: short write")
	require.True(t, errors.Is(err, io.ErrShortWrite))

	many := fault.InvalidDetails("answers", []fault.Detail{{Item: "1", Message: "a"}, {Item: "2", Message: "b"}, {Item: "3", Message: "c"}, {Item: "4", Message: "d"}})
	require.EqualError(t, many, "answers: some values are not right; 1: a; 2: b; 3: c; and 1 more")
}
