package projection_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// unreliable is a view store whose writes fail now and then: before they are carried
// out, or after.
type unreliable struct {
	projection.ViewStore
	mu  sync.Mutex
	rnd *rand.Rand
}

var errCut = errors.New("connection cut")

func (u *unreliable) Apply(ctx context.Context, s projection.Slice) error {
	u.mu.Lock()
	fault := u.rnd.IntN(8)
	u.mu.Unlock()
	if fault == 0 {
		return errCut
	}
	err := u.ViewStore.Apply(ctx, s)
	if fault == 1 {
		return errCut
	}
	return err
}

// receiver notes what it gets, and what is in flight in one worker at once.
type receiver struct {
	mu       sync.Mutex
	got      map[string][]eventstore.Version // by stream
	inFlight map[string]bool                 // by worker and stream
	overlaps []string
	calls    int
	rnd      *rand.Rand
}

func (r *receiver) reaction(t testing.TB, worker int) *projection.Reaction {
	reaction, err := projection.NewReaction("mails", registry, projection.Follow("user"),
		projection.React(func(_ context.Context, e projection.Event[Counted]) error { return r.receive(worker, e) }))
	require.NoError(t, err)
	return reaction
}

func (r *receiver) receive(worker int, e projection.Event[Counted]) error {
	key := fmt.Sprint(worker, e.Stream)
	r.mu.Lock()
	if r.inFlight[key] {
		r.overlaps = append(r.overlaps, key)
	}
	r.inFlight[key] = true
	r.calls++
	lost, refused := r.rnd.IntN(10) == 0, r.rnd.IntN(10) == 0
	if !refused {
		r.got[e.Stream.String()] = append(r.got[e.Stream.String()], e.Version)
	}
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.inFlight[key] = false
	}()
	if lost || refused {
		return projection.Transient(errCut)
	}
	return nil
}

// firsts are the versions in the order in which they came first.
func firsts(versions []eventstore.Version) (order []eventstore.Version) {
	seen := map[eventstore.Version]bool{}
	for _, v := range versions {
		if !seen[v] {
			seen[v] = true
			order = append(order, v)
		}
	}
	return order
}

// Workers meet on the same streams, get the commits in any order, more than once, and
// lose answers of the view store and of the receiver.
func TestEveryEventReachesTheReceiverInTheOrderOfItsStreamWhateverFails(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) { reactUnderFailures(t, seed) })
	}
}

func reactUnderFailures(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(memviews.Options{})
	r := &receiver{got: map[string][]eventstore.Version{}, inFlight: map[string]bool{}, rnd: rand.New(rand.NewPCG(seed, 2))}
	var engines []*projection.Engine
	for i := range 3 {
		views := &unreliable{ViewStore: w.views, rnd: rand.New(rand.NewPCG(seed, uint64(3+i)))}
		engines = append(engines, w.reacting(t, views, r.reaction(t, i)))
	}
	var commits []eventstore.Commit
	heads := map[string]eventstore.Version{}
	for range 40 {
		stream := fmt.Sprintf("user-%d", rnd.IntN(5))
		c := w.append(t, stream, Counted{"x", 1}, Counted{"x", 2})
		heads[stream] = c.Last()
		commits = append(commits, c)
	}
	var group sync.WaitGroup
	for i, e := range engines {
		order := rand.New(rand.NewPCG(seed, uint64(10+i))).Perm(len(commits))
		group.Go(func() {
			for len(order) > 0 {
				n := min(len(order), 7)
				var batch []eventstore.Commit
				for _, j := range order[:n] {
					batch = append(batch, commits[j])
				}
				handle(t.Context(), e, batch...)
				order = order[n:]
			}
		})
	}
	group.Wait()
	for tries := 0; ; tries++ {
		if _, err := engines[0].Sweep(t.Context(), nil); err == nil {
			break
		}
		require.Less(t, tries, 1000, "seed %d", seed)
	}
	for stream, head := range heads {
		var want []eventstore.Version
		for v := eventstore.Version(1); v <= head; v++ {
			want = append(want, v)
		}
		require.Equal(t, want, firsts(r.got[stream]), "seed %d, %s", seed, stream)
		assert.Equal(t, head, mailCheckpoint(t, w.views, stream).Version)
	}
	require.Empty(t, r.overlaps, "seed %d", seed)
	require.GreaterOrEqual(t, r.calls, 80)
}
