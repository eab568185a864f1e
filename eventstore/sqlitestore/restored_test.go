package sqlitestore_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
)

// A file that is restored from a copy is the same store to itself. What was decided
// on events that it no longer has must be refused all the same, also when others
// have taken their versions.
func TestARevisionFromBeforeARestoreIsRefusedAlsoWhenTheStreamHasComeToItsVersionAgain(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	id := stream(t, 1)
	reopen := func() *sqlitestore.Store {
		s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
		require.NoError(t, err)
		return s
	}
	s := reopen()
	first := must(t, s, write(eventstore.NoStream, id, "first", "1")).Revision
	require.NoError(t, s.Close())
	backup, err := os.ReadFile(path)
	require.NoError(t, err)

	s = reopen()
	lost := must(t, s, write(first, id, "lost", "1")).Revision
	require.NoError(t, s.Close())
	require.NoError(t, os.WriteFile(path, backup, 0o600))

	s = reopen()
	defer func() { require.NoError(t, s.Close()) }()
	_, err = s.Append(t.Context(), write(lost, id, "beyond", "1"))
	require.ErrorIs(t, err, eventstore.ErrRevision, "beyond the head")
	other := must(t, s, write(first, id, "other", "1")).Revision
	require.Equal(t, lost.Version(), other.Version())
	_, err = s.Append(t.Context(), write(lost, id, "beside", "1"))
	require.ErrorIs(t, err, eventstore.ErrRevision, "at the same version of another history")
	must(t, s, write(other, id, "grown", "1"))
	_, err = s.Append(t.Context(), write(lost, id, "behind", "1"))
	require.ErrorIs(t, err, eventstore.ErrRevision, "at a version that another history has passed")
}
