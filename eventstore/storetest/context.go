package storetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

var errCause = errors.New("the caller has left")

var contextClauses = []clause{
	{"an append under an ended context is refused with its cause, and nothing is written", func(t *fixture) {
		_, err := t.Store.Append(t.ended(), writeAt(eventstore.NoStream, t.stream("1"), "A"))
		assert.ErrorIs(t, err, errCause)
		assert.NotErrorIs(t, err, eventstore.ErrOutcomeUnknown)
		assert.Empty(t, t.read(t.stream("1"), 0))
	}},
	{"reads under an ended context end with its cause, also where nothing is to be read", func(t *fixture) {
		t.history(t.stream("1"), 1, 1)
		for _, stream := range []eventstore.StreamID{t.stream("1"), t.stream("none")} {
			_, err := t.Store.Head(t.ended(), stream)
			assert.ErrorIs(t, err, errCause)
			commits, err := collect(t.Store.Read(t.ended(), stream, 0))
			assert.ErrorIs(t, err, errCause)
			assert.Empty(t, commits)
			commits, err = collect(t.Store.ReadBackward(t.ended(), stream, 0))
			assert.ErrorIs(t, err, errCause)
			assert.Empty(t, commits)
		}
		_, err := collect(t.Directory.Streams(t.ended(), t.category, eventstore.StreamID{}))
		assert.ErrorIs(t, err, errCause)
		_, err = collect(t.Scanner.ReadAll(t.ended(), eventstore.Cursor{}))
		assert.ErrorIs(t, err, errCause)
	}},
	{"an error is the last thing that a read yields", func(t *fixture) {
		t.fill(t.stream("1"), 600)
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		var errs []error
		commits := 0
		for _, err := range t.Store.Read(ctx, t.stream("1"), 0) {
			require.Empty(t, errs, "something came after the error")
			if err != nil {
				errs = append(errs, err)
				continue
			}
			if commits++; commits == 10 {
				cancel(errCause)
			}
		}
		require.Len(t, errs, 1, "the read ended as if the stream did")
		assert.ErrorIs(t, errs[0], errCause)
	}},
	{"a context that ends kills nobody else's append, and its own has a definite answer or an unknown outcome", func(t *fixture) {
		const rounds, writers = 15, 12
		for round := range rounds {
			ctx, cancel := context.WithCancelCause(t.Context())
			together(writers+1, func(i int) {
				stream := t.stream(fmt.Sprintf("%d-%d", round, i))
				switch {
				case i == writers:
					cancel(errCause)
				case i%2 == 0:
					_, err := t.Store.Append(t.Context(), writeAt(eventstore.NoStream, stream, "HEALTHY"))
					assert.NoError(t, err)
				default:
					t.appendUnder(ctx, command("c", eventstore.NoStream, stream, "A", "B"))
				}
			})
			for i := 0; i < writers; i += 2 {
				assert.Len(t, t.read(t.stream(fmt.Sprintf("%d-%d", round, i)), 0), 1)
			}
		}
	}},
}

// ended returns a context that has ended with errCause.
func (t *fixture) ended() context.Context {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errCause)
	return ctx
}

// fill makes a stream of n commits of one event.
func (t *fixture) fill(stream eventstore.StreamID, n int) {
	t.Helper()
	at := eventstore.NoStream
	for range n {
		at = t.must(writeAt(at, stream, "A")).Revision
	}
}

// appendUnder appends to a new stream under a context that may end, and holds
// the answer against what is stored.
func (t *fixture) appendUnder(ctx context.Context, w eventstore.Write) {
	c, err := t.Store.Append(ctx, w)
	switch unknown, ok := errors.AsType[*eventstore.OutcomeUnknownError](err); {
	case err == nil:
		commits, err := collect(t.Store.Read(t.Context(), w.Stream, 0))
		assert.NoError(t, err)
		assert.Equal(t, []eventstore.Commit{c}, commits)
	case ok:
		again, err := t.Store.Append(t.Context(), unknown.Write)
		assert.NoError(t, err)
		assert.Equal(t, w.ID, again.ID)
		commits, err := collect(t.Store.Read(t.Context(), w.Stream, 0))
		assert.NoError(t, err)
		assert.Equal(t, []eventstore.Commit{again}, commits)
	default:
		assert.ErrorIs(t, err, errCause)
		// Were it still to be written, this would be a conflict, or would be written over.
		other := command("other", eventstore.NoStream, w.Stream, "INSTEAD")
		_, err := t.Store.Append(t.Context(), other)
		assert.NoError(t, err)
		commits, err := collect(t.Store.Read(t.Context(), w.Stream, 0))
		assert.NoError(t, err)
		assert.Len(t, commits, 1)
	}
}
