package eventsource

import (
	"cmp"
	"context"
	"encoding/json"
	"hash/fnv"
	"maps"
	"slices"
	"sync"
	"time"
)

// message is a record with its JSON.
type message struct {
	record Record
	text   json.RawMessage
}

// pagesAhead is how many pages of records wait for a lane, about: then the shard is not
// read any further.
const pagesAhead = 4

// readShard hands the records of a shard to its lanes, and returns when all of them are
// done, or ctx has ended.
func (m *Mapping) readShard(ctx context.Context, shard string) {
	lanes := make([]chan []message, m.settings.ParallelizationFactor)
	var group sync.WaitGroup
	for i := range lanes {
		lanes[i] = make(chan []message, pagesAhead) // sent and closed here
		group.Go(func() {
			l := lane{Mapping: m, shard: shard, number: i, arriving: lanes[i]}
			l.run(ctx)
		})
	}
	after := ""
	for !m.readPages(ctx, shard, &after, lanes) {
		pause(ctx, m.settings.PollEvery)
	}
	for _, l := range lanes {
		close(l)
	}
	group.Wait()
}

// readPages moves after forward, and reports whether nothing more will come.
func (m *Mapping) readPages(ctx context.Context, shard string, after *string, lanes []chan []message) (ended bool) {
	for page, err := range m.source.Read(ctx, shard, *after) {
		if ctx.Err() != nil {
			return true
		}
		if err != nil {
			m.settings.Logger.WarnContext(ctx, "a shard can not be read", "shard", shard, "error", err)
			return false
		}
		if len(page) == 0 {
			pause(ctx, m.settings.PollEvery)
			continue
		}
		for i, messages := range m.divide(ctx, page, len(lanes)) {
			select {
			case lanes[i] <- messages:
			case <-ctx.Done():
				return true
			}
		}
		*after = page[len(page)-1].Change.SequenceNumber
	}
	return true
}

// divide says which lane gets which records.
func (m *Mapping) divide(ctx context.Context, page []Record, lanes int) map[int][]message {
	all := map[int][]message{}
	for _, r := range page {
		text, err := json.Marshal(r)
		if err != nil {
			m.settings.Logger.ErrorContext(ctx, "a record has no JSON", "sequence", r.Change.SequenceNumber, "error", err)
			continue
		}
		i := laneOf(r, lanes)
		all[i] = append(all[i], message{r, text})
	}
	return all
}

// laneOf keeps the changes of an item together: Lambda promises no more.
func laneOf(r Record, lanes int) int {
	h := fnv.New32a()
	for _, name := range slices.Sorted(maps.Keys(r.Change.Keys)) {
		value, _ := r.Change.Keys[name].MarshalJSON() // a key is a string, a number or bytes
		_, _ = h.Write(value)                         // a hash never fails
	}
	return int(h.Sum32() % uint32(lanes))
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// compareSequences orders sequence numbers: decimal ones of any length.
func compareSequences(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}
