package streams

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// Handle applies the records of an invocation to every projection of the engine. It is a
// handler for lambda.Start, and its event source mapping must have ReportBatchItemFailures:
// without it Lambda throws the answer away, and what was not done is only found by a sweep.
//
// The answer names one record, the lowest by sequence number of those that were not taken
// care of, or none. Lambda goes back to the lowest that an answer names and repeats
// everything from there on, so the others add nothing; and all that lies before it counts
// as done, for ever, so no higher one will do. What lies behind it and was done is
// announced again, which changes nothing and costs the read of a checkpoint.
//
// Not taken care of is what a store or the time kept back, and an event whose projection
// failed for now ([projection.Transient]). An event that fails for good is parked by the
// engine, and its record is done. An error is returned where nothing can be done at all:
// the store can not be reached, [projection.Engine.Prepare] fails, a record is of another
// table. Then Lambda repeats the whole batch. The error is logged, with its hint, since
// Lambda keeps no more of it than its text.
//
// Damage is logged as an error, told to Options.OnDamage, and done: it would hold up the
// shard until somebody has repaired the store. That is a commit that was changed or
// removed, which is never applied; an item that is none of ours; and a commit whose stream
// the store can not read. Such a stream keeps its checkpoint in each projection, and each
// sweep fails on it, until it is repaired: nothing of it is lost.
func (h *Handler) Handle(ctx context.Context, event events.DynamoDBEvent) (answer events.DynamoDBEventResponse, err error) {
	answer = events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
	ctx, cancel := h.working(ctx)
	defer cancel()
	defer func() {
		if err != nil {
			h.failed(ctx, err)
		}
	}()
	store, engine, err := h.connected(ctx)
	if err != nil {
		return answer, err
	}
	records, err := h.read(ctx, store, event.Records)
	if err != nil {
		return answer, err
	}
	defer engine.Beat(ctx)
	if left := h.deliver(ctx, engine, records); len(left) > 0 {
		lowest := slices.MinFunc(left, func(a, b record) int { return compareSequences(a.sequence, b.sequence) })
		answer.BatchItemFailures = append(answer.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: lowest.sequence})
	}
	return answer, nil
}

// deliver hands records to the engine, part by part, and returns those that were not
// taken care of.
func (h *Handler) deliver(ctx context.Context, engine feedEngine, records []record) (left []record) {
	var why error
	for len(records) > 0 {
		if ctx.Err() != nil {
			left = append(left, records...)
			break
		}
		part := records[:min(len(records), h.opts.AtOnce)]
		records = records[len(part):]
		undone := engine.Deliver(ctx, batchOf(part))
		if failed, err := h.undone(ctx, part, undone); len(failed) > 0 {
			left, why = append(left, failed...), err
			if len(failed) == len(part) { // what keeps back all of it will keep back the rest
				left = append(left, records...)
				break
			}
		}
	}
	if ctx.Err() != nil {
		why = context.Cause(ctx) // it says so many times
	}
	if len(left) > 0 {
		h.opts.Logger.WarnContext(ctx, "records were not taken care of and have to come again", "records", len(left), "error", why)
	}
	return left
}

func batchOf(records []record) (b eventstore.Batch) {
	for _, r := range records {
		b.Announcements = append(b.Announcements, r.announcement)
	}
	return b
}

// undone returns the records of a part that have to come again, and what keeps one of
// them back. Those of a damaged stream have not: its damage is told.
func (h *Handler) undone(ctx context.Context, part []record, undone []projection.Undone) (left []record, err error) {
	kept := map[eventstore.StreamID]projection.Undone{} // the engine gives back a stream as a whole
	for _, u := range undone {
		kept[u.Stream] = u
	}
	for _, r := range part {
		u, ok := kept[r.announcement.Stream]
		switch {
		case !ok:
		case u.Damaged:
			h.damage(ctx, Damage{Sequence: r.sequence, Err: u.Err})
		default:
			left, err = append(left, r), u.Err
		}
	}
	return left, err
}

// compareSequences orders sequence numbers: decimal ones of any length.
func compareSequences(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
