package dynamoviews_test

import (
	"testing"

	"github.com/leftfold/leftfold/internal/planted"
)

const (
	readFile    = "projection/dynamoviews/read.go"
	sliceFile   = "projection/dynamoviews/slice.go"
	rebuildFile = "projection/dynamoviews/rebuild.go"
	stateFile   = "projection/dynamoviews/state.go"
)

// faults are the mistakes of views whose rows and checkpoints are written by conditional
// requests, which are repeated when an answer is lost.
var faults = []planted.Fault{
	{
		Name:  "a move alone is not known by its mark",
		Edits: []planted.Edit{{File: sliceFile, Old: "!ok || !failed.Unknown || !isChanged(err)", New: "!ok || failed.Unknown || !isChanged(err)"}},
		Test:  "^TestAMoveAloneIsKnownByItsMarkWhenItsAnswerIsLost$",
	},
	{
		Name:  "a move that somebody else has made is taken for ours",
		Edits: []planted.Edit{{File: sliceFile, Old: "marked && bytes.Equal(w.Value, mark[:8])", New: "marked && (bytes.Equal(w.Value, mark[:8]) || len(w.Value) > 0)"}},
		Test:  "^TestAMoveThatSomebodyElseHasMadeIsNotTakenForOurs$",
	},
	{
		Name: "a stream is parked by a plain write, which is repeated",
		Edits: []planted.Edit{{File: sliceFile, Old: "\terr := v.transact(ctx, item)\n", New: `	var err error
	if u := item.Update; u != nil {
		_, err = dynamotable.Send(ctx, v.attempts, "UpdateItem", v.client.UpdateItem, &dynamodb.UpdateItemInput{TableName: u.TableName, Key: u.Key,
			UpdateExpression: u.UpdateExpression, ConditionExpression: u.ConditionExpression, ExpressionAttributeValues: u.ExpressionAttributeValues})
	} else {
		err = v.transact(ctx, item)
	}
`}},
		Test: "^TestARepeatedParkDoesNotReplaceALaterOne$",
	},
	{
		Name:  "a stream is parked wherever its checkpoint is",
		Edits: []planted.Edit{{File: sliceFile, Old: "condition := \"v = :at\"", New: "condition := \"(attribute_not_exists(v) OR v >= :at)\""}},
		Test:  "^TestViews$/^Park$/^is_refused",
	},
	{
		Name:  "a record is removed that somebody else has put",
		Edits: []planted.Edit{{File: sliceFile, Old: "(parked) OR pv <= :at)", New: "(parked) OR pv >= :at)"}},
		Test:  "^TestViews$/^Park$/^removes_no_record",
	},
	{
		Name:  "a row is written whatever it has become",
		Edits: []planted.Edit{{File: sliceFile, Old: "asRead = \"rev = :rev\"", New: "asRead = \"(rev = :rev OR rev <> :rev)\""}},
		Test:  "^TestWorkersThatFoldIntoOneRowAllComeForward$",
	},
	{
		Name:  "a stream's own row is written whatever it has become",
		Edits: []planted.Edit{{File: sliceFile, Old: "\" AND \" + asRead", New: "\" AND (rev = :rev OR rev <> :rev)\""}},
		Test:  "^TestViews$/^Rows_of_streams$/^are_conditional",
	},
	{
		Name:  "a row that was absent is written over",
		Edits: []planted.Edit{{File: sliceFile, Old: "noRow  = \"attribute_not_exists(rev)\"", New: "noRow  = \"attribute_not_exists(nothing)\""}},
		Test:  "^TestViews$/^Races$/^for_one_absent_row",
	},
	{
		Name:  "a checkpoint moves wherever it is",
		Edits: []planted.Edit{{File: sliceFile, Old: "condition := \"v = :from\"", New: "condition := \"v >= :from\""}},
		Test:  "^TestViews$/^Apply$/^refuses_the_same_slice",
	},
	{
		Name:  "a checkpoint moves past a park record that nobody has seen",
		Edits: []planted.Edit{{File: sliceFile, Old: "\" AND attribute_not_exists(parked)\"", New: "\" AND attribute_not_exists(nothing)\""}},
		Test:  "^TestViews$/^Apply$/^moves_no_checkpoint_past",
	},
	{
		Name:  "a checkpoint moves past an event that is marked to skip",
		Edits: []planted.Edit{{File: sliceFile, Old: "\" AND (attribute_not_exists(skip) OR pv <= :from)\"", New: "\"\""}},
		Test:  "^TestViews$/^Skips$/^mark_a_record",
	},
	{
		Name:  "an event is skipped that nobody has marked",
		Edits: []planted.Edit{{File: sliceFile, Old: "attribute_exists(skip) AND pv > :from", New: "pv > :from"}},
		Test:  "^TestViews$/^Skips$/^need_a_marked",
	},
	{
		Name:  "a mark is overwritten by who parks the stream again",
		Edits: []planted.Edit{{File: sliceFile, Old: "\" AND (attribute_not_exists(skip) OR pv <= :at)\"", New: "\"\""}},
		Test:  "^TestViews$/^Skips$/^keep_the_mark",
	},
	{
		Name:  "a mark outlives its record",
		Edits: []planted.Edit{{File: sliceFile, Old: " REMOVE skip\"", New: "\""}},
		Test:  "^TestViews$/^Skips$/^are_done",
	},
	{
		Name: "a slice is written item by item",
		Edits: []planted.Edit{{File: sliceFile, Old: "\treturn v.transact(ctx, items...)\n", New: `	for _, item := range items {
		if err := v.transact(ctx, item); err != nil {
			return err
		}
	}
	return nil
`}},
		Test: "^TestViews$/^Apply$/^leaves_nothing",
	},
	{
		Name:  "a query ends with its first page",
		Edits: []planted.Edit{{File: readFile, Old: "if len(out.LastEvaluatedKey) == 0 {", New: "if len(out.LastEvaluatedKey) >= 0 {"}},
		Test:  "^TestViews$/^Scans$/^of_the_checkpoints_yield",
	},
	{
		Name:  "a state is read only eventually consistent",
		Edits: []planted.Edit{{File: stateFile, Old: "Key: stateKey(name), ConsistentRead: aws.Bool(true)", New: "Key: stateKey(name), ConsistentRead: aws.Bool(false)"}},
		Test:  "^TestUnits$",
	},
	{
		Name:  "a state is put without its entry in the index",
		Edits: []planted.Edit{{File: stateFile, Old: "\tin.Item[attrDir] = dynamotable.S(statesKey)\n", New: ""}},
		Test:  "^TestViews$/^State$/^is_listed",
	},
	{
		Name:  "rows and checkpoints are read only eventually consistent",
		Edits: []planted.Edit{{File: "internal/dynamotable/batch.go", Old: "ConsistentRead: new(true)", New: "ConsistentRead: new(false)"}},
		Test:  "^TestUnits$",
	},
	{
		Name:  "a state that somebody else has put is taken for ours",
		Edits: []planted.Edit{{File: stateFile, Old: "r.String(attrPut) == put", New: "r.String(attrPut) != \"\""}},
		Test:  "^TestViews$/^State$/^is_put_only",
	},
	{
		Name:  "a state whose answer is lost is taken for another's",
		Edits: []planted.Edit{{File: stateFile, Old: "len(failed.Item) > 0 &&", New: "len(failed.Item) > 1000 &&"}},
		Test:  "^TestAStateIsKnownByItsMarkWhenItsAnswerIsLost$",
	},
	{
		Name:  "a put loses the origin of a row",
		Edits: []planted.Edit{{File: sliceFile, Old: "setRow = \"rev = :new, #row = :row\"", New: "setRow = \"rev = :new, #row = :row REMOVE o\""}},
		Test:  "^TestViews$/^Origin$/^is_kept_by_puts",
	},
	{
		Name:  "a deletion leaves no tombstone",
		Edits: []planted.Edit{{File: sliceFile, Old: "\tif w.Row.Origin {\n", New: "\tif w.Row.Origin && w.Insert {\n"}},
		Test:  "^TestViews$/^Tombstones$/^keep_a_filling_out",
	},
	{
		Name:  "a row whose tombstone is there can not be made again",
		Edits: []planted.Edit{{File: sliceFile, Old: "noRow  = \"attribute_not_exists(rev)\"", New: "noRow  = \"attribute_not_exists(PK)\""}},
		Test:  "^TestViews$/^Tombstones$/^are_no_rows",
	},
	{
		Name:  "a filling puts over what is there",
		Edits: []planted.Edit{{File: rebuildFile, Old: "ConditionExpression: aws.String(absent)", New: "ConditionExpression: nil"}},
		Test:  "^TestViews$/^Fill$/^changes_nothing",
	},
	{
		Name:  "a filling takes a tombstone for absence",
		Edits: []planted.Edit{{File: rebuildFile, Old: "aws.String(absent)", New: "aws.String(noRow)"}},
		Test:  "^TestViews$/^Tombstones$/^keep_a_filling_out",
	},
	{
		Name:  "a filling does not say that it failed",
		Edits: []planted.Edit{{File: rebuildFile, Old: "\t\t\t\t\tcancel(err)\n", New: "\t\t\t\t\tcancel(nil)\n\t\t\t\t\treturn\n"}},
		Test:  "^TestAFillingThatFailsSaysSoAndBeginsNothingMore$",
	},
	{
		Name:  "a page counts tombstones",
		Edits: []planted.Edit{{File: readFile, Old: "\t\t\tdead++\n\t\t\tcontinue\n", New: "\t\t\tif dead++; dead+len(rows) >= q.Limit {\n\t\t\t\tbreak\n\t\t\t}\n\t\t\tcontinue\n"}},
		Test:  "^TestViews$/^Tombstones$/^count_in_no_limit",
	},
	{
		Name:  "a clearing forgets tombstones",
		Edits: []planted.Edit{{File: rebuildFile, Old: "\tquery.ProjectionExpression =", New: "\tquery.FilterExpression = aws.String(\"attribute_exists(rev) OR attribute_exists(v) OR attribute_exists(heads)\")\n\tquery.ProjectionExpression ="}},
		Test:  "^TestViews$/^Clear$/^removes",
	},
	{
		Name:  "a clearing forgets what it has read before",
		Edits: []planted.Edit{{File: rebuildFile, Old: "\t\tkeys = nil\n\t}\n\treturn ", New: "\t\treturn nil\n\t}\n\treturn "}},
		Test:  "^TestViews$/^Clear$/^takes_more",
	},
	{
		Name:  "a clearing forgets manifests",
		Edits: []planted.Edit{{File: rebuildFile, Old: "places := []string{manifestsKey(g)}", New: "places := []string{}"}},
		Test:  "^TestViews$/^Clear$/^removes",
	},
}

func TestPlantedFaultsAreFound(t *testing.T) {
	endpoint := "AWS_ENDPOINT_URL_DYNAMODB=" + server.Endpoint(t)
	for _, f := range faults {
		f.Package = "projection/dynamoviews"
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			planted.MustBeFoundInTurn(t, f, endpoint)
		})
	}
}
