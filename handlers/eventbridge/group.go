package eventbridge

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

const (
	// maxEntries is how many entries a PutEvents takes.
	maxEntries = 10
	// enough entries do not wait for the request that is on its way. With ten instead, 16
	// streams fall into step, as two groups of eight that wait for each other.
	enough = 5
)

const (
	// The pause after the n-th failure of an event is random, up to firstPause * 2^(n-1).
	firstPause   = 25 * time.Millisecond
	longestPause = 2 * time.Second
)

// entry is an event on its way to the bus. It belongs to its caller, and while it is in a
// group to who leads that.
type entry struct {
	content types.PutEventsRequestEntry
	size    int
	// alone: it was refused in company, and nobody knows whose fault that was.
	alone bool
	// answers gets one answer from who takes the entry into a group. Its capacity is 1, so
	// that nobody waits for a caller that has given up.
	answers chan answer
}

// answer is what became of an entry. The zero answer is that nobody knows.
type answer struct {
	verdict verdict
	code    string // EventBridge's, where it gave one
	err     error
}

type verdict int

const (
	// again: it was not sent, or nobody knows, and that was not its own fault.
	again verdict = iota
	accepted
	// failed: it may be accepted after a pause.
	failed
	// forbidden: the bus takes nothing from this program, whatever the event is.
	forbidden
	// refused: this event will never be accepted.
	refused
)

// send waits until the entry was sent, by another caller or in a group that this one
// leads, and returns what became of it. When ctx ends it does not wait any longer.
func (p *Publisher) send(ctx context.Context, x *entry) answer {
	if p.enqueue(x) >= enough {
		select {
		case p.beside <- struct{}{}:
			p.leadFor(ctx, x, p.beside)
		default:
		}
	}
	for {
		turn := p.turn
		if !p.waits(x) {
			turn = nil // somebody else has it in a request, and its answer comes
		}
		select {
		case a := <-x.answers:
			return a
		case turn <- struct{}{}:
			p.leadFor(ctx, x, p.turn)
		case <-ctx.Done():
			p.withdraw(x)
			return answer{}
		}
	}
}

// enqueue returns how many wait now.
func (p *Publisher) enqueue(x *entry) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = append(p.waiting, x)
	return len(p.waiting)
}

func (p *Publisher) waits(x *entry) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.waiting, x)
}

func (p *Publisher) withdraw(x *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.waiting, x); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
}

// leadFor sends one group, if x is still waiting. Those in it get their answers whatever
// happens to who leads: where ctx has ended, or the SDK panics, it is that nobody knows.
func (p *Publisher) leadFor(ctx context.Context, x *entry, right <-chan struct{}) {
	defer func() { <-right }()
	group := p.take(x)
	answers := make([]answer, len(group))
	defer func() {
		for i, x := range group {
			x.answers <- answers[i]
		}
	}()
	if len(group) > 0 {
		p.put(ctx, group, answers)
	}
}

// take removes the entries from the queue that have waited longest, as many as fit into a
// request; none if x is in somebody else's request already.
func (p *Publisher) take(x *entry) []*entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.waiting, x) {
		return nil
	}
	n, size := 0, 0
	for _, w := range p.waiting {
		if n == maxEntries || n > 0 && (w.alone || size+w.size > p.opts.MaxBytes) {
			break
		}
		n++
		size += w.size
		if w.alone {
			break
		}
	}
	group := slices.Clone(p.waiting[:n])
	p.waiting = slices.Delete(p.waiting, 0, n)
	return group
}

var errBroken = errors.New("EventBridge's answer does not fit the request")

// put sends a group and fills in the answers.
func (p *Publisher) put(ctx context.Context, group []*entry, answers []answer) {
	in := sdk.PutEventsInput{Entries: make([]types.PutEventsRequestEntry, len(group))}
	for i, x := range group {
		in.Entries[i] = x.content
	}
	limited, cancel := context.WithTimeout(ctx, p.opts.Timeout)
	defer cancel()
	out, err := p.client.PutEvents(limited, &in, once)
	if err == nil && len(out.Entries) != len(group) {
		err = errBroken
	}
	if err != nil {
		if ctx.Err() == nil { // else who leads gives up, which says nothing of the others
			share(group, answers, classify(err))
		}
		return
	}
	for i, result := range out.Entries {
		answers[i] = classifyEntry(result)
	}
}

// share gives each of a group the answer to the request. What one of several did wrong is
// found by sending each alone.
func share(group []*entry, answers []answer, a answer) {
	if a.verdict == refused && len(group) > 1 {
		for _, x := range group {
			x.alone = true
		}
		return
	}
	for i := range answers {
		answers[i] = a
	}
}

// once keeps the SDK from repeating a request by itself: each event is repeated by its
// own caller, in whatever group comes then.
func once(o *sdk.Options) { o.Retryer = aws.NopRetryer{} }

// sleep pauses after the n-th failure, until ctx ends at the latest.
func sleep(ctx context.Context, n int) {
	timer := time.NewTimer(rand.N(min(firstPause<<min(n-1, 16), longestPause)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
