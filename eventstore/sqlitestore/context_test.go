package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/internal/sqlitefile"
)

var errLeft = errors.New("the caller has left")

func TestACallerThatGivesUpWhileItsAppendWaitsKnowsThatNothingWasWritten(t *testing.T) {
	inGroup(t, func(t *testing.T, s *sqlitestore.Store, g *group) {
		ctx, cancel := context.WithCancelCause(t.Context())
		g.add(func() error {
			_, err := s.Append(ctx, write(eventstore.NoStream, stream(t, 1), "given up", "1"))
			return err
		})
		g.appends(s, write(eventstore.NoStream, stream(t, 2), "healthy", "1"))
		cancel(errLeft)
		synctest.Wait()
		assert.Equal(t, errLeft, <-g.answers[0], "it does not wait for the writer")
		g.answers = g.answers[1:]
		assert.NoError(t, g.outcome()[0])
		assert.Empty(t, ids(t, s.Read(t.Context(), stream(t, 1), 0)))
		assert.Equal(t, []string{"healthy"}, ids(t, s.Read(t.Context(), stream(t, 2), 0)))
	})
}

func TestACallerThatGivesUpWhenItsAppendHasBegunIsToldThatTheOutcomeIsUnknown(t *testing.T) {
	inGroup(t, func(t *testing.T, s *sqlitestore.Store, g *group) {
		gate := make(chan struct{})
		g.add(func() error {
			return g.file.Do(t.Context(), "hold the group", func(*sqlitefile.Tx) error { <-gate; return nil })
		})
		ctx, cancel := context.WithCancelCause(t.Context())
		w := write(eventstore.NoStream, stream(t, 1), "begun", "1")
		g.add(func() error {
			_, err := s.Append(ctx, w)
			return err
		})
		g.appends(s, write(eventstore.NoStream, stream(t, 2), "healthy", "1"))
		g.release()
		cancel(errLeft)
		synctest.Wait()

		err := <-g.answers[1]
		require.ErrorIs(t, err, eventstore.ErrOutcomeUnknown)
		assert.ErrorIs(t, err, errLeft)
		var unknown *eventstore.OutcomeUnknownError
		require.ErrorAs(t, err, &unknown)
		assert.Equal(t, "begun", unknown.Write.ID)
		assert.Equal(t, "send the same write with the same commit id again; do not decide anew before", eventstore.Hint(err))

		close(gate)
		synctest.Wait()
		assert.NoError(t, <-g.answers[0])
		assert.NoError(t, <-g.answers[2], "the end of one caller is nobody else's")
		assert.Equal(t, []string{"begun"}, ids(t, s.Read(t.Context(), stream(t, 1), 0)), "here it was stored")
		must(t, s, unknown.Write)
		must(t, s, w)
		assert.Equal(t, []string{"begun"}, ids(t, s.Read(t.Context(), stream(t, 1), 0)))
	})
}

func TestCloseAnswersEveryAppendThatWaits(t *testing.T) {
	path := newPath(t)
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, path)
		f, err := sqlitefile.Open(t.Context(), path, sqlitefile.Options{})
		require.NoError(t, err)
		g := hold(f)
		gate := make(chan struct{})
		g.add(func() error {
			return g.file.Do(t.Context(), "hold the group", func(*sqlitefile.Tx) error { <-gate; return nil })
		})
		g.appends(s, write(eventstore.NoStream, stream(t, 1), "begun", "1"))
		g.release()
		g.appends(s, write(eventstore.NoStream, stream(t, 2), "waiting", "1"))
		g.add(f.Close)
		g.add(s.Close)
		close(gate)
		errs := make([]error, len(g.answers))
		for i, answer := range g.answers {
			errs[i] = <-answer
		}
		assert.Equal(t, []error{nil, nil, eventstore.ErrClosed, nil, nil}, errs)
		_, err = s.Append(t.Context(), write(eventstore.NoStream, stream(t, 3), "late", "1"))
		assert.Equal(t, eventstore.ErrClosed, err)
		for _, err := range s.Read(t.Context(), stream(t, 1), 0) {
			assert.ErrorIs(t, err, eventstore.ErrClosed)
		}
		_, err = s.Head(t.Context(), stream(t, 1))
		assert.ErrorIs(t, err, eventstore.ErrClosed)
	})
	s := openStore(t, path)
	assert.Equal(t, []string{"begun"}, ids(t, s.Read(t.Context(), stream(t, 1), 0)))
	assert.Empty(t, ids(t, s.Read(t.Context(), stream(t, 2), 0)))
}

func TestCloseDuringAppendsLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	var acknowledged sync.Map
	for round := range 5 {
		s := openStore(t, path)
		enough := make(chan struct{}, 1_000)
		var writers sync.WaitGroup
		for i := range 8 {
			writers.Go(func() {
				for n := 0; ; n++ {
					id := fmt.Sprintf("%d-%d-%d", round, i, n)
					c, err := s.Append(context.Background(), write(eventstore.Any, stream(t, i), id, "1"))
					if err != nil {
						assert.Equal(t, eventstore.ErrClosed, err)
						return
					}
					acknowledged.Store(id, c.EventID(0))
					select {
					case enough <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 50 + 30*round {
			<-enough
		}
		require.NoError(t, s.Close())
		writers.Wait()
	}
	s := openStore(t, path)
	stored := map[any]any{}
	for i := range 8 {
		for c, err := range s.Read(context.Background(), stream(t, i), 0) {
			require.NoError(t, err)
			stored[c.ID] = c.EventID(0)
		}
	}
	acknowledged.Range(func(id, event any) bool {
		return assert.Equal(t, event, stored[id])
	})
}

func TestCloseMayBeCalledAgainAndNeverClosesForOthers(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	one, two := openStore(t, path), openStore(t, path)
	require.NoError(t, one.Close())
	require.NoError(t, one.Close())
	must(t, two, write(eventstore.NoStream, stream(t, 1), "1", "1"))
}
