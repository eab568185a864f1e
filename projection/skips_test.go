package projection_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

func eventID(t testing.TB, text string) eventstore.EventID {
	t.Helper()
	id, err := eventstore.ParseEventID(text)
	require.NoError(t, err)
	return id
}

func (w *world) skips(t testing.TB) []string {
	t.Helper()
	s, err := w.views.State(t.Context(), "counters")
	require.NoError(t, err)
	var skips []string
	for _, id := range s.Skips {
		skips = append(skips, id.String())
	}
	return skips
}

// parkedWorld has a stream with a good event, a bad one and a good one in a commit, and
// another commit behind it that was announced while it waited.
func parkedWorld(t *testing.T) (*world, *projection.Engine) {
	w := newWorld(memviews.Options{})
	w.broken = failOn(2, errBroken)
	e := w.engine(t)
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-bad", Counted{"x", 1}, Counted{"x", 10}, Counted{"x", 100})))
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-bad", Counted{"x", 1000})))
	require.EqualValues(t, 2, w.checkpoint(t, "user-bad").Parked.Version)
	return w, e
}

func TestASkipPassesOverOneEventAndAppliesTheRestOfItsCommitAndOfTheStream(t *testing.T) {
	t.Parallel()
	w, e := parkedWorld(t)
	for range 2 { // again changes nothing
		require.NoError(t, e.Skip(t.Context(), "counters", eventID(t, "user-bad@2")))
		require.Equal(t, []string{"x=1101"}, w.rows(t))
		require.Equal(t, projection.Checkpoint{Stream: streamID(t, "user-bad"), Version: 4}, w.checkpoint(t, "user-bad"))
		require.Equal(t, []string{"user-bad@2"}, w.skips(t))
	}
	w.broken = failOn(0, nil)
	_, err := e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"x=1101"}, w.rows(t), "fixed code does not bring it back")
}

// interposing lets something happen before the first look at a checkpoint.
type interposing struct {
	projection.ViewStore
	happens func()
}

func (i *interposing) Checkpoints(ctx context.Context, g projection.GenerationID, streams []eventstore.StreamID) ([]projection.Checkpoint, error) {
	if happens := i.happens; happens != nil {
		i.happens = nil
		happens()
	}
	return i.ViewStore.Checkpoints(ctx, g, streams)
}

func TestASkipThatSomebodyElseEndsMeanwhileIsTheSameSkip(t *testing.T) {
	t.Parallel()
	w, other := parkedWorld(t)
	id := eventID(t, "user-bad@2")
	views := &interposing{w.views, func() { require.NoError(t, other.Skip(t.Context(), "counters", id)) }}
	e, err := projection.NewEngine(w.store, views, w.opts, w.p)
	require.NoError(t, err)
	require.NoError(t, e.Skip(t.Context(), "counters", id))
	require.Nil(t, views.happens, "and it did happen")
	require.Equal(t, []string{"user-bad@2"}, w.skips(t))
	require.Equal(t, []string{"x=1101"}, w.rows(t))
}

func TestASkipIsRefusedWhereTheStreamIsParkedElsewhereOrNotAtAll(t *testing.T) {
	t.Parallel()
	w, e := parkedWorld(t)
	before := w.checkpoint(t, "user-bad")
	for id, says := range map[string]string{
		"user-bad@1":   `projection "counters": "user-bad" is not parked at 1, but at 2`,
		"user-bad@3":   `projection "counters": "user-bad" is not parked at 3, but at 2`,
		"user-other@2": `projection "counters": "user-other" is not parked at 2`,
	} {
		err := e.Skip(t.Context(), "counters", eventID(t, id))
		require.ErrorIs(t, err, projection.ErrNotParked)
		require.EqualError(t, err, says)
	}
	require.ErrorIs(t, e.Skip(t.Context(), "others", eventID(t, "user-bad@2")), eventstore.ErrInvalid)
	require.Equal(t, before, w.checkpoint(t, "user-bad"))
	require.Empty(t, w.skips(t))
}

func TestASkipThatMeetsTheNextBadEventParksThere(t *testing.T) {
	t.Parallel()
	w, e := parkedWorld(t)
	w.broken = failOn(3, errors.New("another fault"))
	require.NoError(t, e.Skip(t.Context(), "counters", eventID(t, "user-bad@2")))
	c := w.checkpoint(t, "user-bad")
	require.EqualValues(t, 2, c.Version)
	require.EqualValues(t, 3, c.Parked.Version)
	require.False(t, c.Parked.Skip)
	require.Contains(t, c.Parked.Error, "another fault")
	require.Equal(t, []string{"x=1"}, w.rows(t))
	require.NoError(t, e.Skip(t.Context(), "counters", eventID(t, "user-bad@3")))
	require.Equal(t, []string{"x=1001"}, w.rows(t))
	require.Equal(t, []string{"user-bad@2", "user-bad@3"}, w.skips(t))
}

func TestASkipMoreThanTheStateCanHoldIsRefusedBeforeAnythingIsMarked(t *testing.T) {
	t.Parallel()
	w, e := parkedWorld(t)
	s, err := w.views.State(t.Context(), "counters")
	require.NoError(t, err)
	for i := range projection.MaxSkips {
		s.Skips = append(s.Skips, eventstore.EventID{Stream: streamID(t, "user-another"), Version: eventstore.Version(i + 1)})
	}
	s, err = w.views.PutState(t.Context(), s)
	require.NoError(t, err)
	err = e.Skip(t.Context(), "counters", eventID(t, "user-bad@2"))
	require.ErrorIs(t, err, eventstore.ErrTooLarge)
	require.EqualError(t, err, `projection "counters": 1001 skipped events, the limit is 1000`)
	require.False(t, w.checkpoint(t, "user-bad").Parked.Skip)

	s.Skips = s.Skips[1:]
	_, err = w.views.PutState(t.Context(), s)
	require.NoError(t, err)
	require.NoError(t, e.Skip(t.Context(), "counters", eventID(t, "user-bad@2")))
}

func TestSkipsThatTheStateCanNotHoldAsJSONAreRefusedBeforeAnythingIsMarked(t *testing.T) {
	t.Parallel()
	w, e := parkedWorld(t)
	s, err := w.views.State(t.Context(), "counters")
	require.NoError(t, err)
	for i := range 200 {
		s.Skips = append(s.Skips, eventstore.EventID{Stream: streamID(t, "user-"+strings.Repeat("<", 200)), Version: eventstore.Version(i + 1)})
	}
	_, err = w.views.PutState(t.Context(), s)
	require.NoError(t, err)
	err = e.Skip(t.Context(), "counters", eventID(t, "user-bad@2"))
	require.ErrorIs(t, err, eventstore.ErrTooLarge, "a < is six bytes of JSON")
	require.False(t, w.checkpoint(t, "user-bad").Parked.Skip)
}

func TestAReactionPassesOverAnEventThatIsSkipped(t *testing.T) {
	t.Parallel()
	w := newWorld(memviews.Options{})
	var done []eventstore.Version
	reaction := projection.MustNewReaction("mails", registry, projection.Follow("user"), projection.React(
		func(_ context.Context, e projection.Event[Counted]) error {
			if e.Version == 2 {
				return errBroken
			}
			done = append(done, e.Version)
			return nil
		}))
	e, err := projection.NewEngine(w.store, w.views, projection.Options{}, reaction)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-bad", Counted{"x", 1}, Counted{"x", 10}, Counted{"x", 100})))
	_, err = e.Try(t.Context(), "mails", streamID(t, "user-bad"))
	require.ErrorIs(t, err, eventstore.ErrInvalid, "trying it would send it")
	require.NoError(t, e.Skip(t.Context(), "mails", eventID(t, "user-bad@2")))
	require.Equal(t, []eventstore.Version{1, 3}, done)
}

func TestASkipIsToldOfAndTriedAsOne(t *testing.T) {
	t.Parallel()
	w, _ := parkedWorld(t)
	told := &told{}
	w.opts.Changes = told.take
	e := w.engine(t)
	c := w.checkpoint(t, "user-bad")
	c.Parked.Skip = true
	require.NoError(t, w.views.Park(t.Context(), w.generation(), c.Stream, c.Version, c.Parked))
	trials, err := e.Try(t.Context(), "counters", c.Stream)
	require.NoError(t, err)
	require.NoError(t, trials[0].Err)
	require.True(t, trials[0].Change.Skipped)
	require.NoError(t, e.Retry(t.Context(), "counters", c.Stream))
	require.Equal(t, []string{
		"counters#1 user-bad@2 COUNTED skipped",
		"counters#1 user-bad@3 COUNTED", " counters x N: 1 → 101",
		"counters#1 user-bad@4 COUNTED", " counters x N: 101 → 1101",
	}, told.lines)
}
