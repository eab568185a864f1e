package projection_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

func TestAProjectionTellsWhatItFollowsAndHandles(t *testing.T) {
	t.Parallel()
	count := projection.When(func(c *counter, _ projection.Event[Spread]) error { return nil })
	put := func(projection.Event[Counted], *projection.Changes[counter]) error { return nil }
	p := projection.MustNew("counters", 1, registry, projection.Follow("user", "admin", "user"),
		newCounters(nil), projection.PerStream("all", count),
		projection.Rows("latest", projection.Emit(put)), projection.Inserts("history", projection.Emit(put)))
	assert.Equal(t, []string{"admin", "user"}, p.Categories())
	assert.Equal(t, []string{"COUNTED", "GROWN", "PADDED", "SPREAD"}, p.Handled())
	assert.Equal(t, []projection.DeclaredView{
		{Name: "all", Stored: "@all", Kind: projection.PerStreamKind, Types: []string{"SPREAD"}},
		{Name: "counters", Stored: "counters", Kind: projection.FoldKind, Types: []string{"COUNTED", "GROWN", "PADDED", "SPREAD"}},
		{Name: "history", Stored: "history", Kind: projection.InsertsKind, Types: []string{"COUNTED"}},
		{Name: "latest", Stored: "latest", Kind: projection.RowsKind, Types: []string{"COUNTED"}},
	}, p.Declared())
	p.Categories()[0] = "changed"
	assert.Equal(t, []string{"admin", "user"}, p.Categories())
}

func TestAReactionTellsWhetherItHandlesAnyType(t *testing.T) {
	t.Parallel()
	react := projection.React(func(context.Context, projection.Event[Counted]) error { return nil })
	any := projection.ReactAny(func(context.Context, projection.Event[eventstore.Event]) error { return nil })
	for _, test := range []struct {
		parts []projection.Part
		types []string
		any   bool
	}{
		{[]projection.Part{react}, []string{"COUNTED"}, false},
		{[]projection.Part{any}, nil, true},
		{[]projection.Part{any, react}, []string{"COUNTED"}, true},
	} {
		r := projection.MustNewReaction("mails", registry, append(test.parts, projection.Follow("user"))...)
		types, all := r.Handled()
		assert.Equal(t, test.types, types)
		assert.Equal(t, test.any, all)
		assert.Equal(t, []string{"user"}, r.Categories())
	}
}
