package dynamoviews

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
	"github.com/leftfold/leftfold/projection"
)

// Estimate is what views would have cost on DynamoDB. Units are those of on-demand
// capacity; see docs/dynamodb.md.
type Estimate struct {
	// Slices were written, which moved so many Checkpoints. OwnRows lie in the items of
	// those, as projection.PerStream makes them; Rows are items beside them, of the same
	// transaction; Inserts go by themselves, unless a stream has a park record.
	Slices, Checkpoints, OwnRows, Rows, Inserts int
	// Alone are the slices that are one checkpoint and no row beside it: no transaction,
	// and half as dear.
	Alone int
	// Parks is how often a stream was parked, or its park record removed.
	Parks int
	// RowBytes is the size of the rows and inserts as items, keys and all.
	RowBytes int
	// Requests is the least number: without repetitions.
	Requests int
	// WriteUnits and ReadUnits are for rows and checkpoints. States and heartbeats are
	// not in them: they do not grow with the events.
	WriteUnits, ReadUnits float64
	// CheckpointUnits, with own rows, RowUnits, InsertUnits and ParkUnits are what
	// WriteUnits is the sum of.
	CheckpointUnits, RowUnits, InsertUnits, ParkUnits float64
}

// Estimator is a view store that counts what it would cost on DynamoDB, while another
// one does the work: run an engine on it, over memviews, to know before.
type Estimator struct {
	projection.ViewStore

	mu  sync.Mutex
	sum Estimate
	own map[string]int // sizes of checkpoints with a row in them, by key
}

// NewEstimator returns an estimator over a view store, with the limits of DynamoDB.
func NewEstimator(views projection.ViewStore) *Estimator {
	return &Estimator{ViewStore: views, own: map[string]int{}}
}

// Estimate returns what was counted so far.
func (e *Estimator) Estimate() Estimate {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sum
}

// Limits implements [projection.SliceStore].
func (e *Estimator) Limits() projection.Limits { return limits }

// Apply implements [projection.SliceStore].
func (e *Estimator) Apply(ctx context.Context, s projection.Slice) error {
	e.mu.Lock()
	e.count(s)
	e.mu.Unlock()
	return e.ViewStore.Apply(ctx, s)
}

func (e *Estimator) count(s projection.Slice) {
	items, inserts := new(Views).itemsOf(s)
	alone := len(items) == 1 && len(s.Moves) == 1
	rows := 0
	for _, w := range s.Writes {
		e.sum.RowBytes += dynamotable.SizeOf(rowItem(s.Generation, w.Row))
		switch {
		case w.Insert:
			e.sum.Inserts++
		case projection.IsPerStream(w.Row.ID.View):
			e.sum.OwnRows++
		default:
			rows++
		}
	}
	for i, item := range items {
		size := sizeOfWrite(item)
		units := float64(dynamotable.WriteUnits(size))
		if !alone { // a transaction
			units *= 2
		}
		e.sum.WriteUnits += units
		switch { // in this order they come
		case i < len(s.Moves):
			e.sum.CheckpointUnits += units
		case i < len(s.Moves)+rows:
			e.sum.RowUnits += units
		default:
			e.sum.InsertUnits += units
		}
		if i < len(s.Moves) && item.Update.ExpressionAttributeValues[":row"] != nil {
			e.own[nameOf(item.Update.Key)] = size
		}
	}
	for _, item := range inserts {
		units := float64(dynamotable.WriteUnits(dynamotable.SizeOf(item)))
		e.sum.WriteUnits += units
		e.sum.InsertUnits += units
	}
	e.sum.Requests += (len(inserts) + dynamotable.MaxBatchWriteItems - 1) / dynamotable.MaxBatchWriteItems
	if len(items) > 0 {
		e.sum.Requests++
	}
	if alone {
		e.sum.Alone++
	}
	e.sum.Slices++
	e.sum.Checkpoints += len(s.Moves)
	e.sum.Rows += rows
}

// sizeOfWrite is what a write is charged by. What is deleted is taken to be small.
func sizeOfWrite(item types.TransactWriteItem) int {
	switch u := item.Update; {
	case item.Put != nil:
		return dynamotable.SizeOf(item.Put.Item)
	case u != nil && u.ExpressionAttributeValues[":to"] != nil: // a checkpoint, which may be marked
		return dynamotable.SizeOf(dynamotable.Updated(u.Key, *u.UpdateExpression, u.ExpressionAttributeNames, u.ExpressionAttributeValues)) +
			dynamotable.SizeOf(dynamotable.Item{attrMark: dynamotable.B(make([]byte, 8))})
	case u != nil:
		return dynamotable.SizeOf(dynamotable.Updated(u.Key, *u.UpdateExpression, u.ExpressionAttributeNames, u.ExpressionAttributeValues))
	}
	return 1
}

// Park implements [projection.SliceStore].
func (e *Estimator) Park(ctx context.Context, g projection.GenerationID, stream eventstore.StreamID, at eventstore.Version, p *projection.Parked) error {
	e.mu.Lock()
	e.sum.Requests++
	e.sum.Parks++
	e.sum.ParkUnits += 3 // with its entry in the index
	e.sum.WriteUnits += 3
	e.mu.Unlock()
	return e.ViewStore.Park(ctx, g, stream, at, p)
}

// Checkpoints implements [projection.SliceStore].
func (e *Estimator) Checkpoints(ctx context.Context, g projection.GenerationID, streams []eventstore.StreamID) ([]projection.Checkpoint, error) {
	e.mu.Lock()
	e.batch(len(streams))
	for _, s := range streams {
		e.sum.ReadUnits += dynamotable.ReadUnits(max(1, e.own[nameOf(checkpointKey(g, s.String()))]), true)
	}
	e.mu.Unlock()
	return e.ViewStore.Checkpoints(ctx, g, streams)
}

// Rows implements [projection.RowReader].
func (e *Estimator) Rows(ctx context.Context, g projection.GenerationID, ids []projection.RowID) ([]projection.Row, error) {
	rows, err := e.ViewStore.Rows(ctx, g, ids)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.batch(len(ids))
	e.sum.ReadUnits += float64(len(ids) - len(rows)) // one that is not there costs as a small one
	for _, row := range rows {
		e.sum.ReadUnits += dynamotable.ReadUnits(dynamotable.SizeOf(rowItem(g, row)), true)
	}
	return rows, err
}

func (e *Estimator) batch(keys int) {
	e.sum.Requests += (keys + dynamotable.MaxBatchGetKeys - 1) / dynamotable.MaxBatchGetKeys
}
