package viewstest

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

var cancellationClauses = []clause{
	{"before a write is answered with the cause, and nothing is written", cancelledWrites},
	{"before a read is answered with the cause", cancelledReads},
	{"during a scan does not look like its end", cancelledScans},
}

var errGone = errors.New("the caller has gone")

func gone(t *testing.T) context.Context {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errGone)
	return ctx
}

func cancelledWrites(t *testing.T, f *fixture) {
	for _, filled := range []bool{false, true} { // a store may take other ways in a generation that it knows
		if filled {
			f.must(t, moves(move(stream("a"), 0, 1)), f.put(row("v", "p", ""), `1`))
			f.park(t, stream("a"), 1, parked(2))
		}
		from := f.checkpoint(t, stream("a")).Version
		before, state := f.contents(t, "v"), f.state(t)
		s := f.slice(moves(move(stream("a"), from, 9)), f.put(row("v", "p", ""), `2`), f.put(row("v", "q", ""), `2`))
		assert.ErrorIs(t, f.views.Apply(gone(t), s), errGone)
		assert.ErrorIs(t, f.views.Park(gone(t), f.generation, stream("a"), from, parked(7)), errGone)
		assert.ErrorIs(t, f.views.Park(gone(t), f.generation, stream("a"), from, nil), errGone)
		_, err := f.views.PutState(gone(t), f.fullState())
		assert.ErrorIs(t, err, errGone)
		assert.ErrorIs(t, f.views.Beat(gone(t), projection.Heartbeat{Projection: f.generation.Projection, Worker: "w"}), errGone)
		assert.ErrorIs(t, f.views.PutManifest(gone(t), f.generation, "one", 0, []projection.Head{head("b", 1)}), errGone)
		late := projection.Filling{Checkpoints: checkpoints(at("b", 1)), Rows: []projection.Row{f.row(row("v", "r", ""), `1`)}}
		assert.ErrorIs(t, f.views.Fill(gone(t), f.generation, late), errGone)
		assert.ErrorIs(t, f.views.Fill(gone(t), f.generation, projection.Filling{}), errGone)
		assert.ErrorIs(t, f.views.Clear(gone(t), f.generation, []string{"v"}), errGone)
		f.noManifest(t, "one", 0)
		assert.Equal(t, before, f.contents(t, "v"))
		assert.Equal(t, state, f.state(t))
		assert.Empty(t, f.heartbeats(t))
	}
}

func cancelledReads(t *testing.T, f *fixture) {
	for _, filled := range []bool{false, true} {
		if filled {
			f.must(t, moves(move(stream("a"), 0, 1)), f.put(row("v", "p", ""), `1`))
		}
		_, err := f.views.Checkpoints(gone(t), f.generation, []eventstore.StreamID{stream("a")})
		assert.ErrorIs(t, err, errGone)
		_, err = f.views.Rows(gone(t), f.generation, []projection.RowID{row("v", "p", "")})
		assert.ErrorIs(t, err, errGone)
		_, err = f.views.Page(gone(t), f.generation, projection.PageQuery{View: "v", Partition: "p", Limit: 1})
		assert.ErrorIs(t, err, errGone)
		_, err = f.views.State(gone(t), f.generation.Projection)
		assert.ErrorIs(t, err, errGone)
		_, err = f.views.Heartbeats(gone(t), f.generation.Projection)
		assert.ErrorIs(t, err, errGone)
		_, err = f.views.Manifest(gone(t), f.generation, "one", 0)
		assert.ErrorIs(t, err, errGone)
		_, err = drain(f.views.States(gone(t)), 0, nil)
		assert.ErrorIs(t, err, errGone)
		_, err = drain(f.views.ScanRows(gone(t), f.generation, "v"), 0, nil)
		assert.ErrorIs(t, err, errGone)
		_, err = drain(f.views.AllCheckpoints(gone(t), f.generation, false), 0, nil)
		assert.ErrorIs(t, err, errGone)
	}
}

// drain reads a sequence to its end, and calls then after some of it.
func drain[T any](all iter.Seq2[T, error], after int, then func()) (n int, err error) {
	for _, err = range all {
		if err != nil {
			return n, err
		}
		if n++; n == after {
			then()
		}
	}
	return n, nil
}

// cancelledScans: a sequence that ends without an error was whole.
func cancelledScans(t *testing.T, f *fixture) {
	var writes []projection.RowWrite
	var all []projection.Move
	for _, name := range numbered("p", 1300) {
		writes = append(writes, f.put(row("v", name, ""), `1`))
		all = append(all, move(stream(name), 0, 1))
	}
	f.fill(t, all, writes...)
	for _, after := range []int{1, 1000} {
		ctx, cancel := context.WithCancelCause(t.Context())
		n, err := drain(f.views.ScanRows(ctx, f.generation, "v"), after, func() { cancel(errGone) })
		if err != nil || n < len(writes) {
			assert.ErrorIs(t, err, errGone, "%d rows", n)
		}
		ctx, cancelNext := context.WithCancelCause(t.Context())
		n, err = drain(f.views.AllCheckpoints(ctx, f.generation, false), after, func() { cancelNext(errGone) })
		if err != nil || n < len(all) {
			assert.ErrorIs(t, err, errGone, "%d checkpoints", n)
		}
	}
}
