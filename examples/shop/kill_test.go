package main

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/internal/retailtest"
)

// killing is how a test kills processes, and what must be there in the end.
type killing struct {
	testing.TB
	random *rand.Rand
	data   retailtest.Data
	want   expected
	// undisturbed is a shop that was left in peace, and what it came to.
	undisturbed    *shop
	log, purchases string
}

// trials, and rounds of kills in each. A soak makes thirty times as many, on more data.
const (
	killTrials   = 1
	killRounds   = 5
	killInvoices = 500
)

func soak() bool { return os.Getenv("LEFTFOLD_SOAK") != "" }

// newRandom makes the choices of a test, and says how to make them again.
func newRandom(tb testing.TB) *rand.Rand {
	tb.Helper()
	seed, err := strconv.ParseUint(os.Getenv("LEFTFOLD_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	tb.Logf("run it again with LEFTFOLD_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// newKilling loads and projects once without a disturbance.
func newKilling(tb testing.TB) *killing {
	tb.Helper()
	invoices := killInvoices
	if soak() {
		invoices *= 12
	}
	k := &killing{TB: tb, random: newRandom(tb), data: retailtest.Open(tb).First(tb, invoices), undisturbed: newShop(tb)}
	k.want = expect(tb, k.data)
	k.undisturbed.must("load", k.data.Path)
	copyFile(tb, k.undisturbed.path("shop.db"), k.undisturbed.path("loaded.db"))
	k.undisturbed.must("project")
	k.log, k.purchases = k.undisturbed.log(), k.undisturbed.must("dump", "purchases")
	tb.Logf("%d events", k.want.Events)
	return k
}

// log returns every commit of the store, a line each.
func (s *shop) log() string {
	s.Helper()
	store, err := sqlitestore.Open(s.Context(), s.path("shop.db"), sqlitestore.Options{MustExist: true})
	require.NoError(s, err)
	defer func() { require.NoError(s, store.Close()) }()
	var b strings.Builder
	for scanned, err := range store.ReadAll(s.Context(), eventstore.Cursor{}) {
		require.NoError(s, err)
		c := scanned.Commit
		content := sha256.New()
		for _, e := range c.Events {
			fmt.Fprintf(content, "%s %d %s\n", e.Type, e.Schema, e.Payload)
		}
		fmt.Fprintf(&b, "%s %s %d events at %s: %x\n", c.EventID(0), c.ID, len(c.Events), c.Time, content.Sum(nil))
	}
	return b.String()
}

// disturbance is what a test kills: commands that work at once, how far they have
// come, and what ends in peace what they began.
type disturbance struct {
	name     string
	prepare  func(*shop)
	commands [][]string
	progress string // a query
	finish   [][]string
}

// disturb runs trials, each on a shop of its own. It kills the commands when they have
// just started, and again at random stages of their work, each at a moment of its own
// and on what the killed ones left. Then it lets the work be finished, and compares.
func (k *killing) disturb(d disturbance) {
	k.Helper()
	trials, killed, started, torn := killTrials, 0, 0, 0
	if soak() {
		trials *= 30
	}
	all := k.progress(k.undisturbed, d.progress)
	for trial := range trials {
		s := newShop(k)
		d.prepare(s)
		stages := []int{0}
		for range killRounds {
			stages = append(stages, k.random.IntN(all))
		}
		slices.Sort(stages)
		for _, stage := range stages {
			for _, a := range k.kill(s, d, stage) {
				require.Contains(k, []int{-1, 0}, a.code, "%s, trial %d, stage %d: %s", d.name, trial+1, stage, a.stderr)
				started++
				if a.code == -1 {
					killed++
				}
			}
			if info, err := os.Stat(s.path("shop.db-wal")); err == nil && info.Size() > 0 {
				torn++ // nobody has tidied up
			}
		}
		for _, command := range d.finish {
			s.must(command...)
		}
		s.requireViews(k.want)
		s.requireSound(k.want)
		requireSame(k, "the streams", k.log, s.log())
		requireSame(k, "purchases", k.purchases, s.must("dump", "purchases"))
	}
	k.Logf("%s: killed %d of %d processes, left the log behind in %d of %d rounds", d.name, killed, started, torn, started/len(d.commands))
	require.Greater(k, killed, started/2, "too few were killed before they ended")
	require.Greater(k, torn, started/len(d.commands)/2, "there was too rarely something to recover")
}

// kill starts the commands, and kills them soon after their work has come to a stage.
func (k *killing) kill(s *shop, d disturbance, stage int) (answers []answer) {
	var processes []*process
	ended := make(chan answer, len(d.commands))
	for _, command := range d.commands {
		p := s.start(command...)
		processes = append(processes, p)
		go func() { ended <- p.wait() }()
	}
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for stage > 0 && len(ended) < cap(ended) && k.progress(s, d.progress) < stage {
		<-ticker.C
	}
	for _, p := range processes {
		moment := time.Duration(k.random.Int64N(int64(20 * time.Millisecond)))
		kill := time.AfterFunc(moment, func() { _ = p.Process.Kill() })
		k.Cleanup(func() { kill.Stop() })
	}
	for range processes {
		answers = append(answers, <-ended)
	}
	return answers
}

// progress runs a query on a store that others write to. It must not tidy up behind
// them, as the last connection to close a file does: so it is read-only.
func (k *killing) progress(s *shop, query string) (n int) {
	db, err := sql.Open("sqlite", "file:"+s.path("shop.db")+"?mode=ro")
	require.NoError(k, err)
	defer db.Close()
	_ = db.QueryRow(query).Scan(&n) // there may be no file or no table yet
	return n
}

func TestNothingIsLostOrDoubledWhenProcessesAreKilled(t *testing.T) {
	t.Parallel()
	k := newKilling(t)
	empty := func(*shop) {}
	loaded := func(s *shop) { copyFile(s, k.undisturbed.path("loaded.db"), s.path("shop.db")) }
	load, project, worker := []string{"load", k.data.Path}, []string{"project"}, []string{"worker"}
	const commits = "SELECT max(position) FROM commits"
	const applied = "SELECT sum(version) FROM checkpoints"

	k.disturb(disturbance{"two loaders of one file", empty, [][]string{load, load}, commits, [][]string{load, project}})
	k.disturb(disturbance{"two projectors", loaded, [][]string{project, project}, applied, [][]string{project}})
	k.disturb(disturbance{"a loader and a worker", empty, [][]string{load, worker}, applied, [][]string{load, project}})
}

// Two processes that are left in peace share the work and do not stand in each other's way.
func TestTwoProcessesDoTheSameWorkAtOnce(t *testing.T) {
	t.Parallel()
	k := newKilling(t)
	s := newShop(t)
	for _, command := range [][]string{{"load", k.data.Path}, {"project"}} {
		for _, p := range []*process{s.start(command...), s.start(command...)} {
			a := p.wait()
			require.Equal(t, 0, a.code, a.stderr)
		}
		s.requireSound(k.want)
	}
	s.requireViews(k.want)
	requireSame(t, "the streams", k.log, s.log())
	requireSame(t, "purchases", k.purchases, s.must("dump", "purchases"))
}
