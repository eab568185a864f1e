package dynamofeed

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	tabletypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// recordOf returns what a change of the table means. An inserted commit is announced;
// what lies beside commits is passed over, whatever happens to it. A commit never changes
// and never goes.
func (s *dynamoStream) recordOf(r types.Record) record {
	rec := record{sequence: aws.ToString(r.Dynamodb.SequenceNumber), created: aws.ToTime(r.Dynamodb.ApproximateCreationDateTime)}
	if r.EventName == types.OperationTypeInsert {
		rec.announcement, _, rec.damage = s.store.Announcement(itemOf(r.Dynamodb.NewImage))
		return rec
	}
	switch id, ok, err := dynamostore.CommitAt(itemOf(r.Dynamodb.Keys)); {
	case err != nil:
		rec.damage = err
	case ok:
		rec.damage = &eventstore.CorruptError{Stream: id.Stream, Version: id.Version, Reason: reasonOf(r)}
	}
	return rec
}

func reasonOf(r types.Record) string {
	reason := "its commit was changed"
	if r.EventName == types.OperationTypeRemove {
		reason = "its commit was removed"
	}
	if r.UserIdentity != nil { // DynamoDB itself, because of a time to live
		reason += " by " + aws.ToString(r.UserIdentity.PrincipalId)
	}
	return reason
}

// itemOf returns an item of a stream as one of a table: the SDK has the same types twice.
func itemOf(image map[string]types.AttributeValue) dynamotable.Item {
	item := make(dynamotable.Item, len(image))
	for name, value := range image {
		item[name] = valueOf(value)
	}
	return item
}

func valueOf(value types.AttributeValue) tabletypes.AttributeValue {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return &tabletypes.AttributeValueMemberS{Value: v.Value}
	case *types.AttributeValueMemberN:
		return &tabletypes.AttributeValueMemberN{Value: v.Value}
	case *types.AttributeValueMemberB:
		return &tabletypes.AttributeValueMemberB{Value: v.Value}
	case *types.AttributeValueMemberL:
		list := make([]tabletypes.AttributeValue, len(v.Value))
		for i, e := range v.Value {
			list[i] = valueOf(e)
		}
		return &tabletypes.AttributeValueMemberL{Value: list}
	}
	// No commit has any other: whoever reads the attribute finds it of a wrong type.
	return &tabletypes.AttributeValueMemberNULL{Value: true}
}
