package sqlitestore_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/internal/sqlitefile"
)

func readOnly(t *testing.T, path string) *sqlitestore.Store {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{ReadOnly: true})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

func streamsOf(t *testing.T, s *sqlitestore.Store) (names []string, err error) {
	t.Helper()
	for stream, err := range s.Streams(t.Context(), "user", eventstore.StreamID{}) {
		if err != nil {
			return names, err
		}
		names = append(names, stream.String())
	}
	return names, nil
}

func TestAReadOnlyStoreRefusesEveryWriteBeforeItBegins(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "shop.db")
	writing := openAt(t, path)
	stream, err := eventstore.ParseStreamID("user-1")
	require.NoError(t, err)
	w := eventstore.Write{Stream: stream, Events: []eventstore.Event{{Type: "A", Schema: 1, Payload: []byte(`{}`)}}}
	c, err := writing.Store.Append(t.Context(), w)
	require.NoError(t, err)
	s := readOnly(t, path)
	w.Revision = c.Revision
	_, err = s.Append(t.Context(), w)
	assertReads(t, err, dir, `append to "user-1": write DIR/shop.db: database is read-only: it was opened so`,
		"it was only to be looked at; open the file for writing to change something", sqlitefile.ErrReadOnly)
	_, err = s.AppendAll(t.Context(), eventstore.Transaction{Writes: []eventstore.Write{w}})
	require.ErrorIs(t, err, sqlitefile.ErrReadOnly)
	assert.NotErrorIs(t, err, eventstore.ErrOutcomeUnknown)
	err = s.SaveSnapshot(t.Context(), eventstore.Snapshot{Stream: stream, Schema: 1, First: 1, Last: 1, CommitID: c.ID})
	require.ErrorIs(t, err, sqlitefile.ErrReadOnly)
	head, err := s.Head(t.Context(), stream)
	require.NoError(t, err)
	assert.Equal(t, c.Revision, head, "and it is the same store")
}

func TestAReadOnlyStoreDoesNotBreakOneThatWritesInTheSameProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	fill(t, path)
	before := readOnly(t, path) // when nobody has the file open
	known, err := streamsOf(t, before)
	require.NoError(t, err)
	writing := openAt(t, path)
	beside := readOnly(t, filepath.Join(filepath.Dir(path), ".", "shop.db"))
	_, err = writing.Store.Append(t.Context(), eventstore.Write{Stream: streamNamed(t, "user-zz"), Events: []eventstore.Event{{Type: "A", Schema: 1, Payload: []byte(`{}`)}}})
	require.NoError(t, err)
	names, err := streamsOf(t, beside)
	require.NoError(t, err)
	assert.Equal(t, append(known, "user-zz"), names)
	_, err = streamsOf(t, before)
	assert.ErrorIs(t, err, sqlitefile.ErrMoved)
	assert.NotEmpty(t, eventstore.Hint(err))
	_, err = before.Head(t.Context(), streamNamed(t, "user-zzz"))
	assert.ErrorIs(t, err, sqlitefile.ErrMoved, "also what finds nothing")
	require.NoError(t, beside.Close())
	_, err = writing.Store.Head(t.Context(), streamNamed(t, "user-zz"))
	assert.NoError(t, err)
}

func TestAFileThatIsNotThereIsNotMadeByLooking(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := sqlitestore.Open(t.Context(), filepath.Join(dir, "shop.db"), sqlitestore.Options{ReadOnly: true})
	assertReads(t, err, dir, "sqlitestore: open DIR/shop.db: file does not exist", "check the path; a first write creates the file", nil)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	assert.Empty(t, files)
}

func streamNamed(t *testing.T, name string) eventstore.StreamID {
	t.Helper()
	s, err := eventstore.ParseStreamID(name)
	require.NoError(t, err)
	return s
}
