package sqlitestore_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

// line is a row of the view events, as a person reads it.
type line struct {
	ID, Stream string
	Version    int
	Type       string
	Schema     int
	Time       string
	Payload    sql.NullString
	Commit     string
	Metadata   sql.NullString
}

func lines(t *testing.T, db *sql.DB, condition string) []line {
	t.Helper()
	rows, err := db.Query("SELECT * FROM events WHERE " + condition + " ORDER BY stream, version")
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	assert.Equal(t, []string{"id", "stream", "version", "type", "schema", "time", "payload", "commit", "metadata"}, columns)
	var all []line
	for rows.Next() {
		var l line
		require.NoError(t, rows.Scan(&l.ID, &l.Stream, &l.Version, &l.Type, &l.Schema, &l.Time, &l.Payload, &l.Commit, &l.Metadata))
		all = append(all, l)
	}
	require.NoError(t, rows.Err())
	return all
}

func text(s string) sql.NullString { return sql.NullString{String: s, Valid: true} }

func TestTheViewEventsIsReadable(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	when := time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC)
	first := must(t, s, eventstore.Write{Stream: stream(t, 17850), ID: "c1", Time: when,
		Metadata: eventstore.Metadata{Actor: "ada"},
		Events: []eventstore.Event{
			{Type: "PURCHASE_MADE", Schema: 1, Payload: []byte(`{"price":1.10,"lines":[{"total":20.00}]}`)},
			{Type: "PURCHASE_MADE", Schema: 2, Payload: []byte(`{"price":"2.50","note":"a, [b] \"c\" ü"}`)},
			{Type: "PURCHASE_RETURNED", Schema: 1, Payload: []byte(`[1.10, 100000000000000000001]`)},
		}})
	must(t, s, eventstore.Write{Stream: stream(t, 17850), ID: "c2", Time: when.Add(time.Hour), Revision: first.Revision,
		Events: []eventstore.Event{
			{Type: "PRICED", Schema: 1, Payload: []byte(`1.10`)}, {Type: "PRICED", Schema: 1, Payload: []byte(`"x"`)},
			{Type: "PRICED", Schema: 1, Payload: []byte(`null`)}, {Type: "PRICED", Schema: 1, Payload: []byte(`1e400`)},
		}})
	const one, two, ada = "2010-12-01T08:26:00Z", "2010-12-01T09:26:00Z", `{"actor":"ada"}`
	assert.Equal(t, []line{
		{"user-17850@1", "user-17850", 1, "PURCHASE_MADE", 1, one, text(`{"price":1.10,"lines":[{"total":20.00}]}`), "c1", text(ada)},
		{"user-17850@2", "user-17850", 2, "PURCHASE_MADE", 2, one, text(`{"price":"2.50","note":"a, [b] \"c\" ü"}`), "c1", text(ada)},
		{"user-17850@3", "user-17850", 3, "PURCHASE_RETURNED", 1, one, text(`[1.10,100000000000000000001]`), "c1", text(ada)},
		{"user-17850@4", "user-17850", 4, "PRICED", 1, two, text(`1.10`), "c2", sql.NullString{}},
		{"user-17850@5", "user-17850", 5, "PRICED", 1, two, text(`"x"`), "c2", sql.NullString{}},
		{"user-17850@6", "user-17850", 6, "PRICED", 1, two, text(`null`), "c2", sql.NullString{}},
		{"user-17850@7", "user-17850", 7, "PRICED", 1, two, text(`1e400`), "c2", sql.NullString{}},
	}, lines(t, direct(t, path), "true"))
	assert.Len(t, lines(t, direct(t, path), "type = 'PURCHASE_MADE' AND payload ->> 'price' = 1.1"), 1)
}

func TestAPayloadThatIsNotJSONDoesNotBreakTheView(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	w := write(eventstore.NoStream, stream(t, 1), "binary", "\x00\xff")
	w.Events = append(w.Events, eventstore.Event{Type: "OTHER", Schema: 3, Payload: []byte(",")})
	must(t, s, w)
	_, err := s.Append(context.Background(), write(eventstore.NoStream, stream(t, 2), "json", "{}"))
	require.NoError(t, err)
	all := lines(t, direct(t, path), "true")
	require.Len(t, all, 3)
	assert.Equal(t, []any{"HAPPENED", 1, sql.NullString{}}, []any{all[0].Type, all[0].Schema, all[0].Payload})
	assert.Equal(t, []any{"OTHER", 3, sql.NullString{}}, []any{all[1].Type, all[1].Schema, all[1].Payload})
	assert.Equal(t, text("{}"), all[2].Payload)
}
