// Package dynamotable is what the packages for DynamoDB share: how a request is sent,
// sent again and understood, how large an item is, and how a table is made.
package dynamotable

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
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
// a throttle, a lost connection, a fault of the server, and while another transaction
// holds the item. The error is an [*Error], which knows whether one of the attempts
// may have been carried out; or ctx's cause, and then none was.
func Send[In, Out any](ctx context.Context, attempts int, operation string, request Request[In, Out], in *In) (*Out, error) {
	return Try(ctx, attempts, operation, func(retryer aws.Retryer) (*Out, error) {
		return request(ctx, in, func(o *dynamodb.Options) { o.Retryer = retryer })
	})
}

// Try is Send for a request of any client of the SDK, to which it passes the retryer.
func Try[Out any](ctx context.Context, attempts int, operation string, request func(aws.Retryer) (*Out, error)) (*Out, error) {
	watch := watcher{Standard: retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.Backoff = retry.BackoffDelayerFunc(pause)
		// The number of attempts is the limit. The SDK's budget is shared by all
		// requests: many failures of some would make others give up at the first.
		o.RateLimiter = ratelimit.None
		o.Retryables = append(o.Retryables, retry.RetryableErrorCode{Codes: inTransaction})
	})}
	out, err := request(&watch)
	if err == nil {
		return out, nil
	}
	if ctx.Err() != nil && isEndOf(ctx, err) {
		err = context.Cause(ctx)
		if !watch.unknown {
			return nil, err
		}
	}
	return nil, newError(operation, err, watch.unknown)
}

// inTransaction are the codes of a request that met a transaction under way.
var inTransaction = map[string]struct{}{"TransactionConflictException": {}}

func pause(attempt int, _ error) (time.Duration, error) {
	most := min(firstPause<<min(attempt-1, 16), longestPause)
	return rand.N(most), nil
}

// watcher sees the error of every attempt on its way to being tried again.
type watcher struct {
	*retry.Standard
	unknown bool // an attempt may have been carried out
}

func (w *watcher) IsErrorRetryable(err error) bool {
	w.unknown = w.unknown || mayBeCarriedOut(err)
	return w.Standard.IsErrorRetryable(err)
}

var _ aws.RetryerV2 = (*watcher)(nil)

// mayBeCarriedOut reports whether the server may have done what it was asked,
// although the attempt failed: any answer but a refusal, and none at all, unless there
// was no connection.
func mayBeCarriedOut(err error) bool {
	var status interface{ HTTPStatusCode() int }
	if _, ok := errors.AsType[smithy.APIError](err); ok {
		return !errors.As(err, &status) || status.HTTPStatusCode() >= 500
	}
	if fault, ok := errors.AsType[*net.OpError](err); ok && fault.Op == "dial" {
		return false
	}
	return true
}

// isEndOf reports whether err says no more than that ctx has ended.
func isEndOf(ctx context.Context, err error) bool {
	_, answered := errors.AsType[smithy.APIError](err)
	return !answered || errors.Is(err, ctx.Err())
}

// Transact sends a transaction, and sends it again with a token of its own while only
// other transactions are in its way. A condition that does not hold makes the error a
// [*types.TransactionCanceledException] inside.
func Transact(ctx context.Context, attempts int, client *dynamodb.Client, in *dynamodb.TransactWriteItemsInput) error {
	unknown := false
	for attempt := 1; ; attempt++ {
		_, err := Send(ctx, attempts, "TransactWriteItems", client.TransactWriteItems, in)
		if err == nil {
			return nil
		}
		failed, ok := errors.AsType[*Error](err)
		if !ok { // ctx has ended
			if unknown {
				return newError("TransactWriteItems", err, true)
			}
			return err
		}
		unknown = unknown || failed.Unknown
		failed.Unknown = unknown
		canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
		if !ok || !onlyInTheWay(canceled) || attempt >= attempts {
			return err
		}
		if err := sleep(ctx, attempt); err != nil {
			return newError("TransactWriteItems", err, unknown)
		}
	}
}

// onlyInTheWay reports whether nothing but other requests canceled a transaction: no
// condition has failed, as far as it says.
func onlyInTheWay(canceled *types.TransactionCanceledException) bool {
	some := false
	for _, r := range canceled.CancellationReasons {
		switch aws.ToString(r.Code) {
		case "None", "":
		case "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
			some = true
		default:
			return false
		}
	}
	return some
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
