package sqlitestore

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/frame"
	"github.com/leftfold/leftfold/internal/sqlitefile"
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
//	claims    JSON: what the commit took and gave up, or NULL where there is nothing
//	digest    tells another content under the same ID
//
// A row of claims is a claim that is held, with the first event of the commit that took it.
//
// A row of snapshots is the newest of a stream and a schema version: the state after the
// commit that has version to last, and its ID.
//
// The view events is for people: one row an event. Its payload is NULL where
// the codec does not write JSON.
var schema = []string{
	`CREATE TABLE IF NOT EXISTS store(id TEXT NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS commits(
		position INTEGER PRIMARY KEY AUTOINCREMENT,
		stream TEXT NOT NULL, version INTEGER NOT NULL, count INTEGER NOT NULL,
		id TEXT NOT NULL, time INTEGER NOT NULL, types TEXT NOT NULL,
		frame BLOB NOT NULL, events BLOB NOT NULL, metadata TEXT, claims TEXT, digest BLOB NOT NULL,
		UNIQUE(stream, version))`,
	`CREATE TABLE IF NOT EXISTS claims(
		scope TEXT NOT NULL, key TEXT NOT NULL, stream TEXT NOT NULL, version INTEGER NOT NULL,
		PRIMARY KEY(scope, key)) WITHOUT ROWID`,
	`CREATE TABLE IF NOT EXISTS snapshots(
		stream TEXT NOT NULL, schema INTEGER NOT NULL, version INTEGER NOT NULL, last INTEGER NOT NULL,
		id TEXT NOT NULL, state BLOB NOT NULL,
		PRIMARY KEY(stream, schema))`,
	`CREATE TABLE IF NOT EXISTS feeds(consumer TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID`,
	`CREATE VIEW IF NOT EXISTS events AS
		SELECT c.stream || '@' || (c.version + e.key) AS id, c.stream, c.version + e.key AS version,
			coalesce(json_extract(c.types, '$[' || e.key || '][0]'), json_extract(c.types, '$[0][0]')) AS type,
			coalesce(json_extract(c.types, '$[' || e.key || '][1]'), json_extract(c.types, '$[0][1]')) AS schema,
			strftime('%Y-%m-%dT%H:%M:%SZ', c.time / 1000000, 'unixepoch') AS time,
			iif(c.readable, c.text -> e.key, NULL) AS payload, c.id AS "commit", c.metadata
		FROM (SELECT *, CAST(events AS TEXT) AS text, json_valid(CAST(events AS TEXT)) AS readable FROM commits) c,
			json_each(iif(c.readable, c.text, '[' || substr(replace(hex(zeroblob(c.count)), '00', ',0'), 2) || ']')) e`,
}

const (
	// insertCommit takes, after the stream, three times the version and the time of the
	// head. Unless the head is the commit that ends before that version and has that time
	// the version is NULL, which the table does not take: the statement fails before it has
	// written anything. A stream without commits has the head 0. The parameters have no
	// numbers, by which the driver would look each up.
	insertCommit = `INSERT INTO commits(stream, version, count, id, time, types, frame, events, metadata, claims, digest)
		VALUES (?, CASE WHEN coalesce((SELECT version + count = ? AND time = ? FROM commits
				WHERE stream = ? ORDER BY version DESC LIMIT 1), ? = 1) THEN ? END,
			?, ?, ?, ?, ?, ?, ?, ?, ?)`

	selectHead = `SELECT version, count, time FROM commits WHERE stream = ? ORDER BY version DESC LIMIT 1`

	// selectBefore is selectHead of the stream as it was up to a version.
	selectBefore = `SELECT version, count, time FROM commits WHERE stream = ? AND version <= ? ORDER BY version DESC LIMIT 1`

	commitColumns = `version, count, id, time, frame, events, metadata, claims, digest`

	selectCommit = `SELECT ` + commitColumns + ` FROM commits`

	selectClaim = `SELECT stream, version FROM claims WHERE scope = ? AND key = ?`
	insertClaim = `INSERT INTO claims(scope, key, stream, version) VALUES (?, ?, ?, ?)`
	deleteClaim = `DELETE FROM claims WHERE scope = ? AND key = ?`

	// selectStreams jumps from stream to stream in the index, past their commits.
	selectStreams = `WITH RECURSIVE names(name) AS (
			SELECT (SELECT min(stream) FROM commits WHERE stream > ?1 AND stream < ?2)
			UNION ALL
			SELECT (SELECT min(stream) FROM commits WHERE stream > names.name AND stream < ?2) FROM names WHERE names.name IS NOT NULL)
		SELECT name FROM names WHERE name IS NOT NULL LIMIT ?3 + 0`
	// selectHeads is selectStreams with one look for the last commit of each.
	selectHeads = `SELECT c.stream, c.version + c.count - 1 FROM (` + selectStreams + `) n
		JOIN commits c ON c.stream = n.name AND c.version = (SELECT max(version) FROM commits WHERE stream = n.name) ORDER BY n.name`
)

// typesOf is JSON: the names of types need no escape.
func typesOf(events []eventstore.Event) string {
	kinds := frame.KindsOf(events)
	if len(kinds) > 1 {
		kinds = kinds[:0]
		for _, e := range events {
			kinds = append(kinds, frame.Kind{Type: e.Type, Schema: e.Schema})
		}
	}
	text := []byte{'['}
	for i, k := range kinds {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(append(append(text, `["`...), k.Type...), `",`...)
		text = append(strconv.AppendInt(text, int64(k.Schema), 10), ']')
	}
	return string(append(text, ']'))
}

func encodeMetadata(m eventstore.Metadata) any {
	if m.IsZero() {
		return nil
	}
	text, _ := json.Marshal(m) // strings that Prepare has checked
	return string(text)
}

// claims is the JSON of a commit's claims.
type claims struct {
	Strict   bool     `json:"strict,omitempty"`
	Claims   []string `json:"claims,omitempty"`
	Releases []string `json:"releases,omitempty"`
}

func encodeClaims(w eventstore.Write) any {
	if !w.Strict && len(w.Claims)+len(w.Releases) == 0 {
		return nil
	}
	text, _ := json.Marshal(claims{w.Strict, eventstore.ClaimTexts(w.Claims), eventstore.ClaimTexts(w.Releases)}) // strings that Prepare has checked
	return string(text)
}

func decodeClaims(text []byte, c *eventstore.Commit) error {
	var claimed claims
	err := json.Unmarshal(text, &claimed)
	if err == nil {
		c.Claims, err = eventstore.ParseClaims(claimed.Claims)
	}
	if err == nil {
		c.Releases, err = eventstore.ParseClaims(claimed.Releases)
	}
	c.Strict = claimed.Strict
	return err
}

func fromMicros(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// stored is a row of commitColumns.
type stored struct {
	first, count, micros               sqlitefile.Int
	id                                 sqlitefile.Text
	header, text, digest, meta, claims sqlitefile.Blob
}

// dest is what the columns are scanned into.
func (r *stored) dest() []any {
	return []any{&r.first, &r.count, &r.id, &r.micros, &r.header, &r.text, &r.meta, &r.claims, &r.digest}
}

// commit returns the row as a commit, or says how it contradicts itself. intern,
// if not nil, keeps type names.
func (r *stored) commit(identity string, stream eventstore.StreamID, intern func([]byte) string) (eventstore.Commit, error) {
	c := eventstore.Commit{Stream: stream, First: eventstore.Version(r.first), ID: string(r.id), Time: fromMicros(int64(r.micros))}
	damaged := func(reason string) (eventstore.Commit, error) {
		return eventstore.Commit{}, &eventstore.CorruptError{Stream: stream, Version: c.First, Reason: reason}
	}
	events, err := frame.Decode(r.header, r.text, intern)
	if err != nil {
		return damaged(err.Error())
	}
	if r.first < 1 || r.count < 1 || len(events) != int(r.count) {
		return damaged(fmt.Sprintf("the row says version %d and %d events, its frame %d events", r.first, r.count, len(events)))
	}
	if len(r.digest) != len(c.Digest) {
		return damaged("the digest has a wrong length")
	}
	if r.meta != nil {
		if err := json.Unmarshal(r.meta, &c.Metadata); err != nil {
			return damaged("the metadata is not JSON: " + err.Error())
		}
	}
	if r.claims != nil {
		if err := decodeClaims(r.claims, &c); err != nil {
			return damaged("the claims can not be read: " + err.Error())
		}
	}
	c.Events, c.Digest = events, eventstore.Digest(r.digest)
	c.Revision = eventstore.NewRevision(identity, stream, c.Last(), c.Time)
	return c, nil
}
