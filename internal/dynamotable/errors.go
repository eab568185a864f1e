package dynamotable

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

var (
	// ErrMissing: there is no such table.
	ErrMissing = errors.New("the table does not exist")
	// ErrThrottled: DynamoDB refused the request, each time, for want of capacity.
	ErrThrottled = errors.New("throttled")
	// ErrDenied: the credentials do not allow the action.
	ErrDenied = errors.New("access denied")
)

// Error says which request failed, and what to do.
type Error struct {
	// Operation is the SDK's name of it.
	Operation string
	// Unknown: nobody can say whether it was carried out.
	Unknown bool
	Err     error
	hint    string
}

func (e *Error) Error() string { return e.Operation + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what an operator can do, or is empty.
func (e *Error) Hint() string { return e.hint }

func newError(operation string, err error, unknown bool) error {
	class := classOf(err)
	if class != nil && !errors.Is(err, class) {
		err = fmt.Errorf("%w: %w", class, err)
	}
	return &Error{Operation: operation, Unknown: unknown, Err: err, hint: hintOf(class, err)}
}

func hintOf(class, err error) string {
	if class == nil && errors.Is(err, syscall.ECONNREFUSED) {
		return "nothing listens at this address: is the server running, is AWS_ENDPOINT_URL right?"
	}
	return hints[class]
}

var hints = map[error]string{
	ErrMissing:   "create the tables with Provision, in this account and Region, or correct the prefix",
	ErrThrottled: "see docs/dynamodb.md, capacity: a hot stream or row, a table's first minutes, or the account's limit",
	ErrDenied:    "see docs/dynamodb.md for the actions that each role needs, and check the credentials",
}

func classOf(err error) error {
	if errors.Is(err, ErrDenied) { // there are no credentials
		return ErrDenied
	}
	if IsThrottle(err) {
		return ErrThrottled
	}
	switch codeOf(err) {
	case "ResourceNotFoundException":
		return ErrMissing
	case "AccessDeniedException", "UnrecognizedClientException", "MissingAuthenticationTokenException", "ExpiredTokenException":
		return ErrDenied
	}
	return nil
}

// IsThrottle reports whether a request was refused for want of capacity: of a
// transaction, whether that and no condition is among the reasons.
func IsThrottle(err error) bool {
	if canceled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		return onlyInTheWay(canceled) && slices.ContainsFunc(canceled.CancellationReasons, func(r types.CancellationReason) bool {
			code := aws.ToString(r.Code)
			return code == reasonThrottled || code == reasonExceeded
		})
	}
	switch codeOf(err) {
	case "ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded":
		return true
	}
	return errors.Is(err, ErrThrottled)
}

// The reasons of a canceled transaction that are about capacity.
const (
	reasonThrottled = "ThrottlingError"
	reasonExceeded  = "ProvisionedThroughputExceeded"
)

// codeOf returns the code of DynamoDB's answer, or "".
func codeOf(err error) string {
	if answer, ok := errors.AsType[smithy.APIError](err); ok {
		return answer.ErrorCode()
	}
	return ""
}
