package intake_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

// BenchmarkAccept sends from many senders at once, so that they share commits.
func BenchmarkAccept(b *testing.B) {
	s := setup(b, b.N)
	var next atomic.Int64
	b.SetParallelism(64)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := int(next.Add(1)) - 1
			_, err := s.service.Accept(ctx, s.submission(i, fmt.Sprintf("bench-%d", i), answers(0)))
			require.NoError(b, err)
		}
	})
}

// BenchmarkAcceptAlone is one sender, who waits for every commit.
func BenchmarkAcceptAlone(b *testing.B) {
	s := setup(b, b.N)
	b.ResetTimer()
	for i := range b.N {
		_, err := s.service.Accept(ctx, s.submission(i, fmt.Sprintf("bench-%d", i), answers(0)))
		require.NoError(b, err)
	}
}

// BenchmarkWrite is the floor beneath Accept: the same senders, one audit row each.
func BenchmarkWrite(b *testing.B) {
	store := registrytest.NewFolder(b).Open(b)
	b.SetParallelism(64)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			require.NoError(b, store.Write(ctx, registry.System("bench"), func(tx *registry.Tx) error {
				return tx.Audit(registry.Event{Action: "tried", SubjectKind: "bench", Subject: "write"})
			}))
		}
	})
}
