package sqlitestore_test

import (
	"testing"

	"github.com/leftfold/leftfold/internal/planted"
)

const (
	writerFile = "internal/sqlitefile/writer.go"
	txFile     = "internal/sqlitefile/tx.go"
	storeFile  = "eventstore/sqlitestore/sqlitestore.go"
)

// unasked makes statements go on without asking whether SQLite has ended the
// transaction.
var unasked = []planted.Edit{
	{File: txFile, Old: "\tif tx.conn.rolledBack {\n\t\treturn 0, errGone\n\t}\n"},
	{File: txFile, Old: "\tif tx.conn.rolledBack {\n\t\treturn nil, errGone\n\t}\n"},
}

// faults are the classic mistakes of a store with group commit.
var faults = []planted.Fault{
	{
		Name:    "what is read without locks counts although somebody writes",
		Edits:   []planted.Edit{{File: "internal/sqlitefile/readonly.go", Old: "\tif s == nil {\n", New: "\tif s == nil || s.before != nil {\n"}},
		Package: "eventstore/sqlitestore", Test: "TestAReadOnlyStoreDoesNotBreakOneThatWritesInTheSameProcess",
	},
	{
		Name:    "a tail begins with the first commit",
		Edits:   []planted.Edit{{File: "eventstore/sqlitestore/feed.go", Old: "logfeed.Tail(ctx, log, s, log.last)", New: "logfeed.Tail(ctx, log, s, log.Position)"}},
		Package: "eventstore/sqlitestore", Test: "^TestStore$/^contract$/^tail$/^what_is_stored",
	},
	{
		Name: "a group goes on after SQLite has rolled it back",
		Edits: append([]planted.Edit{{
			File: writerFile,
			Old:  "\t\tif err != nil || w.conn.rolledBack {\n\t\t\treturn nil, &memberError{w.rollback(err)}\n\t\t}\n",
			New:  "\t\tif err != nil {\n\t\t\tanswers[i] = err\n\t\t}\n",
		}}, unasked...),
		Package: "eventstore/sqlitestore", Test: "TestWhenSQLiteRollsAGroupBackEachMemberIsTriedAlone", Says: "must not suffer",
	},
	{
		Name: "a roll back that a member hides is not noticed",
		Edits: append([]planted.Edit{
			{File: writerFile, Old: "\t\tif err != nil || w.conn.rolledBack {", New: "\t\tif err != nil {"},
			{File: writerFile, Old: "ok && tx.writes == 0 && !w.conn.rolledBack {", New: "ok && tx.writes == 0 {"},
		}, unasked...),
		Package: "eventstore/sqlitestore", Test: "TestAMemberThatHidesTheRollBackLetsNobodyBeStoredAlone",
	},
	{
		Name: "the head of a stream is remembered",
		Edits: []planted.Edit{
			{File: storeFile, Old: "\t\thead, err := s.headOf(tx, w.Stream)\n", New: "\t\thead, err := s.remembered(tx, w.Stream)\n"},
			{File: storeFile, Old: "\tidentity string\n", New: "\tidentity string\n\theads    sync.Map\n"},
			{File: storeFile, Old: "\tc.Events = row.events\n", New: "\tc.Events = row.events\n\ts.heads.Store(w.Stream, c.Revision)\n"},
			{File: storeFile, Old: "func (s *Store) headOf(", New: `func (s *Store) remembered(tx *sqlitefile.Tx, stream eventstore.StreamID) (eventstore.Revision, error) {
	if head, ok := s.heads.Load(stream); ok {
		return head.(eventstore.Revision), nil
	}
	return s.headOf(tx, stream)
}

func (s *Store) headOf(`},
		},
		Package: "eventstore/sqlitestore", Test: "TestTheHeadIsNeverRemembered",
	},
	{
		Name: "an insert looks only whether its slot is free",
		Edits: []planted.Edit{{
			File: "eventstore/sqlitestore/schema.go", Old: "SELECT version + count = ? AND time = ? FROM", New: "SELECT ? IS NOT NULL AND ? IS NOT NULL FROM",
		}},
		Package: "eventstore/sqlitestore", Test: "TestARevisionFromTheFutureOfARestoredFileIsRefused",
	},
	{
		Name:    "a lost answer is taken for a conflict",
		Edits:   []planted.Edit{{File: "eventstore/write.go", Old: "\tif taken.ID != w.ID {\n", New: "\tif taken.ID != w.ID || true {\n"}},
		Package: "eventstore/memstore", Test: "TestStore/contract/unknown_outcome", Says: `expected no stream, but commit "c1"`,
	},
	{
		Name:    "an older snapshot takes the place of a newer one",
		Edits:   []planted.Edit{{File: "eventstore/sqlitestore/snapshot.go", Old: "WHERE excluded.last > last`", New: "WHERE excluded.last <> last`"}},
		Package: "eventstore/sqlitestore", Test: "^TestStore$/^contract$/^snapshots$",
	},
	{
		Name:    "a snapshot of another schema version is handed out",
		Edits:   []planted.Edit{{File: "eventstore/sqlitestore/snapshot.go", Old: "WHERE stream = ? AND schema = ?`", New: "WHERE stream = ? AND schema >= min(?, 1)`"}},
		Package: "eventstore/sqlitestore", Test: "^TestStore$/^contract$/^snapshots$",
	},
	{
		Name:    "a snapshot is said to end with a commit of another ID",
		Edits:   []planted.Edit{{File: "eventstore/snapshot.go", Old: " && c.ID == s.CommitID", New: ""}},
		Package: "eventstore/memstore", Test: "^TestStore$/^contract$/^snapshots$",
	},
	{
		Name: "an append is answered before it is durable",
		Edits: []planted.Edit{{
			File: writerFile,
			Old:  "\t\tif refusal, ok := errors.AsType[*Refusal](err); ok &&",
			New:  "\t\tif err == nil && len(group) < 1000 {\n\t\t\tr.done <- nil\n\t\t\tr.done = make(chan error, 1)\n\t\t}\n\t\tif refusal, ok := errors.AsType[*Refusal](err); ok &&",
		}},
		Package: "eventstore/sqlitestore", Test: "TestOnAFullDiskNothingIsStoredAndAfterwardsAllWorks",
	},
}

func TestPlantedFaultsAreFound(t *testing.T) {
	for _, f := range faults {
		t.Run(f.Name, func(t *testing.T) { planted.MustBeFoundInTurn(t, f) })
	}
}
