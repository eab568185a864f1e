package eventbridgetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/leftfold/leftfold/handlers/eventbridge/eventbridgetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func entry(id int) types.PutEventsRequestEntry {
	return types.PutEventsRequestEntry{Source: new("shop"), DetailType: new("SOLD"), Detail: new(fmt.Sprintf(`{"id":"%d"}`, id))}
}

func entries(n int) (all []types.PutEventsRequestEntry) {
	for i := range n {
		all = append(all, entry(i))
	}
	return all
}

func put(t *testing.T, s *eventbridgetest.Server, entries ...types.PutEventsRequestEntry) (*eventbridge.PutEventsOutput, error) {
	t.Helper()
	client := s.Client(t, func(o *eventbridge.Options) { o.Retryer = aws.NopRetryer{} })
	return client.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: entries})
}

func codeOf(t *testing.T, err error) string {
	t.Helper()
	var answer smithy.APIError
	require.ErrorAs(t, err, &answer)
	return answer.ErrorCode()
}

func TestWhatIsAcceptedIsKeptInItsOrder(t *testing.T) {
	t.Parallel()
	s := eventbridgetest.NewServer(t, eventbridgetest.Options{})
	e := entry(0)
	e.Time, e.Resources = new(time.Date(2026, 1, 31, 12, 0, 0, 999_000_000, time.UTC)), []string{"arn:aws:s3:::x"}
	out, err := put(t, s, append(entries(9), e)...)
	require.NoError(t, err)
	require.Len(t, out.Entries, 10)
	require.Len(t, s.Events(), 10)
	for i, got := range s.Events() {
		assert.Equal(t, aws.ToString(out.Entries[i].EventId), got.ID)
		assert.Equal(t, "default", got.Bus)
		assert.JSONEq(t, fmt.Sprintf(`{"id":"%d"}`, i%9), string(got.Detail))
	}
	last := s.Events()[9]
	assert.Equal(t, e.Resources, last.Resources)
	assert.Equal(t, time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), last.Time, "a bus has whole seconds")
}

func TestARequestBeyondALimitIsRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	const limit = 1_000
	s := eventbridgetest.NewServer(t, eventbridgetest.Options{MaxBytes: limit})
	_, err := put(t, s, entries(11)...)
	assert.Equal(t, "ValidationException", codeOf(t, err))

	e := entry(0)
	e.Time, e.Resources = new(time.Now()), []string{"é"}
	size := len("shopSOLDé") + 14
	e.Detail = new(`{"x":"` + strings.Repeat("x", limit-size-8) + `"}`)
	_, err = put(t, s, e)
	require.NoError(t, err, "just within")
	e.Detail = new(`{"x":"` + strings.Repeat("x", limit-size-7) + `"}`)
	_, err = put(t, s, e)
	assert.Equal(t, "ValidationException", codeOf(t, err))

	_, err = put(t, s, types.PutEventsRequestEntry{Source: new("shop")}, types.PutEventsRequestEntry{Detail: new("{}")})
	assert.Equal(t, "ValidationException", codeOf(t, err), "no entry is complete")
	assert.Equal(t, 1, s.Accepted())
}

func TestAnEntryThatIsWrongFailsAlone(t *testing.T) {
	t.Parallel()
	s := eventbridgetest.NewServer(t, eventbridgetest.Options{Reject: func(e eventbridgetest.Event) string {
		if e.DetailType == "SECRET" {
			return "NotAuthorizedForDetailTypeException"
		}
		return ""
	}})
	var all []types.PutEventsRequestEntry
	var codes []string
	for _, wrong := range []struct {
		code   string
		change func(*types.PutEventsRequestEntry)
	}{
		{"InvalidArgument", func(e *types.PutEventsRequestEntry) { e.Source = nil }},
		{"InvalidArgument", func(e *types.PutEventsRequestEntry) { e.DetailType = new("") }},
		{"InvalidArgument", func(e *types.PutEventsRequestEntry) { e.DetailType = new(strings.Repeat("é", 129)) }},
		{"", func(e *types.PutEventsRequestEntry) { e.DetailType = new(strings.Repeat("é", 128)) }},
		{"InvalidArgument", func(e *types.PutEventsRequestEntry) { e.Detail = nil }},
		{"MalformedDetail", func(e *types.PutEventsRequestEntry) { e.Detail = new(`"text"`) }},
		{"MalformedDetail", func(e *types.PutEventsRequestEntry) { e.Detail = new(`{"x":`) }},
		{"NotAuthorizedForSourceException", func(e *types.PutEventsRequestEntry) { e.Source = new("aws.shop") }},
		{"NotAuthorizedForDetailTypeException", func(e *types.PutEventsRequestEntry) { e.DetailType = new("SECRET") }},
		{"", func(*types.PutEventsRequestEntry) {}},
	} {
		e := entry(len(all))
		wrong.change(&e)
		all, codes = append(all, e), append(codes, wrong.code)
	}
	out, err := put(t, s, all...)
	require.NoError(t, err)
	assert.EqualValues(t, 8, out.FailedEntryCount)
	for i, code := range codes {
		assert.Equal(t, code, aws.ToString(out.Entries[i].ErrorCode), i)
		assert.Equal(t, code == "", out.Entries[i].EventId != nil, i)
		assert.Equal(t, code != "", out.Entries[i].ErrorMessage != nil, i)
	}
	assert.Equal(t, 2, s.Accepted())
}

func TestEventsForABusThatDoesNotExistAreAcceptedAndDropped(t *testing.T) {
	t.Parallel()
	s := eventbridgetest.NewServer(t, eventbridgetest.Options{Buses: []string{"orders"}})
	e := entry(1)
	e.EventBusName = new("ordres")
	out, err := put(t, s, e)
	require.NoError(t, err)
	assert.Zero(t, out.FailedEntryCount)
	assert.Zero(t, s.Accepted())
	assert.Equal(t, 1, s.Dropped())

	client := s.Client(t)
	_, err = client.DescribeEventBus(t.Context(), &eventbridge.DescribeEventBusInput{Name: e.EventBusName})
	assert.Equal(t, "ResourceNotFoundException", codeOf(t, err))
	found, err := client.DescribeEventBus(t.Context(), &eventbridge.DescribeEventBusInput{Name: new("orders")})
	require.NoError(t, err)
	e.EventBusName = found.Arn
	_, err = put(t, s, e)
	require.NoError(t, err)
	assert.Equal(t, 1, s.Accepted())
}

func TestAFaultIsWhatItIsCalled(t *testing.T) {
	t.Parallel()
	for fault, want := range map[eventbridgetest.Fault]struct {
		code     string
		accepted bool
	}{
		eventbridgetest.Throttled: {"ThrottlingException", false}, eventbridgetest.Denied: {"AccessDeniedException", false},
		eventbridgetest.Failed: {"InternalException", false}, eventbridgetest.FailedAfter: {"InternalException", true},
		eventbridgetest.CutBefore: {"", false}, eventbridgetest.CutAfter: {"", true}, eventbridgetest.Torn: {"", true},
	} {
		s := eventbridgetest.NewServer(t, eventbridgetest.Options{Plan: eventbridgetest.InTurn(fault)})
		_, err := put(t, s, entries(3)...)
		require.Error(t, err, fault)
		if want.code != "" {
			assert.Equal(t, want.code, codeOf(t, err), fault)
		} else {
			assert.False(t, errors.As(err, new(smithy.APIError)), fault)
		}
		assert.Equal(t, want.accepted, s.Accepted() == 3, fault)
		assert.Equal(t, 1, s.Count(fault))
		_, err = put(t, s, entries(3)...)
		require.NoError(t, err, "the plan has ended")
		assert.Equal(t, 2, s.Calls())
	}
}

func TestOfAPartialRequestSomeEntriesFail(t *testing.T) {
	t.Parallel()
	s := eventbridgetest.NewServer(t, eventbridgetest.Options{Plan: func(eventbridgetest.Call) eventbridgetest.Fault { return eventbridgetest.Partial }})
	failed := 0
	for range 20 {
		out, err := put(t, s, entries(10)...)
		require.NoError(t, err)
		require.Positive(t, out.FailedEntryCount)
		for _, r := range out.Entries {
			if r.ErrorCode != nil {
				require.Contains(t, []string{"ThrottlingException", "InternalFailure"}, *r.ErrorCode)
				failed++
			}
		}
	}
	assert.Equal(t, 200, failed+s.Accepted())
	assert.Greater(t, s.Accepted(), 50)
}

func TestASlowAnswerComes(t *testing.T) {
	t.Parallel()
	s := eventbridgetest.NewServer(t, eventbridgetest.Options{Plan: eventbridgetest.InTurn(eventbridgetest.Slow), Delay: time.Millisecond})
	_, err := put(t, s, entry(1))
	require.NoError(t, err)
	assert.Equal(t, 1, s.Count(eventbridgetest.Slow))
}

func TestARequestWithoutASignatureIsRefused(t *testing.T) {
	t.Parallel()
	s := eventbridgetest.NewServer(t, eventbridgetest.Options{})
	for status, header := range map[int]http.Header{
		http.StatusForbidden:  {"X-Amz-Target": {"AWSEvents.PutEvents"}},
		http.StatusBadRequest: {"X-Amz-Target": {"AWSEvents.DeleteEventBus"}, "Authorization": {"AWS4-HMAC-SHA256 Credential=x"}},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader("{}"))
		require.NoError(t, err)
		r.Header = header
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		answer, err := client.Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, status, answer.StatusCode)
	}
}

func TestADeliveryIsAtLeastOnceInAnyOrderAndTriedAgain(t *testing.T) {
	t.Parallel()
	const n = 100
	s := eventbridgetest.NewServer(t, eventbridgetest.Options{Seed: 1})
	for i := 0; i < n; i += 10 {
		_, err := put(t, s, entries(10)...)
		require.NoError(t, err)
	}
	var order []string
	calls := map[string]int{}
	errBad := errors.New("bad")
	bad := s.Events()[7].ID
	target := func(_ context.Context, raw json.RawMessage) error {
		var m map[string]any
		require.NoError(t, json.Unmarshal(raw, &m))
		id := m["id"].(string)
		order = append(order, id)
		calls[id]++
		if id == bad || calls[id] == 1 && len(calls)%10 == 0 {
			return errBad
		}
		return nil
	}
	d := s.Deliver(t.Context(), target)
	assert.Equal(t, n-1, d.Delivered)
	assert.Equal(t, len(order), d.Calls)
	require.Len(t, d.Dead, 1)
	assert.Equal(t, bad, d.Dead[0].ID)
	assert.Equal(t, []error{errBad}, d.Errors)
	assert.Zero(t, calls[bad]%3)
	assert.Len(t, calls, n)
	assert.Greater(t, d.Calls, n+10)
	var accepted []string
	for _, e := range s.Events() {
		accepted = append(accepted, e.ID)
	}
	assert.NotEqual(t, accepted[:20], order[:20])

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Zero(t, s.Deliver(ctx, target).Calls)
}

func TestAnEventIsDeliveredInTheShapeThatAWSDescribes(t *testing.T) {
	t.Parallel()
	s := eventbridgetest.NewServer(t, eventbridgetest.Options{})
	e := entry(7)
	e.Time = new(time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC))
	_, err := put(t, s, e)
	require.NoError(t, err)
	id := s.Events()[0].ID
	want := `{"version":"0","id":"` + id + `","detail-type":"SOLD","source":"shop","account":"123456789012","time":"2026-01-31T12:00:00Z","region":"eu-central-1","resources":[],%s"detail":{"id":"7"}}`
	assert.JSONEq(t, fmt.Sprintf(want, ""), string(s.Events()[0].Message()))
	s.Replay(t.Context(), "again", func(_ context.Context, raw json.RawMessage) error {
		assert.JSONEq(t, fmt.Sprintf(want, `"replay-name":"again",`), string(raw))
		return nil
	})
}
