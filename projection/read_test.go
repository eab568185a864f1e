package projection_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

type entry struct{ Text string }

// newEntries is a view with many rows under one partition key.
func newEntries() *projection.View[entry] {
	return projection.Rows("entries", projection.Emit(func(e projection.Event[Counted], changes *projection.Changes[entry]) error {
		changes.Put(projection.Key{Partition: e.Stream.ID(), Sort: fmt.Sprintf("%04d", e.Version)}, entry{e.ID().String()})
		return nil
	}))
}

func entriesWorld(t *testing.T, n int) (*world, *projection.View[entry]) {
	t.Helper()
	w := newWorld(memviews.Options{})
	entries := newEntries()
	w.p = projection.MustNew("entries", 1, registry, projection.Follow("user"), entries)
	e := w.engine(t)
	for range n {
		require.Empty(t, handle(t.Context(), e, w.append(t, "user-a", Counted{"x", 1})))
	}
	return w, entries
}

func TestPagesWalkAPartitionInBothDirectionsWithoutLoss(t *testing.T) {
	w, entries := entriesWorld(t, 10)
	for _, backward := range []bool{false, true} {
		var seen []string
		opts := projection.PageOptions{Limit: 3, Backward: backward}
		for pages := 1; ; pages++ {
			page, err := entries.Page(t.Context(), w.views, "a", opts)
			require.NoError(t, err)
			for _, r := range page.Rows {
				seen = append(seen, r.Text)
			}
			if page.Next == "" {
				require.Equal(t, 4, pages)
				break
			}
			opts.After = page.Next
		}
		require.Len(t, seen, 10)
		first, last := "user-a@1", "user-a@10"
		if backward {
			first, last = last, first
		}
		require.Equal(t, first, seen[0])
		require.Equal(t, last, seen[9])
	}
}

func TestAPageThatEndsExactlyHasNoCursor(t *testing.T) {
	w, entries := entriesWorld(t, 3)
	page, err := entries.Page(t.Context(), w.views, "a", projection.PageOptions{Limit: 3})
	require.NoError(t, err)
	require.Len(t, page.Rows, 3)
	require.Empty(t, page.Next)
	page, err = entries.Page(t.Context(), w.views, "nobody", projection.PageOptions{})
	require.NoError(t, err)
	require.Empty(t, page.Rows)
}

func TestACursorBelongsToItsQueryAndItsGeneration(t *testing.T) {
	w, entries := entriesWorld(t, 5)
	page, err := entries.Page(t.Context(), w.views, "a", projection.PageOptions{Limit: 2})
	require.NoError(t, err)
	for name, opts := range map[string]projection.PageOptions{
		"another direction": {After: page.Next, Backward: true},
		"damaged":           {After: page.Next[1:]},
		"no cursor":         {After: "hello"},
	} {
		_, err := entries.Page(t.Context(), w.views, "a", opts)
		require.ErrorIs(t, err, projection.ErrCursor, name)
	}
	_, err = entries.Page(t.Context(), w.views, "b", projection.PageOptions{After: page.Next})
	require.ErrorIs(t, err, projection.ErrCursor)

	switchTo := func(first, second projection.Role) {
		s, err := w.views.State(t.Context(), "entries")
		require.NoError(t, err)
		if len(s.Generations) == 1 {
			g := s.Generations[0]
			g.Number = 2
			s.Generations = append(s.Generations, g)
		}
		s.Generations[0].Role, s.Generations[1].Role = first, second
		_, err = w.views.PutState(t.Context(), s)
		require.NoError(t, err)
	}
	switchTo(projection.Previous, projection.Active)
	next, err := entries.Page(t.Context(), w.views, "a", projection.PageOptions{Limit: 2, After: page.Next})
	require.NoError(t, err, "a walk goes on in the generation that it began in")
	require.Equal(t, []entry{{"user-a@3"}, {"user-a@4"}}, next.Rows)
	switchTo(projection.Retired, projection.Active)
	_, err = entries.Page(t.Context(), w.views, "a", projection.PageOptions{Limit: 2, After: page.Next})
	require.ErrorIs(t, err, projection.ErrCursor)
	require.ErrorContains(t, err, "start again from the first page")
}

func TestAPageSizeOutOfRangeIsRefused(t *testing.T) {
	w, entries := entriesWorld(t, 0)
	for _, limit := range []int{-1, projection.MaxPage + 1} {
		_, err := entries.Page(t.Context(), w.views, "a", projection.PageOptions{Limit: limit})
		require.ErrorIs(t, err, eventstore.ErrInvalid)
	}
}

func TestADeclarationWithFaultsNamesThemAll(t *testing.T) {
	type unregistered struct{}
	counters := newCounters(nil)
	projection.MustNew("owner", 1, registry, projection.Follow("user"), counters)
	_, err := projection.New("Bad Name", 0, registry, projection.Follow("no-hyphen"),
		counters, counters,
		projection.Fold("twice",
			projection.On(func(e projection.Event[Counted]) projection.Key { return projection.KeyOf("x") }, func(*counter, projection.Event[Counted]) error { return nil }),
			projection.OnDelete[counter](func(e projection.Event[Counted]) projection.Key { return projection.KeyOf("x") })),
		projection.Fold("stranger", projection.OnDelete[counter](func(projection.Event[unregistered]) projection.Key { return projection.KeyOf("x") })),
	)
	require.ErrorIs(t, err, eventstore.ErrInvalid)
	for _, fault := range []string{
		`name "Bad Name"`, "version 0 is below 1", `"no-hyphen"`, `view "counters" is named twice`,
		`view "counters" belongs to another projection`, `view "twice" handles projection_test.Counted twice`, "which is not registered",
	} {
		require.ErrorContains(t, err, fault)
	}
	_, err = projection.New("empty", 1, nil)
	require.ErrorContains(t, err, "follows no category")
	require.ErrorContains(t, err, "no event registry")
	_, err = newCounters(nil).Get(t.Context(), memviews.New(memviews.Options{}), projection.KeyOf("x"))
	require.ErrorContains(t, err, "belongs to no projection")
}

func TestReplayIsThePlainFold(t *testing.T) {
	w := newWorld(memviews.Options{})
	w.append(t, "user-a", Counted{"x", 1}, Ignored{}, Counted{"y", 2})
	w.append(t, "guest-a", Counted{"x", 100})
	w.append(t, "user-b", Counted{"x", 10})
	var commits []eventstore.Commit
	for scanned, err := range w.store.ReadAll(t.Context(), eventstore.Cursor{}) {
		require.NoError(t, err)
		commits = append(commits, scanned.Commit)
	}
	all := func(yield func(eventstore.Commit, error) bool) {
		for _, c := range commits {
			if !yield(c, nil) {
				return
			}
		}
	}
	rows, err := projection.Replay(w.p, all)
	require.NoError(t, err)
	require.Len(t, rows, 2)
	require.JSONEq(t, `{"Name":"x","N":11}`, string(rows[0].Content))
	require.Equal(t, "user-b@1", rows[0].Rev.String())
	w.broken = func(projection.Event[Counted]) error { return errBroken }
	_, err = projection.Replay(w.p, all)
	require.ErrorIs(t, err, errBroken)
	require.ErrorContains(t, err, "user-a@1 (COUNTED)")

	w.broken = failOn(0, nil)
	all = func(yield func(eventstore.Commit, error) bool) {
		yield(w.append(t, "user-c", Padded{"z", projection.MaxRowBytes + 6}), nil)
	}
	_, err = projection.Replay(w.p, all)
	require.ErrorIs(t, err, eventstore.ErrTooLarge)
	require.ErrorContains(t, err, `after event user-c@1: row "z" of view "counters": `)
}
