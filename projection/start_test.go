package projection_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// following is the reaction of an outbox that follows these categories.
func (o *outbox) following(t testing.TB, categories ...string) *projection.Reaction {
	r, err := projection.NewReaction("mails", registry, projection.Follow(categories...), projection.React(
		func(ctx context.Context, e projection.Event[Counted]) error { return o.send(ctx, e) }))
	require.NoError(t, err)
	return r
}

func TestACategoryThatAReactionFollowsOnlyLaterHasAStartOfItsOwn(t *testing.T) {
	w, o := newWorld(memviews.Options{}), &outbox{}
	e := w.reacting(t, w.views, o.following(t, "user"))
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-a", Counted{"x", 1})))
	old := w.append(t, "order-a", Counted{"x", 1})

	for range 2 { // a restart changes nothing
		e = w.reacting(t, w.views, o.following(t, "order", "parcel", "user"))
	}
	require.Empty(t, handle(t.Context(), e, old))
	_, err := e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"user-a@1"}, o.sent, "nothing for what has lain there")

	imported := w.appendAt(t, time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC), "parcel-a", Counted{"x", 1})
	require.Empty(t, handle(t.Context(), e, imported))
	require.Empty(t, handle(t.Context(), e, w.append(t, "order-a", Counted{"x", 2})))
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-a", Counted{"x", 2})))
	require.Equal(t, []string{"user-a@1", "parcel-a@1", "order-a@2", "user-a@2"}, o.sent)
}

func TestANamedStartHoldsForAllCategoriesThatAreFollowedThen(t *testing.T) {
	w, o := newWorld(memviews.Options{}), &outbox{}
	w.append(t, "user-a", Counted{"x", 1})
	w.append(t, "order-a", Counted{"x", 1})
	r := o.following(t, "order", "user")
	require.NoError(t, r.Start(t.Context(), w.views, time.Time{}))
	_, err := w.reacting(t, w.views, r).Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"order-a@1", "user-a@1"}, o.sent)
}

func TestAReactionWhoseStateIsOfAnEarlierVersionGoesOn(t *testing.T) {
	w, o := newWorld(memviews.Options{}), &outbox{}
	r := o.following(t, "user")
	w.reacting(t, w.views, r)
	s, err := w.views.State(t.Context(), r.Name())
	require.NoError(t, err)
	s.Generations[0].Starts = nil
	_, err = w.views.PutState(t.Context(), s)
	require.NoError(t, err)
	waiting := w.append(t, "user-a", Counted{"x", 1})
	require.Empty(t, handle(t.Context(), w.reacting(t, w.views, r), waiting))
	require.Equal(t, []string{"user-a@1"}, o.sent)
}
