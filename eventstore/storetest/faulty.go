package storetest

import (
	"context"
	"errors"
	"math/rand/v2"
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

var _ eventstore.Store = (*Faulty)(nil)

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
	switch f.next(w) {
	case Refused:
		return eventstore.Commit{}, ErrInjected
	case RequestLost:
		return eventstore.Commit{}, &eventstore.OutcomeUnknownError{Write: w, Err: errLost}
	case AnswerLost:
		if _, err := f.Store.Append(ctx, w); err != nil {
			return eventstore.Commit{}, err
		}
		return eventstore.Commit{}, &eventstore.OutcomeUnknownError{Write: w, Err: errLost}
	case AnswerLostAndRetried:
		return f.appendTwice(ctx, w)
	case Slow:
		select {
		case <-time.After(f.Delay):
		case <-ctx.Done():
			return eventstore.Commit{}, context.Cause(ctx)
		}
	}
	return f.Store.Append(ctx, w)
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
