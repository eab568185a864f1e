package eventsource

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// Stream is the DynamoDB Stream of a table.
type Stream struct {
	client *dynamodbstreams.Client
	arn    string
}

var _ Source = (*Stream)(nil)

// OpenStream looks for the stream that a table has now, with one DescribeTable.
func OpenStream(ctx context.Context, tables *dynamodb.Client, client *dynamodbstreams.Client, table string) (*Stream, error) {
	out, err := tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		return nil, fmt.Errorf("eventsource: look at the table %s: %w", table, err)
	}
	if out.Table.LatestStreamArn == nil {
		return nil, fmt.Errorf("eventsource: the table %s has no stream", table)
	}
	return &Stream{client: client, arn: *out.Table.LatestStreamArn}, nil
}

// Shards implements [Source].
func (s *Stream) Shards(ctx context.Context) ([]Shard, error) {
	var all []Shard
	in := &dynamodbstreams.DescribeStreamInput{StreamArn: &s.arn}
	for {
		out, err := s.client.DescribeStream(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("eventsource: list the shards: %w", err)
		}
		for _, sh := range out.StreamDescription.Shards {
			all = append(all, Shard{ID: aws.ToString(sh.ShardId), Parent: aws.ToString(sh.ParentShardId)})
		}
		if in.ExclusiveStartShardId = out.StreamDescription.LastEvaluatedShardId; in.ExclusiveStartShardId == nil {
			return all, nil
		}
	}
}

// Read implements [Source].
func (s *Stream) Read(ctx context.Context, shard, after string) iter.Seq2[[]Record, error] {
	return func(yield func([]Record, error) bool) {
		iterator, err := s.iterator(ctx, shard, after)
		for err == nil && iterator != nil {
			var out *dynamodbstreams.GetRecordsOutput
			out, err = s.client.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: iterator})
			if _, expired := errors.AsType[*types.ExpiredIteratorException](err); expired {
				iterator, err = s.iterator(ctx, shard, after)
				continue
			}
			if err != nil {
				break
			}
			page := make([]Record, len(out.Records))
			for i, r := range out.Records {
				page[i] = s.record(r)
				after = page[i].Change.SequenceNumber
			}
			if !yield(page, nil) {
				return
			}
			iterator = out.NextShardIterator
		}
		if err != nil {
			yield(nil, fmt.Errorf("eventsource: read a shard: %w", err))
		}
	}
}

// iterator returns where reading goes on: with the oldest record that is left, where the
// one before is not known any more.
func (s *Stream) iterator(ctx context.Context, shard, after string) (*string, error) {
	in := &dynamodbstreams.GetShardIteratorInput{StreamArn: &s.arn, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	if after != "" {
		in.ShardIteratorType, in.SequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, &after
	}
	out, err := s.client.GetShardIterator(ctx, in)
	if _, trimmed := errors.AsType[*types.TrimmedDataAccessException](err); trimmed && after != "" {
		return s.iterator(ctx, shard, "")
	}
	if err != nil {
		return nil, err
	}
	return out.ShardIterator, nil
}

// record returns a record as Lambda hands it to a function.
func (s *Stream) record(r types.Record) Record {
	record := Record{
		AWSRegion:      aws.ToString(r.AwsRegion),
		EventID:        aws.ToString(r.EventID),
		EventName:      string(r.EventName),
		EventSource:    aws.ToString(r.EventSource),
		EventVersion:   aws.ToString(r.EventVersion),
		EventSourceArn: s.arn,
	}
	if r.UserIdentity != nil {
		record.UserIdentity = &events.DynamoDBUserIdentity{Type: aws.ToString(r.UserIdentity.Type), PrincipalID: aws.ToString(r.UserIdentity.PrincipalId)}
	}
	if c := r.Dynamodb; c != nil {
		record.Change = events.DynamoDBStreamRecord{
			ApproximateCreationDateTime: events.SecondsEpochTime{Time: aws.ToTime(c.ApproximateCreationDateTime)},
			Keys:                        imageOf(c.Keys),
			NewImage:                    imageOf(c.NewImage),
			OldImage:                    imageOf(c.OldImage),
			SequenceNumber:              aws.ToString(c.SequenceNumber),
			SizeBytes:                   aws.ToInt64(c.SizeBytes),
			StreamViewType:              string(c.StreamViewType),
		}
	}
	return record
}

func imageOf(item map[string]types.AttributeValue) map[string]events.DynamoDBAttributeValue {
	image := make(map[string]events.DynamoDBAttributeValue, len(item))
	for name, value := range item {
		image[name] = valueOf(value)
	}
	return image
}

func valueOf(value types.AttributeValue) events.DynamoDBAttributeValue {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return events.NewStringAttribute(v.Value)
	case *types.AttributeValueMemberN:
		return events.NewNumberAttribute(v.Value)
	case *types.AttributeValueMemberB:
		return events.NewBinaryAttribute(v.Value)
	case *types.AttributeValueMemberBOOL:
		return events.NewBooleanAttribute(v.Value)
	case *types.AttributeValueMemberSS:
		return events.NewStringSetAttribute(v.Value)
	case *types.AttributeValueMemberNS:
		return events.NewNumberSetAttribute(v.Value)
	case *types.AttributeValueMemberBS:
		return events.NewBinarySetAttribute(v.Value)
	case *types.AttributeValueMemberM:
		return events.NewMapAttribute(imageOf(v.Value))
	case *types.AttributeValueMemberL:
		list := make([]events.DynamoDBAttributeValue, len(v.Value))
		for i, e := range v.Value {
			list[i] = valueOf(e)
		}
		return events.NewListAttribute(list)
	}
	return events.NewNullAttribute()
}
