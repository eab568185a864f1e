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
	limit int

	mu      sync.Mutex
	entries map[eventstore.StreamID]*list.Element // of *entry[S]
	order   *list.List                            // most recently used first
}

type entry[S any] struct {
	stream eventstore.StreamID
	// busy has capacity 1: who sends holds the entry, release receives.
	busy chan struct{}
	held held[S]
}

func newCache[S any](limit int) *cache[S] {
	return &cache[S]{limit: limit, entries: map[eventstore.StreamID]*list.Element{}, order: list.New()}
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

func (e *entry[S]) release() { <-e.busy }

func (c *cache[S]) entry(stream eventstore.StreamID) *entry[S] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if el, ok := c.entries[stream]; ok {
		c.order.MoveToFront(el)
		return el.Value.(*entry[S])
	}
	e := &entry[S]{stream: stream, busy: make(chan struct{}, 1)}
	c.entries[stream] = c.order.PushFront(e)
	if c.order.Len() > c.limit {
		oldest := c.order.Remove(c.order.Back()).(*entry[S])
		delete(c.entries, oldest.stream)
	}
	return e
}
