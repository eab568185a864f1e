package main

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/leftfold/leftfold/operator/terminal"
)

// mostAlike is how many log lines of one message a command prints that ends by itself.
const mostAlike = 5

// few is a log that passes on the first lines of each message, and counts the others: one
// mistake may park hundreds of streams.
type few struct {
	slog.Handler
	seen *seen
}

type seen struct {
	mu    sync.Mutex
	lines map[string]int // by message
}

func newFew(to slog.Handler) *few { return &few{to, &seen{lines: map[string]int{}}} }

// Handle implements [slog.Handler].
func (f *few) Handle(ctx context.Context, r slog.Record) error {
	f.seen.mu.Lock()
	f.seen.lines[r.Message]++
	n := f.seen.lines[r.Message]
	f.seen.mu.Unlock()
	if n > mostAlike {
		return nil
	}
	return f.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (f *few) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &few{f.Handler.WithAttrs(attrs), f.seen}
}

// WithGroup implements [slog.Handler].
func (f *few) WithGroup(name string) slog.Handler { return &few{f.Handler.WithGroup(name), f.seen} }

// end says how many lines were left out.
func (f *few) end(out *terminal.Terminal) {
	f.seen.mu.Lock()
	defer f.seen.mu.Unlock()
	for _, message := range slices.Sorted(maps.Keys(f.seen.lines)) {
		if n := f.seen.lines[message] - mostAlike; n > 0 {
			out.Warn("%s: %s more", message, terminal.Thousands(n))
		}
	}
}
