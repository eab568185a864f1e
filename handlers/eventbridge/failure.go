package eventbridge

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// ErrNoBus: there is no such bus, in this account and Region.
var ErrNoBus = errors.New("the bus does not exist")

// PublishError says why an event is not on the bus. Where it is transient it is marked by
// [projection.Transient], so that a reaction tries again; otherwise the bus will never
// take the event as it is, and a reaction parks its stream.
type PublishError struct {
	ID   eventstore.EventID
	Type string
	Bus  string
	// Code is EventBridge's for it, such as MalformedDetail, or empty.
	Code string
	// Transient: nothing is wrong with the event; another try may succeed.
	Transient bool
	Err       error
	hint      string
}

func (e *PublishError) Error() string {
	return fmt.Sprintf("eventbridge: publish %s of type %s to bus %q: %v", e.ID, clip(e.Type), e.Bus, e.Err)
}

// Unwrap returns the cause.
func (e *PublishError) Unwrap() error { return e.Err }

// Hint says what an operator can do, or is empty.
func (e *PublishError) Hint() string { return hintOr(e.hint, e.Err) }

// hintOr returns a hint of our own, or that of the cause.
func hintOr(hint string, err error) string {
	if hint != "" {
		return hint
	}
	return eventstore.Hint(err)
}

// failure returns the error of an event that was not accepted, as a reaction understands it.
func (p *Publisher) failure(ctx context.Context, e projection.Event[eventstore.Event], a answer) error {
	if ctx.Err() != nil {
		return fmt.Errorf("eventbridge: publish %s: %w", e.ID(), context.Cause(ctx))
	}
	failure := &PublishError{ID: e.ID(), Type: e.Data.Type, Bus: p.opts.Bus, Code: a.code,
		Transient: a.verdict != refused, Err: a.err, hint: hintFor(a)}
	if failure.Transient {
		return projection.Transient(failure)
	}
	return failure
}

// refusedCodes are those of a request that was refused for what is in it. Any other
// refusal says nothing of the events: this program, as it is configured, may not publish.
var refusedCodes = map[string]bool{"ValidationException": true, "ValidationError": true, "SerializationException": true,
	"InvalidArgument": true, "InvalidParameterValue": true, "MalformedDetail": true}

// classify says what the failure of a request means for what was in it. Everything may be
// sent again, since the receiver knows an event by its ID; the question is whether it helps.
func classify(err error) answer {
	a := answer{verdict: failed, err: err}
	said, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return a // no answer, half of one, none in time
	}
	a.code = said.ErrorCode()
	_, throttled := retry.DefaultThrottleErrorCodes[a.code]
	_, passing := retry.DefaultRetryableErrorCodes[a.code]
	switch status := statusOf(err); {
	case throttled || passing || status >= 500:
	case refusedCodes[a.code] || status == http.StatusRequestEntityTooLarge:
		a.verdict = refused
	default:
		a.verdict = forbidden
	}
	return a
}

// statusOf returns the HTTP status of an answer, or 0.
func statusOf(err error) int {
	var answered interface{ HTTPStatusCode() int }
	if !errors.As(err, &answered) {
		return 0
	}
	return answered.HTTPStatusCode()
}

// classifyEntry says what became of one entry of a request that was answered.
func classifyEntry(r types.PutEventsResultEntry) answer {
	code := aws.ToString(r.ErrorCode)
	switch {
	case code == "" && aws.ToString(r.EventId) != "":
		return answer{verdict: accepted}
	case code == "":
		return answer{verdict: failed, err: errBroken}
	}
	a := answer{verdict: refused, code: code, err: fmt.Errorf("%s: %s", code, clip(aws.ToString(r.ErrorMessage)))}
	switch code {
	case "ThrottlingException", "InternalFailure", "InternalException", "ServiceUnavailable":
		a.verdict = failed
	}
	return a
}

// isElsewhere reports whether who answered knows no operation of EventBridge: DynamoDB
// Local, for one, where an endpoint is set for every service.
func isElsewhere(code string) bool {
	return code == "InvalidAction" || code == "UnknownOperationException"
}

const elsewhere = "what answers there is no EventBridge: AWS_ENDPOINT_URL is for every service, AWS_ENDPOINT_URL_EVENTBRIDGE for this one alone"

// hintFor says what an operator can do about an answer.
func hintFor(a answer) string {
	switch {
	case isElsewhere(a.code):
		return elsewhere
	case errors.Is(a.err, eventstore.ErrTooLarge):
		return "set PublisherOptions.Deposit, which keeps large payloads elsewhere, then retry the stream"
	case a.verdict == forbidden:
		return "see docs/eventbridge.md for the rights that a publisher needs, and check credentials, account and Region"
	case a.code == "NotAuthorizedForSourceException" || a.code == "NotAuthorizedForDetailTypeException" || a.code == "AccessDeniedException":
		return "the policy of the bus does not allow this event: correct it, then retry the stream"
	case a.verdict == refused && refusedCodes[a.code]:
		return "if it is the size: some Regions take 256 KB; set PublisherOptions.MaxBytes, and Deposit, then retry the stream"
	}
	return ""
}

// describeError is the error of a bus that was looked at.
func describeError(a answer) error {
	switch {
	case a.code == "ResourceNotFoundException":
		return &busError{fmt.Errorf("%w: %w", ErrNoBus, a.err), "create it, in this account and Region, or correct its name"}
	case isElsewhere(a.code):
		return &busError{a.err, elsewhere}
	case a.verdict == forbidden:
		return &busError{a.err, "allow events:DescribeEventBus, or set PublisherOptions.Unchecked if you are sure that the bus exists"}
	}
	return a.err
}

// busError is an error about the bus itself.
type busError struct {
	error
	hint string
}

func (e *busError) Unwrap() error { return e.error }

// Hint says what to do.
func (e *busError) Hint() string { return e.hint }

// clip keeps an error message readable when a text is far too long.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
