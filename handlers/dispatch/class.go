package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// Class is what became of a request, as far as its caller is concerned.
type Class string

// The classes.
const (
	OK              Class = "ok"
	Refused         Class = "refused"         // a decision says no
	Invalid         Class = "invalid"         // the request is wrong, and never right
	Unauthenticated Class = "unauthenticated" // nobody knows who asks
	Forbidden       Class = "forbidden"       // the actor may not
	NotFound        Class = "not-found"       // no such entity, row, command or query
	Conflict        Class = "conflict"        // others were faster, each time
	IDReused        Class = "id-reused"       // the ID belongs to another command
	ClaimTaken      Class = "claim-taken"     // another entity has the unique key
	TooLarge        Class = "too-large"       // a limit is exceeded
	Behind          Class = "behind"          // the view does not show yet what was written
	Parked          Class = "parked"          // nor does it until somebody mends it
	NotBuilt        Class = "not-built"       // the view can not be read yet
	OutcomeUnknown  Class = "outcome-unknown" // nobody can say whether it took effect
	Timeout         Class = "timeout"         // the time was over
	Cancelled       Class = "cancelled"       // the caller has gone
	Internal        Class = "internal"        // the service is wrong
)

// Errors that say of which class a request is, for authentication and authorization.
var (
	ErrUnauthenticated = errors.New("unauthenticated")
	ErrForbidden       = errors.New("forbidden")
	// ErrUnknown: there is no command or query of that name.
	ErrUnknown = errors.New("unknown")
)

// sentinels are the classes of errors. The first that is found in an error decides: an
// unknown outcome before what caused it, the end of a context last, since it causes others.
var sentinels = []struct {
	err   error
	class Class
}{
	{ErrUnauthenticated, Unauthenticated},
	{ErrForbidden, Forbidden},
	{eventstore.ErrIDReused, IDReused},
	{eventstore.ErrClaimTaken, ClaimTaken},
	{eventstore.ErrTooLarge, TooLarge},
	{eventstore.ErrConflict, Conflict},
	{eventstore.ErrCorrupt, Internal},
	{projection.ErrParked, Parked},
	{projection.ErrBehind, Behind},
	{projection.ErrPaused, Behind},
	{projection.ErrNotBuilt, NotBuilt},
	{projection.ErrNotFound, NotFound},
	{aggregate.ErrNotFound, NotFound},
	{ErrUnknown, NotFound},
	{projection.ErrCursor, Invalid},
	{eventstore.ErrInvalid, Invalid},
	{context.DeadlineExceeded, Timeout},
	{context.Canceled, Cancelled},
}

// manner is how each face of a service tells a class.
type manner struct {
	status int           // of HTTP
	exit   int           // of a program
	retry  time.Duration // after which the same request may do better, 0 where it will not
	level  slog.Level
	// text and hint are for the caller. Where there is no text the error's own is: it
	// speaks of the request. Everything else would speak of what callers must not see.
	text, hint string
}

const statusClientClosed = 499 // of nginx; nobody receives it

var manners = map[Class]manner{
	OK:      {status: http.StatusOK},
	Refused: {status: http.StatusConflict, exit: 6},
	Invalid: {status: http.StatusBadRequest, exit: 2},
	Unauthenticated: {status: http.StatusUnauthorized, exit: 6, level: slog.LevelWarn,
		text: "it is not known who asks"},
	Forbidden: {status: http.StatusForbidden, exit: 6, level: slog.LevelWarn,
		text: "this is not allowed"},
	NotFound: {status: http.StatusNotFound, exit: 3},
	Conflict: {status: http.StatusServiceUnavailable, exit: 4, retry: time.Second, level: slog.LevelWarn,
		text: "others have changed the same meanwhile, each time it was tried", hint: "send the same again"},
	IDReused: {status: http.StatusUnprocessableEntity, exit: 4,
		text: "the ID belongs to another command", hint: "another command needs another ID"},
	ClaimTaken: {status: http.StatusConflict, exit: 4,
		text: "somebody else has what must be unique"},
	TooLarge: {status: http.StatusRequestEntityTooLarge, exit: 2,
		text: "it is too large"},
	Behind: {status: http.StatusServiceUnavailable, exit: 1, retry: time.Second, level: slog.LevelWarn,
		text: "the view does not show yet what was written", hint: "ask again, or ask without the token"},
	Parked: {status: http.StatusServiceUnavailable, exit: 1, level: slog.LevelWarn,
		text: "the view does not show what was written until it is mended", hint: "ask without the token"},
	NotBuilt: {status: http.StatusServiceUnavailable, exit: 1, level: slog.LevelWarn,
		text: "the view is not built yet"},
	OutcomeUnknown: {status: http.StatusServiceUnavailable, exit: 7, retry: time.Second, level: slog.LevelError,
		text: "nobody can say whether it took effect", hint: "send the same again under the same ID: it takes effect once"},
	Timeout: {status: http.StatusGatewayTimeout, exit: 1, retry: time.Second, level: slog.LevelWarn,
		text: "it took too long", hint: "send the same again, a command under the same ID"},
	Cancelled: {status: statusClientClosed, exit: 130,
		text: "the caller did not wait for the answer"},
	Internal: {status: http.StatusInternalServerError, exit: 1, level: slog.LevelError,
		text: "something is wrong with the service", hint: "its log says what"},
}

// Status returns the status code of HTTP.
func (c Class) Status() int { return manners[c].status }

// Exit returns the exit code of a program.
func (c Class) Exit() int { return manners[c].exit }

// RetryAfter returns when the same request may do better, or 0 where it is no use.
func (c Class) RetryAfter() time.Duration { return manners[c].retry }
