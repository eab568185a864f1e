package sqlitestore_test

import (
	"database/sql"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

// direct opens the file past the store, as the sqlite3 shell does.
func direct(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// appendBehind stores a copy of a stream's last commit behind it, in a way of
// which the store's own writer hears nothing.
func appendBehind(t *testing.T, db *sql.DB, stream eventstore.StreamID, id string) {
	t.Helper()
	_, err := db.Exec(`INSERT INTO commits(stream, version, count, id, time, types, frame, events, metadata, digest)
		SELECT stream, version + count, count, ?, time, types, frame, events, metadata, digest
		FROM commits WHERE stream = ? ORDER BY version DESC LIMIT 1`, id, stream.String())
	require.NoError(t, err)
}

func TestTheHeadIsNeverRemembered(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	at := must(t, s, write(eventstore.NoStream, stream(t, 1), "own", "1")).Revision
	appendBehind(t, direct(t, path), stream(t, 1), "behind")

	_, err := s.Append(t.Context(), write(at, stream(t, 1), "stale", "1"))
	var conflict *eventstore.ConflictError
	require.ErrorAs(t, err, &conflict)
	assert.Equal(t, "behind", conflict.Winner.ID)
	head, err := s.Head(t.Context(), stream(t, 1))
	require.NoError(t, err)
	assert.Equal(t, conflict.Actual, head)
	must(t, s, write(head, stream(t, 1), "fresh", "1"))

	appendBehind(t, direct(t, path), stream(t, 1), "behind again")
	must(t, s, write(eventstore.Any, stream(t, 1), "any", "1"))
	assert.Equal(t, []string{"own", "behind", "fresh", "behind again", "any"}, ids(t, s.Read(t.Context(), stream(t, 1), 0)))
}

func TestARevisionFromTheFutureOfARestoredFileIsRefused(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	w := write(eventstore.NoStream, stream(t, 1), "kept", "1")
	w.Events = append(w.Events, w.Events[0])
	kept := must(t, s, w)
	require.NoError(t, s.Close())
	backup, err := os.ReadFile(path)
	require.NoError(t, err)
	s = openStore(t, path)
	lost := must(t, s, write(kept.Revision, stream(t, 1), "lost", "1"))
	require.NoError(t, s.Close())
	require.NoError(t, os.WriteFile(path, backup, 0o600))

	s = openStore(t, path)
	_, err = s.Append(t.Context(), write(lost.Revision, stream(t, 1), "stale", "1"))
	require.ErrorIs(t, err, eventstore.ErrRevision)
	assert.EqualError(t, err, `append to "user-1" at version 3: the revision is no commit boundary of this stream, whose head is version 2`)
	must(t, s, write(kept.Revision, stream(t, 1), "new", "1"))
	_, err = s.Append(t.Context(), write(lost.Revision, stream(t, 2), "astray", "1"))
	assert.ErrorIs(t, err, eventstore.ErrRevision)
}
