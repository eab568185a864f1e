package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/examples/shop/money"
	"github.com/leftfold/leftfold/internal/retailtest"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// Two workers follow a load, and end in peace when they are interrupted.
func TestWorkersKeepTheViewsUpToDateUntilTheyAreInterrupted(t *testing.T) {
	t.Parallel()
	data := retailtest.Open(t).First(t, 1_500)
	want := expect(t, data)
	s := newShop(t)
	workers := []*process{s.start("worker"), s.start("worker")}
	s.must("load", data.Path)
	upToDate := func() bool {
		return s.run("dump", "product-stats").stdout == want.stats && s.run("dump", "purchase-history").stdout == want.history
	}
	assert.Eventually(t, upToDate, time.Minute, 100*time.Millisecond)
	logged := map[string]int{}
	for _, worker := range workers {
		require.NoError(t, worker.Process.Signal(os.Interrupt))
		a := worker.wait()
		assert.Equal(t, 0, a.code)
		assert.Empty(t, a.stdout)
		assert.Regexp(t, `^(created sqlite:shop\.db\n)?worker \S+/\d+ feeds 2 projections from sqlite:shop\.db; interrupt it to stop\n`, a.stderr)
		assert.NotContains(t, a.stderr, "level=ERROR")
		for name, n := range applied(t, a.stderr) {
			logged[name] += n
		}
	}
	assert.Equal(t, map[string]int{"product-stats": want.Events, "purchase-history": want.Events}, logged, "also what was applied last")
	s.requireViews(want)
	s.requireSound(want)
}

var appliedLine = regexp.MustCompile(`(?m)^time=\S+ level=INFO msg="events applied" consumer=worker projection=(\S+) events=(\d+) waiting=\d+$`)

// applied adds up what a log says of each projection.
func applied(tb testing.TB, log string) map[string]int {
	tb.Helper()
	sum := map[string]int{}
	for _, line := range appliedLine.FindAllStringSubmatch(log, -1) {
		n, err := strconv.Atoi(line[2])
		require.NoError(tb, err)
		sum[line[1]] += n
	}
	return sum
}

// countedBeats counts the heartbeats, each of which is a durable write elsewhere.
type countedBeats struct {
	projection.ViewStore
	beats atomic.Int64
}

func (v *countedBeats) Beat(ctx context.Context, b projection.Heartbeat) error {
	v.beats.Add(1)
	return v.ViewStore.Beat(ctx, b)
}

func TestAWorkerLogsWhatItAppliedWithItsHeartbeatsAndAtTheEnd(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "worker.log"))
	require.NoError(t, err)
	defer file.Close()
	synctest.Test(t, func(t *testing.T) {
		store, views := memstore.New(), &countedBeats{ViewStore: memviews.New(memviews.Options{})}
		s := &Service{Edition: firstEdition, Store: store, Views: views, Feed: func(_ context.Context, name string, _ *slog.Logger) (eventstore.Feed, error) {
			return store.Feed(name), nil
		}}
		customers := aggregate.NewRepository(store, Customers, aggregate.Options{})
		buy := func(user string) {
			_, err := customers.Execute(t.Context(), user, Purchase("1", time.Now(), []Line{{ProductID: "p", Quantity: 1, UnitPrice: money.Pence(100)}}))
			require.NoError(t, err)
			synctest.Wait()
		}
		requireLogged := func(n int) {
			t.Helper()
			log, err := os.ReadFile(file.Name())
			require.NoError(t, err)
			require.Equal(t, map[string]int{"product-stats": n, "purchase-history": n}, applied(t, string(log)), string(log))
			require.Len(t, appliedLine.FindAllString(string(log), -1), 2*n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- (&app{out: terminal.New(terminal.Options{Stderr: file})}).follow(ctx, s, "") }()
		synctest.Wait()

		<-time.After(time.Minute + time.Second) // of the bubble's own time
		synctest.Wait()
		require.EqualValues(t, 2*(1+1+6), views.beats.Load(), "at its start, at the end of its sweep, and every 10 seconds, while nothing happens")
		buy("a")
		<-time.After(10 * time.Second)
		synctest.Wait()
		requireLogged(1)
		buy("b")
		requireLogged(1)
		cancel()
		require.NoError(t, <-ended)
		requireLogged(2)
	})
}

// A worker may be there before the first command. Its log says what it applied, no more
// often than it leaves heartbeats, and each stream that it parks.
func TestAWorkerMakesTheStoreAndLogsWhatItAppliesAndParks(t *testing.T) {
	t.Parallel()
	data := retailtest.Open(t).First(t, 300)
	want := expect(t, data)
	s := newShop(t)
	file, err := os.Create(s.path("worker.log"))
	require.NoError(t, err)
	defer file.Close()
	log := func() string {
		text, err := os.ReadFile(file.Name())
		require.NoError(t, err)
		return string(text)
	}
	until := func(what string, condition func() bool) {
		t.Helper()
		require.Eventually(t, condition, time.Minute, 10*time.Millisecond, what)
	}
	s.as = func(cmd *exec.Cmd) { cmd.Stderr = file }
	worker := s.start("worker")
	s.as = nil
	began := time.Now()
	until("it works", func() bool { return strings.Contains(log(), "interrupt it to stop\n") })
	assert.True(t, strings.HasPrefix(log(), "created sqlite:shop.db\nworker "), log())

	load := s.run("load", data.Path)
	assert.Equal(t, answer{0, load.stdout, "next: shop project\n"}, load)
	until("the views are up to date", func() bool {
		return s.run("dump", "product-stats").stdout == want.stats && s.run("dump", "purchase-history").stdout == want.history
	})
	user := busiest(want).UserID
	bad := s.append(user, "LOYALTY_JOINED", "{}")
	s.append(user, "LOYALTY_LEFT", "{}")
	until("it says what it parked", func() bool { return strings.Count(log(), "level=WARN") == 2 })
	for _, name := range []string{"product-stats", "purchase-history"} {
		assert.Regexp(t, fmt.Sprintf(`(?m)^time=\S+ level=WARN msg="projection parked a stream" consumer=worker generation=%s#1 event=%s type=LOYALTY_JOINED error=`, name, bad.EventID(0)), log())
	}

	require.NoError(t, worker.Process.Signal(os.Interrupt))
	assert.Equal(t, 0, worker.wait().code)
	assert.Equal(t, 2, strings.Count(log(), "level=WARN"), log())
	assert.Equal(t, map[string]int{"product-stats": want.Events, "purchase-history": want.Events}, applied(t, log()))
	lines := len(appliedLine.FindAllString(log(), -1))
	assert.LessOrEqual(t, lines, 2*(2+int(time.Since(began)/(10*time.Second))), log())
}

// What is interrupted says so, and goes on when it is called again.
func TestAnInterruptedLoadAndProjectSaySoAndGoOn(t *testing.T) {
	t.Parallel()
	data := retailtest.Open(t).First(t, 1_000)
	want := expect(t, data)
	s := newShop(t)
	stops := map[string]string{"load": `^created sqlite:shop\.db\nstopped: [\d,]+ events? of \S+ (is|are) known to be in the store\n`, "project": `^`}
	for _, command := range [][]string{{"load", data.Path}, {"project"}} {
		p := s.start(command...)
		began := func() bool { // it has written something
			info, err := os.Stat(s.path("shop.db-wal"))
			return err == nil && info.Size() > 100_000
		}
		require.Eventually(t, began, time.Minute, time.Millisecond)
		require.NoError(t, p.Process.Signal(os.Interrupt))
		a := p.wait()
		assert.Equal(t, answer{130, "", a.stderr}, a)
		assert.Regexp(t, stops[command[0]]+`interrupted\nhint: give the command again; what was done is not done twice\n$`, a.stderr)
		s.must(command...)
	}
	s.requireViews(want)
	s.requireSound(want)
}
