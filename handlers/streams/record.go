package streams

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
)

// record is one that announces a commit.
type record struct {
	sequence     string
	announcement eventstore.Announcement
}

// read returns the records that announce commits, each decoded once for all projections.
// It tells of damage, and passes over what lies beside commits.
func (h *Handler) read(ctx context.Context, s commitStore, all []events.DynamoDBEventRecord) ([]record, error) {
	records := make([]record, 0, len(all))
	for _, r := range all {
		if table := tableOf(r.EventSourceArn); table != s.Table() {
			return nil, &foreignError{table: table, want: s.Table()}
		}
		switch a, ok, err := announcementOf(s, r); {
		case err != nil:
			h.damage(ctx, Damage{Sequence: r.Change.SequenceNumber, Err: err})
		case ok:
			records = append(records, record{r.Change.SequenceNumber, a})
		}
	}
	return records, nil
}

// announcementOf returns what a record announces; ok is false where that is nothing, and
// an error is damage.
func announcementOf(s commitStore, r events.DynamoDBEventRecord) (a eventstore.Announcement, ok bool, err error) {
	if r.EventName == string(events.DynamoDBOperationTypeInsert) {
		if len(r.Change.NewImage) == 0 { // a stream of keys only: the store has the content
			return s.Announcement(itemOf(r.Change.Keys))
		}
		return s.Announcement(itemOf(r.Change.NewImage))
	}
	id, ok, err := dynamostore.CommitAt(itemOf(r.Change.Keys))
	if ok {
		err = &eventstore.CorruptError{Stream: id.Stream, Version: id.Version, Reason: reasonOf(r)}
	}
	return a, false, err
}

func reasonOf(r events.DynamoDBEventRecord) string {
	reason := "its commit was changed"
	if r.EventName == string(events.DynamoDBOperationTypeRemove) {
		reason = "its commit was removed"
	}
	if r.UserIdentity != nil { // DynamoDB itself, because of a time to live
		reason += " by " + r.UserIdentity.PrincipalID
	}
	return reason
}

// tableOf returns the table of a stream:
// arn:aws:dynamodb:REGION:ACCOUNT:table/TABLE/stream/LABEL.
func tableOf(arn string) string {
	_, rest, _ := strings.Cut(arn, ":table/")
	table, _, _ := strings.Cut(rest, "/")
	return table
}

// foreignError: the function is connected with the stream of another table, whose records
// would be taken for commits of this one.
type foreignError struct{ table, want string }

func (e *foreignError) Error() string {
	return fmt.Sprintf("streams: %v: a record is of the table %q, the store's is %q", dynamostore.ErrForeign, e.table, e.want)
}

func (e *foreignError) Unwrap() error { return dynamostore.ErrForeign }

// Hint says what to do.
func (e *foreignError) Hint() string {
	return "correct the prefix of the function, or its event source mapping"
}

// itemOf returns an item of an event as one of a table.
func itemOf(image map[string]events.DynamoDBAttributeValue) map[string]types.AttributeValue {
	item := make(map[string]types.AttributeValue, len(image))
	for name, value := range image {
		item[name] = valueOf(value)
	}
	return item
}

func valueOf(value events.DynamoDBAttributeValue) types.AttributeValue {
	if !value.IsNull() {
		switch value.DataType() {
		case events.DataTypeString:
			return &types.AttributeValueMemberS{Value: value.String()}
		case events.DataTypeNumber:
			return &types.AttributeValueMemberN{Value: value.Number()}
		case events.DataTypeBinary:
			return &types.AttributeValueMemberB{Value: value.Binary()}
		case events.DataTypeList:
			list := make([]types.AttributeValue, len(value.List()))
			for i, e := range value.List() {
				list[i] = valueOf(e)
			}
			return &types.AttributeValueMemberL{Value: list}
		}
	}
	// No commit has any other: whoever reads the attribute finds it of a wrong type.
	return &types.AttributeValueMemberNULL{Value: true}
}
