package operator_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/projection"
)

func TestAServiceThatNamesBothVersionsOfAProjectionIsRefusedWithAHint(t *testing.T) {
	t.Parallel()
	s := newService(t)
	next := projection.MustNew("totals", 2, registry, projection.Follow("order"), projection.Replaces(s.totals),
		projection.Fold("totals", projection.On(func(e projection.Event[ordered]) projection.Key { return projection.KeyOf(e.Data.Item) },
			func(n *int, _ projection.Event[ordered]) error { *n++; return nil })))
	_, err := operator.New(operator.Service{Store: s.store, Views: s.views, Consumers: []projection.Consumer{s.totals, newMails(), next}})
	require.ErrorIs(t, err, eventstore.ErrInvalid)
	require.Equal(t, "give version 2 alone: it brings version 1 along, by projection.Replaces", eventstore.Hint(err))
}
