package aggregate

import (
	"container/list"
	"context"
	"fmt"
	"sync"

	"github.com/leftfold/leftfold/eventstore"
)

// cache keeps the states of the streams used last. A state belongs to whoever
// holds its entry, one command at a time: Evolve may change it in place.
type cache[S any] struct {
	streams int // how many it keeps at the most
	events  int // how many were folded into the states it keeps, at the most

	mu      sync.Mutex
	entries map[eventstore.StreamID]*list.Element // of *entry[S]
	order   *list.List                            // most recently used first
	folded  int                                   // the sum over entries of what each counts
}

type entry[S any] struct {
	stream eventstore.StreamID
	// busy has capacity 1: who sends holds the entry, release receives.
	busy   chan struct{}
	held   held[S]
	counts int // of the cache's events, as it was given back last; guarded by the cache's mu
}

func newCache[S any](streams, events int) *cache[S] {
	return &cache[S]{streams: streams, events: events, entries: map[eventstore.StreamID]*list.Element{}, order: list.New()}
}

// hold returns the stream's entry when nobody else holds it. An entry that was
// pushed out meanwhile still serves those who wait for it.
func (c *cache[S]) hold(ctx context.Context, stream eventstore.StreamID) (*entry[S], error) {
	e := c.entry(stream)
	select {
	case e.busy <- struct{}{}:
		return e, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("aggregate: waiting for another command on %q: %w", stream, context.Cause(ctx))
	}
}

// release gives an entry back, with what it holds now.
func (c *cache[S]) release(e *entry[S]) {
	c.count(e)
	<-e.busy
}

func (c *cache[S]) entry(stream eventstore.StreamID) *entry[S] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if el, ok := c.entries[stream]; ok {
		c.order.MoveToFront(el)
		return el.Value.(*entry[S])
	}
	e := &entry[S]{stream: stream, busy: make(chan struct{}, 1)}
	c.entries[stream] = c.order.PushFront(e)
	c.pushOut()
	return e
}

// count makes room for what an entry holds now. It counts at most half of what
// there is room for, so that a large entity that is used all the time stays beside
// the others, and one that has just been used always stays.
func (c *cache[S]) count(e *entry[S]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	el, ok := c.entries[e.stream]
	if !ok || el.Value.(*entry[S]) != e {
		return // it was pushed out
	}
	c.order.MoveToFront(el)
	c.folded -= e.counts
	e.counts = int(min(e.held.revision.Version(), eventstore.Version(c.events+1)/2)) // versions have no gaps
	c.folded += e.counts
	c.pushOut()
}

// pushOut lets go of the entries used longest ago. The caller holds mu.
func (c *cache[S]) pushOut() {
	for c.order.Len() > c.streams || c.folded > c.events {
		oldest := c.order.Remove(c.order.Back()).(*entry[S])
		delete(c.entries, oldest.stream)
		c.folded -= oldest.counts
	}
}
