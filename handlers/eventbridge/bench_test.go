package eventbridge_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/eventbridge"
	"github.com/leftfold/leftfold/handlers/eventbridge/eventbridgetest"
	"github.com/leftfold/leftfold/internal/benchtest"
)

const (
	benchStreams = 16 // that a reaction serves at once
	benchRounds  = 7
)

// benchPayload is an event as the shop has them.
const benchPayload = `{"purchaseId":"user-17850@1","invoiceId":"536365","productId":"85123A","description":"WHITE HANGING HEART T-LIGHT HOLDER",` +
	`"quantity":6,"unitPrice":2.55,"amount":15.3,"country":"United Kingdom","date":"2010-12-01T08:26:00Z"}`

// BenchmarkPublish publishes as a reaction does, from 16 streams at once, one event of each
// at a time. The limit is one loop of PutEvents with 10 entries each, of the same content,
// to the same server. With a network in between, requests that are on their way at the
// same time count for more than what they cost here.
func BenchmarkPublish(b *testing.B) {
	for _, away := range []time.Duration{0, 20 * time.Millisecond} {
		b.Run(fmt.Sprintf("away=%s", away), func(b *testing.B) {
			n := 4_000
			if away > 0 {
				n = 1_600
			}
			calls := 0
			ours := func() benchtest.Usage {
				server := farServer(b, away)
				p := open(b, server, eventbridge.PublisherOptions{})
				usage := benchtest.Measure(func() { publishStreams(b, p, n/benchStreams) })
				require.Equal(b, n, server.Accepted())
				calls = server.Calls()
				return usage
			}
			limit := func() benchtest.Usage {
				server := farServer(b, away)
				client := server.Client(b)
				usage := benchtest.Measure(func() { putAll(b, client, n) })
				require.Equal(b, n, server.Accepted())
				return usage
			}
			bare, our := benchtest.Alternate(b, benchRounds, limit, ours)
			b.ReportMetric(float64(n)/our.Time.Seconds(), "events/s")
			b.ReportMetric(float64(n)/bare.Time.Seconds(), "bare-events/s")
			b.ReportMetric(float64(n)/float64(calls), "events/request")
		})
	}
}

// farServer answers after the time that a request to a Region takes.
func farServer(b *testing.B, away time.Duration) *eventbridgetest.Server {
	return eventbridgetest.NewServer(b, eventbridgetest.Options{Delay: max(away, 1), Plan: func(eventbridgetest.Call) eventbridgetest.Fault {
		if away > 0 {
			return eventbridgetest.Slow
		}
		return eventbridgetest.None
	}})
}

func publishStreams(b *testing.B, p *eventbridge.Publisher, each int) {
	var group sync.WaitGroup
	for i := range benchStreams {
		stream, err := eventstore.NewStreamID("user", fmt.Sprint(i))
		require.NoError(b, err)
		group.Go(func() {
			for v := range each {
				e := stored{Stream: stream, Version: eventstore.Version(v + 1), Time: noon,
					Data: eventstore.Event{Type: "PURCHASE_MADE", Schema: 1, Payload: []byte(benchPayload)}}
				if err := p.Publish(b.Context(), e); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

func putAll(b *testing.B, client *sdk.Client, n int) {
	for first := 0; first < n; first += 10 {
		in := sdk.PutEventsInput{}
		for i := first; i < first+10; i++ {
			in.Entries = append(in.Entries, types.PutEventsRequestEntry{EventBusName: new("default"), Source: new("shop"), DetailType: new("PURCHASE_MADE"), Time: new(noon),
				Detail: new(fmt.Sprintf(`{"id":"user-1@%d","stream":"user-1","version":%[1]d,"schema":1,"time":"2026-01-31T12:00:00.123456Z","payload":%s}`, i+1, benchPayload))})
		}
		out, err := client.PutEvents(b.Context(), &in)
		require.NoError(b, err)
		require.Zero(b, out.FailedEntryCount)
	}
}
