package stats

import (
	"runtime"
	"sync"
)

// Spread does the jobs 0 to n-1 on all processors, each once, and returns when all are done. Every worker calls begin for
// what does its jobs, so that it may have memory of its own. Jobs are done in no set order: what is added up must be added
// by the caller, job by job, so that a sum does not depend on the machine.
func Spread(n int, begin func() func(job int)) {
	workers := min(n, runtime.GOMAXPROCS(0))
	if workers < 2 {
		do := begin()
		for job := range n {
			do(job)
		}
		return
	}
	work := make(chan int)
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			do := begin()
			for job := range work {
				do(job)
			}
		})
	}
	for job := range n {
		work <- job
	}
	close(work)
	wait.Wait()
}

// Chunks is how many chunks of size rows n rows make.
func Chunks(n, size int) int { return (n + size - 1) / size }

// SpreadRows does the rows from..to of every chunk of size rows on all processors, as Spread does. Chunks, not workers,
// must set the order of addition.
func SpreadRows(n, size int, do func(chunk, from, to int)) {
	Spread(Chunks(n, size), func() func(int) {
		return func(chunk int) { do(chunk, chunk*size, min((chunk+1)*size, n)) }
	})
}
