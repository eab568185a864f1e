package main

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
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
	// undisturbed is a shop that was left in peace, and how long that took.
	undisturbed         *shop
	loading, projecting time.Duration
	log, purchases      string
}

// trials, and rounds of kills in each. A soak makes ten times as many, on more data.
const (
	killTrials  = 3
	killRounds  = 4
	killInvoces = 1_500
)

func soak() bool { return os.Getenv("LEFTFOLD_SOAK") != "" }

// newKilling loads and projects once without a disturbance.
func newKilling(tb testing.TB) *killing {
	tb.Helper()
	seed, err := strconv.ParseUint(os.Getenv("LEFTFOLD_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	tb.Logf("run it again with LEFTFOLD_SEED=%d", seed)
	invoices := killInvoces
	if soak() {
		invoices *= 4
	}
	k := &killing{TB: tb, random: rand.New(rand.NewPCG(seed, 0)), data: retailtest.Open(tb).First(tb, invoices), undisturbed: newShop(tb)}
	k.want = expect(tb, k.data)
	began := time.Now()
	k.undisturbed.must("load", k.data.Path)
	k.loading = time.Since(began)
	copyFile(tb, k.undisturbed.path("shop.db"), k.undisturbed.path("loaded.db"))
	began = time.Now()
	k.undisturbed.must("project")
	k.projecting = time.Since(began)
	k.log, k.purchases = k.undisturbed.log(), k.undisturbed.must("dump", "purchases")
	tb.Logf("%d events; undisturbed, loading takes %v and projecting %v", k.want.Events, k.loading, k.projecting)
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

// disturb runs trials, each on a shop of its own: it starts the commands at once, kills
// each of them at a random moment within a span, and does so again on what they left.
// Then it lets commands end what was begun, and compares.
func (k *killing) disturb(name string, prepare func(*shop), span time.Duration, commands, finish [][]string) {
	k.Helper()
	trials, killed, started := killTrials, 0, 0
	if soak() {
		trials *= 10
	}
	for trial := range trials {
		s := newShop(k)
		prepare(s)
		for range killRounds {
			for _, p := range k.startAll(s, commands, span) {
				if a := p.wait(); a.code == -1 {
					killed++
				} else {
					require.Equal(k, 0, a.code, "%s, trial %d: %s", name, trial+1, a.stderr)
				}
				started++
			}
		}
		for _, command := range finish {
			s.must(command...)
		}
		s.requireViews(k.want)
		s.requireSound(k.want)
		requireSame(k, "the streams", k.log, s.log())
		requireSame(k, "purchases", k.purchases, s.must("dump", "purchases"))
	}
	k.Logf("%s: killed %d of %d processes", name, killed, started)
	require.Greater(k, killed, started/3, "too few were killed before they ended")
}

func (k *killing) startAll(s *shop, commands [][]string, span time.Duration) []*process {
	var all []*process
	for _, command := range commands {
		p := s.start(command...)
		moment := time.Duration(k.random.Int64N(int64(span)))
		kill := time.AfterFunc(moment, func() { _ = p.Process.Kill() })
		k.Cleanup(func() { kill.Stop() })
		all = append(all, p)
	}
	return all
}

func TestNothingIsLostOrDoubledWhenProcessesAreKilled(t *testing.T) {
	t.Parallel()
	k := newKilling(t)
	empty := func(*shop) {}
	loaded := func(s *shop) { copyFile(s, k.undisturbed.path("loaded.db"), s.path("shop.db")) }
	load, project, worker := []string{"load", k.data.Path}, []string{"project"}, []string{"worker"}

	k.disturb("two loaders of one file", empty, k.loading, [][]string{load, load}, [][]string{load, project})
	k.disturb("two projectors", loaded, k.projecting, [][]string{project, project}, [][]string{project})
	k.disturb("a loader and a worker", empty, k.loading, [][]string{load, worker}, [][]string{load, project})
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
