package aggregate_test

import (
	"testing"

	"github.com/leftfold/leftfold/internal/planted"
)

const (
	executionFile = "aggregate/execution.go"
	snapshotFile  = "aggregate/snapshot.go"
	transactFile  = "aggregate/transact.go"
)

// faults decide on a state that is not the stream's, or forget what was promised of a command.
var faults = []planted.Fault{
	{
		Name:  "a snapshot is used whatever commit it ends with",
		Edits: []planted.Edit{{File: executionFile, Old: "met = snapshot.Is(&c)", New: "met = snapshot.Is(&c) || true"}},
		Test:  "^TestASnapshotOfAnotherPastIsPassedOver$/^with_another_commit$",
	},
	{
		Name: "a snapshot that is ahead of the log is used",
		Edits: []planted.Edit{{File: executionFile, Old: "\tif !met {\n\t\tif resumed {",
			New: "\tif !met && resumed && x.held.revision == (eventstore.Revision{}) && snapshot.Last > 4 {\n\t\tmet = true\n\t}\n\tif !met {\n\t\tif resumed {"}},
		Test: "^TestASnapshotOfAnotherPastIsPassedOver$/^ahead_of_the_log$",
	},
	{
		Name:  "a snapshot of another schema version is used",
		Edits: []planted.Edit{{File: snapshotFile, Old: "Snapshot(ctx, stream, r.decider.Snapshot.Schema)", New: "Snapshot(ctx, stream, min(r.decider.Snapshot.Schema, 1))"}},
		Test:  "^TestEachSchemaOfAStateHasItsSnapshot$",
	},
	{
		Name:  "a snapshot that can not be read fails the command",
		Edits: []planted.Edit{{File: snapshotFile, Old: "\t\treturn r.decider.initial(stream.ID()), s, false\n", New: "\t\treturn state, s, true\n"}},
		Test:  "^TestASnapshotOfAnotherPastIsPassedOver$/^whose_state_is_no_state$",
	},
	{
		Name: "a snapshot that can not be saved fails the command",
		Edits: []planted.Edit{
			{File: executionFile, Old: "run(ctx context.Context) (eventstore.Commit, error) {\n\tdefer func() { x.snapshot(ctx) }()\n",
				New: "run(ctx context.Context) (c eventstore.Commit, err error) {\n\tdefer func() {\n\t\tif failed := x.snapshot(ctx); failed != nil {\n\t\t\terr = failed\n\t\t}\n\t}()\n"},
			{File: executionFile, Old: "snapshot(ctx context.Context) {\n", New: "snapshot(ctx context.Context) (err error) {\n"},
			{File: executionFile, Old: "\t\tx.repository.save(ctx, x.held.state, x.held.end)\n", New: "\t\terr = x.repository.save(ctx, x.held.state, x.held.end)\n"},
			{File: executionFile, Old: "\t\tx.held.tail = tail{} // also where it failed: the next one is tried after as much again\n\t}\n", New: "\t\tx.held.tail = tail{}\n\t}\n\treturn err\n"},
			{File: snapshotFile, Old: "state S, s eventstore.Snapshot) {\n", New: "state S, s eventstore.Snapshot) error {\n"},
			{File: snapshotFile, Old: "a snapshot of %q: %w\", s.Stream, err))\n\t}\n", New: "a snapshot of %q: %w\", s.Stream, err))\n\t}\n\treturn err\n"},
		},
		Test: "^TestASnapshotThatCanNotBeSavedFailsNoCommand$", Says: "no room",
	},
	{
		Name:  "the end of a command stops the saving of its snapshot",
		Edits: []planted.Edit{{File: snapshotFile, Old: "context.WithoutCancel(ctx)", New: "ctx"}},
		Test:  "^TestASnapshotThatCanNotBeSavedFailsNoCommand$", Says: "does not stop it",
	},
	{
		Name:  "a snapshot is saved with the commit before the one that its state ends with",
		Edits: []planted.Edit{{File: executionFile, Old: "\t\tx.held.end = eventstore.Snapshot{", New: "\t\tdefer func(before eventstore.Snapshot) {\n\t\t\tif before.Last > 0 {\n\t\t\t\tx.held.end = before\n\t\t\t}\n\t\t}(x.held.end)\n\t\tx.held.end = eventstore.Snapshot{"}},
		Test:  "^TestAnEntityIsReadFromItsSnapshotOn$",
	},
	{
		Name:  "a command is refused on a cached state that may be old",
		Edits: []planted.Edit{{File: executionFile, Old: "\tif !x.checked {\n", New: "\tif !x.checked && !x.cached {\n"}},
		Test:  "^TestADecisionThatWritesNothingOnAStaleCacheIsDecidedAgainAtTheHead$",
	},
	{
		Name:  "a strict command is recognised only where its commit is met",
		Edits: []planted.Edit{{File: executionFile, Old: "\tif !x.command.strict {\n", New: "\tif x.command.strict || !x.command.strict {\n"}},
		Test:  "^TestAStrictCommandTakesEffectOnceHoweverLate$",
	},
	{
		Name:  "a strict command on several entities is looked for in those that were met",
		Edits: []planted.Edit{{File: transactFile, Old: "!tx.writes() || reused || len(tx.own) > 0) {", New: "!tx.writes() || reused) && len(tx.own) == 0 {"}},
		Test:  "^TestAStrictCommandOnTwoEntitiesIsRecognisedBehindSnapshots$",
	},
	{
		Name:  "an entity that was looked at and not written may change meanwhile",
		Edits: []planted.Edit{{File: transactFile, Old: "\t\t\tt.Checks = append(t.Checks, p.check())\n", New: ""}},
		Test:  "^TestWhatWasLookedAtAndNotWrittenIsCheckedToo$",
	},
	{
		Name:  "an event takes its claims and releases none",
		Edits: []planted.Edit{{File: executionFile, Old: "\tw.Claims, w.Releases = x.repository", New: "\tw.Claims, _ = x.repository"}},
		Test:  "^TestAKeyThatAnotherEntityHasFailsTheCommand$",
	},
}

func TestPlantedFaultsAreFound(t *testing.T) {
	for _, f := range faults {
		f.Package = "aggregate"
		t.Run(f.Name, func(t *testing.T) { planted.MustBeFoundInTurn(t, f) })
	}
}
