package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/internal/retailtest"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/sqliteviews"
)

// progressOf reads the progress that a rebuild has talked of in JSON.
func progressOf(tb testing.TB, stderr string) (steps []projection.RebuildProgress) {
	tb.Helper()
	for line := range strings.Lines(stderr) {
		var step struct {
			Progress *projection.RebuildProgress `json:"progress"`
		}
		// The last line of a process that was killed may be half a line.
		if json.Unmarshal([]byte(line), &step) == nil && step.Progress != nil {
			steps = append(steps, *step.Progress)
		}
	}
	return steps
}

// folded is what a process has applied in the fold, from what was recorded before it on.
func folded(steps []projection.RebuildProgress) (before, after uint64) {
	first := true
	for _, p := range steps {
		if p.Phase != projection.PhaseFold {
			continue
		}
		if first {
			before, first = p.Applied, false
		}
		after = max(after, p.Applied)
	}
	return before, after
}

func TestARebuildWhoseCoordinatorIsKilledAgainAndAgainIsRightAndDoesLittleTwice(t *testing.T) {
	t.Parallel()
	invoices, kills, ranges := 600, 4, 16
	if soak() {
		invoices, kills, ranges = 3_000, 30, 64
	}
	data := retailtest.Open(t).First(t, invoices)
	want := expect(t, data)
	random := newRandom(t)
	loaded := newShop(t)
	loaded.must("load", data.Path)
	loaded.must("project")

	calm := newShop(t)
	copyFile(t, loaded.path("shop.db"), calm.path("shop.db"))
	began := time.Now()
	undisturbed := decode[rebuilt](t, calm.next().act("start", "--ranges", strconv.Itoa(ranges), "--json"))
	took := time.Since(began)
	requireSame(t, "undisturbed", want.net, calm.next().switched())

	s := newShop(t)
	copyFile(t, loaded.path("shop.db"), s.path("shop.db"))
	next := s.next()
	views, err := sqliteviews.Open(t.Context(), s.path("shop.db"), sqliteviews.Options{MustExist: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, views.Close()) }()
	rebuilds := func(verb string) *process {
		return next.start("rebuild", verb, "product-stats", "--yes", "--reason", "a test", "--ranges", strconv.Itoa(ranges), "--take-over", "--progress", "json", "--json")
	}
	verb, applied, killed := "start", uint64(0), 0
	for range kills {
		p := rebuilds(verb)
		ended := make(chan answer, 1) // from wait, once
		go func() { ended <- p.wait() }()
		coordinates(t, views, p.Process.Pid, ended)
		moment := time.AfterFunc(time.Duration(random.Int64N(3*int64(took)/int64(ranges))), func() { _ = p.Process.Kill() }) // some of its passes later
		a := <-ended
		moment.Stop()
		before, after := folded(progressOf(t, a.stderr))
		applied += after - before
		if a.code == -1 {
			killed++
		}
		verb = "resume"
	}
	a := rebuilds(verb).wait()
	require.Equal(t, 0, a.code, a.stderr)
	before, after := folded(progressOf(t, a.stderr))
	applied += after - before
	t.Logf("killed %d times; applied %d events, %.2f of the %d of an undisturbed rebuild, which took %.1f s", killed, applied, float64(applied)/float64(undisturbed.Applied), undisturbed.Applied, took.Seconds())
	require.Greater(t, killed, kills/2, "too few were killed before they ended")
	require.Less(t, float64(applied), 1.3*float64(undisturbed.Applied))
	requireSame(t, "version 2", want.net, next.switched())
	requireSame(t, "version 1", want.stats, s.must("dump", "product-stats"))
}

// coordinates waits until a process works on the rebuild, or has ended.
func coordinates(tb testing.TB, views projection.StateStore, pid int, ended <-chan answer) {
	tb.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for len(ended) == 0 {
		s, err := views.State(tb.Context(), "product-stats")
		require.NoError(tb, err)
		if g := s.Rebuilding(); g != nil && strings.Contains(g.Rebuild.Coordinator, fmt.Sprintf("/%d-", pid)) {
			return
		}
		<-ticker.C
	}
}

// switched switches readers to what was rebuilt, and returns it.
func (s *shop) switched() string {
	s.Helper()
	s.act("switch")
	return s.must("dump", "product-stats")
}
