package logfeed

import (
	"context"
	"iter"

	"github.com/leftfold/leftfold/eventstore"
)

// Tail is [eventstore.Tailer]'s Tail over the log of a store. last returns the position of
// the last entry, 0 where there is none.
func Tail(ctx context.Context, log Reader, store eventstore.Store, last func(context.Context) (int64, error)) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		position, err := last(ctx)
		for err == nil {
			var entries []Entry
			entries, err = log.After(ctx, position, batchSize)
			for _, e := range entries {
				c, err := e.Announcement.Resolve(ctx, store)
				if ctx.Err() != nil || !yield(c, err) || err != nil {
					return
				}
				position = e.Position
			}
			if err == nil {
				err = log.Wait(ctx, position)
			}
		}
		if ctx.Err() == nil {
			yield(eventstore.Commit{}, err)
		}
	}
}
