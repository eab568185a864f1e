package dynamostore_test

import (
	"testing"

	"github.com/leftfold/leftfold/internal/planted"
)

const (
	appendFile = "eventstore/dynamostore/append.go"
	readFile   = "eventstore/dynamostore/read.go"
	scanFile   = "eventstore/dynamostore/scan.go"
	allFile    = "eventstore/dynamostore/transaction.go"
	settleFile = "eventstore/settle.go"
	schemaFile = "eventstore/dynamostore/schema.go"
	sendFile   = "internal/dynamotable/send.go"
	batchFile  = "internal/dynamotable/batch.go"
)

// faults are the mistakes of a store whose writes are single requests to a service that
// throttles, forgets to answer and hands out pages.
var faults = []planted.Fault{
	{
		Name: "a diagnosis writes what it asks for",
		Edits: []planted.Edit{{File: "internal/dynamotable/diagnose.go", Old: "\") AND attribute_not_exists(\" + PK + \")\")",
			New: "\") OR attribute_not_exists(\" + PK + \")\")"}},
		Test: "^TestADiagnosisSaysOfEachSettingWhetherItIsRight$",
	},
	{
		Name:  "who may write this and not that is taken for one who only reads",
		Edits: []planted.Edit{{File: "internal/dynamotable/diagnose.go", Old: "len(denied) == len(actions)", New: "len(denied) <= len(actions)"}},
		Test:  "^TestADiagnosisKnowsWhoMayOnlyReadFromWhoIsDeniedSomething$",
	},
	{
		Name:  "a claim is put without the condition that it is free",
		Edits: []planted.Edit{{File: allFile, Old: "\tconditionUnheld = \"attribute_not_exists(#stream)\"\n", New: "\tconditionUnheld = \"attribute_not_exists(#stream) OR attribute_exists(#stream)\"\n"}},
		Test:  "^TestStore$/^contract$/^claims$",
	},
	{
		Name:  "a claim is released by whoever wants to",
		Edits: []planted.Edit{{File: allFile, Old: "\tconditionHeld   = \"#stream = :stream\"\n", New: "\tconditionHeld   = \"#stream = :stream OR #stream <> :stream\"\n"}},
		Test:  "^TestStore$/^contract$/^claims$",
	},
	{
		Name:  "a checked stream is not looked at",
		Edits: []planted.Edit{{File: allFile, Old: "\t\tp.addCheck(s, i, c)\n", New: "\t\t_, _ = i, c\n"}},
		Test:  "^TestStore$/^contract$/^a_transaction$",
	},
	{
		Name:  "a transaction of which only a part is there is taken for its own",
		Edits: []planted.Edit{{File: settleFile, Old: "\tif err == nil && len(own) > 0 && len(own) < len(t.Writes) {\n", New: "\tif false {\n"}},
		Test:  "^TestStore$/^contract$/^a_transaction$",
	},
	{
		Name:  "a transaction that is told by half is settled by that",
		Edits: []planted.Edit{{File: appendFile, Old: "\tcase !all:\n\t\treturn failed, err\n", New: "\tcase !all:\n\t\treturn failed, nil\n"}},
		Test:  "^TestATransactionOfWhichNotAllIsToldIsSentAgain$",
	},
	{
		Name:  "an older snapshot takes the place of a newer one",
		Edits: []planted.Edit{{File: "eventstore/dynamostore/snapshot.go", Old: "OR #last < :last\"", New: "OR #last <> :last\""}},
		Test:  "^TestStore$/^contract$/^snapshots$",
	},
	{
		Name:  "a strict id is not looked for",
		Edits: []planted.Edit{{File: settleFile, Old: "\tif own, err := t.recall(s.Recalled); own != nil || err != nil {\n", New: "\tif own, err := t.recall(nil); own != nil || err != nil {\n"}},
		Test:  "^TestStore$/^contract$/^strict_ids$",
	},
	{
		Name: "an own lost answer is taken for a conflict",
		Edits: []planted.Edit{{File: appendFile, Old: "\treturn eventstore.Settle(w, winner)\n",
			New: "\treturn eventstore.Commit{}, &eventstore.ConflictError{Stream: w.Stream, Expected: w.Revision, Actual: winner.Revision, Winner: winner}\n"}},
		Test: "^TestUnitsOfALostAnswer$",
	},
	{
		Name:  "a commit is put without the condition that its slot is free",
		Edits: []planted.Edit{{File: schemaFile, Old: "ConditionExpression: new(conditionFree),\n\t\tReturnValues", New: "\n\t\tReturnValues"}},
		Test:  "^TestSixteenWritersOfOneStreamAreLinearizable$",
	},
	{
		Name:  "an unknown outcome is reported as a failure",
		Edits: []planted.Edit{{File: appendFile, Old: "ok && failed.Unknown {", New: "ok && failed.Unknown && w.Stream.IsZero() {"}},
		Test:  "^TestWhatNobodyCanKnowIsAnUnknownOutcomeAndARefusalIsNone$",
	},
	{
		Name:    "what an attempt may have done is forgotten when the next one is refused",
		Edits:   []planted.Edit{{File: sendFile, Old: "w.unknown = w.unknown || mayBeCarriedOut(err)", New: "w.unknown = mayBeCarriedOut(err)"}},
		Package: "internal/dynamotable", Test: "^TestAnErrorKnowsWhetherOneOfTheAttemptsMayHaveBeenCarriedOut$",
	},
	{
		Name:    "a transaction is given up while others are in its way",
		Edits:   []planted.Edit{{File: sendFile, Old: "!ok || !again(canceled) ||", New: "!ok || again(canceled) ||"}},
		Package: "internal/dynamotable", Test: "^TestATransactionThatOthersAreInTheWayOfIsSentAgain$",
	},
	{
		Name:    "a transaction that may have been carried out is sent again under another token",
		Edits:   []planted.Edit{{File: sendFile, Old: "\t\tif !w.unknown {\n\t\t\tnext", New: "\t\tif !w.unknown || w.unknown {\n\t\t\tnext"}},
		Package: "internal/dynamotable", Test: "^TestATransactionHasATokenOfItsOwnUntilOneMayHaveBeenCarriedOut$",
	},
	{
		Name:    "an attempt that had a connection is taken for one that was never sent",
		Edits:   []planted.Edit{{File: "internal/dynamotable/unsent.go", Old: "(w.connected.Load() || !w.asked.Load())", New: "w.connected.Load() && !w.asked.Load()"}},
		Package: "internal/dynamotable", Test: "^TestWhatWasNotSentIsNotUnknown$",
	},
	{
		Name:    "a table with the usual key is taken for ours",
		Edits:   []planted.Edit{{File: "internal/dynamotable/table.go", Old: "err == nil && s.Check != nil", New: "err != nil && s.Check != nil"}},
		Package: "internal/dynamotable", Test: "^TestATableWithOurKeyThatIsNotOursIsLeftAsItIs$",
	},
	{
		Name:  "our own commit that can not be read is taken for another's",
		Edits: []planted.Edit{{File: appendFile, Old: "r.String(attrID) != id && r.Err == nil", New: "r.String(attrID) == id || r.Err == nil"}},
		Test:  "^TestTheSlotOfADamagedCommitIsKnownByItsID$",
	},
	{
		Name:    "the keys that a batch leaves over are taken for absent",
		Edits:   []planted.Edit{{File: batchFile, Old: "left := out.UnprocessedKeys[table].Keys", New: "left := out.UnprocessedKeys[\"\"].Keys"}},
		Package: "internal/dynamotable", Test: "^TestWhatABatchLeavesOverIsSentUntilNothingIsLeft$",
	},
	{
		Name:    "the items that a batch leaves over are taken for written",
		Edits:   []planted.Edit{{File: batchFile, Old: "left := out.UnprocessedItems[table]", New: "left := out.UnprocessedItems[\"\"]"}},
		Package: "internal/dynamotable", Test: "^TestWhatABatchLeavesOverIsSentUntilNothingIsLeft$",
	},
	{
		Name:  "a hole is damage at once",
		Edits: []planted.Edit{{File: readFile, Old: "if asked == next {", New: "if asked <= next {"}},
		Test:  "^TestACommitThatAQueryHasPassedIsAskedForAgain$",
	},
	{
		Name:  "a hole is passed over",
		Edits: []planted.Edit{{File: readFile, Old: "missing = c.First > next ||", New: "missing = false ||"}},
		Test:  "^TestACommitThatIsMissingIsDamageInBothDirections$",
	},
	{
		Name:  "a read ends with its first page",
		Edits: []planted.Edit{{File: readFile, Old: "|| len(out.LastEvaluatedKey) == 0 {", New: "|| len(out.LastEvaluatedKey) >= 0 {"}},
		Test:  "^TestStore$/^contract$/^read$/^large_commits",
	},
	{
		Name:  "a scan ends with its first page",
		Edits: []planted.Edit{{File: scanFile, Old: "if len(out.LastEvaluatedKey) == 0 {", New: "if len(out.LastEvaluatedKey) >= 0 {"}},
		Test:  "^TestStore$/^contract$/^scanner$/^large_commits",
	},
	{
		Name:  "a scan takes payload items for commits",
		Edits: []planted.Edit{{File: scanFile, Old: "return !strings.HasPrefix(r.String(attrPK), reserved) &&", New: "return (reserved != \"\" || strings.Contains(reserved, \"?\")) &&"}},
		Test:  "^TestStore$/^contract$/^scanner$/^large_commits",
	},
	{
		Name:  "a decision is made on a read that is only eventually consistent",
		Edits: []planted.Edit{{File: readFile, Old: "ConsistentRead: new(true)", New: "ConsistentRead: new(false)"}},
		Test:  "^TestUnitsOfALongStream$",
	},
	{
		Name: "the parts of a commit are written before its slot is won",
		Edits: []planted.Edit{{
			File: appendFile,
			Old:  "\tfailed, err := s.send(ctx, in)\n\tif failed == nil",
			New:  "\tfor i, part := range b.parts {\n\t\tif err := dynamotable.BatchPut(ctx, s.attempts, s.client, s.table, []dynamotable.Item{payloadItem(c.Stream, c.First, i, part)}); err != nil {\n\t\t\treturn nil, err\n\t\t}\n\t}\n\tin.TransactItems = in.TransactItems[:1]\n\tfailed, err := s.send(ctx, in)\n\tif failed == nil",
		}},
		Test: "^TestACommitOf1114EventsAndOneOfTwoMegabytesGoInAtOnce$",
	},
	{
		Name:  "a missing part of a commit is damage at once",
		Edits: []planted.Edit{{File: "eventstore/dynamostore/parts.go", Old: "if asked == timesToAsk {", New: "if asked <= timesToAsk {"}},
		Test:  "^TestAReaderWaitsForThePartsOfACommitUnderWay$",
	},
}

func TestPlantedFaultsAreFound(t *testing.T) {
	endpoint := "AWS_ENDPOINT_URL_DYNAMODB=" + server.Endpoint(t)
	for _, f := range faults {
		if f.Package == "" {
			f.Package = "eventstore/dynamostore"
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			planted.MustBeFoundInTurn(t, f, endpoint)
		})
	}
}
