package eventbridgetest

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/google/uuid"
)

// Options says what a server does. The zero value works, and does no harm.
type Options struct {
	// Buses are those that exist. Defaults to "default" alone.
	Buses []string
	// MaxBytes is the limit of a request by AWS's rule. Defaults to 1 MB.
	MaxBytes int
	// Plan says what happens to each PutEvents. Defaults to nothing.
	Plan Plan
	// Reject returns the code with which an entry fails, such as
	// NotAuthorizedForDetailTypeException, or "". It is called for one entry at a time.
	// Defaults to none.
	Reject func(Event) (code string)
	// Delay is that of [Slow]. Defaults to 30 ms.
	Delay time.Duration
	// Seed chooses the entries that [Partial] strikes, and the order of deliveries.
	Seed uint64
}

// Event is an event that the bus has accepted.
type Event struct {
	// ID is the bus's own: another one each time.
	ID         string
	Bus        string
	Source     string
	DetailType string
	Time       time.Time
	Resources  []string
	Detail     json.RawMessage
}

// Server is EventBridge for tests: PutEvents and DescribeEventBus.
//
// It refuses what EventBridge refuses: more than 10 entries, a request over the limit,
// and of the entries those without a source, a type, or a JSON object as detail, and those
// whose source begins with "aws.". As EventBridge does, it accepts events for a bus that
// does not exist, and drops them: see [Server.Dropped].
type Server struct {
	// URL is the endpoint for the SDK, also in AWS_ENDPOINT_URL_EVENTBRIDGE.
	URL string

	opts Options

	mu       sync.Mutex // guards what follows, and calls of Plan and Reject
	random   *rand.Rand
	calls    int
	counts   map[Fault]int
	accepted []Event
	dropped  int
}

const defaultMaxBytes = 1 << 20

// NewServer starts a server. It ends when the test is over.
func NewServer(t testing.TB, opts Options) *Server {
	if len(opts.Buses) == 0 {
		opts.Buses = []string{"default"}
	}
	if opts.MaxBytes == 0 {
		opts.MaxBytes = defaultMaxBytes
	}
	if opts.Delay == 0 {
		opts.Delay = 30 * time.Millisecond
	}
	if opts.Plan == nil {
		opts.Plan = InTurn()
	}
	if opts.Reject == nil {
		opts.Reject = func(Event) string { return "" }
	}
	s := &Server{opts: opts, counts: map[Fault]int{}, random: rand.New(rand.NewPCG(opts.Seed, 1))}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = server.URL
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return s
}

// Client returns a client of the server. Its connections are its own, and are closed when
// the test is over.
func (s *Server) Client(t testing.TB, options ...func(*eventbridge.Options)) *eventbridge.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return eventbridge.New(eventbridge.Options{
		BaseEndpoint: &s.URL,
		Region:       "eu-central-1",
		Credentials:  aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider("test", "test", "")),
		HTTPClient:   &http.Client{Transport: transport},
	}, options...)
}

// Events returns what was accepted for the buses that exist, in the order of acceptance.
func (s *Server) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.accepted)
}

// Accepted returns how many events that is.
func (s *Server) Accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.accepted)
}

// Dropped returns how many events were accepted for buses that do not exist.
func (s *Server) Dropped() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}

// Calls returns how many PutEvents have come.
func (s *Server) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// Count returns how many calls have suffered a fault. A test that relies on one asserts
// that it took place.
func (s *Server) Count(fault Fault) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[fault]
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
		refuse(w, http.StatusForbidden, "MissingAuthenticationTokenException", "Missing Authentication Token")
		return
	}
	switch target := r.Header.Get("X-Amz-Target"); target {
	case "AWSEvents.PutEvents":
		s.putEvents(w, r, body)
	case "AWSEvents.DescribeEventBus":
		s.describe(w, body)
	default:
		refuse(w, http.StatusBadRequest, "UnknownOperationException", fmt.Sprintf("%q is not played by this server", target))
	}
}

func (s *Server) describe(w http.ResponseWriter, body []byte) {
	request := struct{ Name string }{"default"}
	if err := json.Unmarshal(body, &request); err != nil {
		refuse(w, http.StatusBadRequest, "SerializationException", "the request is not JSON")
		return
	}
	name := busName(request.Name)
	if !slices.Contains(s.opts.Buses, name) {
		refuse(w, http.StatusBadRequest, "ResourceNotFoundException", fmt.Sprintf("Event bus %s does not exist.", name))
		return
	}
	respond(w, http.StatusOK, map[string]string{"Name": name, "Arn": "arn:aws:events:eu-central-1:" + account + ":event-bus/" + name})
}

// busName returns the name in an ARN, or the name itself.
func busName(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func (s *Server) putEvents(w http.ResponseWriter, r *http.Request, body []byte) {
	var request struct{ Entries []entry }
	if err := json.Unmarshal(body, &request); err != nil {
		refuse(w, http.StatusBadRequest, "SerializationException", "the request is not JSON")
		return
	}
	fault := s.next(request.Entries)
	switch fault {
	case Throttled:
		refuse(w, http.StatusBadRequest, "ThrottlingException", "Rate exceeded")
		return
	case Denied:
		refuse(w, http.StatusBadRequest, "AccessDeniedException", "User is not authorized to perform: events:PutEvents")
		return
	case Failed:
		fail(w)
		return
	case CutBefore:
		cut(w)
		return
	case Slow:
		select {
		case <-time.After(s.opts.Delay):
		case <-r.Context().Done():
			return
		}
	}
	if why := checkRequest(request.Entries, s.opts.MaxBytes); why != "" {
		refuse(w, http.StatusBadRequest, "ValidationException", why)
		return
	}
	results := s.accept(request.Entries, fault == Partial)
	switch fault {
	case FailedAfter:
		fail(w)
	case CutAfter:
		cut(w)
	case Torn:
		tear(w, results)
	default:
		respond(w, http.StatusOK, results)
	}
}

// next counts a call and asks the plan.
func (s *Server) next(entries []entry) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	call := Call{N: s.calls}
	for _, e := range entries {
		var d struct{ ID string }
		_ = json.Unmarshal([]byte(e.Detail), &d) // a detail may be anything
		call.IDs = append(call.IDs, d.ID)
	}
	fault := s.opts.Plan(call)
	s.counts[fault]++
	return fault
}

// accept takes in what is right, in the order of the request, and answers for each entry.
func (s *Server) accept(entries []entry, partial bool) results {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.random.IntN(len(entries)) // fails if only some may be accepted
	all := results{Entries: make([]result, len(entries))}
	for i, e := range entries {
		r := &all.Entries[i]
		r.ErrorCode, r.ErrorMessage = e.check()
		if code := s.opts.Reject(e.event()); r.ErrorCode == "" && code != "" {
			r.ErrorCode, r.ErrorMessage = code, "refused by the test"
		}
		if r.ErrorCode == "" && partial && (i == first || s.random.IntN(3) == 0) {
			r.ErrorCode, r.ErrorMessage = []string{"ThrottlingException", "InternalFailure"}[s.random.IntN(2)], "not now"
		}
		if r.ErrorCode != "" {
			all.FailedEntryCount++
			continue
		}
		event := e.event()
		event.ID = uuid.NewString()
		r.EventId = event.ID
		if slices.Contains(s.opts.Buses, event.Bus) {
			s.accepted = append(s.accepted, event)
		} else {
			s.dropped++
		}
	}
	return all
}
