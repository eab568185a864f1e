package dynamotable_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamometer"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// doer is an HTTP client that is not of net/http.
type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

func TestWhatWasNotSentIsNotUnknown(t *testing.T) {
	t.Parallel()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler()) // whose certificate nobody knows
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)           // of handshakes
	secure.StartTLS()
	t.Cleanup(secure.Close)
	proxy := dynamotest.NewProxy(t, nobody, func(dynamotest.Call) dynamotest.Fault { return dynamotest.CutBefore })
	none := func(o *dynamodb.Options) {
		o.Credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
			// A provider asks servers of its own.
			answer, err := http.DefaultClient.Do(must(http.NewRequestWithContext(ctx, http.MethodGet, proxy.URL, strings.NewReader("x"))))
			if err == nil {
				_ = answer.Body.Close()
			}
			return aws.Credentials{}, errors.New("there are none")
		})
	}
	breaking := func(o *dynamodb.Options) {
		o.HTTPClient = doer(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF })
	}
	for _, test := range []struct {
		name            string
		client          *dynamodb.Client
		unknown, denied bool
		attempts        int
	}{
		{"no connection", dynamotest.NewClient(t, nobody), false, false, 2},
		{"no such host", dynamotest.NewClient(t, "http://nowhere.invalid"), false, false, 1},
		{"no trust", dynamotest.NewClient(t, secure.URL), false, false, 2},
		{"no credentials", dynamotest.NewClient(t, nobody, none), false, true, 1},
		{"no answer", dynamotest.NewClient(t, proxy.URL), true, false, 2},
		{"another HTTP client, of which nothing is known", dynamotest.NewClient(t, nobody, breaking), true, false, 2},
	} {
		var meter dynamometer.Meter
		put := func(ctx context.Context, in *dynamodb.PutItemInput, options ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
			return test.client.PutItem(ctx, in, append(options, meter.Attach)...)
		}
		_, err := dynamotable.Send(t.Context(), 2, "PutItem", put, &dynamodb.PutItemInput{TableName: new("t"), Item: dynamotable.Item{"PK": dynamotable.S("x")}})
		var e *dynamotable.Error
		require.ErrorAs(t, err, &e, test.name)
		assert.Equal(t, test.unknown, e.Unknown, "%s: %v", test.name, err)
		assert.Equal(t, test.denied, errors.Is(err, dynamotable.ErrDenied), test.name)
		assert.Equal(t, test.denied, strings.Contains(eventstore.Hint(err), "credentials"), test.name)
		assert.Equal(t, test.name == "no connection", strings.Contains(eventstore.Hint(err), "nothing listens at this address"), test.name)
		units := 0
		if test.unknown {
			units = test.attempts
		}
		assert.Equal(t, dynamometer.Usage{Requests: test.attempts, WriteUnits: float64(units)}, meter.Total(), test.name)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
