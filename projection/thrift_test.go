package projection_test

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/projection"
)

func TestEachComparisonOfSomeRowsLooksAtOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := full(t)
		r := v.rebuilt(t, projection.RebuildOptions{})
		v.damaged(t, "user-7", "c7")
		found := map[int]int{}
		for range 200 {
			compared, err := r.Compare(t.Context(), projection.CompareOptions{Keys: 1})
			require.NoError(t, err)
			found[compared.Wrong]++
			time.Sleep(time.Second) // in the bubble
		}
		assert.Len(t, found, 2)
		assert.InDelta(t, 10, found[1], 9, "one of twenty rows is wrong")
	})
}

// paced is a store, and views, that hold what is read to a rate.
type paced struct {
	*memstore.Store
	projection.ViewStore
	t     *testing.T
	began time.Time
	rate  float64 // bytes a second
	read  float64
}

// pass holds that what was read so far has taken its time, but for what each of two sequences may spend together.
func (p *paced) pass(bytes int) {
	least := time.Duration((p.read - 200_000) / p.rate * float64(time.Second))
	require.GreaterOrEqual(p.t, time.Since(p.began), least)
	p.read += float64(bytes)
}

func (p *paced) ReadAll(ctx context.Context, from eventstore.Cursor) iter.Seq2[eventstore.ScannedCommit, error] {
	return func(yield func(eventstore.ScannedCommit, error) bool) {
		for c, err := range p.Store.ReadAll(ctx, from) {
			c.Bytes = 10_000
			p.pass(c.Bytes)
			if !yield(c, err) {
				return
			}
		}
	}
}

func (p *paced) ScanRows(ctx context.Context, g projection.GenerationID, view string) iter.Seq2[projection.Row, error] {
	return func(yield func(projection.Row, error) bool) {
		for row, err := range p.ViewStore.ScanRows(ctx, g, view) {
			p.pass(len(row.Content))
			if !yield(row, err) {
				return
			}
		}
	}
}

func (p *paced) AllCheckpoints(ctx context.Context, g projection.GenerationID, parked bool) iter.Seq2[projection.Checkpoint, error] {
	return func(yield func(projection.Checkpoint, error) bool) {
		for c, err := range p.ViewStore.AllCheckpoints(ctx, g, parked) {
			p.pass(100)
			if !yield(c, err) {
				return
			}
		}
	}
}

func TestWhateverIsReadKeepsToTheRateAsItGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVersions()
		e := v.engine(t)
		for i := range 40 {
			handle(t.Context(), e, v.append(t, fmt.Sprintf("user-%d", i), Padded{fmt.Sprint("c", i), 20_000}))
			v.append(t, fmt.Sprintf("other-%d", i), Ignored{}) // which nobody follows
		}
		for i := range 4000 { // of which there are checkpoints to read
			handle(t.Context(), e, v.append(t, fmt.Sprintf("user-small%d", i), Ignored{}))
		}
		v.p2 = projection.MustNew("counters", 2, registry, projection.Follow("user"), projection.Replaces(v.p), newCounters(func(projection.Event[Counted]) error { return nil }))
		v.rebuilt(t, projection.RebuildOptions{})
		p := &paced{Store: v.store, ViewStore: v.views, t: t, began: time.Now(), rate: 100 * 4096}
		r, err := projection.NewRebuilder(p, p, v.p2, projection.RebuildOptions{Rate: 100, Sequential: true, Readers: 1})
		require.NoError(t, err)
		_, err = r.Compare(t.Context(), projection.CompareOptions{Full: true})
		require.NoError(t, err)
		switchOver(t, r)
		require.Greater(t, p.read, 3e6)
	})
}

func TestAComparisonOfManyInsertedRowsKeepsToTheMemoryThatThereIs(t *testing.T) {
	t.Parallel()
	v := newVersions()
	v.p2 = projection.MustNew("counters", 2, registry, projection.Follow("user"), projection.Replaces(v.p), listed())
	v.fillTo(t, v.engine(t), 60)
	v.rebuilt(t, projection.RebuildOptions{})
	read := 0
	r, err := projection.NewRebuilder(listing{v.store, func() { read++ }}, v.views, v.p2, projection.RebuildOptions{Memory: 2000, Sequential: true, Readers: 1})
	require.NoError(t, err)
	found, err := r.Compare(t.Context(), projection.CompareOptions{Full: true})
	require.NoError(t, err)
	assert.Equal(t, [2]int{60, 0}, [2]int{found.Checked, found.Wrong})
	assert.Greater(t, read, 4, "60 rows of 100 bytes and more are folded in some parts")
}

func TestAComparisonExplainsByTheEventsAsEachVersionKnowsThem(t *testing.T) {
	t.Parallel()
	type spread struct{ Counters string } // as the new code knows it
	v := newVersions()
	v.p2 = projection.MustNew("counters", 2, eventstore.MustRegistry(eventstore.Type[Counted]("COUNTED", 1), eventstore.Type[spread]("SPREAD", 1)),
		projection.Follow("user"), projection.Replaces(v.p), newTens())
	e := v.engine(t)
	handle(t.Context(), e, v.append(t, "user-1", Counted{"x", 1}, Spread{[]string{"x"}}))
	r := v.rebuilt(t, projection.RebuildOptions{})
	found, err := r.Compare(t.Context(), projection.CompareOptions{})
	require.NoError(t, err)
	require.Len(t, found.Samples, 1)
	require.Len(t, found.Samples[0].Because, 1)
	because := found.Samples[0].Because[0]
	assert.Equal(t, "SPREAD", because.Type)
	assert.Equal(t, [2]int{1, 0}, [2]int{because.Old, because.New})
}
