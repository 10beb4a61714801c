package intake_test

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/intake"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
	"afterglow/internal/testkit/warehousetest"
)

// AFTERGLOW_SOAK makes the runs of this package as long as a release asks for.
var soak = os.Getenv("AFTERGLOW_SOAK") != ""

// size is how much a run does: a little in `go test`, all of it in a soak.
func size(short, long int) int {
	if soak {
		return long
	}
	return short
}

var (
	kills       = flag.Int("kills", size(50, 1000), "how often TestSR1 kills the server")
	submissions = flag.Int("submissions", size(5000, 100_000), "how many submissions TestSR1 sends")
	seed        = flag.Uint64("seed", 0, "seed of TestSR1; 0 draws one")
)

// The child process finds its work in these variables.
const (
	childFolder = "AFTERGLOW_TEST_CRASH_FOLDER"
	childSocket = "AFTERGLOW_TEST_CRASH_SOCKET"
)

func TestMain(m *testing.M) {
	if folder := os.Getenv(childFolder); folder != "" {
		if err := serveChild(folder, os.Getenv(childSocket)); err != nil {
			fmt.Fprintln(os.Stderr, "crash child:", err)
			os.Exit(1)
		}
		return
	}
	warehousetest.Main(m)
}

// wireSubmission is a line to the child; wireReceipt is its answer.
type wireSubmission struct {
	Token, Key string
	Item9      int
}

type wireReceipt struct {
	Receipt intake.Receipt
	Error   string
}

// serveChild is the server that is killed: it takes submissions on a socket and
// answers each with its receipt, and knows nothing that is not in the registry.
func serveChild(folder, socket string) error {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // it ends when the parent does, however that ends
		os.Exit(0)
	}()
	key, err := registry.ReadMasterKey(filepath.Join(folder, "master.key"))
	if err != nil {
		return err
	}
	store, err := registry.Open(context.Background(), registry.Config{
		Path: filepath.Join(folder, "registry.sqlite"), MasterKey: key, Clock: time.Now, Logger: registrytest.Logger(),
	})
	if err != nil {
		return err
	}
	var t testing.T // only its failures are used, and they end the child
	service := service(&t, store)
	phq9 := registrytest.PHQ9(&t)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			in, out := json.NewDecoder(bufio.NewReader(conn)), json.NewEncoder(conn)
			for {
				var w wireSubmission
				if in.Decode(&w) != nil {
					return
				}
				receipt, err := service.Accept(context.Background(), intake.Submission{
					Token: w.Token, Key: w.Key, Instrument: phq9.ID, Version: phq9.Version, Answers: answers(w.Item9),
				})
				answer := wireReceipt{Receipt: receipt}
				if err != nil {
					answer.Error = err.Error()
				}
				if out.Encode(answer) != nil {
					return
				}
			}
		}()
	}
}

// child is the running server process.
type child struct {
	command *exec.Cmd
	socket  string
}

func startChild(t *testing.T, folder string, n int) *child {
	t.Helper()
	c := &child{socket: filepath.Join(folder, fmt.Sprintf("s%d", n))}
	c.command = exec.Command(os.Args[0], "-test.run=^$")
	c.command.Env = append(os.Environ(), childFolder+"="+folder, childSocket+"="+c.socket)
	c.command.Stderr = os.Stderr
	_, err := c.command.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, c.command.Start())
	for range 2000 {
		if conn, err := net.Dial("unix", c.socket); err == nil {
			require.NoError(t, conn.Close())
			return c
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("the child does not listen")
	return nil
}

func (c *child) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, c.command.Process.Kill())
	_ = c.command.Wait() // it says that it was killed
}

// client sends submissions as a phone does: the same key until there is a receipt.
type client struct {
	mu       sync.Mutex
	next     int
	work     []wireSubmission
	pending  []int
	receipts map[string]intake.Receipt
	broken   error
}

const connections = 16

// start sends from several connections and closes done when all have ended; one
// in ten sends goes out twice, as from a phone that did not hear the answer.
func (c *client) start(server *child, random *rand.Rand) (done chan struct{}) {
	var sending sync.WaitGroup
	for range connections {
		own := rand.New(rand.NewPCG(random.Uint64(), 0))
		sending.Go(func() { c.sendAll(server.socket, func() bool { return own.IntN(10) == 0 }) })
	}
	done = make(chan struct{})
	go func() { sending.Wait(); close(done) }()
	return done
}

// waitFor returns once the client holds so many receipts, or nobody sends.
func (c *client) waitFor(receipts int, done <-chan struct{}) {
	for c.held() < receipts {
		select {
		case <-done:
			return
		case <-time.After(200 * time.Microsecond):
		}
	}
}

func (c *client) take() (int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.pending); n > 0 {
		i := c.pending[n-1]
		c.pending = c.pending[:n-1]
		return i, true
	}
	if c.next == len(c.work) {
		return 0, false
	}
	c.next++
	return c.next - 1, true
}

func (c *client) giveBack(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = append(c.pending, i)
}

// keep holds a receipt against what the client was told before.
func (c *client) keep(i int, answer wireReceipt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := c.work[i].Key
	before, known := c.receipts[key]
	switch {
	case answer.Error != "":
		c.broken = fmt.Errorf("submission %s: %s", key, answer.Error)
	case known && before.Receipt != answer.Receipt.Receipt:
		c.broken = fmt.Errorf("submission %s has two receipts", key)
	}
	c.receipts[key] = answer.Receipt
}

// sendAll sends from one connection until the work is done or the server dies.
func (c *client) sendAll(socket string, twice func() bool) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer conn.Close()
	in, out := json.NewDecoder(conn), json.NewEncoder(conn)
	for {
		i, more := c.take()
		if !more {
			return
		}
		repeat := 1
		if twice() {
			repeat = 2
		}
		for range repeat {
			var answer wireReceipt
			if out.Encode(c.work[i]) != nil || in.Decode(&answer) != nil {
				c.giveBack(i)
				return
			}
			c.keep(i, answer)
		}
	}
}

func (c *client) held() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.receipts)
}

// TestSR1_EveryReceiptSurvivesKills kills the server at random moments while
// clients send. One submission in twenty is positive (SR-110).
func TestSR1_EveryReceiptSurvivesKills(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("kills %d, submissions %d; repeat with -seed %d", *kills, *submissions, *seed)
	random := rand.New(rand.NewPCG(*seed, 0))
	b := setup(t, *submissions)
	require.NoError(t, b.store.Close())
	c := &client{receipts: map[string]intake.Receipt{}}
	positive := map[string]bool{}
	for i, p := range b.patients {
		w := wireSubmission{Token: p.Token, Key: fmt.Sprintf("crash-%d", i)}
		if random.IntN(20) == 0 {
			w.Item9 = 1 + random.IntN(3)
			positive[w.Key] = true
		}
		c.work = append(c.work, w)
	}
	folder := filepath.Dir(b.folder.Path)
	for round := 0; round < *kills || c.held() < len(c.work); round++ {
		require.NoError(t, c.broken)
		server := startChild(t, folder, round)
		done := c.start(server, random)
		if round < *kills {
			// The moment is a count of receipts, spread over the whole run, and then
			// a random while, so that kills hit every part of a transaction.
			c.waitFor(len(c.work)*round / *kills, done)
			time.Sleep(time.Duration(random.IntN(8000)) * time.Microsecond)
			server.kill(t)
			<-done
			continue
		}
		<-done
		server.kill(t)
	}
	require.NoError(t, c.broken)
	b.open(t)
	checkAfterKills(t, b, c, positive)
}

func checkAfterKills(t *testing.T, b *bench, c *client, positive map[string]bool) {
	t.Helper()
	rows := b.rows(t)
	byKey := map[string]registry.JournalRow{}
	for _, r := range rows {
		byKey[r.Key] = r
	}
	require.Len(t, rows, len(c.work), "0 doubled")
	require.Len(t, byKey, len(c.work), "0 lost")
	for key, receipt := range c.receipts {
		require.Equal(t, receipt.Receipt, byKey[key].Receipt)
		require.Equal(t, receipt.Sequence, byKey[key].Sequence)
	}
	alerts := b.alerts(t)
	require.Len(t, alerts, len(positive), "alerts = positives")
	for _, a := range alerts {
		require.True(t, positive[a.Submission()])
	}
	require.NoError(t, b.store.CheckIntegrity(ctx))
	report, err := b.store.VerifyAudit(ctx, registry.AuditCheckpoint{})
	require.NoError(t, err)
	require.Zero(t, report.FirstBad, report.Why)
	require.Equal(t, len(c.work), b.actions(t, "submission-accepted"))
}
