package dynamoviews

import (
	"context"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
	"github.com/leftfold/leftfold/projection"
)

const (
	// A scan holds a page of every bucket. It begins with few items, since they may be
	// large, and goes on with as many as make about pageBytes.
	firstPage = 32
	mostItems = 1000
	pageBytes = 256 << 10
)

func pageOf(items, bytes int) int {
	if items == 0 {
		return firstPage
	}
	return min(mostItems, 1+pageBytes/(1+bytes/items))
}

// ScanRows implements [projection.RowReader]: a strongly consistent Query of each bucket
// of the view, one request for at the most 256 KB.
func (v *Views) ScanRows(ctx context.Context, g projection.GenerationID, view string) iter.Seq2[projection.Row, error] {
	all := make([]iter.Seq2[projection.Row, error], buckets)
	for i := range all {
		query := v.query(rowsKey(g, view, i), "PK = :pk")
		if projection.IsPerStream(view) {
			query = v.query(checkpointsKey(g, i), "PK = :pk")
		}
		all[i] = decoded(rowsAmong(v.items(ctx, query, pageOf)), func(item dynamotable.Item) (projection.Row, error) {
			return rowOf(item, view)
		})
	}
	return whole(ctx, dynamotable.Merge(func(a, b projection.Row) int { return a.ID.Key.Compare(b.ID.Key) }, all))
}

// rowsAmong passes over items that are no rows. It does so here and not in the query, which
// then tells how many items make a page.
func rowsAmong(items iter.Seq2[dynamotable.Item, error]) iter.Seq2[dynamotable.Item, error] {
	return func(yield func(dynamotable.Item, error) bool) {
		for item, err := range items {
			if (err != nil || isRow(item)) && !yield(item, err) {
				return
			}
		}
	}
}

// AllCheckpoints implements [projection.SliceStore], as ScanRows. Those with a park
// record are found by an index, which is eventually consistent and holds no others, and
// are then read by themselves.
func (v *Views) AllCheckpoints(ctx context.Context, g projection.GenerationID, parked bool) iter.Seq2[projection.Checkpoint, error] {
	if parked {
		return whole(ctx, indexed(ctx, v, parkedKey(g), v.parked(g)))
	}
	all := make([]iter.Seq2[projection.Checkpoint, error], buckets)
	for i := range all {
		all[i] = decoded(v.items(ctx, v.query(checkpointsKey(g, i), "PK = :pk"), pageOf), checkpointOf)
	}
	return whole(ctx, dynamotable.Merge(func(a, b projection.Checkpoint) int { return a.Stream.Compare(b.Stream) }, all))
}

// parked returns those of the streams that are parked, in their order.
func (v *Views) parked(g projection.GenerationID) func(context.Context, []string) ([]projection.Checkpoint, error) {
	return func(ctx context.Context, names []string) ([]projection.Checkpoint, error) {
		streams := make([]eventstore.StreamID, len(names))
		for i, name := range names {
			var err error
			if streams[i], err = eventstore.ParseStreamID(name); err != nil {
				return nil, err
			}
		}
		found, err := v.Checkpoints(ctx, g, streams)
		return slices.DeleteFunc(found, func(c projection.Checkpoint) bool { return c.Parked == nil }), err // the index may be late
	}
}

// indexed yields what the index lists under a key, in the order of the sort keys. read
// returns what they stand for, some at a time.
func indexed[T any](ctx context.Context, v *Views, key string, read func(context.Context, []string) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		var names []string
		flush := func() bool {
			found, err := read(ctx, names)
			names = names[:0]
			for _, value := range found {
				if err == nil && !yield(value, nil) {
					return false
				}
			}
			if err != nil {
				yield(none, err)
			}
			return err == nil
		}
		query := v.query(key, "dir = :pk")
		query.IndexName, query.ConsistentRead = aws.String(parkedIndex), nil
		for item, err := range v.items(ctx, query, func(int, int) int { return mostItems }) {
			r := dynamotable.Reader{Item: item}
			name := ""
			if err == nil {
				name = r.String(attrSK)
				err = r.Err
			}
			if err != nil {
				yield(none, err)
				return
			}
			if names = append(names, name); len(names) == dynamotable.MaxBatchGetKeys && !flush() {
				return
			}
		}
		if len(names) > 0 {
			flush()
		}
	}
}

// decoded returns items as what they stand for. The first that can not be ends it.
func decoded[T any](items iter.Seq2[dynamotable.Item, error], decode func(dynamotable.Item) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for item, err := range items {
			var value T
			if err == nil {
				value, err = decode(item)
			}
			if !yield(value, err) || err != nil {
				return
			}
		}
	}
}

// whole ends a sequence with the cause of a context that ends meanwhile: what is left of
// a page must not look like the end.
func whole[T any](ctx context.Context, all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for value, err := range all {
			if err == nil && ctx.Err() != nil {
				var none T
				value, err = none, context.Cause(ctx)
			}
			if !yield(value, err) || err != nil {
				return
			}
		}
	}
}
