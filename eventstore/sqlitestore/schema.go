package sqlitestore

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/frame"
)

// schema is every table of the store. A commit is one row:
//
//	position  order of commit, never used again: the feed's
//	stream    the stream's name
//	version   of the commit's first event
//	count     number of events
//	id        commit ID
//	time      microseconds since 1970, UTC
//	types     JSON: [["TYPE", schema], …] for each event, or once for all
//	frame     where each payload begins and what it is; see internal/frame
//	events    the payloads; a JSON array where they are JSON
//	metadata  JSON, or NULL where there is none
//	digest    tells another content under the same ID
//
// The view events is for people: one row an event.
var schema = []string{
	`CREATE TABLE IF NOT EXISTS store(id TEXT NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS commits(
		position INTEGER PRIMARY KEY AUTOINCREMENT,
		stream TEXT NOT NULL, version INTEGER NOT NULL, count INTEGER NOT NULL,
		id TEXT NOT NULL, time INTEGER NOT NULL, types TEXT NOT NULL,
		frame BLOB NOT NULL, events BLOB NOT NULL, metadata TEXT, digest BLOB NOT NULL,
		UNIQUE(stream, version))`,
	`CREATE TABLE IF NOT EXISTS feeds(consumer TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID`,
	`CREATE VIEW IF NOT EXISTS events AS
		SELECT c.stream || '@' || (c.version + e.key) AS id, c.stream, c.version + e.key AS version,
			coalesce(json_extract(c.types, '$[' || e.key || '][0]'), json_extract(c.types, '$[0][0]')) AS type,
			coalesce(json_extract(c.types, '$[' || e.key || '][1]'), json_extract(c.types, '$[0][1]')) AS schema,
			strftime('%Y-%m-%dT%H:%M:%SZ', c.time / 1000000, 'unixepoch') AS time,
			e.value AS payload, c.id AS "commit", c.metadata
		FROM commits c, json_each(CAST(c.events AS TEXT)) e`,
}

const (
	insertCommit = `INSERT INTO commits(stream, version, count, id, time, types, frame, events, metadata, digest)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	selectHead = `SELECT version, count, time FROM commits WHERE stream = ? ORDER BY version DESC LIMIT 1`

	commitColumns = `version, count, id, time, frame, events, metadata, digest`

	selectCommit = `SELECT ` + commitColumns + ` FROM commits`

	// selectStreams jumps from stream to stream in the index, past their commits.
	selectStreams = `WITH RECURSIVE names(name) AS (
			SELECT (SELECT min(stream) FROM commits WHERE stream > ?1 AND stream < ?2)
			UNION ALL
			SELECT (SELECT min(stream) FROM commits WHERE stream > names.name AND stream < ?2) FROM names WHERE names.name IS NOT NULL)
		SELECT name FROM names WHERE name IS NOT NULL LIMIT ?3`
)

func typesOf(events []eventstore.Event) string {
	kinds := frame.KindsOf(events)
	var list [][2]any
	if len(kinds) == 1 {
		list = [][2]any{{kinds[0].Type, kinds[0].Schema}}
	} else {
		for _, e := range events {
			list = append(list, [2]any{e.Type, e.Schema})
		}
	}
	text, _ := json.Marshal(list) // strings and numbers
	return string(text)
}

func encodeMetadata(m eventstore.Metadata) any {
	if m.IsZero() {
		return nil
	}
	text, _ := json.Marshal(m) // strings that Prepare has checked
	return string(text)
}

func fromMicros(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

type scanner interface{ Scan(dest ...any) error }

// scanCommit reads a row of commitColumns, which may follow columns that go to
// before. intern keeps type names.
func (s *Store) scanCommit(row scanner, stream eventstore.StreamID, intern func([]byte) string, before ...any) (eventstore.Commit, error) {
	var (
		first, count, micros int64
		header, text, digest []byte
		metadata             sql.NullString
		c                    = eventstore.Commit{Stream: stream}
	)
	if err := row.Scan(append(before, &first, &count, &c.ID, &micros, &header, &text, &metadata, &digest)...); err != nil {
		return eventstore.Commit{}, err
	}
	c.First, c.Time = eventstore.Version(first), fromMicros(micros)
	damaged := func(reason string) (eventstore.Commit, error) {
		return eventstore.Commit{}, &eventstore.CorruptError{Stream: stream, Version: c.First, Reason: reason}
	}
	events, err := frame.Decode(header, text, intern)
	if err != nil {
		return damaged(err.Error())
	}
	if int64(len(events)) != count || first < 1 {
		return damaged(fmt.Sprintf("the row says version %d and %d events, its frame %d events", first, count, len(events)))
	}
	if len(digest) != len(c.Digest) {
		return damaged("the digest has a wrong length")
	}
	if metadata.Valid {
		if err := json.Unmarshal([]byte(metadata.String), &c.Metadata); err != nil {
			return damaged("the metadata is not JSON: " + err.Error())
		}
	}
	c.Events, c.Digest = events, eventstore.Digest(digest)
	c.Revision = eventstore.NewRevision(s.identity, stream, c.Last(), c.Time)
	return c, nil
}
