package dynamotest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Fault is what the network, or the server, does to a request.
type Fault int

const (
	// None: the request goes through.
	None Fault = iota
	// Throttled: refused with a ProvisionedThroughputExceededException. Nothing was done.
	Throttled
	// Conflicted: refused since a transaction is under way: a TransactionConflictException,
	// or a TransactionCanceledException with that reason for one of the items. Nothing
	// was done.
	Conflicted
	// Failed: answered with an InternalServerError, and nothing was done.
	Failed
	// FailedAfter: carried out, and answered with an InternalServerError all the same.
	FailedAfter
	// CutBefore: the connection is cut before the server gets the request.
	CutBefore
	// CutAfter: the connection is cut when the server has carried the request out.
	CutAfter
	// Partial: of a batch, only a part is carried out; the answer names the rest as
	// unprocessed. Other requests go through.
	Partial
	// Slow: it waits for [Proxy.Delay] before it goes through.
	Slow
	// HalfVisible: reads that begin before a transaction is answered see some of its
	// items and not the others, as DynamoDB lets a Query beside a transaction. The
	// answer waits for [Proxy.Delay], so that there are such reads. Other requests go
	// through.
	HalfVisible
	// Unprocessed: of a batch nothing is carried out; the answer names all of it as
	// unprocessed. Other requests go through.
	Unprocessed
	// CutInside: the connection is cut within the answer, when the server has carried
	// the request out.
	CutInside
	// Expired: a GetRecords is refused with an ExpiredIteratorException. Other requests go
	// through.
	Expired
	// Trimmed: a GetRecords or GetShardIterator is refused with a
	// TrimmedDataAccessException. Other requests go through.
	Trimmed
	// Gone: a GetRecords or GetShardIterator is refused with a ResourceNotFoundException,
	// as if the stream had no such shard. Other requests go through.
	Gone
	// HalfKnown: a transaction that several failed conditions cancel is told of the last one
	// only, and that others were in the way of the rest. Other requests go through.
	HalfKnown
	// Denied: refused with an AccessDeniedException. Nothing was done.
	Denied
)

var faultNames = []string{"none", "throttled", "conflicted", "failed", "failed after", "cut before", "cut after", "partial", "slow", "half visible",
	"unprocessed", "cut inside", "expired", "trimmed", "gone", "half known", "denied"}

func (f Fault) String() string { return faultNames[f] }

// Call is a request on its way.
type Call struct {
	// N counts the requests from 1.
	N int
	// Operation is its name: "PutItem".
	Operation string
	// Writes counts the requests that write, from 1; 0 for one that reads.
	Writes int
	// Shard is that of a GetShardIterator.
	Shard string
}

// Plan says what happens to a call. It is called for one call at a time.
type Plan func(Call) Fault

// Every suffers one of the writes in so many: the n-th, the 2n-th and so on.
func Every(n int, fault Fault) Plan {
	return func(c Call) Fault {
		if c.Writes > 0 && c.Writes%n == 0 {
			return fault
		}
		return None
	}
}

// DenyWrites lets nothing be written.
func DenyWrites(c Call) Fault {
	if c.Writes > 0 || isProvisioning[c.Operation] {
		return Denied
	}
	return None
}

// Seeded is the plan under which a share of the calls, 0 to 1, suffers one of the
// faults, each as often. The same seed makes the same plan.
func Seeded(seed uint64, share float64, faults ...Fault) Plan {
	random := rand.New(rand.NewPCG(seed, 0))
	return func(Call) Fault {
		if random.Float64() >= share {
			return None
		}
		return faults[random.IntN(len(faults))]
	}
}

// Plans is the plan of the first that has something in store for a call. Each is asked.
func Plans(plans ...Plan) Plan {
	return func(c Call) Fault {
		result := None
		for _, plan := range plans {
			if fault := plan(c); result == None {
				result = fault
			}
		}
		return result
	}
}

// Proxy is a network between the SDK and a server, which lies by plan with the answers
// that DynamoDB gives.
type Proxy struct {
	// URL is the endpoint for the SDK.
	URL string
	// Delay is that of [Slow] and [HalfVisible]. Defaults to 30 ms. It is set before use.
	Delay time.Duration

	endpoint string
	client   *http.Client
	server   *httptest.Server

	mu     sync.Mutex // guards what follows, and calls of plan
	plan   Plan
	calls  int
	writes int
	counts map[Fault]int
	hidden map[*transaction]bool
}

// NewProxy starts a proxy in front of a server. It ends when the test is over.
func NewProxy(t testing.TB, endpoint string, plan Plan) *Proxy {
	p := &Proxy{endpoint: endpoint, Delay: 30 * time.Millisecond, plan: plan, counts: map[Fault]int{}, hidden: map[*transaction]bool{}}
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	p.client = &http.Client{Transport: transport}
	p.server = httptest.NewServer(http.HandlerFunc(p.serve))
	p.URL = p.server.URL
	t.Cleanup(func() {
		p.server.CloseClientConnections()
		p.server.Close()
		transport.CloseIdleConnections()
	})
	return p
}

// Count returns how many calls have suffered a fault. A test that relies on one asserts
// that it took place.
func (p *Proxy) Count(fault Fault) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[fault]
}

// Calls returns how many requests have come.
func (p *Proxy) Calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

// next asks the plan. A fault that can not happen to the call does not.
func (p *Proxy) next(operation string, body []byte) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	call := Call{N: p.calls, Operation: operation}
	if operation == "GetShardIterator" {
		var in struct{ ShardID string }
		_ = json.Unmarshal(body, &in) // what is none, the server will say
		call.Shard = in.ShardID
	}
	if isWrite[operation] {
		p.writes++
		call.Writes = p.writes
	}
	fault := p.plan(call)
	if (fault == Partial || fault == Unprocessed) && !isBatch[operation] || (fault == HalfVisible || fault == HalfKnown) && operation != "TransactWriteItems" ||
		fault == Conflicted && !meetsTransactions[operation] || fault == Partial && sizeOfBatch(body) < 2 ||
		fault == Expired && operation != "GetRecords" || (fault == Trimmed || fault == Gone) && operation != "GetRecords" && operation != "GetShardIterator" {
		fault = None
	}
	p.counts[fault]++
	return fault
}

var (
	isWrite        = map[string]bool{"PutItem": true, "UpdateItem": true, "DeleteItem": true, "BatchWriteItem": true, "TransactWriteItems": true}
	isProvisioning = map[string]bool{"CreateTable": true, "UpdateTable": true, "UpdateTimeToLive": true, "UpdateContinuousBackups": true}
	isBatch        = map[string]bool{"BatchWriteItem": true, "BatchGetItem": true}
	// A BatchWriteItem or a read meets none that it would answer with an error.
	meetsTransactions = map[string]bool{"PutItem": true, "UpdateItem": true, "DeleteItem": true, "TransactWriteItems": true}
)

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch fault := p.next(operation, body); fault {
	case Throttled:
		refuse(w, http.StatusBadRequest, "ProvisionedThroughputExceededException", "The level of configured provisioned throughput for the table was exceeded.")
	case Denied:
		refuse(w, http.StatusBadRequest, "AccessDeniedException", "User is not authorized to perform: dynamodb:"+operation)
	case Conflicted:
		conflict(w, operation, body)
	case Failed:
		fail(w)
	case Expired:
		refuse(w, http.StatusBadRequest, "ExpiredIteratorException", "Iterator expired.")
	case Trimmed:
		refuse(w, http.StatusBadRequest, "TrimmedDataAccessException", "The operation attempted to read past the oldest stream record in a shard.")
	case Gone:
		refuse(w, http.StatusBadRequest, "ResourceNotFoundException", "Requested resource not found: the shard is not there.")
	case CutBefore:
		cut(w)
	case FailedAfter, CutAfter, CutInside:
		// Whether the client waits for the answer or not, the server carries it out.
		a, err := p.forward(context.WithoutCancel(r.Context()), r, body)
		switch {
		case err != nil || fault == CutAfter:
			cut(w)
		case fault == CutInside:
			a.sendHalf(w)
		default:
			fail(w)
		}
	case Unprocessed:
		unprocessed(w, operation, body)
	case Partial:
		p.partial(w, r, operation, body)
	case HalfVisible:
		p.halfVisible(w, r, body)
	case HalfKnown:
		a, err := p.forward(r.Context(), r, body)
		if err != nil {
			cut(w)
			return
		}
		a.body = halfKnown(a.body)
		a.send(w)
	default:
		if fault == Slow {
			select {
			case <-time.After(p.Delay):
			case <-r.Context().Done():
				return
			}
		}
		p.through(w, r, operation, body)
	}
}

// through forwards a request and its answer.
func (p *Proxy) through(w http.ResponseWriter, r *http.Request, operation string, body []byte) {
	half := p.halves() // those that are under way when the read begins
	a, err := p.forward(r.Context(), r, body)
	if err != nil {
		cut(w)
		return
	}
	if a.status == http.StatusOK {
		a.body = hide(half, operation, a.body)
	}
	a.send(w)
}

// answer is what the server said.
type answer struct {
	status int
	kind   string
	body   []byte
}

func (a answer) send(w http.ResponseWriter) {
	w.Header().Set("Content-Type", a.kind)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client may have gone
}

// sendHalf announces the whole body and cuts the connection within it.
func (a answer) sendHalf(w http.ResponseWriter) {
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body[:len(a.body)/2])
	_ = http.NewResponseController(w).Flush() // before the cut
	cut(w)
}

func (p *Proxy) forward(ctx context.Context, r *http.Request, body []byte) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, r.Method, p.endpoint+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header = r.Header.Clone()
	request.Header.Del("Accept-Encoding")
	response, err := p.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header.Get("Content-Type"), content}, err
}

// cut ends the connection without an answer.
func cut(w http.ResponseWriter) {
	if connection, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = connection.Close() // that is the point
	}
}

// errorSpace begins the type of an error on the wire.
const errorSpace = "com.amazonaws.dynamodb.v20120810#"

func refuse(w http.ResponseWriter, status int, code, message string) {
	respond(w, status, map[string]any{"__type": errorSpace + code, "message": message})
}

func fail(w http.ResponseWriter) {
	refuse(w, http.StatusInternalServerError, "InternalServerError", "The request processing has failed because of an unknown error, exception or failure.")
}

func respond(w http.ResponseWriter, status int, content any) {
	body, _ := json.Marshal(content) // maps of strings
	answer{status, "application/x-amz-json-1.0", body}.send(w)
}

// conflict refuses a request because of another one's transaction. Of a transaction it
// names one item, and says nothing of the others.
func conflict(w http.ResponseWriter, operation string, body []byte) {
	if operation != "TransactWriteItems" {
		refuse(w, http.StatusBadRequest, "TransactionConflictException", "Transaction is ongoing for the item")
		return
	}
	var request struct{ TransactItems []json.RawMessage }
	if err := json.Unmarshal(body, &request); err != nil || len(request.TransactItems) == 0 {
		fail(w)
		return
	}
	reasons := make([]map[string]string, len(request.TransactItems))
	codes := make([]string, len(reasons))
	for i := range reasons {
		codes[i] = "None"
		reasons[i] = map[string]string{"Code": "None"}
	}
	codes[len(codes)-1] = "TransactionConflict"
	reasons[len(codes)-1] = map[string]string{"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
	respond(w, http.StatusBadRequest, map[string]any{"__type": errorSpace + "TransactionCanceledException", "CancellationReasons": reasons,
		"Message": fmt.Sprintf("Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", strings.Join(codes, ", "))})
}

// halfKnown hides all failed conditions of a canceled transaction but the last.
func halfKnown(body []byte) []byte {
	var answer map[string]any
	if json.Unmarshal(body, &answer) != nil {
		return body
	}
	reasons, _ := answer["CancellationReasons"].([]any)
	known := false
	for _, of := range slices.Backward(reasons) {
		reason, _ := of.(map[string]any)
		if reason["Code"] != "ConditionalCheckFailed" {
			continue
		}
		if known {
			delete(reason, "Item")
			reason["Code"], reason["Message"] = "TransactionConflict", "Transaction is ongoing for the item"
		}
		known = true
	}
	hidden, err := json.Marshal(answer)
	if err != nil {
		return body
	}
	return hidden
}
