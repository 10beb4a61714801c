package stats_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
)

func TestEveryRowIsDoneOnceOnOneProcessorAndOnSeveral(t *testing.T) {
	for _, processors := range []int{1, 4} {
		before := runtime.GOMAXPROCS(processors)
		for _, n := range []int{0, 1, 7, 8, 9, 100} {
			done, chunkOf := make([]int, n), make([]int, n)
			stats.SpreadRows(n, 8, func(chunk, from, to int) {
				for i := from; i < to; i++ {
					done[i]++
					chunkOf[i] = chunk
				}
			})
			for i := range n {
				require.Equal(t, 1, done[i], "row %d of %d", i, n)
				require.Equal(t, i/8, chunkOf[i], "row %d of %d", i, n)
			}
		}
		runtime.GOMAXPROCS(before)
	}
}

func TestAWorkerKeepsMemoryOfItsOwn(t *testing.T) {
	const jobs = 50
	squares := make([]int, jobs)
	stats.Spread(jobs, func() func(int) {
		scratch := make([]int, 1)
		return func(job int) {
			scratch[0] = job * job
			squares[job] = scratch[0]
		}
	})
	for job, square := range squares {
		require.Equal(t, job*job, square)
	}
}
