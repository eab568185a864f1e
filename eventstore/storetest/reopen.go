package storetest

import (
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

var reopenClauses = []clause{
	{"what an append returned is there", func(t *fixture) {
		w := command("c1", eventstore.NoStream, t.stream("1"), "A", "B")
		w.Metadata.Extra = map[string]string{"k": "v"}
		c := t.must(w)
		t.Backend = t.Reopen(t)
		assert.Equal(t, []eventstore.Commit{c}, t.read(t.stream("1"), 0))
		assert.Equal(t, c, t.must(w), "and is recognised when it is sent again")
		t.listed(t.category, t.stream("1"))
	}},
	{"revisions and unknown outcomes outlive the process", func(t *fixture) {
		c := t.history(t.stream("1"), 2)[0]
		revision, err := c.Revision.MarshalText()
		require.NoError(t, err)
		t.Backend = t.Reopen(t)
		w := command("c1", eventstore.NoStream, t.stream("1"), "A")
		require.NoError(t, w.Revision.UnmarshalText(revision))
		assert.Equal(t, c.Revision, w.Revision)
		stored := t.must(w)
		t.Backend = t.Reopen(t)
		assert.Equal(t, stored, t.must(w))
	}},
	{"cursors outlive the process", func(t *fixture) {
		t.manyStreams(40)
		whole := t.scanned(startCursor(t, 0, 1))
		t.Backend = t.Reopen(t)
		assert.ElementsMatch(t, commitsOf(whole[50:]), commitsOf(t.scanned(whole[49].Cursor)))
	}},
}
