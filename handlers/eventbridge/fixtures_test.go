package eventbridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/eventbridge"
	"github.com/leftfold/leftfold/handlers/eventbridge/eventbridgetest"
	"github.com/leftfold/leftfold/projection"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// PurchaseMade is an event of the service that publishes.
type PurchaseMade struct {
	Product string
	Amount  int
}

var shopEvents = eventstore.MustRegistry(eventstore.Type[PurchaseMade]("PURCHASE_MADE", 1))

type stored = projection.Event[eventstore.Event]

var noon = time.Date(2026, 1, 31, 12, 0, 0, 123456000, time.UTC)

// purchase returns an event as a reaction gets it.
func purchase(tb testing.TB, stream string, version int) stored {
	return event(tb, stream, version, fmt.Sprintf(`{"Product":"MUG-01","Amount":%d}`, version))
}

func event(tb testing.TB, stream string, version int, payload string) stored {
	tb.Helper()
	id, err := eventstore.ParseStreamID(stream)
	require.NoError(tb, err)
	return stored{Stream: id, Version: eventstore.Version(version), Time: noon,
		Data: eventstore.Event{Type: "PURCHASE_MADE", Schema: 1, Payload: []byte(payload)}}
}

// open returns a publisher of the server's default bus.
func open(tb testing.TB, server *eventbridgetest.Server, opts eventbridge.PublisherOptions, options ...func(*sdk.Options)) *eventbridge.Publisher {
	tb.Helper()
	p, err := eventbridge.OpenPublisher(tb.Context(), server.Client(tb, options...), "shop", opts)
	require.NoError(tb, err)
	return p
}

// publishAll publishes at once, and returns the error of each.
func publishAll(ctx context.Context, p *eventbridge.Publisher, events ...stored) []error {
	errs := make([]error, len(events))
	var group sync.WaitGroup
	for i, e := range events {
		group.Go(func() { errs[i] = p.Publish(ctx, e) })
	}
	group.Wait()
	return errs
}

// many returns the first event of so many streams.
func many(tb testing.TB, n int) []stored {
	var events []stored
	for i := range n {
		events = append(events, purchase(tb, fmt.Sprintf("user-%d", i), 1))
	}
	return events
}

// counts returns how often each event has arrived, by its ID.
func counts(tb testing.TB, server *eventbridgetest.Server) map[string]int {
	tb.Helper()
	found := map[string]int{}
	for _, e := range server.Events() {
		found[idOf(tb, e)]++
	}
	return found
}

func idOf(tb testing.TB, e eventbridgetest.Event) string {
	tb.Helper()
	var d struct{ ID string }
	require.NoError(tb, json.Unmarshal(e.Detail, &d))
	require.NotEmpty(tb, d.ID)
	return d.ID
}

// failure returns the PublishError in err.
func failure(tb testing.TB, err error) *eventbridge.PublishError {
	tb.Helper()
	var e *eventbridge.PublishError
	require.ErrorAs(tb, err, &e)
	return e
}
