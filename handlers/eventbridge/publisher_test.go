package eventbridge_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/eventbridge"
	"github.com/leftfold/leftfold/handlers/eventbridge/eventbridgetest"
)

func TestAnEventIsOnTheBusAsItIsStored(t *testing.T) {
	t.Parallel()
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{Buses: []string{"orders"}})
	p := open(t, server, eventbridge.PublisherOptions{Bus: "orders",
		Resources: func(e stored) []string { return []string{"arn:aws:s3:::" + e.Stream.ID()} }})
	e := event(t, "user-17850", 3, `{"Product":"<MUG>", "Amount": 1.10}`)
	e.Data.Schema = 2
	e.Metadata = eventstore.Metadata{CorrelationID: "order-7", CausationID: "cmd-9", TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		Extra: map[string]string{"till": "4"}}
	require.NoError(t, p.Publish(t.Context(), e))
	require.Len(t, server.Events(), 1)
	got := server.Events()[0]
	assert.NotEmpty(t, got.ID)
	got.ID = ""
	assert.Equal(t, `{"id":"user-17850@3","stream":"user-17850","version":3,"schema":2,"time":"2026-01-31T12:00:00.123456Z",`+
		`"metadata":{"correlation_id":"order-7","causation_id":"cmd-9","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","extra":{"till":"4"}},`+
		`"payload":{"Product":"<MUG>", "Amount": 1.10}}`, string(got.Detail))
	got.Detail = nil
	assert.Equal(t, eventbridgetest.Event{Bus: "orders", Source: "shop", DetailType: "PURCHASE_MADE", Time: noon.Truncate(time.Second),
		Resources: []string{"arn:aws:s3:::17850"}}, got)
}

func TestAPublisherThatIsConfiguredWronglyIsRefused(t *testing.T) {
	t.Parallel()
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{})
	for source, text := range map[string]string{"": "has 0 bytes", strings.Repeat("x", 257): "has 257 bytes", "aws.shop": "begins with aws.",
		"AWS.shop": "begins with aws.", "shop\n": "control characters", "shop\xff": "is not UTF-8"} {
		_, err := eventbridge.OpenPublisher(t.Context(), server.Client(t), source, eventbridge.PublisherOptions{MaxBytes: 1000, Requests: -1})
		require.ErrorIs(t, err, eventstore.ErrInvalid)
		assert.ErrorContains(t, err, text)
		assert.ErrorContains(t, err, "MaxBytes 1000 leaves no room")
		assert.ErrorContains(t, err, "Requests, Attempts and Timeout are not below 0")
	}
}

// EventBridge accepts events for a bus that does not exist.
func TestABusThatDoesNotExistIsFoundBeforeAnythingIsLost(t *testing.T) {
	t.Parallel()
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{Buses: []string{"orders"}})
	missing := eventbridge.PublisherOptions{Bus: "ordres"}
	_, err := eventbridge.OpenPublisher(t.Context(), server.Client(t), "shop", missing)
	require.ErrorIs(t, err, eventbridge.ErrNoBus)
	assert.ErrorContains(t, err, `bus "ordres"`)
	assert.Contains(t, eventstore.Hint(err), "create it")

	missing.Unchecked = true
	p := open(t, server, missing)
	require.NoError(t, p.Publish(t.Context(), purchase(t, "user-1", 1)), "nobody says so")
	assert.Equal(t, 1, server.Dropped())

	p = open(t, server, eventbridge.PublisherOptions{Bus: "arn:aws:events:eu-central-1:123456789012:event-bus/orders"})
	require.NoError(t, p.Publish(t.Context(), purchase(t, "user-1", 1)))
	assert.Equal(t, 1, server.Accepted())
}

func TestWhatABusCanNotCarryIsRefusedBeforeTheCall(t *testing.T) {
	t.Parallel()
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{})
	p := open(t, server, eventbridge.PublisherOptions{})
	long := purchase(t, "user-1", 1)
	long.Data.Type = strings.Repeat("é", 129)
	unnamed := purchase(t, "user-1", 1)
	unnamed.Data.Type = ""
	torn := purchase(t, "user-1", 1)
	torn.Metadata.Actor = "\xff"
	for text, e := range map[string]stored{
		"its payload is not JSON":      event(t, "user-1", 1, "\x08\x01secret"),
		"it is not UTF-8":              event(t, "user-1", 1, "\"secret\xff\""),
		"its type has 129 characters":  long,
		"its type has 0 characters":    unnamed,
		"metadata: a string is not UT": torn,
	} {
		err := p.Publish(t.Context(), e)
		require.ErrorIs(t, err, eventstore.ErrInvalid)
		assert.ErrorContains(t, err, text)
		assert.ErrorContains(t, err, "publish user-1@1 of type ")
		assert.NotContains(t, err.Error(), "secret")
		assert.False(t, failure(t, err).Transient)
	}
	assert.Zero(t, server.Calls())
}

// full returns an event whose entry is of that size on a bus, and takes the time and the
// names that open and event give it.
func full(tb testing.TB, stream string, size int) stored {
	tb.Helper()
	e := event(tb, stream, 1, `""`)
	const others = `{"id":"user-1@1","stream":"user-1","version":1,"schema":1,"time":"2026-01-31T12:00:00.123456Z","payload":""}` + "shopPURCHASE_MADE"
	e.Data.Payload = []byte(`"` + strings.Repeat("x", size-len(others)-14) + `"`)
	return e
}

func TestTheSizeOfAnEntryIsCountedAsAWSDoes(t *testing.T) {
	t.Parallel()
	const limit = 20_000 // of the server too, which counts for itself
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{MaxBytes: limit - 1024})
	p := open(t, server, eventbridge.PublisherOptions{MaxBytes: limit})
	require.NoError(t, p.Publish(t.Context(), full(t, "user-1", limit-1024)))
	require.Equal(t, 1, server.Calls())

	err := p.Publish(t.Context(), full(t, "user-1", limit-1023))
	require.ErrorIs(t, err, eventstore.ErrTooLarge)
	assert.ErrorContains(t, err, `publish user-1@1 of type PURCHASE_MADE to bus "default": "user-1": 18977 bytes of an entry, the limit is 18976`)
	assert.Contains(t, eventstore.Hint(err), "Deposit")
	assert.False(t, failure(t, err).Transient)
	assert.Equal(t, 1, server.Calls(), "before the call")

	one := full(t, "user-1", limit-1024-len("arn:é")+1)
	p = open(t, server, eventbridge.PublisherOptions{MaxBytes: limit, Resources: func(stored) []string { return []string{"arn", ":é"} }})
	assert.ErrorContains(t, p.Publish(t.Context(), one), "18977 bytes of an entry", "resources count in bytes")
}

func TestALargePayloadIsDeposited(t *testing.T) {
	t.Parallel()
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{MaxBytes: 5_000})
	kept := map[string][]byte{}
	opts := eventbridge.PublisherOptions{MaxBytes: 5_000, Deposit: func(_ context.Context, e stored) (string, error) {
		reference := "s3://large/" + e.ID().String()
		kept[reference] = e.Data.Payload
		return reference, nil
	}}
	p := open(t, server, opts)
	e := event(t, "user-1", 1, `{"Product":"`+strings.Repeat("x", 10_000)+`"}`)
	require.NoError(t, p.Publish(t.Context(), e))
	require.NoError(t, p.Publish(t.Context(), purchase(t, "user-1", 2)))
	assert.Equal(t, map[string][]byte{"s3://large/user-1@1": e.Data.Payload}, kept, "the small one needs no place")
	assert.Equal(t, `{"id":"user-1@1","stream":"user-1","version":1,"schema":1,"time":"2026-01-31T12:00:00.123456Z","deposited":{"reference":"s3://large/user-1@1",`+
		`"bytes":10014,"sha256":"a0382dd6448620c10c352a800bd0c2a85e86b5cb4266c52ea08a8715eabe7953"}}`, string(server.Events()[0].Detail))
}

func TestADepositThatFailsIsTriedAgainLater(t *testing.T) {
	t.Parallel()
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{})
	errFull := errors.New("no room")
	reference, fault := "", errFull
	p := open(t, server, eventbridge.PublisherOptions{MaxBytes: 1_400, Deposit: func(context.Context, stored) (string, error) { return reference, fault }})
	large := event(t, "user-1", 1, `"`+strings.Repeat("x", 1_000)+`"`)
	err := p.Publish(t.Context(), large)
	require.ErrorIs(t, err, errFull)
	assert.ErrorContains(t, err, "deposit its payload: no room")
	assert.True(t, failure(t, err).Transient)

	fault = nil
	err = p.Publish(t.Context(), large)
	assert.ErrorContains(t, err, "it returned no reference")
	assert.True(t, failure(t, err).Transient)

	reference = strings.Repeat("y", 1_000)
	err = p.Publish(t.Context(), large)
	require.ErrorIs(t, err, eventstore.ErrTooLarge, "also as a reference")
	assert.False(t, failure(t, err).Transient)
	assert.Zero(t, server.Calls())
}
