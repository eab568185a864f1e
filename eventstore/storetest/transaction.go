package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

var transactionClauses = []clause{
	{"of several commits is stored whole, in the order of its writes", func(t *fixture) {
		one := t.must(writeAt(eventstore.NoStream, t.stream("1"), "A"))
		writes := []eventstore.Write{writeAt(one.Revision, t.stream("1"), "B", "C"), writeAt(eventstore.NoStream, t.stream("2"), "D")}
		commits := t.mustAll(writes...)
		require.Len(t, commits, 2)
		assert.Equal(t, []eventstore.Commit{one, commits[0]}, t.read(t.stream("1"), 0))
		assert.Equal(t, []eventstore.Commit{commits[1]}, t.read(t.stream("2"), 0))
		assert.EqualValues(t, 2, commits[0].First)
		t.listed(t.category, t.stream("1"), t.stream("2"))
	}},
	{"of large commits is stored whole", func(t *fixture) {
		w := []eventstore.Write{writeAt(eventstore.NoStream, t.stream("1"), "A"), writeAt(eventstore.NoStream, t.stream("2"), "A")}
		w[0].Events = append(w[0].Events, weighing(700_000))
		w[1].Events = append(w[1].Events, weighing(1_500_000))
		commits := t.mustAll(w...)
		for i, c := range commits {
			assertSame(t, []eventstore.Commit{c}, t.read(w[i].Stream, 0))
		}
	}},
	{"stores nothing where one of its streams has moved on, and names that one and the winner", func(t *fixture) {
		one, other := t.must(writeAt(eventstore.NoStream, t.stream("1"), "A")), t.must(writeAt(eventstore.NoStream, t.stream("2"), "A"))
		winner := t.must(writeAt(other.Revision, t.stream("2"), "B"))
		_, err := t.appendAll(writeAt(one.Revision, t.stream("1"), "B"), writeAt(other.Revision, t.stream("2"), "C"), writeAt(eventstore.NoStream, t.stream("3"), "D"))
		conflict := asConflict(t, err)
		assert.Equal(t, t.stream("2"), conflict.Stream)
		assert.Equal(t, winner, conflict.Winner)
		assert.Equal(t, winner.Revision, conflict.Actual)
		assert.Equal(t, one.Revision, t.head(t.stream("1")))
		assert.Empty(t, t.read(t.stream("3"), 0))
	}},
	{"stores nothing where a checked stream has moved on, and names that one", func(t *fixture) {
		one := t.must(writeAt(eventstore.NoStream, t.stream("1"), "A"))
		winner := t.must(writeAt(one.Revision, t.stream("1"), "B"))
		for _, c := range []eventstore.Check{{Stream: t.stream("1"), Revision: one.Revision}, {Stream: t.stream("1")}} {
			_, err := t.Transactor.AppendAll(t.Context(), eventstore.Transaction{
				Writes: []eventstore.Write{writeAt(eventstore.NoStream, t.stream("2"), "C")}, Checks: []eventstore.Check{c, {Stream: t.stream("3")}}})
			conflict := asConflict(t, err)
			assert.Equal(t, t.stream("1"), conflict.Stream)
			assert.Equal(t, c.Revision, conflict.Expected)
			assert.Equal(t, map[bool]eventstore.Commit{true: one, false: winner}[c.Revision == eventstore.NoStream], conflict.Winner)
			assert.Empty(t, t.read(t.stream("2"), 0))
		}
		t.mustTransact(eventstore.Transaction{Writes: []eventstore.Write{writeAt(eventstore.NoStream, t.stream("2"), "C")},
			Checks: []eventstore.Check{{Stream: t.stream("1"), Revision: winner.Revision}, {Stream: t.stream("3")}}})
		assert.Empty(t, t.read(t.stream("3"), 0), "a check writes nothing")
	}},
	{"and another that check each other's stream do not both take place", func(t *fixture) {
		for range 10 {
			a, b := t.stream("a"), t.stream("b")
			at := [2]eventstore.Revision{t.head(a), t.head(b)}
			var stored atomic.Int32
			together(2, func(i int) {
				s := [2]eventstore.StreamID{a, b}
				_, err := t.Transactor.AppendAll(t.Context(), eventstore.Transaction{Writes: []eventstore.Write{writeAt(at[i], s[i], "A")},
					Checks: []eventstore.Check{{Stream: s[1-i], Revision: at[1-i]}}})
				if err == nil {
					stored.Add(1)
				} else {
					assert.ErrorIs(t, err, eventstore.ErrConflict)
				}
			})
			require.EqualValues(t, 1, stored.Load())
		}
	}},
	{"that is sent again returns its first result, also where checks and claims have moved on", func(t *fixture) {
		checked := t.must(writeAt(eventstore.NoStream, t.stream("checked"), "A"))
		w := []eventstore.Write{claiming(writeAt(eventstore.NoStream, t.stream("1"), "A"), t.claim("x")), writeAt(eventstore.NoStream, t.stream("2"), "A")}
		w[0].ID, w[1].ID = "same", "same"
		tx := eventstore.Transaction{Writes: w, Checks: []eventstore.Check{{Stream: t.stream("checked"), Revision: checked.Revision}}}
		first := t.mustTransact(tx)
		assert.Equal(t, first, t.mustTransact(tx))
		t.must(writeAt(checked.Revision, t.stream("checked"), "B"))
		t.must(releasing(writeAt(first[0].Revision, t.stream("1"), "B"), t.claim("x")))
		t.must(claiming(writeAt(eventstore.NoStream, t.stream("3"), "A"), t.claim("x")))
		t.must(writeAt(first[1].Revision, t.stream("2"), "B"))
		assert.Equal(t, first, t.mustTransact(tx))
		assert.Equal(t, t.stream("3"), t.holder("x").Stream)
	}},
	{"of which a part was stored by itself is not taken for that", func(t *fixture) {
		w := []eventstore.Write{writeAt(eventstore.NoStream, t.stream("1"), "A"), writeAt(eventstore.NoStream, t.stream("2"), "A")}
		w[0].ID, w[1].ID = "same", "same"
		t.must(w[1])
		_, err := t.appendAll(w...)
		assert.ErrorIs(t, err, eventstore.ErrIDReused)
		assert.Empty(t, t.read(t.stream("1"), 0))
	}},
	{"that can not be is refused before anything is sent", func(t *fixture) {
		at := t.must(writeAt(eventstore.NoStream, t.stream("1"), "A")).Revision
		good := writeAt(at, t.stream("1"), "B")
		other := writeAt(eventstore.NoStream, t.stream("2"), "B")
		anywhere := writeAt(eventstore.Any, t.stream("2"), "B")
		for fault, tx := range map[string]eventstore.Transaction{
			"no writes":                  {Checks: []eventstore.Check{{Stream: t.stream("1"), Revision: at}}},
			"a stream twice":             {Writes: []eventstore.Write{good, other, other}},
			"a check of a written":       {Writes: []eventstore.Write{good, other}, Checks: []eventstore.Check{{Stream: t.stream("1"), Revision: at}}},
			"a check twice":              {Writes: []eventstore.Write{other}, Checks: []eventstore.Check{{Stream: t.stream("3")}, {Stream: t.stream("3")}}},
			"a write anywhere":           {Writes: []eventstore.Write{good, anywhere}},
			"a check anywhere":           {Writes: []eventstore.Write{good}, Checks: []eventstore.Check{{Stream: t.stream("3"), Revision: eventstore.Any}}},
			"a check without a stream":   {Writes: []eventstore.Write{good}, Checks: []eventstore.Check{{}}},
			"a claim twice":              {Writes: []eventstore.Write{claiming(good, t.claim("x")), claiming(other, t.claim("x"))}},
			"a claim taken and released": {Writes: []eventstore.Write{claiming(good, t.claim("x")), releasing(other, t.claim("x"))}},
			"strict and not strict":      {Writes: []eventstore.Write{strictly(good), other}},
		} {
			_, err := t.Transactor.AppendAll(t.Context(), tx)
			assert.ErrorIs(t, err, eventstore.ErrInvalid, fault)
		}
		for fault, c := range map[string]eventstore.Claim{"no scope": {Key: "x"}, "no key": {Scope: "x"}, "a colon": {Scope: "a:b", Key: "x"},
			"reserved": {Scope: "leftfold.id", Key: "x"}, "a long scope": {Scope: strings.Repeat("x", eventstore.MaxClaimScopeBytes+1), Key: "x"},
			"a long key": {Scope: "x", Key: strings.Repeat("x", eventstore.MaxClaimKeyBytes+1)}, "no UTF-8": {Scope: "x", Key: "\xff"}, "a control character": {Scope: "x", Key: "a\nb"}} {
			_, err := t.Store.Append(t.Context(), claiming(good, c))
			assert.ErrorIs(t, err, eventstore.ErrInvalid, fault)
			_, err = t.Store.Append(t.Context(), releasing(good, c))
			assert.ErrorIs(t, err, eventstore.ErrInvalid, fault)
		}
		_, err := t.Transactor.AppendAll(t.Context(), eventstore.Transaction{Writes: []eventstore.Write{other}, Checks: []eventstore.Check{{Stream: t.stream("3"), Revision: at}}})
		assert.ErrorIs(t, err, eventstore.ErrRevision, "of another stream")
		assert.Equal(t, at, t.head(t.stream("1")))
		assert.Empty(t, t.read(t.stream("2"), 0))
	}},
	{"takes as many items as its limit says, and is refused above with both numbers", func(t *fixture) {
		var tx eventstore.Transaction
		for i := range eventstore.MaxTransactionItems / 2 {
			tx.Writes = append(tx.Writes, claiming(writeAt(eventstore.NoStream, t.stream(fmt.Sprint(i)), "A"), t.claim(fmt.Sprint(i))))
		}
		over := tx
		over.Checks = []eventstore.Check{{Stream: t.stream("checked")}}
		_, err := t.Transactor.AppendAll(t.Context(), over)
		assertLimit(t, err, eventstore.ErrTooLarge, eventstore.MaxTransactionItems)
		assert.Empty(t, t.read(t.stream("0"), 0))
		t.mustTransact(tx)

		w := writeAt(eventstore.NoStream, t.stream("claims"), "A")
		for i := range eventstore.MaxTransactionItems {
			w.Claims = append(w.Claims, t.claim(fmt.Sprint("of one ", i)))
		}
		_, err = t.Store.Append(t.Context(), w)
		assertLimit(t, err, eventstore.ErrTooLarge, eventstore.MaxTransactionItems-1)
		w.Claims = w.Claims[1:]
		t.must(w)

		large := []eventstore.Write{writeAt(eventstore.NoStream, t.stream("l1"), "A"), writeAt(eventstore.NoStream, t.stream("l2"), "A")}
		large[0].Events, large[1].Events = []eventstore.Event{weighing(2_000_000)}, []eventstore.Event{weighing(2_000_000)}
		_, err = t.appendAll(large...)
		require.ErrorIs(t, err, eventstore.ErrTooLarge)
		assert.ErrorContains(t, err, fmt.Sprintf("the limit is %d", eventstore.MaxCommitBytes))
	}},
	{"returns the cause of a context that has ended, and stores nothing", func(t *fixture) {
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(gone)
		_, err := t.Transactor.AppendAll(ctx, eventstore.Transaction{Writes: []eventstore.Write{writeAt(eventstore.NoStream, t.stream("1"), "A"), writeAt(eventstore.NoStream, t.stream("2"), "A")}})
		assert.ErrorIs(t, err, gone)
		_, err = t.Transactor.Claimed(ctx, t.claim("x"))
		assert.ErrorIs(t, err, gone)
		assert.Empty(t, t.read(t.stream("1"), 0))
	}},
	{"whose outcome is unknown is sent again for ever, and stored once", func(t *fixture) {
		for i, fault := range []Fault{AnswerLost, RequestLost, AnswerLostAndRetried} {
			store := NewFaulty(t.Store, Sequence(fault))
			w := []eventstore.Write{claiming(writeAt(eventstore.NoStream, t.stream(fmt.Sprint("a", i)), "A"), t.claim(fmt.Sprint(i))),
				writeAt(eventstore.NoStream, t.stream(fmt.Sprint("b", i)), "A")}
			commits, err := store.AppendAll(t.Context(), eventstore.Transaction{Writes: w})
			for range 3 {
				if unknown, ok := errors.AsType[*eventstore.OutcomeUnknownError](err); ok {
					require.NotNil(t, unknown.With)
					commits, err = store.AppendAll(t.Context(), *unknown.With)
				}
			}
			require.NoError(t, err)
			assert.Equal(t, 1, store.Count(fault))
			for i, c := range commits {
				assert.Equal(t, []eventstore.Commit{c}, t.read(w[i].Stream, 0))
			}
		}
	}},
	{"of many writers at once leaves each whole, and every stream without gaps", transfers},
}

// transfers moves something between streams, many times at once: a commit without its
// other half would show.
func transfers(t *fixture) {
	const streams, writers, rounds = 4, 6, 6
	var stored atomic.Int32
	together(writers, func(i int) {
		for round := 0; round < rounds; {
			from, to := t.stream(fmt.Sprint((i+round)%streams)), t.stream(fmt.Sprint((i+2*round+1)%streams))
			if from == to {
				to = t.stream(fmt.Sprint((i + round + 1) % streams))
			}
			out, in := writeAt(t.head(from), from, "OUT"), writeAt(t.head(to), to, "IN")
			out.ID = fmt.Sprintf("%d-%d", i, round)
			in.ID = out.ID
			_, err := t.appendAll(out, in)
			if err == nil {
				round++
				stored.Add(1)
			} else if !assert.ErrorIs(t, err, eventstore.ErrConflict) {
				return
			}
		}
	})
	halves := map[string]string{}
	for i := range streams {
		next := eventstore.Version(1)
		for _, c := range t.read(t.stream(fmt.Sprint(i)), 0) {
			require.Equal(t, next, c.First)
			next = c.Last() + 1
			halves[c.ID] += c.Events[0].Type + " "
		}
	}
	assert.Len(t, halves, int(stored.Load()))
	for id, half := range halves {
		assert.Contains(t, []string{"IN OUT ", "OUT IN "}, half, id)
	}
}

func asConflict(t *fixture, err error) *eventstore.ConflictError {
	t.Helper()
	require.ErrorIs(t, err, eventstore.ErrConflict)
	conflict, ok := errors.AsType[*eventstore.ConflictError](err)
	require.True(t, ok)
	return conflict
}

func (t *fixture) appendAll(writes ...eventstore.Write) ([]eventstore.Commit, error) {
	return t.Transactor.AppendAll(t.Context(), eventstore.Transaction{Writes: writes})
}

func (t *fixture) mustAll(writes ...eventstore.Write) []eventstore.Commit {
	t.Helper()
	return t.mustTransact(eventstore.Transaction{Writes: writes})
}

func (t *fixture) mustTransact(tx eventstore.Transaction) []eventstore.Commit {
	t.Helper()
	commits, err := t.Transactor.AppendAll(t.Context(), tx)
	require.NoError(t, err)
	return commits
}
