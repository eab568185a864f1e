package eventbridge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/handlers/eventbridge"
	"github.com/leftfold/leftfold/handlers/eventbridge/eventbridgetest"
)

// Purchase is the receiver's own Go type for the shop's event, of a later schema version.
type Purchase struct {
	Product string
	Cents   int
	At      time.Time
}

// Unhandled is an event that the receiver knows and has no use for.
type Unhandled struct{}

var received = eventstore.MustRegistry(
	eventstore.Type[Purchase]("PURCHASE_MADE", 2),
	eventstore.Upcast("PURCHASE_MADE", 1, func(p PurchaseMade) (Purchase, error) {
		return Purchase{Product: p.Product, Cents: 100 * p.Amount}, nil
	}),
	eventstore.Type[Unhandled]("UNHANDLED", 1),
)

// inbox is what a receiver was handed.
type inbox struct {
	got []eventbridge.Received[Purchase]
	ctx []context.Context
	err error
}

func (i *inbox) receiver(t testing.TB, opts eventbridge.ReceiverOptions, parts ...eventbridge.Part) *eventbridge.Receiver {
	t.Helper()
	parts = append(parts, eventbridge.On(func(ctx context.Context, e eventbridge.Received[Purchase]) error {
		i.got, i.ctx = append(i.got, e), append(i.ctx, ctx)
		return i.err
	}))
	r, err := eventbridge.NewReceiver("loyalty", opts, eventbridge.From("shop", received, parts...))
	require.NoError(t, err)
	return r
}

const (
	goodDetail = `{"id":"user-17850@3","stream":"user-17850","version":3,"schema":1,"time":"2026-01-31T12:00:00.123456Z",` +
		`"metadata":{"correlation_id":"order-7","causation_id":"cmd-9","actor":"ann","traceparent":"00-aa-bb-01","tracestate":"x=1"},` +
		`"payload":{"Product":"MUG-01","Amount":5}}`
	goodMessage = `{"version":"0","id":"17793124-05d4-b198-2fde-7ededc63b103","detail-type":"PURCHASE_MADE","source":"shop","account":"123456789012",` +
		`"time":"2026-01-31T12:00:00Z","region":"eu-central-1","resources":[],"detail":` + goodDetail + `}`
)

func TestAReceiverHandsOnWhatWasPublished(t *testing.T) {
	t.Parallel()
	var i inbox
	r := i.receiver(t, eventbridge.ReceiverOptions{})
	require.NoError(t, r.HandleMessage(t.Context(), json.RawMessage(goodMessage)))
	var event events.EventBridgeEvent
	require.NoError(t, json.Unmarshal([]byte(goodMessage), &event))
	require.NoError(t, r.Handle(t.Context(), event))
	require.NoError(t, r.HandleMessage(t.Context(), json.RawMessage(strings.Replace(goodMessage, `"version":"0"`, `"version":"0","replay-name":"again"`, 1))))
	require.Len(t, i.got, 3)
	e := i.got[0]
	assert.Equal(t, e, i.got[1])
	assert.Equal(t, "user-17850@3", e.ID().String())
	assert.Equal(t, "shop", e.Source)
	assert.Equal(t, noon, e.Time)
	assert.Equal(t, Purchase{Product: "MUG-01", Cents: 500}, e.Data)
	assert.Equal(t, eventstore.Metadata{CorrelationID: "order-7", CausationID: "cmd-9", Actor: "ann", TraceParent: "00-aa-bb-01", TraceState: "x=1"}, e.Metadata)
	assert.Equal(t, "again", i.got[2].Replay)
	assert.Empty(t, e.Replay)
	for _, ctx := range i.ctx {
		assert.Equal(t, eventstore.Metadata{CorrelationID: "order-7", CausationID: "shop/user-17850@3", TraceParent: "00-aa-bb-01", TraceState: "x=1"},
			eventstore.MetadataFrom(ctx), "what its commands carry")
	}
}

func TestACommandIDIsTheSameForTheSameEventAndNoOther(t *testing.T) {
	t.Parallel()
	known := map[string]string{}
	for _, receiver := range []string{"loyalty", "mail"} {
		for _, source := range []string{"shop", "outlet"} {
			for _, id := range []string{"user-1@1", "user-1@2", "user-2@1"} {
				stream, version, _ := strings.Cut(id, "@")
				message := strings.NewReplacer("user-17850@3", id, "user-17850", stream, `"version":3`, `"version":`+version, `"source":"shop"`, `"source":"`+source+`"`).Replace(goodMessage)
				for range 2 {
					r, err := eventbridge.NewReceiver(receiver, eventbridge.ReceiverOptions{}, eventbridge.From(source, received,
						eventbridge.On(func(_ context.Context, e eventbridge.Received[Purchase]) error {
							of := receiver + source + id
							if before, met := known[e.CommandID()]; met {
								assert.Equal(t, before, of)
							}
							known[e.CommandID()] = of
							return nil
						})))
					require.NoError(t, err)
					require.NoError(t, r.HandleMessage(t.Context(), json.RawMessage(message)))
				}
			}
		}
	}
	assert.Len(t, known, 12)
	assert.Equal(t, "loyaltyshopuser-1@1", known["bus-d931a178d2218403a8b0dc56b96edd9f"], "it never changes: commits have it")
}

func TestDuplicatesAndRedeliveriesTakeEffectOnce(t *testing.T) {
	t.Parallel()
	type Points struct{ N int }
	registry := eventstore.MustRegistry(eventstore.Type[Points]("POINTS", 1))
	store := memstore.New()
	accounts := aggregate.NewRepository(store, aggregate.Decider[int, Points]{Category: "account", Events: registry,
		Evolve: func(n int, e Points) int { return n + e.N }}, aggregate.Options{})
	fail := 0
	r, err := eventbridge.NewReceiver("loyalty", eventbridge.ReceiverOptions{}, eventbridge.From("shop", received,
		eventbridge.On(func(ctx context.Context, e eventbridge.Received[Purchase]) error {
			_, err := accounts.Execute(ctx, e.Stream.ID(), func(int) ([]Points, error) { return []Points{{e.Data.Cents}}, nil }, aggregate.CommandID(e.CommandID()))
			if fail++; fail%4 == 0 {
				return errors.New("the function was ended when it had done its work")
			}
			return err
		})))
	require.NoError(t, err)

	server := eventbridgetest.NewServer(t, eventbridgetest.Options{Plan: eventbridgetest.Seeded(1, 0.3, eventbridgetest.CutAfter), Seed: 3})
	p := open(t, server, eventbridge.PublisherOptions{})
	for v := 1; v <= 20; v++ {
		for _, err := range publishAll(t.Context(), p, purchase(t, "user-1", v), purchase(t, "user-2", v)) {
			require.NoError(t, err)
		}
	}
	require.Greater(t, server.Accepted(), 40, "some came twice")
	server.Deliver(t.Context(), r.HandleMessage)
	d := server.Replay(t.Context(), "a-year-later", r.HandleMessage)
	require.Empty(t, d.Dead)
	for _, user := range []string{"1", "2"} {
		loaded, err := accounts.Load(t.Context(), user)
		require.NoError(t, err)
		assert.Equal(t, 100*20*21/2, loaded.State)
	}
}

func TestWhatAReceiverDoesNotExpectIsAnErrorThatSaysWhere(t *testing.T) {
	t.Parallel()
	replace := func(old, new string) string { return strings.Replace(goodMessage, old, new, 1) }
	for name, test := range map[string]struct {
		message string
		is      error
		says    []string
		hint    string
	}{
		"a source": {replace(`"source":"shop"`, `"source":"outlet"`), eventbridge.ErrSource,
			[]string{`receiver "loyalty": event "user-17850@3" of type "PURCHASE_MADE" from "outlet": source is not expected: expected is ["shop"]`}, "narrow the rule"},
		"a type":           {replace("PURCHASE_MADE", "PURCHASE_LOST"), eventstore.ErrUnregistered, []string{`of type "PURCHASE_LOST" from "shop": event type not registered: handled are ["PURCHASE_MADE"`}, "let the receiver ignore it"},
		"a schema version": {replace(`"schema":1`, `"schema":3`), eventstore.ErrUnregistered, []string{"schema version 3: event type not registered"}, "register the type"},
		"no JSON":          {"secret", eventstore.ErrInvalid, []string{"it is no event of a bus: byte 1 is no JSON"}, ""},
		"an array":         {`["secret"]`, eventstore.ErrInvalid, []string{"it is no event of a bus", "is no eventbridge.message"}, ""},
		"a time":           {replace(`"2026-01-31T12:00:00Z"`, `"secret"`), eventstore.ErrInvalid, []string{"a time is not as in"}, ""},
		"no detail":        {replace(`"detail":`+goodDetail, `"other":1`), eventstore.ErrInvalid, []string{`event "17793124-05d4-b198-2fde-7ededc63b103"`}, ""},
		"a detail of somebody else": {replace(goodDetail, `{"secret":1}`), eventstore.ErrInvalid,
			[]string{`event "17793124-05d4-b198-2fde-7ededc63b103"`, "its detail: id:"}, ""},
		"an id":                 {replace("user-17850@3", "user@3"), eventstore.ErrInvalid, []string{"its detail: id:", "no hyphen"}, ""},
		"another version":       {replace(`"version":3`, `"version":4`), eventstore.ErrInvalid, []string{`id "user-17850@3" is not stream "user-17850" at version 4`}, ""},
		"a version in words":    {replace(`"version":3`, `"version":"secret"`), eventstore.ErrInvalid, []string{`field "version"`, "is no eventstore.Version"}, ""},
		"no schema":             {replace(`"schema":1,`, ``), eventstore.ErrInvalid, []string{"schema version 0 is below 1"}, ""},
		"no time of its own":    {replace(`"time":"2026-01-31T12:00:00.123456Z",`, ``), eventstore.ErrInvalid, []string{"it has no time"}, ""},
		"no payload":            {replace(`,"payload":{"Product":"MUG-01","Amount":5}`, ``), eventstore.ErrInvalid, []string{"either a payload or the place of one"}, ""},
		"a payload":             {replace(`"Amount":5`, `"Amount":"secret"`), eventstore.ErrUndecodable, []string{"its payload of schema version 1 does not fit", `field "Amount"`}, "upcaster"},
		"a number":              {replace(`"Amount":5`, `"Amount":5.125`), eventstore.ErrUndecodable, []string{`field "Amount"`, "is no int"}, "upcaster"},
		"a time in the payload": {strings.Replace(replace(`"schema":1`, `"schema":2`), `"Amount":5`, `"At":"secret"`, 1), eventstore.ErrUndecodable, []string{"a time is not as in"}, ""},
		"a deposited payload": {replace(`"payload":{"Product":"MUG-01","Amount":5}`, `"deposited":{"reference":"s3://x","bytes":7,"sha256":"00"}`), eventstore.ErrInvalid,
			[]string{`its payload of 7 bytes was deposited at "s3://x", and ReceiverOptions.Fetch is not set`}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var i inbox
			err := i.receiver(t, eventbridge.ReceiverOptions{}).HandleMessage(t.Context(), json.RawMessage(test.message))
			require.ErrorIs(t, err, test.is)
			var e *eventbridge.ReceiveError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, "loyalty", e.Receiver)
			for _, text := range test.says {
				assert.ErrorContains(t, err, text)
			}
			assert.NotContains(t, err.Error(), "secret")
			assert.NotContains(t, err.Error(), "5.125")
			assert.Contains(t, eventstore.Hint(err), test.hint)
			assert.Empty(t, i.got)
		})
	}
}

func TestWhatIsNamedIsPassedOver(t *testing.T) {
	t.Parallel()
	var i inbox
	var log bytes.Buffer
	message := func(typ, detail string) json.RawMessage {
		return json.RawMessage(strings.NewReplacer("PURCHASE_MADE", typ, goodDetail, detail).Replace(goodMessage))
	}
	r := i.receiver(t, eventbridge.ReceiverOptions{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}, eventbridge.Ignore("FOREIGN"))
	require.NoError(t, r.HandleMessage(t.Context(), message("FOREIGN", `{"of":"somebody else"}`)))
	require.NoError(t, r.HandleMessage(t.Context(), message("UNHANDLED", goodDetail)), "it is registered")
	require.ErrorIs(t, r.HandleMessage(t.Context(), message("UNKNOWN", goodDetail)), eventstore.ErrUnregistered)
	assert.Equal(t, 2, strings.Count(log.String(), "event is passed over"))

	r = i.receiver(t, eventbridge.ReceiverOptions{}, eventbridge.IgnoreOthers())
	require.NoError(t, r.HandleMessage(t.Context(), message("UNKNOWN", `{"of":"somebody else"}`)))
	err := r.HandleMessage(t.Context(), message("PURCHASE_MADE", strings.Replace(goodDetail, `"schema":1`, `"schema":3`, 1)))
	require.ErrorIs(t, err, eventstore.ErrUnregistered, "a type that it handles, in a form that it does not know")
	assert.Empty(t, i.got)
}

func TestAnErrorOfTheFunctionGoesBackToLambda(t *testing.T) {
	t.Parallel()
	errBusy := errors.New("the store is busy")
	i := inbox{err: errBusy}
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{})
	require.NoError(t, open(t, server, eventbridge.PublisherOptions{}).Publish(t.Context(), purchase(t, "user-1", 1)))
	d := server.Deliver(t.Context(), i.receiver(t, eventbridge.ReceiverOptions{}).HandleMessage)
	require.Len(t, d.Dead, 1)
	assert.Equal(t, "user-1@1", idOf(t, d.Dead[0]))
	require.ErrorIs(t, d.Errors[0], errBusy)
	assert.ErrorContains(t, d.Errors[0], `event "user-1@1" of type "PURCHASE_MADE" from "shop": the store is busy`)
	assert.GreaterOrEqual(t, len(i.got), 3)
}

func TestADepositedPayloadIsFetchedAndChecked(t *testing.T) {
	t.Parallel()
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{})
	places := map[string][]byte{}
	p := open(t, server, eventbridge.PublisherOptions{MaxBytes: 1_500, Deposit: func(_ context.Context, e stored) (string, error) {
		places["s3://large/1"] = e.Data.Payload
		return "s3://large/1", nil
	}})
	name := strings.Repeat("x", 2_000)
	require.NoError(t, p.Publish(t.Context(), event(t, "user-1", 1, `{"Product":"`+name+`","Amount":7}`)))

	var i inbox
	errAway := errors.New("no connection")
	fetch := func(_ context.Context, reference string) ([]byte, error) {
		if content, found := places[reference]; found {
			return content, nil
		}
		return nil, errAway
	}
	r := i.receiver(t, eventbridge.ReceiverOptions{Fetch: fetch})
	message := server.Events()[0].Message()
	require.NoError(t, r.HandleMessage(t.Context(), message))
	require.Len(t, i.got, 1)
	assert.Equal(t, Purchase{Product: name, Cents: 700}, i.got[0].Data)

	places["s3://large/1"] = append([]byte{}, places["s3://large/1"]...)
	places["s3://large/1"][20] = 'y'
	err := r.HandleMessage(t.Context(), message)
	require.ErrorIs(t, err, eventstore.ErrInvalid)
	assert.ErrorContains(t, err, fmt.Sprintf(`the %d bytes at "s3://large/1" are not the %[1]d that were deposited`, len(places["s3://large/1"])))

	delete(places, "s3://large/1")
	err = r.HandleMessage(t.Context(), message)
	require.ErrorIs(t, err, errAway)
	assert.ErrorContains(t, err, `fetch its payload from "s3://large/1"`)
	assert.Len(t, i.got, 1)
}

func TestAReceiverThatIsDeclaredWronglyIsRefused(t *testing.T) {
	t.Parallel()
	on := eventbridge.On(func(context.Context, eventbridge.Received[Purchase]) error { return nil })
	unregistered := eventbridge.On(func(context.Context, eventbridge.Received[int]) error { return nil })
	_, err := eventbridge.NewReceiver("Bad Name", eventbridge.ReceiverOptions{}, eventbridge.From("shop", received, on, on, unregistered, eventbridge.Ignore("PURCHASE_MADE")),
		eventbridge.From("shop", received, on), eventbridge.From("aws.ec2", received), eventbridge.From("outlet", nil, on))
	require.ErrorIs(t, err, eventstore.ErrInvalid)
	for _, text := range []string{`receiver "Bad Name"`, "its name is not 1 to 64", `source "shop": eventbridge_test.Purchase is handled twice`, "int is handled and not registered",
		"type PURCHASE_MADE is handled and ignored", `source "shop": it is named twice`, "begins with aws.", `source "aws.ec2": nothing of it is handled`, `source "outlet": it has no event registry`} {
		assert.ErrorContains(t, err, text)
	}
	_, err = eventbridge.NewReceiver("loyalty", eventbridge.ReceiverOptions{})
	assert.ErrorContains(t, err, "it has no source")
}

func FuzzHandleMessage(f *testing.F) {
	f.Add([]byte(goodMessage))
	for _, part := range []string{`"schema":1`, `"version":3`, `user-17850@3`, `"payload":{"Product":"MUG-01","Amount":5}`, `"detail":`, `:`} {
		f.Add([]byte(strings.Replace(goodMessage, part, ``, 1)))
	}
	f.Add([]byte(strings.Replace(goodMessage, `"payload":{"Product":"MUG-01","Amount":5}`, `"deposited":{"reference":"s3://x","bytes":7,"sha256":"00"}`, 1)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var i inbox
		err := i.receiver(t, eventbridge.ReceiverOptions{Fetch: func(context.Context, string) ([]byte, error) { return raw, nil }}, eventbridge.IgnoreOthers()).HandleMessage(t.Context(), raw)
		if err != nil {
			require.ErrorAs(t, err, new(*eventbridge.ReceiveError))
			require.Empty(t, i.got)
		}
		for _, e := range i.got {
			id, err := eventstore.ParseEventID(e.ID().String())
			require.NoError(t, err)
			require.Equal(t, e.ID(), id)
			require.LessOrEqual(t, len(e.CommandID()), eventstore.MaxCommitIDBytes)
			require.Equal(t, "shop", e.Source)
		}
	})
}

// What is published arrives as it was, whatever it is.
func FuzzPublished(f *testing.F) {
	f.Add("user-1", uint64(1), `{"Product":"MUG","Amount":1}`, "order-7")
	f.Add("a-b c\u2028", uint64(1<<62), "{\"Product\":\"</script>\u2028\\u0000\"}", "\"\\\n")
	f.Fuzz(func(t *testing.T, name string, version uint64, payload, correlation string) {
		id, err := eventstore.ParseEventID(fmt.Sprintf("%s@%d", name, version))
		if err != nil {
			t.Skip()
		}
		e := stored{Stream: id.Stream, Version: id.Version, Time: noon, Metadata: eventstore.Metadata{CorrelationID: correlation},
			Data: eventstore.Event{Type: "PURCHASE_MADE", Schema: 1, Payload: []byte(payload)}}
		text, err := eventbridge.DetailOf(e)
		if err != nil {
			require.ErrorIs(t, err, eventstore.ErrInvalid)
			return
		}
		got, err := eventbridge.DecodeDetail([]byte(text))
		require.NoError(t, err)
		require.Equal(t, e.ID().String(), got.ID)
		require.Equal(t, correlation, got.Metadata.CorrelationID)
		require.Equal(t, strings.Trim(payload, " \t\r\n"), string(got.Payload))
	})
}
