package command_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/eventstore/storetest"
	"github.com/leftfold/leftfold/handlers/command"
	"github.com/leftfold/leftfold/handlers/dispatch"
)

const ada = `{"concert":"opera","guest":"Ada","seats":4}`

func TestACommandSentAgainTakesEffectOnceAndIsAnsweredAsTheFirstTime(t *testing.T) {
	t.Parallel()
	o := newOffice(t, memstore.New())
	first, err := o.send(t.Context(), "17", ada)
	require.NoError(t, err)
	again, err := o.send(t.Context(), "17", `{ "seats":4, "guest":"\u0041da", "concert":"opera" }`)
	require.NoError(t, err)
	assert.Equal(t, first, again)
	token, err := first.Tokens.MarshalText()
	require.NoError(t, err)
	text, err := json.Marshal(first)
	require.NoError(t, err)
	assert.JSONEq(t, `{"id":"17","events":["concert-opera@1"],"token":"`+string(token)+`"}`, string(text))
	o.requireWrote("[concert-opera@2]", "18", ada)
}

func TestAnIDIsOfOneContentOneCommandAndOneActor(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	o := newOffice(t, store)
	command.Register(o.bus, "rebook", "Takes seats too", command.On(aggregate.NewRepository(store, concerts, aggregate.Options{}), book))
	as := func(actor string) context.Context {
		return eventstore.WithMetadata(t.Context(), eventstore.Metadata{Actor: actor})
	}
	send := func(ctx context.Context, name, raw string) error {
		_, err := o.bus.Dispatch(ctx, command.Request{Name: name, ID: "17", Content: []byte(raw)})
		return err
	}
	require.NoError(t, send(as("ada"), "book", ada))
	require.NoError(t, send(as("ada"), "book", ada))
	assert.ErrorIs(t, send(as("ada"), "book", `{"concert":"opera","guest":"Ada","seats":5}`), eventstore.ErrIDReused)
	assert.ErrorIs(t, send(as("ada"), "rebook", ada), eventstore.ErrIDReused)
	assert.ErrorIs(t, send(as("bob"), "book", ada), eventstore.ErrIDReused)
	assert.ErrorIs(t, send(t.Context(), "book", ada), eventstore.ErrIDReused)
}

func TestACommandWithoutAnIDIsRefusedUnlessThatIsAskedFor(t *testing.T) {
	t.Parallel()
	o := newOffice(t, memstore.New())
	f := o.requireClass(dispatch.Invalid, "", ada)
	assert.Contains(t, f.Hint, "Idempotency-Key")
	assert.True(t, o.bus.Entry("book").NeedsID)

	o = newOffice(t, memstore.New(), command.OptionalID())
	receipt, err := o.send(t.Context(), "", ada)
	require.NoError(t, err)
	assert.NoError(t, uuid.Validate(receipt.ID))
	o.requireWrote("[concert-opera@2]", "", ada)
	o.requireWrote("[concert-opera@1]", receipt.ID, ada)
	assert.False(t, o.bus.Entry("book").NeedsID)
}

func TestAStrictCommandClaimsItsID(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	o := newOffice(t, store, command.Strict())
	o.requireWrote("[concert-opera@1]", "17", ada)
	for c, err := range store.Read(t.Context(), must(eventstore.NewStreamID("concert", "opera")), 1) {
		require.NoError(t, err)
		assert.True(t, c.Strict)
	}
	assert.Panics(t, func() { newOffice(t, store, command.Strict(), command.OptionalID()) })
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The answer is lost, in each of the ways in which that happens, and the client sends the
// command again.
func TestALostAnswerIsTheFirstResultWhenTheCommandIsSentAgain(t *testing.T) {
	t.Parallel()
	for _, fault := range []storetest.Fault{storetest.RequestLost, storetest.AnswerLost} {
		o := newOffice(t, storetest.NewFaulty(memstore.New(), storetest.Sequence(fault)), command.OptionalID())
		f := o.requireClass(dispatch.OutcomeUnknown, "", ada)
		require.NotEmpty(t, f.ID, "or it could not be sent again")
		o.requireWrote("[concert-opera@1]", f.ID, ada)
		o.requireWrote("[concert-opera@1]", f.ID, ada)
	}
	o := newOffice(t, storetest.NewFaulty(memstore.New(), storetest.Sequence(storetest.AnswerLostAndRetried)))
	o.requireWrote("[concert-opera@1]", "17", ada)
}

func TestARefusalHasItsCodeAndIsNotRemembered(t *testing.T) {
	t.Parallel()
	o := newOffice(t, memstore.New())
	o.requireWrote("[concert-opera@1]", "1", `{"concert":"opera","guest":"Ada","seats":8}`)
	f := o.requireClass(dispatch.Refused, "2", ada)
	assert.Equal(t, "sold-out", f.Code)
	assert.Equal(t, "not enough seats are left: 8 of 10 are taken", f.Text)
	o.requireClass(dispatch.Invalid, "3", `{"concert":"opera","seats":1}`)
}

func TestWhereNothingWasToDoNothingIsNamed(t *testing.T) {
	t.Parallel()
	o := newOffice(t, memstore.New())
	receipt, err := o.send(t.Context(), "17", `{"concert":"opera","guest":"Ada"}`)
	require.NoError(t, err)
	text, err := json.Marshal(receipt)
	require.NoError(t, err)
	assert.JSONEq(t, `{"id":"17","events":[]}`, string(text))
}

// The next client's second try would take effect twice.
func TestAHandlerThatForgetsTheOptionsIsTold(t *testing.T) {
	t.Parallel()
	repository := aggregate.NewRepository(memstore.New(), concerts, aggregate.Options{})
	bus := command.NewBus(options)
	command.Register(bus, "book", "Takes seats", func(ctx context.Context, call command.Call[BookSeats]) ([]eventstore.Commit, error) {
		id, decide := book(call.Command)
		commit, err := repository.Execute(ctx, id, decide)
		return []eventstore.Commit{commit}, err
	})
	_, err := bus.Dispatch(t.Context(), command.Request{Name: "book", ID: "17", Content: []byte(ada)})
	require.ErrorContains(t, err, "it has to pass Call.Options on")
	f, ok := errors.AsType[*dispatch.Failure](err)
	require.True(t, ok)
	assert.Equal(t, dispatch.Internal, f.Class)
}

func TestCommitsSayWhatTheyFollowFrom(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	o := newOffice(t, store)
	metadata := func(ctx context.Context, id string) (m eventstore.Metadata) {
		t.Helper()
		_, err := o.send(ctx, id, ada)
		require.NoError(t, err)
		for c, err := range store.Read(t.Context(), must(eventstore.NewStreamID("concert", "opera")), 1) {
			require.NoError(t, err)
			m = c.Metadata
		}
		return m
	}
	assert.Equal(t, eventstore.Metadata{CorrelationID: "17", CausationID: "17"}, metadata(t.Context(), "17"))
	given := eventstore.Metadata{Actor: "ada", CorrelationID: "c", CausationID: "d"}
	assert.Equal(t, given, metadata(eventstore.WithMetadata(t.Context(), given), "18"))
}

func TestTheCommandsAreListedWithAnExampleThatWorks(t *testing.T) {
	t.Parallel()
	o := newOffice(t, memstore.New())
	require.Len(t, o.bus.Entries(), 1)
	entry := o.bus.Entries()[0]
	assert.Equal(t, "Takes seats at a concert", entry.Summary)
	assert.Equal(t, ada, string(entry.Example))
	o.requireWrote("[concert-opera@1]", "17", string(entry.Example))
	assert.Nil(t, o.bus.Entry("bok"))
}
