package eventbridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// DefaultMaxBytes is the limit of a request, by [PublisherOptions.MaxBytes]. In some
// Regions, and everywhere before January 2026, it is 256 KB.
const DefaultMaxBytes = 1 << 20

const (
	defaultBus      = "default"
	defaultAttempts = 10
	defaultRequests = 4
	defaultTimeout  = 10 * time.Second
)

// PublisherOptions says how a publisher works. The zero value works.
type PublisherOptions struct {
	// Bus is the name or the ARN of the bus. Defaults to "default", which each account has.
	Bus string
	// Resources returns the ARNs of what an event is about, for the rules of the bus.
	// Defaults to none.
	Resources func(e projection.Event[eventstore.Event]) []string
	// Deposit keeps the payload of an event that is too large for the bus, and returns
	// where it is: a URL, or any text that the receiver's Fetch understands. The event then
	// says that instead. It may be called again for the same event, so a key made of the
	// event's ID is right. Its error is transient: the event comes again. Defaults to
	// refusing such an event, which parks its stream.
	Deposit func(ctx context.Context, e projection.Event[eventstore.Event]) (reference string, err error)
	// MaxBytes is the limit of a request by AWS's rule: see docs/eventbridge.md. An event
	// alone may have 1 KB less, for what the bus writes around it. Defaults to 1 MB.
	MaxBytes int
	// Requests is how many requests are on their way at once at the most: one with whatever
	// waits, and others only where 5 events or more wait. Defaults to 4.
	Requests int
	// Attempts is how often an event is sent before [Publisher.Publish] gives up. Between
	// them are pauses of up to 25 ms, 50 ms, … 2 s. Defaults to 10; the SDK's own number
	// and its budget of retries are not used.
	Attempts int
	// Timeout ends a request that is not answered; its events are sent again. Defaults to
	// 10 seconds.
	Timeout time.Duration
	// Unchecked leaves out the look at the bus when the publisher is opened. EventBridge
	// accepts events for a bus that does not exist, and drops them: this is only for a bus
	// that may not be described, such as one of another account.
	Unchecked bool
}

func (o PublisherOptions) withDefaults() PublisherOptions {
	if o.Bus == "" {
		o.Bus = defaultBus
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Requests == 0 {
		o.Requests = defaultRequests
	}
	if o.Attempts == 0 {
		o.Attempts = defaultAttempts
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	return o
}

// validate names every fault.
func (o PublisherOptions) validate() error {
	var errs []error
	if o.MaxBytes <= ownBytes {
		errs = append(errs, fmt.Errorf("%w: MaxBytes %d leaves no room for an event beside the %d of the bus", eventstore.ErrInvalid, o.MaxBytes, ownBytes))
	}
	if o.Requests < 0 || o.Attempts < 0 || o.Timeout < 0 {
		errs = append(errs, fmt.Errorf("%w: Requests, Attempts and Timeout are not below 0", eventstore.ErrInvalid))
	}
	return errors.Join(errs...)
}

// Publisher puts events on a bus. It is made by [OpenPublisher] and safe for concurrent
// use: calls that wait at the same moment share a request. It starts no goroutine and
// holds nothing to close.
type Publisher struct {
	client *sdk.Client
	source string
	opts   PublisherOptions

	// turn is held, by sending into it, by the one caller that sends whatever waits at the
	// moment; beside by those that send meanwhile, since enough wait.
	turn, beside chan struct{}

	mu      sync.Mutex
	waiting []*entry // guarded by mu; in the order in which they came
}

// NewClient is the constructor of the SDK's client, so that a program need not import two
// packages that are both called eventbridge. A program makes one client, at start: it
// keeps its connections.
func NewClient(config aws.Config, options ...func(*sdk.Options)) *sdk.Client {
	return sdk.NewFromConfig(config, options...)
}

// OpenPublisher returns a publisher of a service's events. The source names the service
// on the bus, and must be another one for each event store: with the event's ID it tells
// one event from all others.
//
// It looks at the bus, with one DescribeEventBus, since EventBridge accepts events for a
// bus that does not exist, and drops them. One that is missing is an [ErrNoBus].
func OpenPublisher(ctx context.Context, client *sdk.Client, source string, opts PublisherOptions) (*Publisher, error) {
	opts = opts.withDefaults()
	if err := errors.Join(checkSource(source), opts.validate()); err != nil {
		return nil, fmt.Errorf("eventbridge: publisher: %w", err)
	}
	p := &Publisher{client: client, source: source, opts: opts, turn: make(chan struct{}, 1), beside: make(chan struct{}, opts.Requests-1)}
	if opts.Unchecked {
		return p, nil
	}
	if err := p.inspect(ctx); err != nil {
		return nil, fmt.Errorf("eventbridge: publisher: bus %q: %w", opts.Bus, err)
	}
	return p, nil
}

// maxSourceBytes bounds the name of a source. AWS names no limit; it counts as a part of
// each event.
const maxSourceBytes = 256

func checkSource(source string) error {
	switch {
	case source == "" || len(source) > maxSourceBytes:
		return fmt.Errorf("%w: source %q has %d bytes, allowed are 1 to %d", eventstore.ErrInvalid, clip(source), len(source), maxSourceBytes)
	case !utf8.ValidString(source) || strings.ContainsFunc(source, unicode.IsControl):
		return fmt.Errorf("%w: source %q is not UTF-8 without control characters", eventstore.ErrInvalid, source)
	case strings.HasPrefix(strings.ToLower(source), "aws."):
		return fmt.Errorf("%w: source %q begins with aws., which is for the services of AWS", eventstore.ErrInvalid, source)
	}
	return nil
}

// Publish puts an event on the bus as it is stored, and returns when the bus has it. It
// is a reactor for [projection.ReactAny]; to publish only some events, or others than
// those that are stored, call it from a function of your own.
//
// Of one stream it is called for one event after the other, as a reaction does: then they
// are sent in their order. A lost answer means that the event is sent again, so it comes
// to the bus at least once, each time under the same ID.
//
// The error is a [*PublishError], transient where another try may succeed; or it says
// that ctx has ended, and then nobody knows whether the bus has the event. A caller that
// gives up does the others in its request no harm: theirs are sent again.
//
// Cost: a part of one PutEvents, which takes up to 10 events.
func (p *Publisher) Publish(ctx context.Context, e projection.Event[eventstore.Event]) error {
	x, err := p.newEntry(ctx, e)
	if err != nil {
		return p.failure(ctx, e, unsent(err))
	}
	for failures := 0; ctx.Err() == nil; {
		answer := p.send(ctx, x)
		if answer.verdict == accepted {
			return nil
		}
		if answer.verdict == again {
			continue
		}
		failures++
		if answer.verdict != failed || failures == p.opts.Attempts {
			return p.failure(ctx, e, answer)
		}
		sleep(ctx, failures)
	}
	return fmt.Errorf("eventbridge: publish %s: %w", e.ID(), context.Cause(ctx))
}

// inspect asks for the bus, as often as an event would be sent.
func (p *Publisher) inspect(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		err := p.describe(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		answer := classify(err)
		if answer.verdict != failed || attempt == p.opts.Attempts {
			return describeError(answer)
		}
		sleep(ctx, attempt)
	}
}

func (p *Publisher) describe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.opts.Timeout)
	defer cancel()
	_, err := p.client.DescribeEventBus(ctx, &sdk.DescribeEventBusInput{Name: &p.opts.Bus}, once)
	return err
}
