package main

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/internal/retailtest"
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
	for _, worker := range workers {
		require.NoError(t, worker.Process.Signal(os.Interrupt))
		a := worker.wait()
		assert.Equal(t, 0, a.code)
		assert.Empty(t, a.stdout)
		assert.Regexp(t, `^worker \S+/\d+ feeds 2 projections from sqlite:shop\.db; interrupt it to stop\n`, a.stderr)
		assert.NotContains(t, a.stderr, "level=ERROR")
	}
	s.requireViews(want)
	s.requireSound(want)
}

// What is interrupted says so, and goes on when it is called again.
func TestAnInterruptedLoadAndProjectSaySoAndGoOn(t *testing.T) {
	t.Parallel()
	data := retailtest.Open(t).First(t, 1_000)
	want := expect(t, data)
	s := newShop(t)
	for _, command := range [][]string{{"load", data.Path}, {"project"}} {
		p := s.start(command...)
		began := func() bool { // it has written something
			info, err := os.Stat(s.path("shop.db-wal"))
			return err == nil && info.Size() > 100_000
		}
		require.Eventually(t, began, time.Minute, time.Millisecond)
		require.NoError(t, p.Process.Signal(os.Interrupt))
		assert.Equal(t, answer{130, "", "interrupted\nhint: give the command again; what was done is not done twice\n"}, p.wait(), command[0])
		s.must(command...)
	}
	s.requireViews(want)
	s.requireSound(want)
}
