package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// resolve returns an item as a commit, with its payloads fetched where they lie in
// items of their own.
func (s *Store) resolve(ctx context.Context, item dynamotable.Item, stream eventstore.StreamID, intern func([]byte) string) (eventstore.Commit, error) {
	if ctx.Err() != nil { // a page holds many commits
		return eventstore.Commit{}, context.Cause(ctx)
	}
	return s.whole(ctx, item, stream, intern)
}

// whole is resolve also where ctx has ended and nothing has to be fetched.
func (s *Store) whole(ctx context.Context, item dynamotable.Item, stream eventstore.StreamID, intern func([]byte) string) (eventstore.Commit, error) {
	r := dynamotable.Reader{Item: item}
	if !r.Has(attrParts) {
		return s.commit(item, stream, nil, intern)
	}
	first, n := r.Int(attrSK), r.Int(attrParts)
	if r.Err == nil && (n < 1 || n > dynamotable.MaxTransactionItems) {
		r.Err = fmt.Errorf("the item says that it has %d parts", n)
	}
	if r.Err != nil {
		return eventstore.Commit{}, damaged(stream, first, r.Err)
	}
	parts, err := s.parts(ctx, stream, eventstore.Version(first), int(n))
	if err != nil {
		return eventstore.Commit{}, err
	}
	return s.commit(item, stream, parts, intern)
}

const (
	// A read beside a transaction may see the commit before its parts.
	timesToAsk = 8
	askAfter   = 5 * time.Millisecond // then twice as long, and so on: 1.3 s in all
)

// parts returns the bytes of a commit's payload items.
func (s *Store) parts(ctx context.Context, stream eventstore.StreamID, first eventstore.Version, n int) ([]byte, error) {
	found := make([][]byte, n)
	for wait, asked := askAfter, 0; ; wait, asked = 2*wait, asked+1 {
		missing, err := s.ask(ctx, stream, first, found)
		if err != nil {
			return nil, err
		}
		if missing == 0 {
			break
		}
		if asked == timesToAsk {
			return nil, damaged(stream, int64(first), fmt.Errorf("%d of its %d payload items are missing", missing, n))
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(wait):
		}
	}
	var all []byte
	for _, part := range found {
		all = append(all, part...)
	}
	return all, nil
}

// ask fetches the parts that are not found yet, and returns how many remain.
func (s *Store) ask(ctx context.Context, stream eventstore.StreamID, first eventstore.Version, found [][]byte) (missing int, err error) {
	var keys []dynamotable.Item
	for i, part := range found {
		if part == nil {
			keys = append(keys, payloadKey(stream, first, i))
		}
	}
	items, err := dynamotable.BatchGet(ctx, s.attempts, s.client, s.table, keys)
	if err != nil {
		return 0, s.wrap(ctx, "read", err)
	}
	for _, item := range items {
		r := dynamotable.Reader{Item: item}
		i, part := r.Int(attrSK), r.Bytes(attrPart)
		if r.Err == nil && (i < 0 || i >= int64(len(found)) || part == nil) {
			r.Err = errors.New("a payload item is empty or has a wrong number")
		}
		if r.Err != nil {
			return 0, damaged(stream, int64(first), r.Err)
		}
		found[i] = part
	}
	return len(keys) - len(items), nil
}
