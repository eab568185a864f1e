package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

var tailClauses = []clause{
	{"what is stored from now on is shown as a read returns it, and nothing older", func(t *fixture) {
		t.history(t.stream("old"), 2, 1)
		tail := t.tail()
		want := append(t.history(t.stream("1"), 2, 1), t.history(t.stream("2"), 3)...)
		assert.ElementsMatch(t, want, tail.next(3))
		assert.Equal(t, want[:2], t.read(t.stream("1"), 0))
		tail.stop()
		assert.NotContains(t, tail.seen, t.stream("old"))
	}},
	{"a large commit is shown whole", func(t *fixture) {
		tail := t.tail()
		w := writeAt(eventstore.NoStream, t.stream("large"))
		w.Events = []eventstore.Event{weighing(300_000), weighing(310_000)}
		assert.Equal(t, []eventstore.Commit{t.must(w)}, tail.next(1))
		tail.stop()
	}},
	{"hundreds of commits of a stream are shown", func(t *fixture) {
		tail := t.tail()
		t.fill(t.stream("1"), 300)
		assert.ElementsMatch(t, t.read(t.stream("1"), 0), tail.next(300))
		tail.stop()
	}},
	{"several at once are shown the same, and one that is slow holds up no other", func(t *fixture) {
		one, two := t.tail(), t.tail()
		slow, stop := iter.Pull2(t.Tailer.Tail(t.Context()))
		defer stop()
		first := make(chan struct{})
		go func() {
			defer close(first)
			_, err, ok := slow()
			assert.True(t, ok)
			assert.NoError(t, err)
		}()
		for n := 0; ; n++ {
			want := t.history(t.stream(fmt.Sprint(n)), 1)
			assert.Equal(t, want, one.next(1))
			assert.Equal(t, want, two.next(1))
			select {
			case <-first: // from here on it takes nothing
				assert.Equal(t, t.history(t.stream("last"), 1), one.next(1))
				one.stop()
				two.stop()
				return
			default:
			}
		}
	}},
	{"it keeps no position: another one begins anew", func(t *fixture) {
		first := t.tail()
		first.stop()
		t.history(t.stream("between"), 1, 1)
		second := t.tail()
		want := t.history(t.stream("1"), 1)
		assert.Equal(t, want, second.next(1))
		second.stop()
		assert.NotContains(t, second.seen, t.stream("between"))
	}},
	{"it ends without an error when ctx ends: before it begins, while it waits, and between two commits", func(t *fixture) {
		assert.Empty(t, all(t, t.Tailer.Tail(t.ended())))
		t.tail().stop()
		tail := t.tail()
		t.history(t.stream("1"), 1, 1, 1)
		tail.cancel()
		tail.stop()
	}},
	{"it may be abandoned, and read again", func(t *fixture) {
		tail := t.Tailer.Tail(t.Context())
		for range 2 {
			shown := make(chan error, 1)
			go func() {
				for _, err := range tail {
					shown <- err
					return
				}
				shown <- errors.New("it ended")
			}()
			t.until(shown, func() { t.must(writeAt(eventstore.Any, t.stream("m"), "MARK")) })
		}
	}},
	{"a commit that is shown may be changed without effect on the store", func(t *fixture) {
		tail := t.tail()
		w := writeAt(eventstore.NoStream, t.stream("1"), "A", "B")
		w.Metadata.Extra = map[string]string{"k": "v"}
		t.must(w)
		spoil(&tail.next(1)[0])
		stored := t.read(w.Stream, 0)
		require.Len(t, stored, 1)
		assert.Equal(t, w.Events, stored[0].Events)
		assert.Equal(t, w.Metadata, stored[0].Metadata)
	}},
}

// tail reads the tail of a store, and keeps what it shows of the test's own category.
type tail struct {
	t      *fixture
	shown  chan eventstore.Commit
	cancel context.CancelFunc
	ended  chan error
	seen   map[eventstore.StreamID]bool // to be read after stop
	began  chan error
}

// tail begins one, and returns when it has begun.
func (t *fixture) tail() *tail {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &tail{t: t, shown: make(chan eventstore.Commit, 10_000), cancel: cancel, ended: make(chan error, 1),
		seen: map[eventstore.StreamID]bool{}, began: make(chan error, 1)}
	t.Cleanup(cancel)
	marker := streamOf(t, newCategory(), "marker")
	go func() {
		var err error
		for c, failed := range t.Tailer.Tail(ctx) {
			if err = failed; err != nil {
				break
			}
			switch {
			case c.Stream == marker:
				select {
				case l.began <- nil:
				default: // it has begun
				}
			case c.Stream.Category() == t.category:
				l.seen[c.Stream] = true
				l.shown <- c
			}
		}
		l.ended <- err
	}()
	t.until(l.began, func() { t.must(writeAt(eventstore.Any, marker, "MARK")) })
	return l
}

// until repeats f until something comes, which must be nil.
func (t *fixture) until(something <-chan error, f func()) {
	t.Helper()
	deadline := time.After(patience)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		f()
		select {
		case err := <-something:
			require.NoError(t, err)
			return
		case <-again.C:
		case <-deadline:
			require.Fail(t, "the tail does not begin")
		}
	}
}

// next returns the next n commits.
func (l *tail) next(n int) []eventstore.Commit {
	l.t.Helper()
	var got []eventstore.Commit
	deadline := time.After(patience)
	for len(got) < n {
		select {
		case c := <-l.shown:
			got = append(got, c)
		case err := <-l.ended:
			require.Fail(l.t, "the tail has ended", "%v", err)
		case <-deadline:
			require.Fail(l.t, "the tail shows too little", "%d of %d", len(got), n)
		}
	}
	return got
}

// stop ends the tail and waits for it.
func (l *tail) stop() {
	l.t.Helper()
	l.cancel()
	select {
	case err := <-l.ended:
		require.NoError(l.t, err)
	case <-time.After(patience):
		require.Fail(l.t, "the tail does not end")
	}
}
