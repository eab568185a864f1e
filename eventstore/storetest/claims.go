package storetest

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

var claimClauses = []clause{
	{"are held by the stream that took them, and listed in its commit", func(t *fixture) {
		assert.Zero(t, t.holder("x"))
		w := claiming(writeAt(eventstore.NoStream, t.stream("1"), "A", "B"), t.claim("x"), t.claim("é|:y"))
		c := t.must(w)
		assert.Equal(t, w.Claims, c.Claims)
		assert.Equal(t, c.EventID(0), t.holder("x"))
		assert.Equal(t, c.EventID(0), t.holder("é|:y"))
		assert.Zero(t, t.holder("y"))
		c2 := t.must(releasing(writeAt(c.Revision, t.stream("1"), "C"), t.claim("x")))
		assert.Zero(t, t.holder("x"))
		assert.Equal(t, []eventstore.Commit{c, c2}, t.read(t.stream("1"), 0))
		assert.Equal(t, []eventstore.Claim{t.claim("x")}, c2.Releases)
	}},
	{"that are taken are refused, also to the stream that holds them, and nothing is stored", func(t *fixture) {
		c := t.must(claiming(writeAt(eventstore.NoStream, t.stream("1"), "A"), t.claim("x")))
		for _, w := range []eventstore.Write{writeAt(eventstore.NoStream, t.stream("2"), "A"), writeAt(c.Revision, t.stream("1"), "B"), writeAt(eventstore.Any, t.stream("2"), "A")} {
			_, err := t.Store.Append(t.Context(), claiming(w, t.claim("free"), t.claim("x")))
			require.ErrorIs(t, err, eventstore.ErrClaimTaken)
			taken, ok := errors.AsType[*eventstore.ClaimError](err)
			require.True(t, ok)
			assert.Equal(t, eventstore.ClaimError{Stream: w.Stream, Claim: t.claim("x"), Holder: c.EventID(0)}, *taken)
		}
		assert.Empty(t, t.read(t.stream("2"), 0))
		assert.Equal(t, c.Revision, t.head(t.stream("1")))
		assert.Zero(t, t.holder("free"))
	}},
	{"are released by the stream that holds them alone", func(t *fixture) {
		c := t.must(claiming(writeAt(eventstore.NoStream, t.stream("1"), "A"), t.claim("x")))
		_, err := t.Store.Append(t.Context(), releasing(writeAt(eventstore.NoStream, t.stream("2"), "A"), t.claim("x")))
		require.ErrorIs(t, err, eventstore.ErrClaimNotHeld)
		held, _ := errors.AsType[*eventstore.ClaimError](err)
		assert.Equal(t, c.EventID(0), held.Holder)
		_, err = t.Store.Append(t.Context(), releasing(writeAt(eventstore.NoStream, t.stream("2"), "A"), t.claim("free")))
		require.ErrorIs(t, err, eventstore.ErrClaimNotHeld)
		held, _ = errors.AsType[*eventstore.ClaimError](err)
		assert.Zero(t, held.Holder)
		assert.Equal(t, c.EventID(0), t.holder("x"))
		assert.Empty(t, t.read(t.stream("2"), 0))
	}},
	{"that were released are taken again, by whoever comes", func(t *fixture) {
		c := t.must(claiming(writeAt(eventstore.NoStream, t.stream("1"), "A"), t.claim("x")))
		c = t.must(releasing(writeAt(c.Revision, t.stream("1"), "B"), t.claim("x")))
		other := t.must(claiming(writeAt(eventstore.NoStream, t.stream("2"), "A"), t.claim("x")))
		assert.Equal(t, other.EventID(0), t.holder("x"))
		_, err := t.Store.Append(t.Context(), claiming(writeAt(c.Revision, t.stream("1"), "C"), t.claim("x")))
		assert.ErrorIs(t, err, eventstore.ErrClaimTaken)
	}},
	{"that many want at once are won by one", func(t *fixture) {
		var won atomic.Int32
		together(16, func(i int) {
			_, err := t.Store.Append(t.Context(), claiming(writeAt(eventstore.NoStream, t.stream(fmt.Sprint(i)), "A"), t.claim("x")))
			if err == nil {
				won.Add(1)
			} else {
				assert.ErrorIs(t, err, eventstore.ErrClaimTaken)
			}
		})
		assert.EqualValues(t, 1, won.Load())
		assert.Len(t, t.read(t.holder("x").Stream, 0), 1)
	}},
	{"come after streams where both stand in the way", func(t *fixture) {
		c := t.must(claiming(writeAt(eventstore.NoStream, t.stream("1"), "A"), t.claim("x")))
		_, err := t.Store.Append(t.Context(), claiming(writeAt(eventstore.NoStream, t.stream("1"), "B"), t.claim("x")))
		assert.Equal(t, c, asConflict(t, err).Winner)
	}},
	{"of a write that is sent again do not stand in its own way, also when they have moved on", func(t *fixture) {
		w := claiming(writeAt(eventstore.NoStream, t.stream("1"), "A"), t.claim("x"))
		w.ID = "command"
		first := t.must(w)
		assert.Equal(t, first, t.must(w))
		released := t.must(releasing(writeAt(first.Revision, t.stream("1"), "B"), t.claim("x")))
		assert.Equal(t, first, t.must(w))
		t.must(claiming(writeAt(eventstore.NoStream, t.stream("2"), "A"), t.claim("x")))
		assert.Equal(t, first, t.must(w))
		w.Claims = []eventstore.Claim{t.claim("y")}
		_, err := t.Store.Append(t.Context(), w)
		assert.ErrorIs(t, err, eventstore.ErrIDReused, "claims are content")
		assert.Equal(t, released.Revision, t.head(t.stream("1")))
	}},
	{"are the caller's own: neither what is given is changed or kept, nor what is returned", func(t *fixture) {
		given := []eventstore.Claim{t.claim("x"), t.claim("y"), t.claim("z")}
		held := t.must(claiming(writeAt(eventstore.NoStream, t.stream("1"), "A"), t.claim("old")))
		w := writeAt(held.Revision, t.stream("1"), "B")
		w.Claims, w.Releases = given[:1:2], []eventstore.Claim{t.claim("old")}
		c := t.mustAll(w)[0]
		assert.Equal(t, []eventstore.Claim{t.claim("x"), t.claim("y"), t.claim("z")}, given, "what lies behind it is somebody else's")
		w.Claims[0], w.Releases[0] = t.claim("spoilt"), t.claim("spoilt")
		assert.Equal(t, []eventstore.Claim{t.claim("x")}, c.Claims)
		assert.Equal(t, []eventstore.Claim{t.claim("old")}, c.Releases)
		c.Claims[0] = t.claim("spoilt")
		assert.Equal(t, []eventstore.Claim{t.claim("x")}, t.read(t.stream("1"), 2)[0].Claims)
	}},
	{"outlive the process", func(t *fixture) {
		c := t.must(claiming(strictly(writeAt(eventstore.NoStream, t.stream("1"), "A")), t.claim("x")))
		again := t.Reopen(t)
		holder, err := again.Transactor.Claimed(t.Context(), t.claim("x"))
		require.NoError(t, err)
		assert.Equal(t, c.EventID(0), holder)
		assert.Equal(t, []eventstore.Commit{c}, all(t, again.Store.Read(t.Context(), t.stream("1"), 0)))
	}},
}

var strictClauses = []clause{
	{"are recognised at any later revision, and return the first result", func(t *fixture) {
		w := strictly(writeAt(eventstore.NoStream, t.stream("1"), "A"))
		w.ID = "command"
		first := t.must(w)
		assert.True(t, first.Strict)
		later := t.must(writeAt(first.Revision, t.stream("1"), "B"))
		for _, at := range []eventstore.Revision{eventstore.NoStream, first.Revision, later.Revision, eventstore.Any} {
			w.Revision = at
			assert.Equal(t, first, t.must(w), at.String())
		}
		assert.Equal(t, later.Revision, t.head(t.stream("1")))
		holder, err := t.Transactor.Claimed(t.Context(), eventstore.StrictClaim(t.stream("1"), "command"))
		require.NoError(t, err)
		assert.Equal(t, first.EventID(0), holder)
	}},
	{"with other content are refused", func(t *fixture) {
		w := strictly(writeAt(eventstore.NoStream, t.stream("1"), "A"))
		w.ID = "command"
		first := t.must(w)
		w.Revision, w.Events = first.Revision, facts("B")
		_, err := t.Store.Append(t.Context(), w)
		require.ErrorIs(t, err, eventstore.ErrIDReused)
		reused, _ := errors.AsType[*eventstore.IDReusedError](err)
		assert.Equal(t, first, reused.Stored)
		assert.Equal(t, first.Revision, t.head(t.stream("1")))
	}},
	{"are those of a stream: another stream may have the same", func(t *fixture) {
		for _, id := range []string{"1", "2"} {
			w := strictly(writeAt(eventstore.NoStream, t.stream(id), "A"))
			w.ID = "command"
			t.must(w)
		}
		assert.Len(t, t.read(t.stream("2"), 0), 1)
	}},
	{"are told apart wherever a stream ends and an id begins", func(t *fixture) {
		for stream, id := range map[string]string{"1": "2|3", "1|2": "3"} {
			w := strictly(writeAt(eventstore.NoStream, t.stream(stream), "A"))
			w.ID = id
			t.must(w)
			assert.Len(t, t.read(t.stream(stream), 0), 1)
		}
	}},
	{"that are not strict are no obstacle to one that is", func(t *fixture) {
		w := writeAt(eventstore.NoStream, t.stream("1"), "A")
		w.ID = "command"
		first := t.must(w)
		w.Revision, w.Strict = first.Revision, true
		second := t.must(w)
		assert.EqualValues(t, 2, second.First)
	}},
	{"take effect once, however many send them at whatever revision", func(t *fixture) {
		var first, second atomic.Pointer[eventstore.Commit]
		at := []eventstore.Revision{t.must(writeAt(eventstore.NoStream, t.stream("1"), "A")).Revision}
		for range 3 {
			at = append(at, t.must(writeAt(at[len(at)-1], t.stream("1"), "B")).Revision)
		}
		together(16, func(i int) {
			w := strictly(writeAt(at[i%4], t.stream("1"), "C"))
			if i%4 < 2 {
				w.Revision = eventstore.Any
			}
			w.ID = "command"
			c, err := t.Store.Append(t.Context(), w)
			if errors.Is(err, eventstore.ErrConflict) {
				return
			}
			if !assert.NoError(t, err) {
				return
			}
			if !first.CompareAndSwap(nil, &c) {
				second.Store(&c)
				assert.Equal(t, *first.Load(), c)
			}
		})
		require.NotNil(t, second.Load())
		assert.Len(t, t.read(t.stream("1"), 0), 5)
	}},
	{"of a transaction return all of its commits", func(t *fixture) {
		w := []eventstore.Write{strictly(writeAt(eventstore.NoStream, t.stream("1"), "A")), strictly(writeAt(eventstore.NoStream, t.stream("2"), "A"))}
		w[0].ID, w[1].ID = "command", "command"
		first := t.mustAll(w...)
		t.must(writeAt(first[0].Revision, t.stream("1"), "B"))
		w[0].Revision, w[1].Revision = t.head(t.stream("1")), t.head(t.stream("2"))
		assert.Equal(t, first, t.mustAll(w...))
		w[1].Stream, w[1].Revision = t.stream("3"), eventstore.NoStream
		_, err := t.appendAll(w...)
		assert.ErrorIs(t, err, eventstore.ErrIDReused, "one of them belongs to another transaction")
		assert.Empty(t, t.read(t.stream("3"), 0))
	}},
}

func (t *fixture) claim(key string) eventstore.Claim {
	return eventstore.Claim{Scope: t.category, Key: key}
}

func (t *fixture) holder(key string) eventstore.EventID {
	t.Helper()
	holder, err := t.Transactor.Claimed(t.Context(), t.claim(key))
	require.NoError(t, err)
	return holder
}

func claiming(w eventstore.Write, claims ...eventstore.Claim) eventstore.Write {
	w.Claims = claims
	return w
}

func releasing(w eventstore.Write, claims ...eventstore.Claim) eventstore.Write {
	w.Releases = claims
	return w
}

func strictly(w eventstore.Write) eventstore.Write {
	w.Strict = true
	return w
}
