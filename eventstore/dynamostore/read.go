package dynamostore

import (
	"context"
	"fmt"
	"iter"
	"math"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/contiguous"
	"github.com/leftfold/leftfold/internal/dynamotable"
	"github.com/leftfold/leftfold/internal/frame"
)

// Read implements [eventstore.Store]: a strongly consistent Query, one request for each
// megabyte, one read unit for each 4 KB. Where from is not the first version of a
// commit, also behind the head, another Query looks for the commit that holds it.
//
// A Query beside appends may pass the place of one before it is there and then meet its
// successor. So where versions are missing they are asked for once more.
func (s *Store) Read(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		intern := frame.Interner()
		next := max(from, 1) // a commit that holds it must come
		for asked := eventstore.Version(0); ; asked = next {
			missing := false
			for item, err := range s.items(ctx, stream, next) {
				var c eventstore.Commit
				if err == nil {
					c, err = s.resolve(ctx, item, stream, intern)
				}
				if err != nil {
					yield(eventstore.Commit{}, err)
					return
				}
				if c.Last() < next {
					continue // the one before next
				}
				if missing = c.First > next || c.First < next && next > max(from, 1); missing {
					if asked == next {
						yield(eventstore.Commit{}, contiguous.Hole(stream, min(next, c.First), max(next, c.First)-1))
						return
					}
					break
				}
				if !yield(c, nil) {
					return
				}
				next = c.Last() + 1
			}
			if !missing {
				return
			}
		}
	}
}

// items returns the commits from the one that holds a version, or from the last one
// before it.
func (s *Store) items(ctx context.Context, stream eventstore.StreamID, version eventstore.Version) iter.Seq2[dynamotable.Item, error] {
	return func(yield func(dynamotable.Item, error) bool) {
		begun := version == 1
		for page, err := range s.query(ctx, s.from(stream, version)) {
			if err == nil && !begun && (len(page) == 0 || firstOf(page[0]) != version) {
				var holder dynamotable.Item
				if holder, err = s.before(ctx, stream, version); err == nil && holder != nil && !yield(holder, nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			begun = true
			for _, item := range page {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}

// ReadBackward implements [eventstore.Store], as Read in the other direction: it meets a
// commit only after its successor, so here a hole is one.
func (s *Store) ReadBackward(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	return contiguous.Backward(stream, s.down(ctx, stream, from))
}

// down returns the commits from the one that holds a version, or from the head.
func (s *Store) down(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		if from == 0 || from > math.MaxInt64 {
			from = math.MaxInt64
		}
		intern := frame.Interner()
		begun := from == math.MaxInt64 // nothing lies behind the head
		for page, err := range s.query(ctx, s.downFrom(stream, from)) {
			if err != nil {
				yield(eventstore.Commit{}, err)
				return
			}
			for _, item := range page {
				c, err := s.resolve(ctx, item, stream, intern)
				if err == nil && !begun && c.Last() < from {
					err = s.checkBehind(ctx, stream, c.Last())
				}
				if !yield(c, err) || err != nil {
					return
				}
				begun = true
			}
		}
		if begun {
			return
		}
		if err := s.checkBehind(ctx, stream, 0); err != nil {
			yield(eventstore.Commit{}, err)
		}
	}
}

// checkBehind refuses a stream in which something follows a version, but not at once.
func (s *Store) checkBehind(ctx context.Context, stream eventstore.StreamID, version eventstore.Version) error {
	q := s.from(stream, version+1)
	q.Limit = new(int32(1))
	item, err := s.first(ctx, q)
	if err != nil || item == nil {
		return err
	}
	if first := firstOf(item); first != version+1 {
		return contiguous.Hole(stream, version+1, first-1)
	}
	return nil
}

// Head implements [eventstore.Store]: a Query of one item.
func (s *Store) Head(ctx context.Context, stream eventstore.StreamID) (eventstore.Revision, error) {
	q := s.downFrom(stream, math.MaxInt64)
	q.Limit = new(int32(1))
	q.ProjectionExpression = new("#sk, #n, #at")
	q.ExpressionAttributeNames = map[string]string{"#sk": attrSK, "#n": attrCount, "#at": attrTime}
	item, err := s.first(ctx, q)
	if err != nil {
		return eventstore.Revision{}, err
	}
	if item == nil {
		return eventstore.NewRevision(s.identity, stream, 0, eventstore.NoStream.Time()), nil
	}
	return s.headOf(item, stream)
}

// before returns the commit that begins last before a version.
func (s *Store) before(ctx context.Context, stream eventstore.StreamID, version eventstore.Version) (dynamotable.Item, error) {
	q := s.downFrom(stream, version-1)
	q.Limit = new(int32(1))
	return s.first(ctx, q)
}

func firstOf(item dynamotable.Item) eventstore.Version {
	r := dynamotable.Reader{Item: item}
	return eventstore.Version(max(r.Int(attrSK), 0))
}

// from is the query of a stream's commits that begin at a version or later. Below
// version 1 lie items that are no commits.
func (s *Store) from(stream eventstore.StreamID, version eventstore.Version) *dynamodb.QueryInput {
	return s.keys(stream, "PK = :pk AND SK >= :from", map[string]types.AttributeValue{":from": dynamotable.N(min(max(version, 1), math.MaxInt64))})
}

// downFrom is the query of a stream's commits that begin at a version or earlier.
func (s *Store) downFrom(stream eventstore.StreamID, version eventstore.Version) *dynamodb.QueryInput {
	q := s.keys(stream, "PK = :pk AND SK BETWEEN :one AND :to",
		map[string]types.AttributeValue{":one": dynamotable.N(1), ":to": dynamotable.N(min(max(version, 1), math.MaxInt64))})
	q.ScanIndexForward = new(false)
	return q
}

func (s *Store) keys(stream eventstore.StreamID, condition string, values map[string]types.AttributeValue) *dynamodb.QueryInput {
	values[":pk"] = dynamotable.S(stream.String())
	return &dynamodb.QueryInput{TableName: &s.table, ConsistentRead: new(true), KeyConditionExpression: &condition, ExpressionAttributeValues: values}
}

// query returns the pages of a query, at least one. A limit is that of the first.
func (s *Store) query(ctx context.Context, q *dynamodb.QueryInput) iter.Seq2[[]dynamotable.Item, error] {
	return func(yield func([]dynamotable.Item, error) bool) {
		next := *q // the sequence may be read again, and by several at once
		for {
			out, err := dynamotable.Send(ctx, s.attempts, "Query", s.client.Query, &next)
			if err != nil {
				yield(nil, s.wrap(ctx, "read", err))
				return
			}
			if !yield(out.Items, nil) || len(out.LastEvaluatedKey) == 0 {
				return
			}
			next.ExclusiveStartKey, next.Limit = out.LastEvaluatedKey, nil
		}
	}
}

// first returns the first item that a query finds, or nil.
func (s *Store) first(ctx context.Context, q *dynamodb.QueryInput) (dynamotable.Item, error) {
	for page, err := range s.query(ctx, q) {
		if err != nil {
			return nil, err
		}
		if len(page) > 0 {
			return page[0], nil
		}
	}
	return nil, nil
}

// wrap names the table in the error of a read; the end of ctx is its cause.
func (s *Store) wrap(ctx context.Context, op string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%s %s: %w", op, s.table, err)
}
