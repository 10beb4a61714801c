package access

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// Once nothing moves any more, as many hashes are under way as may be, and the
// others wait.
func TestSR46_HashesAtATimeAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const parallel, wanted = 3, 500
		var underWay atomic.Int32
		release := make(chan struct{})
		h := newHasher(HashParams{Passes: 1, MemoryKiB: 64, Lanes: 1}, parallel, func(password, salt []byte, cost HashParams) []byte {
			underWay.Add(1)
			<-release
			defer underWay.Add(-1)
			return Argon2id(password, salt, cost)
		})
		done := make(chan error, wanted)
		for range wanted {
			go func() { _, err := h.hash(t.Context(), "a password"); done <- err }()
		}
		synctest.Wait()
		require.EqualValues(t, parallel, underWay.Load())
		require.Empty(t, done)
		close(release)
		for range wanted {
			require.NoError(t, <-done)
		}
	})
}
