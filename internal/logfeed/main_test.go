package logfeed_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/logfeed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errLog = errors.New("the log does not answer")

// log is a log in memory.
type log struct {
	sync.Mutex
	entries  []logfeed.Entry
	heads    map[string]eventstore.Version
	grown    chan struct{}
	position int64
	saves    []int64
	broken   error // the answer of After
	unsaved  error // the answer of SavePosition
	reads    int
}

func newLog(n int) *log {
	l := &log{grown: make(chan struct{}), heads: map[string]eventstore.Version{}}
	l.grow(n)
	return l
}

// grow appends n commits of a stream each.
func (l *log) grow(n int) {
	l.Lock()
	first := len(l.entries) + 1
	l.Unlock()
	for i := range n {
		l.add(fmt.Sprint(first + i))
	}
}

// add appends a commit of two events to each of these streams.
func (l *log) add(ids ...string) {
	l.Lock()
	defer l.Unlock()
	for _, id := range ids {
		position := int64(len(l.entries) + 1)
		stream, _ := eventstore.NewStreamID("user", id)
		l.entries = append(l.entries, logfeed.Entry{Position: position, Announcement: eventstore.Announce(&eventstore.Commit{
			Stream: stream, First: l.heads[id] + 1, ID: fmt.Sprint(position), Time: timeOf(position), Events: make([]eventstore.Event, 2)})})
		l.heads[id] += 2
	}
	close(l.grown)
	l.grown = make(chan struct{})
}

func timeOf(position int64) time.Time { return time.Unix(position, 0).UTC() }

func (l *log) After(_ context.Context, position int64, n int) ([]logfeed.Entry, error) {
	l.Lock()
	defer l.Unlock()
	l.reads++
	if l.broken != nil {
		return nil, l.broken
	}
	rest := l.entries[position:]
	entries := slices.Clone(rest[:min(n, len(rest))])
	for i := range entries { // the content is the handler's
		entries[i].Announcement.Commit = new(*entries[i].Announcement.Commit)
	}
	return entries, nil
}

func (l *log) Wait(ctx context.Context, position int64) error {
	l.Lock()
	length, grown := int64(len(l.entries)), l.grown
	l.Unlock()
	if length > position {
		return nil
	}
	select {
	case <-grown:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *log) Position(context.Context) (int64, error) {
	l.Lock()
	defer l.Unlock()
	return l.position, l.broken
}

func (l *log) SavePosition(_ context.Context, position int64) error {
	l.Lock()
	defer l.Unlock()
	if l.unsaved != nil {
		return l.unsaved
	}
	l.position = position
	l.saves = append(l.saves, position)
	return nil
}

// fail sets the answers of After and SavePosition.
func (l *log) fail(broken, unsaved error) {
	l.Lock()
	defer l.Unlock()
	l.broken, l.unsaved = broken, unsaved
}

// saved returns the positions that were saved, the last one first.
func (l *log) saved() (last int64, all []int64) {
	l.Lock()
	defer l.Unlock()
	return l.position, slices.Clone(l.saves)
}

// running is a feed under way in a bubble.
type running struct {
	log    *log
	t      *testing.T
	cancel context.CancelFunc
	ended  chan error
	// calls holds when each position was handed over, since the start. The log's
	// mutex guards it; after stop nobody writes it.
	calls map[int64][]time.Duration
}

// run starts a feed. fails says which positions its handler returns as failed.
func run(t *testing.T, l *log, fails func(position int64) bool) *running {
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{log: l, t: t, cancel: cancel, ended: make(chan error, 1), calls: map[int64][]time.Duration{}}
	began := time.Now()
	go func() {
		r.ended <- logfeed.Run(ctx, l, func(_ context.Context, b eventstore.Batch) (failed []eventstore.Announcement) {
			for _, a := range b.Announcements {
				position, _ := strconv.ParseInt(a.Stream.ID(), 10, 64)
				l.Lock()
				r.calls[position] = append(r.calls[position], time.Since(began))
				l.Unlock()
				if fails(position) {
					failed = append(failed, a)
				}
				if a.Commit != nil {
					*a.Commit = eventstore.Commit{} // it is the handler's
				}
			}
			return failed
		})
	}()
	synctest.Wait()
	return r
}

// stop ends the feed, which has to be quiet about it.
func (r *running) stop() {
	r.t.Helper()
	r.cancel()
	require.NoError(r.t, <-r.ended)
}

// handedOver returns how many positions were, so far.
func (r *running) handedOver() int {
	r.log.Lock()
	defer r.log.Unlock()
	return len(r.calls)
}

// pass lets time go by.
func pass(d time.Duration) {
	<-time.After(d) // of the bubble
	synctest.Wait()
}

func assertSaved(t *testing.T, l *log, want int64, sentence ...any) {
	t.Helper()
	position, _ := l.saved()
	assert.Equal(t, want, position, sentence...)
}

func never(int64) bool { return false }

func only(position int64) func(int64) bool { return func(p int64) bool { return p == position } }
