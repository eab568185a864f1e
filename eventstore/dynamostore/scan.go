package dynamostore

import (
	"context"
	"fmt"
	"iter"
	"math"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
	"github.com/leftfold/leftfold/internal/frame"
)

// ReadAll implements [eventstore.Scanner]: a strongly consistent parallel Scan, one
// request for each megabyte, one read unit for each 4 KB of all that the table holds.
func (s *Store) ReadAll(ctx context.Context, from eventstore.Cursor) iter.Seq2[eventstore.ScannedCommit, error] {
	return func(yield func(eventstore.ScannedCommit, error) bool) {
		intern := frame.Interner()
		for item, err := range s.scan(ctx, from) {
			if err != nil {
				yield(eventstore.ScannedCommit{}, err)
				return
			}
			c, err := s.scanned(ctx, item, intern)
			if err != nil { // there is no place behind what can not be read
				yield(eventstore.ScannedCommit{}, err)
				return
			}
			at := from.At(eventstore.EventID{Stream: c.Stream, Version: c.Last()})
			if !yield(eventstore.ScannedCommit{Commit: c, Cursor: at, Bytes: dynamotable.SizeOf(item)}, nil) {
				return
			}
		}
	}
}

func (s *Store) scanned(ctx context.Context, item dynamotable.Item, intern func([]byte) string) (eventstore.Commit, error) {
	r := dynamotable.Reader{Item: item}
	stream, err := eventstore.ParseStreamID(r.String(attrPK))
	if err != nil {
		return eventstore.Commit{}, fmt.Errorf("%w: the name of a stream: %w", eventstore.ErrCorrupt, err)
	}
	return s.resolve(ctx, item, stream, intern)
}

// scan returns the items of a segment that are commits.
func (s *Store) scan(ctx context.Context, from eventstore.Cursor) iter.Seq2[dynamotable.Item, error] {
	return func(yield func(dynamotable.Item, error) bool) {
		segment, segments := from.Segment()
		in := &dynamodb.ScanInput{TableName: &s.table, ConsistentRead: new(true), Segment: new(int32(segment)), TotalSegments: new(int32(segments))}
		if place := from.Place(); place.Version > 0 {
			// No commit has this key, but the next one comes behind it: within a stream by
			// version, else wherever the stream lies.
			in.ExclusiveStartKey = keyOf(place.Stream, min(place.Version, math.MaxInt64))
		}
		for {
			out, err := dynamotable.Send(ctx, s.attempts, "Scan", s.client.Scan, in)
			if err != nil {
				yield(nil, s.wrap(ctx, "scan", err))
				return
			}
			for _, item := range out.Items {
				if isCommit(item) && !yield(item, nil) {
					return
				}
			}
			if len(out.LastEvaluatedKey) == 0 {
				return
			}
			in.ExclusiveStartKey = out.LastEvaluatedKey
		}
	}
}

// isCommit tells commits from what else the table holds.
func isCommit(item dynamotable.Item) bool {
	r := dynamotable.Reader{Item: item}
	return !strings.HasPrefix(r.String(attrPK), reserved) && r.Int(attrSK) >= 1
}

// firstNames is how many streams of a slice are asked for at first: who looks whether
// there are any reads no more. Then a page is a megabyte.
const firstNames = 32

// Streams implements [eventstore.Directory]: one eventually consistent Query for each
// slice of the directory, of at the most 32 names, and then one for each megabyte.
func (s *Store) Streams(ctx context.Context, category string, after eventstore.StreamID) iter.Seq2[eventstore.StreamID, error] {
	if err := eventstore.CheckCategory(category); err != nil {
		return func(yield func(eventstore.StreamID, error) bool) { yield(eventstore.StreamID{}, err) }
	}
	slices := make([]iter.Seq2[eventstore.StreamID, error], s.slices)
	for i := range slices {
		slices[i] = s.slice(ctx, category, i, after)
	}
	return dynamotable.Merge(eventstore.StreamID.Compare, slices)
}

// slice returns the streams of one slice in the byte order of their names, which is
// DynamoDB's order of strings.
func (s *Store) slice(ctx context.Context, category string, i int, after eventstore.StreamID) iter.Seq2[eventstore.StreamID, error] {
	return func(yield func(eventstore.StreamID, error) bool) {
		in := &dynamodb.QueryInput{TableName: &s.table, IndexName: &s.index,
			KeyConditionExpression:   new("#dir = :dir AND #pk > :after"),
			ExpressionAttributeNames: map[string]string{"#dir": attrDir, "#pk": attrPK},
			ExpressionAttributeValues: map[string]types.AttributeValue{":dir": dynamotable.S(slice(category, i)),
				":after": dynamotable.S(max(after.String(), category))}, Limit: new(int32(firstNames))}
		for page, err := range s.query(ctx, in) {
			if err != nil {
				yield(eventstore.StreamID{}, err)
				return
			}
			for _, item := range page {
				r := dynamotable.Reader{Item: item}
				stream, err := eventstore.ParseStreamID(r.String(attrPK))
				if err != nil {
					err = fmt.Errorf("%w: the name of a stream: %w", eventstore.ErrCorrupt, err)
				}
				if !yield(stream, err) || err != nil {
					return
				}
			}
		}
	}
}
