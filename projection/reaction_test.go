package projection_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// outbox is what a reaction has done.
type outbox struct {
	mu   sync.Mutex
	sent []string // IDs of events
	fail func(projection.Event[Counted]) error
}

func (o *outbox) reaction(t testing.TB) *projection.Reaction {
	r, err := projection.NewReaction("mails", registry, projection.Follow("user"), projection.React(o.send))
	require.NoError(t, err)
	return r
}

func (o *outbox) send(_ context.Context, e projection.Event[Counted]) error {
	if o.fail != nil {
		if err := o.fail(e); err != nil {
			return err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent = append(o.sent, e.ID().String())
	return nil
}

// reacting returns an engine for the reaction alone.
func (w *world) reacting(t testing.TB, views projection.ViewStore, r *projection.Reaction) *projection.Engine {
	t.Helper()
	e, err := projection.NewEngine(w.store, views, projection.Options{Build: "test@1"}, r)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	return e
}

var mails = projection.GenerationID{Projection: "mails", Number: 1}

func mailCheckpoint(t testing.TB, views projection.ViewStore, stream string) projection.Checkpoint {
	found, err := views.Checkpoints(t.Context(), mails, []eventstore.StreamID{streamID(t, stream)})
	require.NoError(t, err)
	return found[0]
}

func TestAReactionRunsOnEachEventThatItHandlesInTheOrderOfTheStream(t *testing.T) {
	w, o := newWorld(memviews.Options{}), &outbox{}
	e := w.reacting(t, w.views, o.reaction(t))
	first := w.append(t, "user-a", Counted{"x", 1}, Ignored{}, Counted{"x", 2}, Ignored{})
	second := w.append(t, "user-a", Counted{"x", 3})
	require.Empty(t, handle(t.Context(), e, second), "a gap is read from the store")
	require.Empty(t, handle(t.Context(), e, first, second, first))
	require.Equal(t, []string{"user-a@1", "user-a@3", "user-a@5"}, o.sent)
	require.EqualValues(t, 5, mailCheckpoint(t, w.views, "user-a").Version)
	w.append(t, "user-b", Counted{"x", 1})
	_, err := e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "user-b@1", o.sent[3], "a sweep finds what no feed announced")
}

func TestAReactionOnAnEmptyStoreBeginsAtTheBeginningAlsoWithWhatIsImported(t *testing.T) {
	w, o := newWorld(memviews.Options{}), &outbox{}
	e := w.reacting(t, w.views, o.reaction(t))
	c := w.appendAt(t, time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC), "user-a", Counted{"x", 1})
	require.Empty(t, handle(t.Context(), e, c))
	require.Equal(t, []string{"user-a@1"}, o.sent)
}

// appendAt appends a commit that happened earlier.
func (w *world) appendAt(t testing.TB, at time.Time, stream string, events ...any) eventstore.Commit {
	t.Helper()
	write := eventstore.Write{Stream: streamID(t, stream), Revision: eventstore.Any, Time: at}
	for _, e := range events {
		event, err := registry.Encode(e)
		require.NoError(t, err)
		write.Events = append(write.Events, event)
	}
	c, err := w.store.Append(t.Context(), write)
	require.NoError(t, err)
	return c
}

func TestAReactionThatMeetsAnOldStoreDoesNothingForWhatIsInIt(t *testing.T) {
	w, o := newWorld(memviews.Options{}), &outbox{}
	old := w.append(t, "user-a", Counted{"x", 1}, Counted{"x", 2})
	w.append(t, "user-b", Counted{"x", 1})
	e := w.reacting(t, w.views, o.reaction(t))
	require.Empty(t, handle(t.Context(), e, old))
	_, err := e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, o.sent)
	require.EqualValues(t, 2, mailCheckpoint(t, w.views, "user-a").Version, "a sweep need not read it again")
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-a", Counted{"x", 3}), w.append(t, "user-c", Counted{"x", 1})))
	require.ElementsMatch(t, []string{"user-a@3", "user-c@1"}, o.sent)
}

func TestAStartIsNamedOnceAndHolds(t *testing.T) {
	w, o := newWorld(memviews.Options{}), &outbox{}
	r := o.reaction(t)
	first := w.appendAt(t, time.Now().Add(-2*time.Hour), "user-a", Counted{"x", 1})
	w.append(t, "user-a", Counted{"x", 2})
	require.NoError(t, r.Start(t.Context(), w.views, first.Time.Add(time.Hour)))
	err := r.Start(t.Context(), w.views, time.Time{})
	require.ErrorIs(t, err, projection.ErrChanged)
	require.ErrorContains(t, err, "it has started already, from 2")
	e := w.reacting(t, w.views, r)
	_, err = e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"user-a@2"}, o.sent)

	w, o = newWorld(memviews.Options{}), &outbox{}
	r = o.reaction(t)
	w.append(t, "user-a", Counted{"x", 1})
	require.NoError(t, r.Start(t.Context(), w.views, time.Time{}), "the beginning is asked for")
	_, err = w.reacting(t, w.views, r).Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"user-a@1"}, o.sent)
}

func TestAReactionWhoseCheckpointsAreGoneDoesNotRunUntilAStartIsNamed(t *testing.T) {
	w, o := newWorld(memviews.Options{}), &outbox{}
	r := o.reaction(t)
	e := w.reacting(t, w.views, r)
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-a", Counted{"x", 1}), w.append(t, "user-b", Counted{"x", 1})))
	w.reacting(t, w.views, r) // a restart

	restored := memviews.New(memviews.Options{})
	s, err := w.views.State(t.Context(), "mails")
	require.NoError(t, err)
	s.Revision = 0
	_, err = restored.PutState(t.Context(), s)
	require.NoError(t, err)
	e, err = projection.NewEngine(w.store, restored, projection.Options{}, r)
	require.NoError(t, err)
	err = e.Prepare(t.Context())
	require.ErrorIs(t, err, projection.ErrNoStart)
	require.ErrorContains(t, err, `reaction "mails": reaction has no start: it has run, from the beginning, and its checkpoints are gone`)
	require.Contains(t, eventstore.Hint(err), "Reaction.Start")
	require.Len(t, o.sent, 2)

	require.NoError(t, r.Start(t.Context(), restored, time.Now()))
	require.NoError(t, e.Prepare(t.Context()))
	_, err = e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, o.sent, 2)
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-a", Counted{"x", 2})))
	require.Equal(t, "user-a@2", o.sent[2])
}

func TestAnEventThatAReactionFailsOnParksItsStreamOnly(t *testing.T) {
	w, o := newWorld(memviews.Options{}), &outbox{fail: failOn(2, errBroken)}
	e := w.reacting(t, w.views, o.reaction(t))
	bad := w.append(t, "user-bad", Counted{"x", 1}, Counted{"x", 2}, Counted{"x", 3})
	require.Empty(t, handle(t.Context(), e, bad, w.append(t, "user-good", Counted{"x", 1})))
	require.ElementsMatch(t, []string{"user-bad@1", "user-good@1"}, o.sent)
	c := mailCheckpoint(t, w.views, "user-bad")
	require.EqualValues(t, 1, c.Version)
	require.EqualValues(t, 2, c.Parked.Version)
	require.Contains(t, c.Parked.Error, "the code is broken")

	o.fail = nil
	require.NoError(t, e.Retry(t.Context(), "mails", streamID(t, "user-bad")))
	require.Equal(t, []string{"user-bad@2", "user-bad@3"}, o.sent[2:])
	require.Nil(t, mailCheckpoint(t, w.views, "user-bad").Parked)
}

func TestAReactionIsTriedAgainAfterWhatGoesAwayByItself(t *testing.T) {
	for name, err := range map[string]error{
		"transient": projection.Transient(errors.New("throttled")),
		"deadline":  fmt.Errorf("post: %w", context.DeadlineExceeded),
		"cancelled": fmt.Errorf("post: %w", context.Canceled),
	} {
		t.Run(name, func(t *testing.T) {
			w, o := newWorld(memviews.Options{}), &outbox{fail: failOn(2, err)}
			e := w.reacting(t, w.views, o.reaction(t))
			bad := w.append(t, "user-bad", Counted{"x", 1}, Counted{"x", 2})
			failed := handle(t.Context(), e, bad, w.append(t, "user-good", Counted{"x", 1}))
			require.Len(t, failed, 1)
			require.Nil(t, mailCheckpoint(t, w.views, "user-bad").Parked)
			o.fail = nil
			require.Empty(t, e.Handle(t.Context(), eventstore.Batch{Announcements: failed}))
			require.ElementsMatch(t, []string{"user-bad@1", "user-good@1", "user-bad@2"}, o.sent)
		})
	}
}

func TestAReactionThatIsInterruptedParksNothing(t *testing.T) {
	w := newWorld(memviews.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	o := &outbox{fail: func(projection.Event[Counted]) error {
		cancel()
		return errors.New("the connection was closed")
	}}
	e := w.reacting(t, w.views, o.reaction(t))
	require.Len(t, handle(ctx, e, w.append(t, "user-a", Counted{"x", 1})), 1)
	require.Equal(t, projection.Checkpoint{Stream: streamID(t, "user-a")}, mailCheckpoint(t, w.views, "user-a"))
}

func TestWhatAReactionPassesOnIsWhatIsStored(t *testing.T) {
	w := newWorld(memviews.Options{})
	var seen []projection.Event[eventstore.Event]
	all, err := projection.NewReaction("mails", registry, projection.Follow("user"), projection.ReactAny(
		func(_ context.Context, e projection.Event[eventstore.Event]) error {
			seen = append(seen, e)
			return nil
		}))
	require.NoError(t, err)
	e := w.reacting(t, w.views, all)
	c := w.append(t, "user-a", Counted{"x", 1}, Ignored{})
	c.Events[1].Type = "OF_LATER_CODE"
	require.Empty(t, handle(t.Context(), e, c))
	require.Len(t, seen, 2)
	assert.Equal(t, c.Events[0], seen[0].Data)
	assert.Equal(t, c.Events[1], seen[1].Data)
	assert.Equal(t, "user-a@2", seen[1].ID().String())
	assert.Equal(t, c.Time, seen[1].Time)
}

func TestATypeThatAReactionDoesNotKnowParks(t *testing.T) {
	w, o := newWorld(memviews.Options{}), &outbox{}
	e := w.reacting(t, w.views, o.reaction(t))
	c := w.append(t, "user-a", Counted{"x", 1}, Ignored{})
	c.Events[1].Type = "OF_LATER_CODE"
	require.Empty(t, handle(t.Context(), e, c))
	require.True(t, mailCheckpoint(t, w.views, "user-a").Parked.Unknown)
}

func TestAReactionThatIsDeclaredWronglyIsRefused(t *testing.T) {
	react := projection.React(func(context.Context, projection.Event[Counted]) error { return nil })
	unregistered := projection.React(func(context.Context, projection.Event[int]) error { return nil })
	_, err := projection.NewReaction("Bad Name", registry, react, react, unregistered, newSums())
	for _, text := range []string{`name "Bad Name"`, "it follows no category", "it handles projection_test.Counted twice", "it handles int, which is not registered", "a reaction has no views"} {
		assert.ErrorContains(t, err, text)
	}
	require.ErrorIs(t, err, eventstore.ErrInvalid)
	_, err = projection.NewReaction("mails", registry, projection.Follow("user"))
	require.ErrorContains(t, err, "it handles nothing")
	_, err = projection.New("counters", 1, registry, projection.Follow("user"), newSums(), react)
	require.ErrorContains(t, err, "React is a part of a reaction")

	w, o := newWorld(memviews.Options{}), &outbox{}
	w.engine(t)
	same, err := projection.NewReaction("counters", registry, projection.Follow("user"), projection.React(o.send))
	require.NoError(t, err)
	e, err := projection.NewEngine(w.store, w.views, projection.Options{}, same)
	require.NoError(t, err)
	require.ErrorIs(t, e.Prepare(t.Context()), projection.ErrFingerprint)
}

// A reaction may carry out a command, whose events it has forgotten to register.
func TestAnErrorOfAReactionAboutAnotherTypeIsNotTakenForOneAboutItsOwn(t *testing.T) {
	w := newWorld(memviews.Options{})
	calls, fail := 0, failOn(2, fmt.Errorf("execute a command: %w", eventstore.ErrUnregistered))
	o := &outbox{fail: func(e projection.Event[Counted]) error { calls++; return fail(e) }}
	e := w.reacting(t, w.views, o.reaction(t))
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-bad", Counted{"x", 1}, Counted{"x", 2})))
	require.False(t, mailCheckpoint(t, w.views, "user-bad").Parked.Unknown)
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-bad", Counted{"x", 3})))
	report, err := e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, 1, report.Parked)
	require.Equal(t, 2, calls, "it waits for a retry")
}

// Stores keep the times of commits in microseconds.
func TestAStartWithinAMicrosecondLosesNothing(t *testing.T) {
	w, o := newWorld(memviews.Options{}), &outbox{}
	r := o.reaction(t)
	start := time.Date(2026, 1, 31, 12, 0, 0, 123456500, time.UTC)
	require.NoError(t, r.Start(t.Context(), w.views, start))
	e := w.reacting(t, w.views, r)
	require.Empty(t, handle(t.Context(), e, w.appendAt(t, start.Add(300*time.Nanosecond), "user-a", Counted{"x", 1})))
	require.Equal(t, []string{"user-a@1"}, o.sent)
}

// restored is a view store that is put in the place of another.
type restored struct{ projection.ViewStore }

func TestAReactionWhoseStateIsGoneAcknowledgesNothingAndMakesNone(t *testing.T) {
	w, o := newWorld(memviews.Options{}), &outbox{}
	views, r := &restored{w.views}, o.reaction(t)
	e := w.reacting(t, views, r)
	views.ViewStore = memviews.New(memviews.Options{})
	for range 2 {
		require.Len(t, handle(t.Context(), e, w.append(t, "user-a", Counted{"x", 1})), 1)
	}
	s, err := views.State(t.Context(), r.Name())
	require.NoError(t, err)
	require.Zero(t, s.Revision)
	require.NoError(t, r.Start(t.Context(), views, time.Time{}))
}
