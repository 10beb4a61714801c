package intake_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
)

// Two patients' programs may draw the same key. Each is answered as if the other
// were not there, and for each one key is one submission.
func TestSR5_AKeyTellsNothingOfAnotherPatient(t *testing.T) {
	b := setup(t, 2)
	first, err := b.service.Accept(ctx, b.submission(0, "the-key", answers(3)))
	require.NoError(t, err)
	second, err := b.service.Accept(ctx, b.submission(1, "the-key", answers(1)))
	require.NoError(t, err)
	require.False(t, second.Replayed)
	require.NotEqual(t, first.Receipt, second.Receipt)
	require.Len(t, b.rows(t), 2)
	for i, want := range []string{first.Receipt, second.Receipt} {
		again, err := b.service.Accept(ctx, b.submission(i, "the-key", answers([]int{3, 1}[i])))
		require.NoError(t, err)
		require.Equal(t, want, again.Receipt)
		require.True(t, again.Replayed)
		_, err = b.service.Accept(ctx, b.submission(i, "the-key", answers(2)))
		require.Equal(t, fault.KindConflict, fault.KindOf(err), "the same key with another body")
	}
	require.Len(t, b.rows(t), 2)
	for _, row := range b.rows(t) {
		require.NotContains(t, row.Key, string(row.Patient), "the key goes to the warehouse, the pseudonym does not")
	}
}
