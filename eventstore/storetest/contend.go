package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

// Contend lets writers append to one stream, each behind the last commit that it knows
// of, until so many appends have succeeded. There must be one order of all calls, appends,
// heads and reads, that explains their answers: what is said to be stored is there once,
// and what is said to have failed is not.
//
// An append whose outcome is unknown is sent again until it is known. Other failures are
// let pass and counted: the store may stand behind a network that lies.
func Contend(t *testing.T, store eventstore.Store, writers, rounds int) (failures int) {
	t.Helper()
	c := contention{T: t, history: &history{store: store}, stream: streamOf(t, newCategory(), "1")}
	begun := time.Now()
	together(writers, func(i int) {
		random := rand.New(rand.NewPCG(uint64(writers), uint64(i)))
		at := eventstore.NoStream
		for n := 0; n < 10*rounds && c.stored.Load() < int64(rounds) && t.Context().Err() == nil; n++ {
			at = c.call(i, at, fmt.Sprintf("%d-%d", i, n), random)
		}
	})
	commits, err := collect(store.Read(t.Context(), c.stream, 0))
	for n := 0; err != nil && n < 100; n++ { // the network
		commits, err = collect(store.Read(t.Context(), c.stream, 0))
	}
	require.NoError(t, err)
	assertWhole(t, commits, 1, eventstore.Version(len(commits)))
	stored := make(slots, len(commits))
	for i, commit := range commits {
		stored[i] = commit.ID
	}
	assert.NoError(t, explained(c.operations, stored))
	assert.GreaterOrEqual(t, len(stored), rounds)
	t.Logf("%d writers: %d appends stored, %d conflicts, %d heads and reads, %d outcomes unknown at first, %d failures, in %s", writers,
		len(stored), c.conflicts.Load(), c.looks.Load(), c.unknown.Load(), c.failures.Load(), time.Since(begun).Round(time.Millisecond))
	return int(c.failures.Load())
}

// contention is the history of one stream.
type contention struct {
	*testing.T
	*history
	stream eventstore.StreamID

	stored, conflicts, looks, unknown, failures atomic.Int64
}

// call makes one random call and returns the revision that its writer knows then.
func (c *contention) call(writer int, at eventstore.Revision, id string, random *rand.Rand) eventstore.Revision {
	in, out := request{}, answer{}
	var err error
	called := c.clock.Add(1)
	switch random.IntN(8) {
	case 0:
		var head eventstore.Revision
		if head, err = c.store.Head(c.Context(), c.stream); err == nil {
			at, out.version = head, head.Version()
		}
	case 1:
		for commit, failed := range c.store.Read(c.Context(), c.stream, at.Version()) {
			if err = failed; err == nil {
				at = commit.Revision
			}
		}
		out.version = at.Version()
	default:
		in = request{id: id, expected: at.Version()}
		at, out, err = c.append(command(id, at, c.stream, "A"))
	}
	returned := c.clock.Add(1)
	if err != nil {
		assert.NotErrorIs(c, err, eventstore.ErrCorrupt)
		c.failures.Add(1)
		return at
	}
	if in.id == "" {
		c.looks.Add(1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.operations = append(c.operations, porcupine.Operation{ClientId: writer, Input: in, Call: called, Output: out, Return: returned})
	return at
}

// append sends a write until it is known what became of it.
func (c *contention) append(w eventstore.Write) (eventstore.Revision, answer, error) {
	for unknown := false; ; {
		commit, err := c.store.Append(c.Context(), w)
		conflict, moved := errors.AsType[*eventstore.ConflictError](err)
		switch {
		case err == nil:
			c.stored.Add(1)
			return commit.Revision, answer{version: commit.Last(), id: commit.ID}, nil
		case moved:
			c.conflicts.Add(1)
			return conflict.Actual, answer{version: conflict.Actual.Version(), id: conflict.Winner.ID}, nil
		case errors.Is(err, eventstore.ErrOutcomeUnknown):
			c.unknown.Add(1)
			unknown = true
		case !unknown || c.Context().Err() != nil: // else this attempt has failed, and the one before perhaps not
			return w.Revision, answer{}, err
		}
	}
}
