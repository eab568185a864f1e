package dynamostore_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
)

// A till is a sum, which must not go below zero.
type moved struct{ Amount int }

var errShort = errors.New("there is not so much in it")

var tills = aggregate.Decider[int, moved]{
	Category: "till",
	Events:   eventstore.MustRegistry(eventstore.Type[moved]("MOVED", 1)),
	Evolve:   func(sum int, e moved) int { return sum + e.Amount },
}

func move(amount int) aggregate.Decision[int, moved] {
	return func(sum int) ([]moved, error) {
		if sum+amount < 0 {
			return nil, errShort
		}
		return []moved{{amount}}, nil
	}
}

// The rows of the unit table in docs/dynamodb.md that commands have. Cached and other are
// two processes.
func TestUnitsOfCommands(t *testing.T) {
	t.Parallel()
	m := newMetered(t, nil)
	cached := aggregate.NewRepository(m.Store, tills, aggregate.Options{CacheStreams: 10})
	uncached := aggregate.NewRepository(m.Store, tills, aggregate.Options{})
	other := aggregate.NewRepository(openStore(t, m.client, m.prefix), tills, aggregate.Options{})
	execute := func(r *aggregate.Repository[int, moved], amount int) func() {
		return func() {
			c, err := r.Execute(t.Context(), "1", move(amount))
			require.NoError(t, err)
			require.Len(t, c.Events, 1)
		}
	}
	execute(cached, 10)()
	m.cost("command on a cached entity", execute(cached, 1), 1, 1, 0)
	m.cost("command on an entity that is read first", execute(uncached, 1), 2, 1, 1)
	m.cost("command that loses to another one, whose commit it has in hand and decides behind", execute(cached, 1), 2, 2, 0)
	execute(other, 100)()
	m.cost("command that would be refused on what is cached, and is checked first", execute(cached, -50), 2, 1, 1)
	m.cost("refusal on what is cached", func() {
		_, err := cached.Execute(t.Context(), "1", move(-1000))
		require.ErrorIs(t, err, errShort)
	}, 1, 0, 1)
	till, err := other.Load(t.Context(), "1")
	require.NoError(t, err)
	assert.Equal(t, aggregate.Loaded[int]{State: 63, Version: 6, Time: till.Time}, till)
}
