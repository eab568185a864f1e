package eventbridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/handlers/eventbridge"
)

// lasting is a bus within a bubble: it accepts everything, and each of its requests takes
// as long as is said.
type lasting struct {
	takes []time.Duration
	calls atomic.Int64
}

func (l *lasting) Do(r *http.Request) (*http.Response, error) {
	time.Sleep(l.takes[l.calls.Add(1)-1])
	var request struct{ Entries []json.RawMessage }
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		return nil, err
	}
	accepted := `{"EventId":"x"}` + strings.Repeat(`,{"EventId":"x"}`, len(request.Entries)-1)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r,
		Body: io.NopCloser(strings.NewReader(`{"FailedEntryCount":0,"Entries":[` + accepted + `]}`))}, nil
}

// patient is a context that ends when somebody looks at it again and again.
type patient struct {
	context.Context
	cancel context.CancelCauseFunc
	looks  atomic.Int64
}

var errSpins = errors.New("who waits looks again and again")

func (p *patient) Done() <-chan struct{} {
	if p.looks.Add(1) == 1000 {
		p.cancel(errSpins)
	}
	return p.Context.Done()
}

// One event is on its way, five go beside it, and then the first has arrived: nobody holds
// the turn, and nobody has a use for it.
func TestWhoIsInAnothersRequestWaitsForItsAnswerAndDoesNothingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bus := &lasting{takes: []time.Duration{time.Second, time.Minute}}
		client := sdk.New(sdk.Options{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""), HTTPClient: bus})
		p, err := eventbridge.OpenPublisher(t.Context(), client, "shop", eventbridge.PublisherOptions{Unchecked: true, Timeout: time.Hour})
		require.NoError(t, err)
		ended := []<-chan error{start(t.Context(), p, purchase(t, "user-first", 1))}
		synctest.Wait()
		events := many(t, 5)
		for _, e := range events[:4] {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			ended = append(ended, start(&patient{Context: ctx, cancel: cancel}, p, e))
		}
		synctest.Wait()
		ended = append(ended, start(t.Context(), p, events[4]))
		for _, err := range ended {
			assert.NoError(t, <-err)
		}
		assert.EqualValues(t, 2, bus.calls.Load())
	})
}
