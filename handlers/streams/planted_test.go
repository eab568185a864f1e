package streams_test

import (
	"testing"

	"github.com/leftfold/leftfold/internal/planted"
)

const handle, unit = "handlers/streams/handle.go", "handlers/streams"

// faults lose a record, hold up a shard, or apply what must not be applied.
var faults = []planted.Fault{
	{
		Name:  "sequence numbers are compared as text",
		Edits: []planted.Edit{{File: handle, Old: "if len(a) != len(b) {", New: "if false {"}},
		Test:  "TestTheLowestRecordThatWasNotTakenCareOfIsReported",
	},
	{
		Name:  "what is left when the time is up is forgotten",
		Edits: []planted.Edit{{File: handle, Old: "if ctx.Err() != nil {\n\t\t\tleft = append(left, records...)\n", New: "if ctx.Err() != nil {\n"}},
		Test:  "TestAPartThatEndsWithTheTimeIsDone",
	},
	{
		Name:  "a damaged stream holds up its shard",
		Edits: []planted.Edit{{File: handle, Old: "case u.Damaged:", New: "case u.Damaged && false:"}},
		Test:  "TestADamagedStreamIsToldAndDoesNotHoldUpTheShard",
	},
	{
		Name:  "a commit that was changed is announced as it is now",
		Edits: []planted.Edit{{File: "handlers/streams/record.go", Old: "if r.EventName == string(events.DynamoDBOperationTypeInsert) {", New: "if r.EventName != string(events.DynamoDBOperationTypeRemove) {"}},
		Test:  "TestWhatIsNoCommitIsPassedOverAndADamagedOneIsToldAndDone",
	},
	{
		Name:  "records of another table are taken for commits of this one",
		Edits: []planted.Edit{{File: "handlers/streams/record.go", Old: "table != s.Table()", New: "table != table+s.Table()[:0]"}},
		Test:  "TestARecordOfAnotherTableIsRefused",
	},
	{
		Name:    "a generation that missed the beginning of a sweep is called built",
		Edits:   []planted.Edit{{File: "projection/sweepcursor.go", Old: "return !slices.Contains(", New: "return false && !slices.Contains("}},
		Package: "projection", Test: "TestAGenerationThatAnInterruptedSweepDidNotBeginWithIsNotBuiltByIt",
	},
	{
		Name:    "a sweep goes on behind what was not applied",
		Edits:   []planted.Edit{{File: "projection/sweepreader.go", Old: "\t\tr.next.done = stream\n", New: "\t\tr.next.done = streams[len(streams)-1]\n"}},
		Package: "projection", Test: "TestASweepThatIsInterruptedInTheMiddleOfAStream",
	},
}

func TestPlantedFaultsAreFound(t *testing.T) {
	for _, f := range faults {
		if f.Package == "" {
			f.Package = unit
		}
		t.Run(f.Name, func(t *testing.T) { planted.MustBeFoundInTurn(t, f) })
	}
}
