package eventbridge_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/eventbridge"
	"github.com/leftfold/leftfold/handlers/eventbridge/eventbridgetest"
)

// accountBus names a bus of a real account. The test puts about 30 events on it.
const accountBus = "LEFTFOLD_EVENTBRIDGE_BUS"

func TestARealBusDoesWhatIsSaidOfIt(t *testing.T) {
	bus := os.Getenv(accountBus)
	if bus == "" {
		t.Skip("needs an account of AWS: " + accountBus + "=NAME AWS_REGION=… go test -run RealBus ./handlers/eventbridge, " +
			"with credentials that allow events:PutEvents and events:DescribeEventBus on the bus")
	}
	settings, err := config.LoadDefaultConfig(t.Context())
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	settings.HTTPClient = &http.Client{Transport: transport}
	askBus(t, eventbridge.NewClient(settings), bus)
}

func TestTheServerDoesWhatIsSaidOfARealBus(t *testing.T) {
	t.Parallel()
	askBus(t, eventbridgetest.NewServer(t, eventbridgetest.Options{}).Client(t), "default")
}

// askBus asks a bus for what a publisher, and the server of the tests, take for granted.
func askBus(t *testing.T, client *sdk.Client, bus string) {
	p, err := eventbridge.OpenPublisher(t.Context(), client, "leftfold.test", eventbridge.PublisherOptions{Bus: bus})
	require.NoError(t, err)

	t.Run("it takes events in groups, and one of the full size", func(t *testing.T) {
		run := "user-" + uuid.NewString()
		var events []stored
		for _, e := range many(t, 25) {
			e.Stream, err = eventstore.ParseStreamID(run + e.Stream.ID())
			require.NoError(t, err)
			e.Time = time.Now()
			events = append(events, e)
		}
		events[7].Data.Payload = []byte(`"` + strings.Repeat("x", eventbridge.DefaultMaxBytes-2_000) + `"`)
		for _, err := range publishAll(t.Context(), p, events...) {
			require.NoError(t, err)
		}
	})
	t.Run("a bus that does not exist is found by looking at it alone", func(t *testing.T) {
		missing := "leftfold-" + uuid.NewString()
		_, err := eventbridge.OpenPublisher(t.Context(), client, "leftfold.test", eventbridge.PublisherOptions{Bus: missing})
		require.ErrorIs(t, err, eventbridge.ErrNoBus)
		out, err := client.PutEvents(t.Context(), &sdk.PutEventsInput{Entries: []types.PutEventsRequestEntry{{EventBusName: &missing,
			Source: new("leftfold.test"), DetailType: new("LOST"), Detail: new("{}")}}})
		require.NoError(t, err)
		assert.Zero(t, out.FailedEntryCount, "if this fails AWS has learned to say so, and the look at the bus can go")
	})
	t.Run("the limits are those of the server", func(t *testing.T) {
		entry := types.PutEventsRequestEntry{EventBusName: &bus, Source: new("leftfold.test"), DetailType: new("TEST"), Detail: new("{}")}
		elevenOf := make([]types.PutEventsRequestEntry, 11)
		for i := range elevenOf {
			elevenOf[i] = entry
		}
		large := entry
		large.Detail = new(`{"x":"` + strings.Repeat("x", eventbridge.DefaultMaxBytes-len("leftfold.testTEST")-8+1) + `"}`)
		for _, entries := range [][]types.PutEventsRequestEntry{elevenOf, {large}} {
			_, err := client.PutEvents(t.Context(), &sdk.PutEventsInput{Entries: entries})
			var refused smithy.APIError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, "ValidationException", refused.ErrorCode())
		}
		text, foreign := entry, entry
		text.Detail, foreign.Source = new(`"text"`), new("aws.leftfold")
		out, err := client.PutEvents(t.Context(), &sdk.PutEventsInput{Entries: []types.PutEventsRequestEntry{text, foreign, entry}})
		require.NoError(t, err)
		assert.Equal(t, "MalformedDetail", aws.ToString(out.Entries[0].ErrorCode))
		assert.Equal(t, "NotAuthorizedForSourceException", aws.ToString(out.Entries[1].ErrorCode))
		assert.NotNil(t, out.Entries[2].EventId)
	})
}
