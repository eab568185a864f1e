package dynamotable

import (
	"errors"
	"fmt"

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
	if failed, ok := errors.AsType[*Error](err); ok {
		failed.Unknown = failed.Unknown || unknown
		return failed
	}
	e := &Error{Operation: operation, Unknown: unknown, Err: err}
	answer, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return e
	}
	var class error
	switch answer.ErrorCode() {
	case "ResourceNotFoundException":
		class, e.hint = ErrMissing, "create the tables with Provision, in this account and Region, or correct the prefix"
	case "ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded":
		class, e.hint = ErrThrottled, "see docs/dynamodb.md, capacity: a hot stream or row, a table's first minutes, or the account's limit"
	case "AccessDeniedException", "UnrecognizedClientException", "MissingAuthenticationTokenException", "ExpiredTokenException":
		class, e.hint = ErrDenied, "see docs/dynamodb.md for the actions that each role needs, and check the credentials"
	}
	if class != nil {
		e.Err = fmt.Errorf("%w: %w", class, err)
	}
	return e
}

// codeOf returns the code of DynamoDB's answer, or "".
func codeOf(err error) string {
	if answer, ok := errors.AsType[smithy.APIError](err); ok {
		return answer.ErrorCode()
	}
	return ""
}
