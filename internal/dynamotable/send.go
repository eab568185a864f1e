// Package dynamotable is what the packages for DynamoDB share: how a request is sent,
// sent again and understood, how large an item is, and how a table is made.
package dynamotable

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"
)

const (
	// DefaultAttempts is how often a request is sent before it has failed.
	DefaultAttempts = 10
	// The pause before the n-th repetition is random, up to firstPause * 2^n. A
	// request takes milliseconds, so seconds between repetitions, as the SDK has
	// them, would be idle.
	firstPause   = 25 * time.Millisecond
	longestPause = 2 * time.Second
)

// Request is an operation of the SDK's client.
type Request[In, Out any] func(context.Context, *In, ...func(*dynamodb.Options)) (*Out, error)

// Send sends a request, up to so many times, and again whenever that can help: after
// a throttle, a lost connection, a broken answer, a fault of the server, and while another
// transaction holds the item. The error is an [*Error], which knows whether one of the
// attempts may have been carried out; or ctx's cause, and then none was.
func Send[In, Out any](ctx context.Context, attempts int, operation string, request Request[In, Out], in *In) (*Out, error) {
	return Try(ctx, attempts, operation, func(retryer aws.Retryer) (*Out, error) { return send(ctx, retryer, request, in) })
}

// Try is Send for a request of any client of the SDK, to which it passes the retryer.
func Try[Out any](ctx context.Context, attempts int, operation string, request func(aws.Retryer) (*Out, error)) (*Out, error) {
	w := watch(operation, attempts)
	out, err := request(w)
	if err != nil {
		return nil, w.failure(ctx, err)
	}
	return out, nil
}

// send sends a request, as often as its retryer lets it, and returns the SDK's error.
func send[In, Out any](ctx context.Context, retryer aws.Retryer, request Request[In, Out], in *In) (*Out, error) {
	return request(ctx, in, func(o *dynamodb.Options) {
		o.Retryer = retryer
		o.APIOptions = append(o.APIOptions, MarkUnsent)
	})
}

// inTransaction are the codes of a request that met a transaction under way.
var inTransaction = map[string]struct{}{"TransactionConflictException": {}}

// isBroken tells an answer that came, but not whole: to ask again tells what it said.
func isBroken(err error) aws.Ternary {
	_, unreadable := errors.AsType[*smithy.DeserializationError](err)
	if unreadable && statusOf(err) == http.StatusOK || errors.Is(err, io.ErrUnexpectedEOF) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// pause is for attempts from 1. The SDK counts them from 0 in its mode of 2026.
func pause(attempt int, _ error) (time.Duration, error) {
	most := min(firstPause<<min(max(attempt-1, 0), 16), longestPause)
	return rand.N(most), nil
}

// watcher counts the attempts of a request, or of several that are one to the caller, and
// sees the error of each on its way to being tried again.
type watcher struct {
	*retry.Standard
	operation      string
	attempts, most int
	unknown        bool // an attempt may have been carried out
}

func watch(operation string, attempts int) *watcher {
	return &watcher{operation: operation, most: attempts, Standard: retry.NewStandard(func(o *retry.StandardOptions) {
		o.Backoff = retry.BackoffDelayerFunc(pause)
		// The number of attempts is the limit. The SDK's budget is shared by all
		// requests: many failures of some would make others give up at the first.
		o.RateLimiter = ratelimit.None
		o.Retryables = append(o.Retryables, retry.RetryableErrorCode{Codes: inTransaction}, retry.IsErrorRetryableFunc(isBroken))
	})}
}

// MaxAttempts returns how many are left.
func (w *watcher) MaxAttempts() int { return max(w.most-w.attempts, 1) }

func (w *watcher) GetAttemptToken(ctx context.Context) (func(error) error, error) {
	w.attempts++
	return w.Standard.GetAttemptToken(ctx)
}

func (w *watcher) IsErrorRetryable(err error) bool {
	w.unknown = w.unknown || mayBeCarriedOut(err)
	return w.Standard.IsErrorRetryable(err)
}

var _ aws.RetryerV2 = (*watcher)(nil)

// failure returns the last error as that of the whole.
func (w *watcher) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil && isEndOf(ctx, err) {
		if err = context.Cause(ctx); !w.unknown {
			return err
		}
	}
	return newError(w.operation, err, w.unknown)
}

// mayBeCarriedOut reports whether the server may have done what it was asked,
// although the attempt failed: any answer but a refusal, and none at all, unless it was
// never sent.
func mayBeCarriedOut(err error) bool {
	if IsUnsent(err) {
		return false
	}
	if _, ok := errors.AsType[smithy.APIError](err); ok {
		status := statusOf(err)
		return status == 0 || status >= http.StatusInternalServerError
	}
	return true
}

// statusOf returns the HTTP status of an answer, or 0.
func statusOf(err error) int {
	if answer, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return answer.HTTPStatusCode()
	}
	return 0
}

// isEndOf reports whether err says no more than that ctx has ended.
func isEndOf(ctx context.Context, err error) bool {
	_, answered := errors.AsType[smithy.APIError](err)
	return !answered || errors.Is(err, ctx.Err())
}

// Transact sends a transaction, and again while only other transactions are in its way,
// so many times in all. A condition that does not hold makes the error a
// [*types.TransactionCanceledException] inside.
//
// By its token DynamoDB knows a transaction that it has carried out. While no attempt can
// have been, each has a token of its own, since nothing says what DynamoDB remembers of
// one that was canceled. From then on the token stays: a transaction that was carried out
// must not be carried out again.
func Transact(ctx context.Context, attempts int, client *dynamodb.Client, in *dynamodb.TransactWriteItemsInput) error {
	return transact(ctx, attempts, client, in, onlyInTheWay)
}

// TransactToTheEnd is Transact for who has to know of each condition whether it holds: the
// transaction is sent again too while some have failed and others were in the way of the
// rest, of which nothing is known then.
func TransactToTheEnd(ctx context.Context, attempts int, client *dynamodb.Client, in *dynamodb.TransactWriteItemsInput) error {
	return transact(ctx, attempts, client, in, inTheWay)
}

func transact(ctx context.Context, attempts int, client *dynamodb.Client, in *dynamodb.TransactWriteItemsInput, again func(*types.TransactionCanceledException) bool) error {
	w := watch("TransactWriteItems", attempts)
	next := *in
	for {
		if !w.unknown {
			next.ClientRequestToken = aws.String(uuid.NewString())
		}
		_, err := send(ctx, w, client.TransactWriteItems, &next)
		if err == nil {
			return nil
		}
		canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
		if !ok || !again(canceled) || w.attempts >= w.most {
			return w.failure(ctx, err)
		}
		if sleep(ctx, w.attempts) != nil {
			if onlyInTheWay(canceled) { // else the answer tells something
				err = ctx.Err()
			}
			return w.failure(ctx, err)
		}
	}
}

// onlyInTheWay reports whether nothing but other requests canceled a transaction: no
// condition has failed, as far as it says.
func onlyInTheWay(canceled *types.TransactionCanceledException) bool {
	return inTheWay(canceled) && !slices.ContainsFunc(canceled.CancellationReasons, IsFailedCondition)
}

// inTheWay reports whether other requests, and besides nothing but conditions, canceled a
// transaction.
func inTheWay(canceled *types.TransactionCanceledException) bool {
	some := false
	for _, r := range canceled.CancellationReasons {
		switch aws.ToString(r.Code) {
		case "TransactionConflict", reasonThrottled, reasonExceeded:
			some = true
		default:
			if !IsNoReason(r) && !IsFailedCondition(r) {
				return false
			}
		}
	}
	return some
}

// IsNoReason reports whether there was nothing against an item of a transaction, and
// IsFailedCondition whether its condition did not hold.
func IsNoReason(r types.CancellationReason) bool {
	return aws.ToString(r.Code) == "" || *r.Code == "None"
}

// IsFailedCondition: see [IsNoReason].
func IsFailedCondition(r types.CancellationReason) bool {
	return aws.ToString(r.Code) == "ConditionalCheckFailed"
}

func sleep(ctx context.Context, attempt int) error {
	delay, _ := pause(attempt, nil) // never fails
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(delay):
		return nil
	}
}
