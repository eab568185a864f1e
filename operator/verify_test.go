package operator_test

import (
	"context"
	"iter"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/projection"
)

// spoiled is a store of which some commits come otherwise, or not at all.
type spoiled struct {
	memory
	commit func(eventstore.Commit) (eventstore.Commit, error)
	holder eventstore.EventID
}

func (s spoiled) ReadAll(ctx context.Context, from eventstore.Cursor) iter.Seq2[eventstore.ScannedCommit, error] {
	return func(yield func(eventstore.ScannedCommit, error) bool) {
		for scanned, err := range s.memory.ReadAll(ctx, from) {
			if err == nil {
				scanned.Commit, err = s.commit(scanned.Commit)
			}
			if !yield(scanned, err) || err != nil {
				return
			}
		}
	}
}

func (s spoiled) Claimed(context.Context, eventstore.Claim) (eventstore.EventID, error) {
	return s.holder, nil
}

// verifySpoiled verifies three streams of two events, of which some are spoiled.
func verifySpoiled(t *testing.T, commit func(eventstore.Commit) (eventstore.Commit, error)) (operator.Verified, error) {
	t.Helper()
	s := newService(t)
	for _, id := range []string{"1", "2", "3"} {
		s.order(id, "tea", 1)
		s.order(id, "tea", 1)
	}
	told := s.told()
	told.Store = spoiled{memory: s.store, commit: commit}
	o, err := operator.New(told)
	require.NoError(t, err)
	return o.Verify(t.Context(), operator.VerifyOptions{})
}

func faults(v operator.Verified) (texts []string) {
	for _, f := range v.Faults {
		texts = append(texts, f.Fault)
	}
	return texts
}

func TestVerifyNamesWhatIsWrongAndReadsTheRest(t *testing.T) {
	t.Parallel()
	v, err := verifySpoiled(t, func(c eventstore.Commit) (eventstore.Commit, error) { return c, nil })
	require.NoError(t, err)
	assert.Equal(t, operator.Verified{Streams: 3, Commits: 6, Events: 6, Faults: []operator.Fault{}}, v)
	assert.True(t, v.OK())

	v, err = verifySpoiled(t, func(c eventstore.Commit) (eventstore.Commit, error) {
		if c.Stream.ID() == "2" {
			return c, &eventstore.CorruptError{Stream: c.Stream, Version: c.First, Reason: "the checksum does not match"}
		}
		return c, nil
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"order-2@1: store is corrupt: the checksum does not match"}, faults(v))
	assert.Equal(t, "order-2", v.Faults[0].Stream.String())
	assert.Equal(t, []int{3, 4}, []int{v.Streams, v.Events})
	assert.False(t, v.OK())

	v, err = verifySpoiled(t, func(c eventstore.Commit) (eventstore.Commit, error) {
		if c.Stream.ID() == "2" && c.First == 2 {
			c.First = 3
		}
		return c, nil
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"order-2@3 follows version 1"}, faults(v))

	v, err = verifySpoiled(t, func(c eventstore.Commit) (eventstore.Commit, error) {
		if c.Stream.ID() == "3" {
			c.Events[0].Type = "LOST"
		}
		return c, nil
	})
	require.NoError(t, err)
	assert.Len(t, v.Faults, 2)
	assert.Contains(t, v.Faults[0].Fault, "event order-3@1 of type LOST (schema 1): event type not registered")

	_, err = verifySpoiled(t, func(c eventstore.Commit) (eventstore.Commit, error) { return c, context.DeadlineExceeded })
	require.ErrorIs(t, err, context.DeadlineExceeded, "which is no fault of the store")
}

func TestVerifyComparesWhoHoldsAClaim(t *testing.T) {
	t.Parallel()
	s := newService(t)
	claim := eventstore.Claim{Scope: "email", Key: "ada@example.com"}
	write := eventstore.Write{Stream: s.stream("1"), Claims: []eventstore.Claim{claim}, Events: []eventstore.Event{{Type: "ORDERED", Schema: 1, Payload: []byte(`{}`)}}}
	c, err := s.store.Append(t.Context(), write)
	require.NoError(t, err)
	report, err := s.operator().Verify(t.Context(), operator.VerifyOptions{})
	require.NoError(t, err)
	require.Empty(t, report.Faults)

	told := s.told()
	told.Store = spoiled{memory: s.store, commit: func(c eventstore.Commit) (eventstore.Commit, error) { return c, nil }}
	o, err := operator.New(told)
	require.NoError(t, err)
	report, err = o.Verify(t.Context(), operator.VerifyOptions{})
	require.NoError(t, err)
	assert.Equal(t, []string{"the claim email:ada@example.com is held by nobody, and was taken by " + c.EventID(0).String()}, faults(report))
}

// meddled are views of which a row is another, or one checkpoint moves while they are read.
type meddled struct {
	projection.ViewStore
	scanned func()
	content []byte
}

func (m meddled) ScanRows(ctx context.Context, g projection.GenerationID, view string) iter.Seq2[projection.Row, error] {
	return func(yield func(projection.Row, error) bool) {
		for row, err := range m.ViewStore.ScanRows(ctx, g, view) {
			if row.ID.Key.Partition == "tea" {
				row.Content = m.content
			}
			if m.scanned != nil {
				m.scanned()
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

func TestVerifyComparesRowsWithAFoldOfWhatWasApplied(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.order("1", "tea", 1)
	s.order("1", "mug", 2)
	s.order("2", "tea", 3)
	s.sweep()
	s.order("1", "tea", 0) // parks the stream
	s.order("1", "mug", 5)
	s.sweep()
	s.order("2", "tea", 4) // nobody has applied it
	verify := func(views projection.ViewStore) operator.Verified {
		t.Helper()
		told := s.told()
		told.Views = views
		o, err := operator.New(told)
		require.NoError(t, err)
		report, err := o.Verify(t.Context(), operator.VerifyOptions{Views: true})
		require.NoError(t, err)
		return report
	}
	report := verify(s.views)
	assert.Empty(t, report.Faults)
	assert.Equal(t, 1, report.Parked)
	assert.Equal(t, []operator.ComparedView{{Projection: "totals", Generation: 1, Rows: 2, Behind: 2}}, report.Views)

	report = verify(meddled{ViewStore: s.views, content: []byte(`{"count":5}`)})
	assert.Equal(t, []string{`generation 1 of totals: row "tea" of view "totals" is not what a fold of the events makes of it`}, faults(report))
	assert.Equal(t, 1, report.Views[0].Different)

	moves := func() { s.order("3", "cup", 1); s.sweep() }
	report = verify(meddled{ViewStore: s.views, content: []byte(`{"count":5}`), scanned: moves})
	assert.Empty(t, report.Faults, "a row that moved meanwhile is not known to be wrong")
	assert.Equal(t, []int{0, 1}, []int{report.Views[0].Different, report.Views[0].Moved})
}

// Behind the damage it may have been given back.
func TestVerifyDoesNotAskWhatADamagedStreamHolds(t *testing.T) {
	t.Parallel()
	s := newService(t)
	claim := eventstore.Claim{Scope: "email", Key: "ada@example.com"}
	event := []eventstore.Event{{Type: "ORDERED", Schema: 1, Payload: []byte(`{}`)}}
	for _, w := range []eventstore.Write{{Claims: []eventstore.Claim{claim}}, {Releases: []eventstore.Claim{claim}}} {
		w.Stream, w.Revision, w.Events = s.stream("1"), eventstore.Any, event
		_, err := s.store.Append(t.Context(), w)
		require.NoError(t, err)
	}
	told := s.told()
	told.Store = spoiled{memory: s.store, commit: func(c eventstore.Commit) (eventstore.Commit, error) {
		if c.First == 2 {
			return c, &eventstore.CorruptError{Stream: c.Stream, Version: 2, Reason: "a gap"}
		}
		return c, nil
	}}
	o, err := operator.New(told)
	require.NoError(t, err)
	report, err := o.Verify(t.Context(), operator.VerifyOptions{})
	require.NoError(t, err)
	assert.Equal(t, []string{"order-1@2: store is corrupt: a gap"}, faults(report))
}

// busy is a store whose service goes on when everything was read but one stream.
type busy struct {
	memory
	meanwhile func()
	last      eventstore.StreamID
}

func (b busy) ReadAll(ctx context.Context, from eventstore.Cursor) iter.Seq2[eventstore.ScannedCommit, error] {
	return func(yield func(eventstore.ScannedCommit, error) bool) {
		for scanned, err := range b.memory.ReadAll(ctx, from) {
			if !yield(scanned, err) {
				return
			}
		}
		b.meanwhile()
		for c, err := range b.Read(ctx, b.last, 0) {
			if !yield(eventstore.ScannedCommit{Commit: c}, err) {
				return
			}
		}
	}
}

func TestAClaimThatChangesHandsWhileEverythingIsReadIsNoFault(t *testing.T) {
	t.Parallel()
	claim := eventstore.Claim{Scope: "email", Key: "ada@example.com"}
	event := []eventstore.Event{{Type: "ORDERED", Schema: 1, Payload: []byte(`{}`)}}
	for _, taker := range []string{"", "2"} {
		s := newService(t)
		first, err := s.store.Append(t.Context(), eventstore.Write{Stream: s.stream("1"), Claims: []eventstore.Claim{claim}, Events: event})
		require.NoError(t, err)
		told := s.told()
		told.Store = busy{s.store, func() {
			_, err := s.store.Append(t.Context(), eventstore.Write{Stream: s.stream("1"), Revision: first.Revision, Releases: []eventstore.Claim{claim}, Events: event})
			assert.NoError(t, err)
			if taker != "" {
				_, err = s.store.Append(t.Context(), eventstore.Write{Stream: s.stream(taker), Claims: []eventstore.Claim{claim}, Events: event})
				assert.NoError(t, err)
			}
		}, s.stream("2")}
		o, err := operator.New(told)
		require.NoError(t, err)
		report, err := o.Verify(t.Context(), operator.VerifyOptions{})
		require.NoError(t, err)
		assert.Empty(t, faults(report))
	}
}

func TestViewsThatCanNotBeComparedAreNotTakenForRight(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.order("1", "tea", 1)
	s.sweep()
	o, err := operator.New(operator.Service{Store: s.store, Views: s.views})
	require.NoError(t, err)
	_, err = o.Verify(t.Context(), operator.VerifyOptions{Views: true})
	require.ErrorIs(t, err, operator.ErrUnsupported)

	told := s.told()
	told.Consumers = []projection.Consumer{projection.MustNew("totals", 2, registry, projection.Follow("order"),
		projection.Fold("totals", projection.On(func(e projection.Event[ordered]) projection.Key { return projection.KeyOf(e.Data.Item) },
			func(t *total, e projection.Event[ordered]) error { t.Count++; return nil })))}
	o, err = operator.New(told)
	require.NoError(t, err)
	report, err := o.Verify(t.Context(), operator.VerifyOptions{Views: true})
	require.NoError(t, err)
	assert.Empty(t, faults(report), "it is no fault of theirs")
	assert.False(t, report.OK())
	assert.Equal(t, []operator.ComparedView{{Projection: "totals", Generation: 1, NotCompared: "it is of version 1, and this program has version 2; verify it by one that has that"}}, report.Views)
}
