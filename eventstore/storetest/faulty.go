package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/leftfold/leftfold/eventstore"
)

// Fault is what goes wrong with one append.
type Fault int

const (
	// None: the append goes through.
	None Fault = iota
	// Refused: it fails before the write with [ErrInjected]. Nothing is stored,
	// and the caller knows it.
	Refused
	// RequestLost: nothing is stored, but nobody can know that: the answer is an
	// [*eventstore.OutcomeUnknownError].
	RequestLost
	// AnswerLost: it is stored, and the answer lost on the way: an
	// [*eventstore.OutcomeUnknownError].
	AnswerLost
	// AnswerLostAndRetried: it is stored, the answer lost, and the client below
	// the store sends it once more by itself, as the AWS SDK does. The answer is
	// that to the second request.
	AnswerLostAndRetried
	// Slow: it waits for [Faulty.Delay] before it is sent. If ctx ends
	// meanwhile the answer is ctx's cause, and nothing is stored.
	Slow
)

// ErrInjected is the definite failure of [Refused].
var ErrInjected = errors.New("storetest: failed on purpose, before the write")

// errLost is the cause of an outcome that is unknown.
var errLost = errors.New("storetest: connection cut on purpose")

// Plan says what goes wrong with the n-th append, counted from 0. It is called
// for one append at a time.
type Plan func(n int, w eventstore.Write) Fault

// Sequence is the plan under which the first appends suffer these faults, in
// this order, and later ones none.
func Sequence(faults ...Fault) Plan {
	return func(n int, _ eventstore.Write) Fault {
		if n < len(faults) {
			return faults[n]
		}
		return None
	}
}

// Seeded is the plan under which a share of the appends, 0 to 1, suffers one of
// the faults, each as often. The same seed makes the same plan.
func Seeded(seed uint64, share float64, faults ...Fault) Plan {
	random := rand.New(rand.NewPCG(seed, 0))
	return func(int, eventstore.Write) Fault {
		if random.Float64() >= share {
			return None
		}
		return faults[random.IntN(len(faults))]
	}
}

// Faulty is a store whose appends fail as those of real stores do; reads go
// through. It is for tests of code that appends: whatever the plan, a command
// must take effect once.
//
//	store := storetest.NewFaulty(memstore.New(), storetest.Sequence(storetest.AnswerLost))
//	_, err := store.Append(ctx, w)    // ErrOutcomeUnknown, and yet it is stored
//	c, err := store.Append(ctx, w)    // the first result, if w has an ID
type Faulty struct {
	eventstore.Store
	// Delay is that of [Slow]. Defaults to 50 ms. It is set before use.
	Delay time.Duration

	mu      sync.Mutex // guards what follows, and calls of plan
	plan    Plan
	appends int
	counts  map[Fault]int
}

var (
	_ eventstore.Store      = (*Faulty)(nil)
	_ eventstore.Transactor = (*Faulty)(nil)
)

// NewFaulty returns store with faults by plan.
func NewFaulty(store eventstore.Store, plan Plan) *Faulty {
	return &Faulty{Store: store, Delay: 50 * time.Millisecond, plan: plan, counts: map[Fault]int{}}
}

// Count returns how many appends have suffered a fault. A test that relies on
// one asserts that it took place.
func (f *Faulty) Count(fault Fault) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[fault]
}

// Append implements [eventstore.Store].
func (f *Faulty) Append(ctx context.Context, w eventstore.Write) (eventstore.Commit, error) {
	w = complete(ctx, w)
	return suffer(ctx, f, f.next(w), &eventstore.OutcomeUnknownError{Write: w, Err: errLost},
		func() (eventstore.Commit, error) { return f.Store.Append(ctx, w) },
		func() (eventstore.Commit, error) { return f.appendTwice(ctx, w) })
}

// AppendAll implements [eventstore.Transactor], where the store does. To the plan it is
// one append, that of its first write.
func (f *Faulty) AppendAll(ctx context.Context, t eventstore.Transaction) ([]eventstore.Commit, error) {
	inner, ok := f.Store.(eventstore.Transactor)
	if !ok || len(t.Writes) == 0 {
		return nil, fmt.Errorf("%w: a transaction without writes, or of a store that has none", eventstore.ErrInvalid)
	}
	t.Writes = slices.Clone(t.Writes)
	for i := range t.Writes {
		t.Writes[i] = complete(ctx, t.Writes[i])
	}
	send := func() ([]eventstore.Commit, error) { return inner.AppendAll(ctx, t) }
	return suffer(ctx, f, f.next(t.Writes[0]), &eventstore.OutcomeUnknownError{Write: t.Writes[0], With: &t, Err: errLost}, send,
		func() ([]eventstore.Commit, error) {
			if first, err := send(); err != nil {
				return first, err
			}
			return send()
		})
}

// Claimed implements [eventstore.Transactor], where the store does.
func (f *Faulty) Claimed(ctx context.Context, c eventstore.Claim) (eventstore.EventID, error) {
	inner, ok := f.Store.(eventstore.Transactor)
	if !ok {
		return eventstore.EventID{}, fmt.Errorf("%w: the store has no claims", eventstore.ErrInvalid)
	}
	return inner.Claimed(ctx, c)
}

// suffer sends something that suffers a fault.
func suffer[R any](ctx context.Context, f *Faulty, fault Fault, unknown *eventstore.OutcomeUnknownError, send, sendTwice func() (R, error)) (none R, err error) {
	switch fault {
	case Refused:
		return none, ErrInjected
	case RequestLost:
		return none, unknown
	case AnswerLost:
		if _, err := send(); err != nil {
			return none, err
		}
		return none, unknown
	case AnswerLostAndRetried:
		return sendTwice()
	case Slow:
		select {
		case <-time.After(f.Delay):
		case <-ctx.Done():
			return none, context.Cause(ctx)
		}
	}
	return send()
}

// appendTwice sends the same request twice, as a client below the store does.
// At Any no store may do so, since it would be stored twice: there the client
// names the slot.
func (f *Faulty) appendTwice(ctx context.Context, w eventstore.Write) (eventstore.Commit, error) {
	slot := w
	if w.Revision.IsAny() {
		head, err := f.Head(ctx, w.Stream)
		if err != nil {
			return eventstore.Commit{}, err
		}
		slot.Revision = head
	}
	for {
		_, err := f.Store.Append(ctx, slot)
		conflict, moved := errors.AsType[*eventstore.ConflictError](err)
		switch {
		case err == nil:
			return f.Store.Append(ctx, slot)
		case !moved || !w.Revision.IsAny():
			return eventstore.Commit{}, err
		}
		slot.Revision = conflict.Actual
	}
}

// complete fills in what a store fills in, so that the write in an
// [*eventstore.OutcomeUnknownError] can be sent again under any context.
func complete(ctx context.Context, w eventstore.Write) eventstore.Write {
	if w.ID == "" {
		w.ID = uuid.NewString()
	}
	if w.Time.IsZero() {
		w.Time = time.Now()
	}
	w.Metadata = eventstore.MetadataFrom(eventstore.WithMetadata(ctx, w.Metadata))
	return w
}

func (f *Faulty) next(w eventstore.Write) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	fault := f.plan(f.appends, w)
	f.appends++
	f.counts[fault]++
	return fault
}
