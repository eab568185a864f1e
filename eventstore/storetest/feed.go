package storetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

var feedClauses = []clause{
	{"what was appended before and during the run is announced, with its content", func(t *fixture) {
		want := t.history(t.stream("1"), 2, 1)
		feed := t.listen("consumer", nil)
		want = append(want, t.history(t.stream("2"), 1, 3)...)
		for _, a := range feed.next(len(want)) {
			c := a.Commit
			require.NotNil(t, c)
			assert.Contains(t, want, *c)
			assert.Equal(t, eventstore.Announce(c), a)
			assert.Equal(t, []eventstore.Commit{*c}, t.read(a.Stream, a.First)[:1])
			assert.Equal(t, c.Time, a.Time)
		}
		feed.stop()
	}},
	{"hundreds of commits are announced, each once while it runs", func(t *fixture) {
		feed := t.listen("consumer", nil)
		t.fill(t.stream("1"), 700)
		feed.next(700)
		t.must(writeAt(eventstore.NoStream, t.stream("2"), "LAST"))
		assert.Equal(t, t.stream("2"), feed.next(1)[0].Stream)
		feed.stop()
		assert.Len(t, feed.calls, 701)
		for id, calls := range feed.calls {
			assert.Equal(t, 1, calls, "announcements of %s", id)
		}
	}},
	{"batches come one at a time", func(t *fixture) {
		t.history(t.stream("1"), 1, 1, 1)
		var running atomic.Int32
		feed := t.listen("consumer", func(context.Context, eventstore.Announcement) bool {
			assert.Equal(t, int32(1), running.Add(1))
			defer running.Add(-1)
			return true
		})
		t.fill(t.stream("2"), 50)
		feed.next(53)
		feed.stop()
	}},
	{"what failed comes again after a pause, until it is taken care of, and the others do not", func(t *fixture) {
		var tries []time.Time
		t.history(t.stream("before"), 1, 1)
		feed := t.listen("consumer", func(_ context.Context, a eventstore.Announcement) bool {
			if a.Stream == t.stream("bad") && a.First == 2 {
				tries = append(tries, time.Now())
				return len(tries) == 4
			}
			return true
		})
		t.history(t.stream("bad"), 1, 1, 1)
		t.history(t.stream("after"), 1)
		feed.next(6) // all, the bad one as the last or before
		feed.stop()
		assert.Len(t, tries, 4)
		for i := 1; i < len(tries); i++ {
			assert.Greater(t, tries[i].Sub(tries[i-1]), time.Millisecond)
		}
		for id, calls := range feed.calls {
			assert.Equal(t, map[bool]int{true: 4, false: 1}[id.Stream == t.stream("bad") && id.Version == 2], calls, "announcements of %s", id)
		}
	}},
	{"it goes on where it was, so that what was taken care of does not come again", func(t *fixture) {
		t.history(t.stream("1"), 1, 1)
		first := t.listen("consumer", nil)
		first.next(2)
		first.stop()
		t.history(t.stream("2"), 1)
		second := t.listen("consumer", nil)
		assert.Equal(t, t.stream("2"), second.next(1)[0].Stream)
		second.stop()
		assert.Len(t, second.calls, 1)
	}},
	{"what failed before the end comes again in the next run", func(t *fixture) {
		t.history(t.stream("1"), 1, 1)
		failed := make(chan struct{})
		first := t.listen("consumer", func(_ context.Context, a eventstore.Announcement) bool {
			if a.First == 1 {
				select {
				case <-failed:
				default:
					close(failed)
				}
			}
			return a.First != 1
		})
		t.await(failed, "it is announced")
		first.next(1)
		first.stop()
		second := t.listen("consumer", nil)
		for second.next(1)[0].First != 1 { // the other may be repeated
		}
		second.stop()
	}},
	{"consumers are independent", func(t *fixture) {
		t.history(t.stream("1"), 1, 1)
		stuck := t.listen("stuck", func(context.Context, eventstore.Announcement) bool { return false })
		one, two := t.listen("one", nil), t.listen("two", nil)
		one.next(2)
		two.next(2)
		t.history(t.stream("2"), 1)
		one.next(1)
		two.next(1)
		one.stop()
		two.stop()
		stuck.stop()
		three := t.listen("three", nil)
		three.next(3)
		three.stop()
	}},
	{"it ends with nil when ctx ends: before it begins, while it waits, and inside handle", func(t *fixture) {
		assert.NoError(t, t.Feed("consumer").Run(t.ended(), func(context.Context, eventstore.Batch) []eventstore.Announcement { return nil }))
		t.listen("consumer", nil).stop()
		t.history(t.stream("1"), 1)
		inside := make(chan struct{})
		feed := t.listen("consumer", func(ctx context.Context, _ eventstore.Announcement) bool {
			close(inside)
			<-ctx.Done()
			return false
		})
		t.await(inside, "it is announced")
		feed.stop()
		again := t.listen("consumer", nil)
		again.next(1)
		again.stop()
	}},
	{"an announced commit may be changed without effect on the store", func(t *fixture) {
		w := writeAt(eventstore.NoStream, t.stream("1"), "A", "B")
		w.Metadata.Extra = map[string]string{"k": "v"}
		t.must(w)
		t.announced(func(c *eventstore.Commit) { spoil(c) })
		stored := t.read(w.Stream, 0)
		require.Len(t, stored, 1)
		assert.Equal(t, w.Events, stored[0].Events)
		assert.Equal(t, w.Metadata, stored[0].Metadata)
	}},
	{"the position of a feed outlives the process", func(t *fixture) {
		t.history(t.stream("1"), 1, 1)
		feed := t.listen("consumer", nil)
		feed.next(2)
		feed.stop()
		t.Backend = t.Reopen(t)
		t.history(t.stream("2"), 1)
		feed = t.listen("consumer", nil)
		assert.Equal(t, t.stream("2"), feed.next(1)[0].Stream)
		feed.stop()
	}},
	{"everything that failed of a stream comes again, perhaps as one announcement, also after a restart", func(t *fixture) {
		bad := t.stream("bad")
		t.history(bad, 1, 2, 1)
		t.history(t.stream("good"), 1)
		refuse := func(_ context.Context, a eventstore.Announcement) bool { return a.Stream != bad }
		feed := t.listen("consumer", refuse)
		assert.Equal(t, t.stream("good"), feed.next(1)[0].Stream)
		feed.stop()
		var healed atomic.Bool
		feed = t.listen("consumer", func(ctx context.Context, a eventstore.Announcement) bool { return healed.Load() || refuse(ctx, a) })
		t.history(t.stream("better"), 1)
		for feed.next(1)[0].Stream != t.stream("better") { // "good" may come again
			continue
		}
		healed.Store(true)
		covered := map[eventstore.Version]bool{}
		for len(covered) < 4 {
			a := feed.next(1)[0]
			for v := a.First; a.Stream == bad && v <= a.Last; v++ {
				covered[v] = true
			}
		}
		feed.stop()
	}},
}

// listener runs a feed and keeps what it announces of the test's own category.
type listener struct {
	t      *fixture
	taken  chan eventstore.Announcement // what was taken care of, in order
	cancel context.CancelFunc
	ended  chan error
	calls  map[eventstore.EventID]int // of handle; to be read after stop
}

// listen runs the feed of a consumer until stop. handle, if not nil, says of each
// announcement whether it is taken care of.
func (t *fixture) listen(consumer string, handle func(context.Context, eventstore.Announcement) bool) *listener {
	ctx, cancel := context.WithCancel(t.Context())
	l := &listener{t: t, taken: make(chan eventstore.Announcement, 10_000), cancel: cancel,
		ended: make(chan error, 1), calls: map[eventstore.EventID]int{}}
	feed := t.Feed(t.category + consumer)
	go func() {
		l.ended <- feed.Run(ctx, func(ctx context.Context, b eventstore.Batch) (failed []eventstore.Announcement) {
			for _, a := range b.Announcements {
				if a.Stream.Category() == t.category && !l.take(ctx, a, handle) {
					failed = append(failed, a)
				}
			}
			return failed
		})
	}()
	t.Cleanup(cancel)
	return l
}

func (l *listener) take(ctx context.Context, a eventstore.Announcement, handle func(context.Context, eventstore.Announcement) bool) bool {
	l.calls[eventstore.EventID{Stream: a.Stream, Version: a.First}]++
	if handle != nil && !handle(ctx, a) {
		return false
	}
	l.taken <- a
	return true
}

// next returns the next n announcements that were taken care of.
func (l *listener) next(n int) []eventstore.Announcement {
	l.t.Helper()
	var got []eventstore.Announcement
	deadline := time.After(patience)
	for len(got) < n {
		select {
		case a := <-l.taken:
			got = append(got, a)
		case err := <-l.ended:
			require.Fail(l.t, "the feed has ended", "%v", err)
		case <-deadline:
			require.Fail(l.t, "the feed announces too little", fmt.Sprintf("%d of %d", len(got), n))
		}
	}
	return got
}

// stop ends the feed and waits for it.
func (l *listener) stop() {
	l.t.Helper()
	l.cancel()
	select {
	case err := <-l.ended:
		require.NoError(l.t, err)
	case <-time.After(patience):
		require.Fail(l.t, "the feed does not end")
	}
}

// announced calls f with each commit of the test's own category, once.
func (t *fixture) announced(f func(*eventstore.Commit)) {
	t.Helper()
	feed := t.listen("announced", nil)
	for _, a := range feed.next(len(t.scanned(eventstore.Cursor{}))) {
		f(a.Commit)
	}
	feed.stop()
}
