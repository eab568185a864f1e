package storetest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/assert"

	"github.com/leftfold/leftfold/eventstore"
)

// linearizable lets clients append and read heads at random, some of whose
// answers are lost, and looks for one order of the calls that explains the
// answers.
func linearizable(t *fixture) {
	const clients, calls = 8, 25
	rounds := 2
	if os.Getenv("LEFTFOLD_SOAK") != "" {
		rounds = 20
	}
	for round := range rounds {
		seed := uint64(20260401 + round)
		h := &history{store: NewFaulty(t.Store, Seeded(seed, 0.2, AnswerLost, RequestLost, AnswerLostAndRetried))}
		stream := t.stream(fmt.Sprint(round))
		together(clients, func(i int) {
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			at := eventstore.NoStream
			for n := range calls {
				at = h.call(t, i, stream, at, fmt.Sprintf("%d-%d", i, n), random)
			}
		})
		operations := h.settled(t.read(stream, 0))
		result := porcupine.CheckOperationsTimeout(storeModel, operations, patience)
		if !assert.Equal(t, porcupine.Ok, result, "seed %d", seed) {
			for _, o := range operations {
				t.Logf("%d..%d client %d: %s", o.Call, o.Return, o.ClientId, storeModel.DescribeOperation(o.Input, o.Output))
			}
			return
		}
	}
}

// request is a call: an append with an ID, or without one a read of the head.
type request struct {
	id       string
	expected eventstore.Version
	any      bool
}

// answer is what a call returned: the slot of the append, or of the commit that
// won it, with the ID there; or the head.
type answer struct {
	version eventstore.Version // last version of the commit, or the head
	id      string             // of the commit that holds the slot
	unknown bool
}

// slots is the state of the model: the commits of one stream, one event each.
type slots []string

var storeModel = porcupine.Model{
	Init: func() any { return slots(nil) },
	Step: func(state, input, output any) (bool, any) {
		s, in, out := state.(slots), input.(request), output.(answer)
		head := eventstore.Version(len(s))
		switch {
		case in.id == "":
			return out.version == head, s
		case in.any || in.expected == head:
			return out.id == in.id && out.version == head+1, append(slices.Clip(s), in.id)
		}
		return in.expected < head && out.version == in.expected+1 && s[in.expected] == out.id, s
	},
	Equal: func(a, b any) bool { return slices.Equal(a.(slots), b.(slots)) },
	DescribeOperation: func(input, output any) string {
		return fmt.Sprintf("%+v -> %+v", input, output)
	},
}

// history is what the clients saw.
type history struct {
	store eventstore.Store
	clock atomic.Int64

	mu         sync.Mutex
	operations []porcupine.Operation
}

// call makes one random call and returns the revision its client knows then.
func (h *history) call(t *fixture, client int, stream eventstore.StreamID, at eventstore.Revision, id string, random *rand.Rand) eventstore.Revision {
	in, out := request{}, answer{}
	called := h.clock.Add(1)
	if random.IntN(4) == 0 {
		head, err := h.store.Head(t.Context(), stream)
		assert.NoError(t, err)
		at, out.version = head, head.Version()
	} else {
		in = request{id: id, expected: at.Version()}
		if in.any = random.IntN(4) == 0; in.any {
			at = eventstore.Any
		}
		at, out = h.append(t, command(id, at, stream, "A"), at)
	}
	returned := h.clock.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, porcupine.Operation{ClientId: client, Input: in, Call: called, Output: out, Return: returned})
	return at
}

func (h *history) append(t *fixture, w eventstore.Write, at eventstore.Revision) (eventstore.Revision, answer) {
	c, err := h.store.Append(t.Context(), w)
	conflict, moved := errors.AsType[*eventstore.ConflictError](err)
	switch {
	case err == nil:
		return c.Revision, answer{version: c.Last(), id: c.ID}
	case moved:
		return conflict.Actual, answer{version: conflict.Actual.Version(), id: conflict.Winner.ID}
	}
	assert.ErrorIs(t, err, eventstore.ErrOutcomeUnknown)
	if at.IsAny() {
		at = eventstore.NoStream
	}
	return at, answer{unknown: true}
}

// settled returns the operations with the outcome of each known: what was stored
// took place at some time after its call, and what was not never did.
func (h *history) settled(commits []eventstore.Commit) []porcupine.Operation {
	last := map[string]eventstore.Version{}
	for _, c := range commits {
		last[c.ID] = c.Last()
	}
	var operations []porcupine.Operation
	for _, o := range h.operations {
		if o.Output.(answer).unknown {
			version, stored := last[o.Input.(request).id]
			if !stored {
				continue
			}
			o.Output, o.Return = answer{version: version, id: o.Input.(request).id}, math.MaxInt64
		}
		operations = append(operations, o)
	}
	return operations
}
