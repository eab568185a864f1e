package projection_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// looking counts how often a checkpoint is looked at.
type looking struct {
	projection.ViewStore
	looks int
}

func (l *looking) Checkpoints(ctx context.Context, g projection.GenerationID, streams []eventstore.StreamID) ([]projection.Checkpoint, error) {
	l.looks++
	return l.ViewStore.Checkpoints(ctx, g, streams)
}

var rowX = projection.KeyOf("x")

func TestAReaderSeesItsOwnWriteAsSoonAsItIsApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memviews.Options{})
		notifying := projection.Notifying(w.views)
		e, err := projection.NewEngine(w.store, notifying, projection.Options{}, w.p)
		require.NoError(t, err)
		require.NoError(t, e.Prepare(t.Context()))
		for name, c := range map[string]struct {
			views projection.Reader
			most  time.Duration // after it was applied
		}{"woken": {notifying, 0}, "looking": {w.views, 250 * time.Millisecond}} {
			for i := range 5 {
				commit := w.append(t, "user-"+name, Counted{name, 1}, Ignored{})
				var applied time.Time
				done := make(chan struct{})
				go func() {
					defer close(done)
					time.Sleep(700*time.Millisecond + time.Duration(i)*time.Millisecond)
					applied = time.Now()
					assert.Empty(t, handle(t.Context(), e, commit))
				}()
				row, err := w.counters.Get(t.Context(), c.views, projection.KeyOf(name), projection.AtLeast(projection.TokenOf(commit)))
				require.NoError(t, err)
				<-done
				assert.Equal(t, i+1, row.N, name)
				assert.LessOrEqual(t, time.Since(applied), c.most, name)
			}
		}
	})
}

// overtaking applies something between a reader's first look and its waiting.
type overtaking struct {
	projection.ViewStore
	meanwhile func()
}

func (o *overtaking) Checkpoints(ctx context.Context, g projection.GenerationID, streams []eventstore.StreamID) ([]projection.Checkpoint, error) {
	found, err := o.ViewStore.Checkpoints(ctx, g, streams)
	if meanwhile := o.meanwhile; meanwhile != nil {
		o.meanwhile = nil
		meanwhile()
	}
	return found, err
}

func TestAReaderMissesNothingThatIsAppliedWhileItLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memviews.Options{})
		views := &overtaking{ViewStore: w.views}
		notifying := projection.Notifying(views)
		e, err := projection.NewEngine(w.store, notifying, projection.Options{}, w.p)
		require.NoError(t, err)
		require.NoError(t, e.Prepare(t.Context()))
		commit := w.append(t, "user-a", Counted{"x", 1})
		views.meanwhile = func() { assert.Empty(t, handle(t.Context(), e, commit)) }
		began := time.Now()
		row, err := w.counters.Get(t.Context(), notifying, rowX, projection.AtLeast(projection.TokenOf(commit)))
		require.NoError(t, err)
		assert.Equal(t, 1, row.N)
		assert.Equal(t, began, time.Now())
	})
}

func TestAReaderThatWaitsHearsWhenItsWriteIsParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memviews.Options{})
		notifying := projection.Notifying(w.views)
		e, err := projection.NewEngine(w.store, notifying, projection.Options{}, w.p)
		require.NoError(t, err)
		require.NoError(t, e.Prepare(t.Context()))
		w.broken = func(e projection.Event[Counted]) error {
			if e.Data.N == 2 {
				return errBroken
			}
			return nil
		}
		before, commit := w.append(t, "user-a", Counted{"x", 1}), w.append(t, "user-a", Counted{"x", 2})
		require.Empty(t, handle(t.Context(), e, before))
		began := time.Now()
		time.AfterFunc(700*time.Millisecond, func() { handle(t.Context(), e, commit) })
		_, err = w.counters.Get(t.Context(), notifying, rowX, projection.AtLeast(projection.TokenOf(commit)))
		assert.ErrorIs(t, err, projection.ErrParked)
		assert.Equal(t, 700*time.Millisecond, time.Since(began))

		row, err := w.counters.Get(t.Context(), notifying, rowX, projection.AtLeast(projection.TokenOf(before)))
		require.NoError(t, err, "what was written before is there")
		assert.Equal(t, 1, row.N)
	})
}

func TestACommitThatAProjectionPassesOverIsNotWaitedFor(t *testing.T) {
	w := newWorld(memviews.Options{})
	e := w.engine(t)
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-a", Counted{"x", 1})))
	views := &looking{ViewStore: w.views}
	for _, token := range []projection.Token{
		projection.TokenOf(w.append(t, "user-a", Ignored{})), projection.TokenOf(w.append(t, "other-a", Counted{"x", 1})),
		projection.TokenOf(eventstore.Commit{}), {},
	} {
		_, err := w.counters.Get(t.Context(), views, rowX, projection.AtLeast(token))
		require.NoError(t, err)
	}
	assert.Zero(t, views.looks)
}

func TestAReaderHearsAtOnceThatItsWriteIsParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memviews.Options{})
		e := w.engine(t)
		w.broken = func(e projection.Event[Counted]) error { return errBroken }
		commit := w.append(t, "user-a", Counted{"x", 1})
		require.Empty(t, handle(t.Context(), e, commit))
		later := w.append(t, "user-a", Counted{"x", 1})
		began := time.Now()
		for _, c := range []eventstore.Commit{commit, later} {
			_, err := w.counters.Get(t.Context(), w.views, rowX, projection.AtLeast(projection.TokenOf(c)))
			require.ErrorIs(t, err, projection.ErrParked)
			parked, _ := errors.AsType[*projection.ParkedError](err)
			assert.EqualValues(t, 1, parked.Parked.Version)
			assert.ErrorContains(t, err, "generation 1 of counters is parked at user-a@1 (COUNTED): ")
		}
		assert.Equal(t, began, time.Now())
	})
}

func TestAReaderWaitsNoLongerThanItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memviews.Options{})
		_ = w.engine(t)
		views := &looking{ViewStore: w.views}
		commit := w.append(t, "user-a", Counted{"x", 1})
		token := projection.AtLeast(projection.TokenOf(commit))
		began := time.Now()
		_, err := w.counters.Get(t.Context(), views, rowX, token)
		behind, ok := errors.AsType[*projection.BehindError](err)
		require.True(t, ok, err)
		assert.Equal(t, commit.EventID(0), behind.Want)
		assert.Equal(t, 2*time.Second, time.Since(began))
		assert.Less(t, views.looks, 20, "less and less often")

		began = time.Now()
		_, err = w.counters.Page(t.Context(), views, "x", projection.PageOptions{}, token, projection.Within(10*time.Millisecond))
		assert.ErrorIs(t, err, projection.ErrBehind)
		assert.Equal(t, 10*time.Millisecond, time.Since(began))

		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(gone) })
		_, err = w.counters.Get(ctx, views, rowX, token)
		assert.ErrorIs(t, err, projection.ErrBehind)
		assert.ErrorIs(t, err, gone)
	})
}

func TestAReaderLooksOnceMoreWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memviews.Options{})
		e := w.engine(t)
		commit := w.append(t, "user-a", Counted{"x", 1})
		done := make(chan struct{})
		go func() {
			defer close(done)
			time.Sleep(1999 * time.Millisecond)
			assert.Empty(t, handle(t.Context(), e, commit))
		}()
		_, err := w.counters.Get(t.Context(), w.views, rowX, projection.AtLeast(projection.TokenOf(commit)))
		assert.NoError(t, err, "it was applied in time")
		<-done
	})
}

func TestATokenComesBackFromItsText(t *testing.T) {
	w := newWorld(memviews.Options{})
	e := w.engine(t)
	commit := w.append(t, "user-a", Counted{"x", 1})
	text, err := projection.TokenOf(commit).MarshalText()
	require.NoError(t, err)
	var token projection.Token
	require.NoError(t, token.UnmarshalText(text))
	assert.Equal(t, projection.TokenOf(commit), token)
	_, err = w.counters.Get(t.Context(), w.views, rowX, projection.AtLeast(token), projection.Within(time.Millisecond))
	assert.ErrorIs(t, err, projection.ErrBehind)
	require.Empty(t, handle(t.Context(), e, commit))
	_, err = w.counters.Get(t.Context(), w.views, rowX, projection.AtLeast(token))
	assert.NoError(t, err)
	for _, bad := range []string{"", "x", "!", "e30=", string(text[1:]), "eyJzIjoieCJ9"} {
		assert.ErrorIs(t, token.UnmarshalText([]byte(bad)), eventstore.ErrInvalid, bad)
	}
}
