package dynamofeed

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// river is a stream whose shards a test divides. An iterator is "shard/number of the next
// record".
type river struct {
	mu      sync.Mutex
	t       testing.TB
	store   *memstore.Store
	listed  []shard
	content map[string][]record
	n       int
	fault   error // of the next request for records
}

func newRiver(t testing.TB) *river {
	return &river{t: t, store: memstore.New(), content: map[string][]record{}}
}

// divide closes a shard, if it is there, and makes others that follow it.
func (r *river) divide(parent string, children ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.listed {
		r.listed[i].closed = r.listed[i].closed || r.listed[i].id == parent
	}
	for _, id := range children {
		r.listed = append(r.listed, shard{id: id, parent: parent})
	}
}

// add appends a commit, which is announced in a shard, and returns its stream.
func (r *river) add(shard string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	stream := streamOf(r.t, "user", r.n)
	c, err := r.store.Append(r.t.Context(), eventstore.Write{Stream: stream, Events: []eventstore.Event{{Type: "A", Schema: 1, Payload: []byte(`{}`)}}})
	require.NoError(r.t, err)
	r.content[shard] = append(r.content[shard], record{sequence: strconv.Itoa(r.n), announcement: eventstore.Announce(&c)})
	return stream.String()
}

// fail lets the next request for records fail.
func (r *river) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault = err
}

func (r *river) shards(context.Context) ([]shard, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]shard(nil), r.listed...), nil
}

func (r *river) children(context.Context, string) ([]shard, error) { return nil, errors.ErrUnsupported }

func (r *river) iterator(_ context.Context, shard string, from place) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := 0
	for i, rec := range r.content[shard] {
		if sequence, ok := from.number(afterPrefix); from == latest || ok && !comesAfter(rec.sequence, sequence) {
			at = i + 1
		}
	}
	return fmt.Sprintf("%s/%d", shard, at), nil
}

func (r *river) records(_ context.Context, iterator string) (found []record, next string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fault; err != nil {
		r.fault = nil
		return nil, "", err
	}
	var id string
	var at int
	_, err = fmt.Sscanf(iterator, "%1s/%d", &id, &at)
	require.NoError(r.t, err)
	for _, s := range r.listed {
		if s.id == id && s.closed {
			return r.content[id][at:], "", nil
		}
	}
	return r.content[id][at:], fmt.Sprintf("%s/%d", id, len(r.content[id])), nil
}

// showing begins a tail of a river in a bubble. shown returns what was shown since, when
// there is nothing more; end ends it and returns its error.
func showing(r *river, opts Options) (shown func() []string, end func() error) {
	var mu sync.Mutex
	var streams []string
	ctx, cancel := context.WithCancel(r.t.Context())
	ended := make(chan error, 1)
	tailer := &Tailer{r, r.store, opts.withDefaults()}
	go func() {
		var failed error
		for c, err := range tailer.Tail(ctx) {
			mu.Lock()
			if failed = err; err == nil {
				streams = append(streams, c.Stream.String())
			}
			mu.Unlock()
		}
		ended <- failed
	}()
	synctest.Wait()
	shown = func() []string {
		sleep(r.t.Context(), 3*listAgain) // of the bubble's time
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		got := streams
		streams = nil
		return got
	}
	return shown, func() error {
		cancel()
		return <-ended
	}
}

func TestATailFollowsTheShardsThatFollow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRiver(t)
		r.divide("", "z")
		r.add("z")
		r.divide("z", "a", "b")
		r.add("a")
		shown, end := showing(r, Options{})
		assert.Empty(t, shown(), "older")
		want := []string{r.add("a"), r.add("b")}
		assert.ElementsMatch(t, want, shown())
		want = []string{r.add("a")}
		r.divide("a", "c", "d")
		want = append(want, r.add("c"), r.add("d"), r.add("b"))
		assert.ElementsMatch(t, want, shown())
		r.divide("b", "e") // b has ended without a record that was not read
		want = []string{r.add("e")}
		for i, next := range []string{"f", "g", "h", "i", "j", "k"} { // at once
			r.divide("efghij"[i:i+1], next)
			want = append(want, r.add(next))
		}
		var got []string
		for range want {
			got = append(got, shown()...)
		}
		assert.Equal(t, want, got, "a shard is shown before those that follow it")
		assert.NoError(t, end())
	})
}

func TestATailThatFailsForAMomentGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRiver(t)
		r.divide("", "a")
		shown, end := showing(r, Options{})
		for _, fault := range []error{dynamotable.ErrThrottled, errExpired, errors.New("cut")} {
			want := []string{r.add("a")}
			assert.Equal(t, want, shown())
			r.fail(fault)
			want = []string{r.add("a")}
			assert.Equal(t, want, shown(), fault)
		}
		assert.NoError(t, end())
	})
}

func TestATailEndsWithWhatLasts(t *testing.T) {
	t.Parallel()
	damage := &eventstore.CorruptError{Stream: streamOf(t, "user", 1), Version: 1, Reason: "its commit was removed"}
	for _, test := range []struct {
		name  string
		cause func(*river)
		err   error
	}{
		{"a right that is missing", func(r *river) { r.fail(dynamotable.ErrDenied) }, dynamotable.ErrDenied},
		{"a commit that was removed", func(r *river) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.content["a"] = append(r.content["a"], record{sequence: "9", damage: damage})
		}, eventstore.ErrCorrupt},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRiver(t)
				r.divide("", "a")
				shown, end := showing(r, Options{})
				test.cause(r)
				assert.Empty(t, shown())
				assert.ErrorIs(t, end(), test.err)
			})
		})
	}
}
