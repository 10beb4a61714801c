// Package engine runs the embedded ClickHouse: libchdb in a child process behind ClickHouse's HTTP
// interface on two Unix sockets. Floor: store.
//
// It must not know what is stored: no table names, no domain types, no other package of ours. A
// ClickHouse server can stand in its place, so nothing but connections (Dial) leaves it.
//
// # Who does what
//
// The parent (Start, Engine) owns the data folder by a file lock, opens the sockets, starts the
// child, asks it every few seconds whether it is alive, and starts another one when it is not. The
// parent alone decides; the child only ever serves or ends.
//
//	           Start                    first answer
//	[stopped] -------> [starting] ----------------------> [up]
//	    ^                  |  ends or stays silent          |  dies, or misses health queries
//	    |                  v                                v
//	    |   Close    [restarting] <-------------------------+
//	    +----------------- |  after the back-off: a new child, [starting] again
//
// The child (Serve) goes through two stages in one process id: it confines itself (Landlock,
// seccomp, no capabilities) on one thread and executes itself again, so that the limits hold for
// every thread of the second stage, libchdb's included; then it loads libchdb and serves. It ends when its standard
// input closes, which the kernel does for it when the parent dies.
//
// # Two sockets
//
// rw.sock takes migrations, inserts and deletes. ro.sock takes reads: its sessions are opened with
// readonly=1 and limits on time, memory and rows, and each statement is classified by ClickHouse's
// own parser first. readonly=1 is not a boundary against the file system or the network (file(),
// INTO OUTFILE and DESCRIBE TABLE url() pass it); the confinement of the process is.
//
// # One session a statement
//
// A libchdb connection runs one statement at a time and carries settings, the current database and
// temporary tables from one to the next. Opening one costs about 0.3 ms, so every statement gets its
// own and nothing carries over; the pools bound how many run at once and how many wait.
package engine
