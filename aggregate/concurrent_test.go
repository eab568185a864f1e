package aggregate_test

import (
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
)

// Sixteen goroutines count on one entity, through two repositories of one store.
// Each command must have decided on exactly the state before its commit.
func TestConcurrentCommandsLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	const goroutines, none = 16, -1
	for name, c := range map[string]struct{ commands, one, other int }{
		"without caches":    {60, 0, 0},
		"with a cache each": {200, 4, 4},
		"one with a cache":  {50, 0, 4},
		"one cache for all": {200, 4, none},
	} {
		commands := c.commands
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newSpy()
			var repos []*aggregate.Repository[counter, added]
			for _, streams := range []int{c.one, c.other} {
				if streams != none {
					repos = append(repos, aggregate.NewRepository(store, counters, aggregate.Options{CacheStreams: streams, MaxAttempts: 1_000_000}))
				}
			}
			var mu sync.Mutex
			by := map[eventstore.Version]int{}
			var wg sync.WaitGroup
			for g := range goroutines {
				wg.Go(func() {
					last := eventstore.Version(0)
					for range commands {
						saw := 0
						c, err := repos[g%len(repos)].Execute(t.Context(), "1", func(c counter) ([]added, error) {
							saw = c.Sum
							return []added{{1}}, nil
						})
						if !assert.NoError(t, err) {
							return
						}
						assert.EqualValues(t, saw+1, c.First, "decided on the state right before")
						assert.Greater(t, c.First, last, "a later command sees an earlier one")
						last = c.First
						mu.Lock()
						by[c.First]++
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			assert.Len(t, by, goroutines*commands, "each result is one of its own")
			loaded, err := repos[0].Load(t.Context(), "1")
			require.NoError(t, err)
			assert.Equal(t, goroutines*commands, loaded.State.Sum)
			assert.EqualValues(t, goroutines*commands, loaded.Version)
			t.Logf("%d appends for %d commands", store.appends, goroutines*commands)
			if name == "one cache for all" {
				assert.Equal(t, goroutines*commands, store.appends, "commands wait instead of conflicting")
			}
		})
	}
}

// A counter has the only event there is, written as bare digits, so that
// thousands of loads of a long stream take seconds also under the race detector.
type counter struct{ Sum int }

var counters = aggregate.Decider[counter, added]{
	Category: "counter",
	Events:   eventstore.MustRegistry(eventstore.WithCodec(digits{}), eventstore.Type[added]("ADDED", 1)),
	Evolve:   func(c counter, e added) counter { return counter{c.Sum + e.N} },
}

type digits struct{}

func (digits) Marshal(v any) ([]byte, error) {
	return strconv.AppendInt(nil, int64(v.(added).N), 10), nil
}

func (digits) Unmarshal(payload []byte, v any) (err error) {
	v.(*added).N, err = strconv.Atoi(string(payload))
	return err
}
