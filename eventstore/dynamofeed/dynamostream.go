package dynamofeed

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	tabletypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/smithy-go"

	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// mostRecords is how many records GetRecords returns at the most.
const mostRecords = 1000

// dynamoStream is the source that DynamoDB has.
type dynamoStream struct {
	tables   *dynamodb.Client
	client   *dynamodbstreams.Client
	store    *dynamostore.Store
	attempts int
	arn      atomic.Pointer[string] // another one after the stream was switched off and on
}

func openStream(ctx context.Context, tables *dynamodb.Client, client *dynamodbstreams.Client, store *dynamostore.Store, attempts int) (*dynamoStream, error) {
	s := &dynamoStream{tables: tables, client: client, store: store, attempts: attempts}
	return s, s.find(ctx)
}

// find looks for the table's stream. One that is switched off is refused, although what
// it holds could be read for another day: nobody would notice that nothing is announced.
func (s *dynamoStream) find(ctx context.Context) error {
	table, err := dynamotable.Inspect(ctx, s.tables, s.store.Table(), tabletypes.ScalarAttributeTypeN)
	if err == nil {
		err = dynamotable.CheckStream(table)
	}
	if err != nil {
		return err
	}
	s.arn.Store(table.LatestStreamArn)
	return nil
}

func (s *dynamoStream) shards(ctx context.Context) ([]shard, error) {
	if err := s.find(ctx); err != nil {
		return nil, err
	}
	return s.describe(ctx, nil)
}

func (s *dynamoStream) children(ctx context.Context, id string) ([]shard, error) {
	all, err := s.describe(ctx, &types.ShardFilter{Type: types.ShardFilterTypeChildShards, ShardId: &id})
	var children []shard
	for _, sh := range all {
		if sh.parent == id { // a server may not know the filter
			children = append(children, sh)
		}
	}
	return children, err
}

func (s *dynamoStream) describe(ctx context.Context, filter *types.ShardFilter) ([]shard, error) {
	in := &dynamodbstreams.DescribeStreamInput{StreamArn: s.arn.Load(), ShardFilter: filter}
	var all []shard
	for {
		out, err := dynamotable.Try(ctx, s.attempts, "DescribeStream", func(r aws.Retryer) (*dynamodbstreams.DescribeStreamOutput, error) {
			return s.client.DescribeStream(ctx, in, with(r))
		})
		if err != nil {
			return nil, fmt.Errorf("list the shards of %s: %w", s.store.Table(), err)
		}
		for _, sh := range out.StreamDescription.Shards {
			next := shard{id: aws.ToString(sh.ShardId), parent: aws.ToString(sh.ParentShardId)}
			if sh.SequenceNumberRange != nil {
				next.first = aws.ToString(sh.SequenceNumberRange.StartingSequenceNumber)
				next.closed = sh.SequenceNumberRange.EndingSequenceNumber != nil
			}
			all = append(all, next)
		}
		if in.ExclusiveStartShardId = out.StreamDescription.LastEvaluatedShardId; in.ExclusiveStartShardId == nil {
			return all, nil
		}
	}
}

func (s *dynamoStream) iterator(ctx context.Context, shard string, from place) (string, error) {
	in := &dynamodbstreams.GetShardIteratorInput{StreamArn: s.arn.Load(), ShardId: &shard}
	in.ShardIteratorType, in.SequenceNumber = kindOf(from)
	out, err := dynamotable.Try(ctx, s.attempts, "GetShardIterator", func(r aws.Retryer) (*dynamodbstreams.GetShardIteratorOutput, error) {
		return s.client.GetShardIterator(ctx, in, with(r))
	})
	if answer, ok := errors.AsType[smithy.APIError](err); ok && in.SequenceNumber != nil && answer.ErrorCode() == "ValidationException" {
		err = errors.Join(errTrimmed, err) // the number means nothing any more: what follows it may be lost
	}
	if err != nil {
		return "", classify(err)
	}
	return aws.ToString(out.ShardIterator), nil
}

// records sends GetRecords once: the next poll repeats it at the pace that the shard's
// limit demands.
func (s *dynamoStream) records(ctx context.Context, iterator string) (records []record, next string, err error) {
	out, err := dynamotable.Try(ctx, 1, "GetRecords", func(r aws.Retryer) (*dynamodbstreams.GetRecordsOutput, error) {
		return s.client.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: &iterator, Limit: aws.Int32(mostRecords)}, with(r))
	})
	if err != nil {
		return nil, "", classify(err)
	}
	for _, r := range out.Records {
		if r.Dynamodb != nil {
			records = append(records, s.recordOf(r))
		}
	}
	return records, aws.ToString(out.NextShardIterator), nil
}

func with(r aws.Retryer) func(*dynamodbstreams.Options) {
	return func(o *dynamodbstreams.Options) { o.Retryer = r }
}

// classify adds what an error means to a reader.
func classify(err error) error {
	answer, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	switch answer.ErrorCode() {
	case "ExpiredIteratorException":
		return errors.Join(errExpired, err)
	case "TrimmedDataAccessException":
		return errors.Join(errTrimmed, err)
	case "ResourceNotFoundException":
		return errors.Join(errGone, err)
	}
	return err
}

// kindOf returns a place as GetShardIterator names it.
func kindOf(p place) (types.ShardIteratorType, *string) {
	if sequence, ok := p.number(atPrefix); ok {
		return types.ShardIteratorTypeAtSequenceNumber, &sequence
	}
	if sequence, ok := p.number(afterPrefix); ok {
		return types.ShardIteratorTypeAfterSequenceNumber, &sequence
	}
	if p == latest {
		return types.ShardIteratorTypeLatest, nil
	}
	return types.ShardIteratorTypeTrimHorizon, nil
}
