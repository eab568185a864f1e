package dynamofeed

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// network is what lies between one worker and the world.
type network struct {
	*world
	worker string
	dead   atomic.Bool
	frozen atomic.Int64 // until when, in nanoseconds
}

var errSim = errors.New("simulated")

// travel takes the time of a request's way, or of its answer's. While the worker is frozen
// nothing arrives; after it was killed nothing ever does.
func (n *network) travel(ctx context.Context, request string) error {
	n.mu.Lock()
	random := n.of(n.worker + request)
	d := upTo(40*time.Millisecond, random) + 1
	if random.IntN(200) == 0 && !n.healthy {
		d += upTo(30*time.Second, random)
		n.counts["slow"]++
	}
	n.mu.Unlock()
	sleep(ctx, max(d, time.Until(time.Unix(0, n.frozen.Load()))))
	if n.dead.Load() {
		<-ctx.Done()
	}
	return context.Cause(ctx)
}

// fault decides whether one of so many requests suffers something.
func (n *network) fault(one int, request, what string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.of(n.worker+request+what).IntN(one) != 0 || n.healthy {
		return false
	}
	n.counts[what]++
	return true
}

// ask is a request: its way, faults, what the world does, and the answer's way.
func ask[T any](ctx context.Context, n *network, request string, do func() (T, error)) (answer T, err error) {
	var none T
	if err := n.travel(ctx, request); err != nil {
		return none, err
	}
	if n.fault(25, request, "throttled") {
		return none, fmt.Errorf("%w: %s is throttled", errSim, request)
	}
	n.mu.Lock()
	answer, err = do()
	n.mu.Unlock()
	if err := n.travel(ctx, request); err != nil {
		return none, err
	}
	if err == nil && n.fault(50, request, "answer lost") {
		return none, fmt.Errorf("%w: the answer to %s got lost", errSim, request)
	}
	return answer, err
}

func (n *network) shards(ctx context.Context) ([]shard, error) {
	return ask(ctx, n, "shards", func() ([]shard, error) { return n.listed(func(*simShard) bool { return true }), nil })
}

func (n *network) children(ctx context.Context, id string) ([]shard, error) {
	return ask(ctx, n, "children "+id, func() ([]shard, error) { return n.listed(func(s *simShard) bool { return s.parent == id }), nil })
}

func (w *world) listed(which func(*simShard) bool) []shard {
	var listed []shard
	for _, s := range w.shards {
		if which(s) && !s.gone() && !s.visible.After(time.Now()) {
			listed = append(listed, shard{id: s.id, parent: s.parent, first: sequenceOf(s.first)})
		}
	}
	return listed
}

func (n *network) iterator(ctx context.Context, id string, from place) (string, error) {
	return ask(ctx, n, "iterator "+id, func() (string, error) {
		s := n.shard(id)
		if s == nil || s.gone() {
			n.counts["gone"]++
			return "", errGone
		}
		if n.of("not found "+id).IntN(150) == 0 && !n.healthy {
			n.counts["not found for a moment"]++
			return "", errGone
		}
		behind, err := n.resolve(s, from)
		return fmt.Sprint(id, " ", behind, " ", time.Now().UnixNano()), err
	})
}

// resolve returns the number behind which a place is.
func (w *world) resolve(s *simShard, from place) (int, error) {
	if begins, _ := from.fromBegin(time.Now(), simKept); begins {
		for _, r := range s.records {
			if !r.trimmed() {
				return r.sequence - 1, nil
			}
		}
		return w.nextSequence() - 1, nil
	}
	behind, made := s.first-1, s.created
	if number, ok := from.number(afterPrefix); ok {
		behind, _ = strconv.Atoi(number)
	}
	for _, r := range s.records {
		if r.sequence <= behind {
			made = r.created
		}
	}
	if w.strict && time.Since(made) >= simKept {
		w.counts["trimmed"]++
		return 0, errTrimmed
	}
	return behind, w.checkTrimmed(s, behind)
}

func (w *world) checkTrimmed(s *simShard, behind int) error {
	for _, r := range s.records {
		if r.sequence > behind && r.trimmed() {
			w.counts["trimmed"]++
			return errTrimmed
		}
	}
	return nil
}

type answer struct {
	records []record
	next    string
}

func (n *network) records(ctx context.Context, iterator string) ([]record, string, error) {
	var id string
	var behind int
	var made int64
	if _, err := fmt.Sscan(iterator, &id, &behind, &made); err != nil {
		return nil, "", err
	}
	a, err := ask(ctx, n, "records "+id, func() (answer, error) {
		s := n.shard(id)
		if time.Since(time.Unix(0, made)) >= simIterator {
			n.counts["expired"]++
			return answer{}, errExpired
		}
		if s.gone() {
			return answer{}, errGone
		}
		if err := n.checkTrimmed(s, behind); err != nil {
			return answer{}, err
		}
		a := n.read(s, behind)
		n.log("%s reads %s behind %d: %d records, next %q", n.worker, id, behind, len(a.records), a.next)
		return a, nil
	})
	return a.records, a.next, err
}

// read returns a page: of some records, of none although there are some, or of some that
// came before.
func (w *world) read(s *simShard, behind int) answer {
	var a answer
	random := w.of("read " + s.id)
	most := random.IntN(12)
	for i, r := range s.records {
		if r.sequence <= behind || len(a.records) >= most {
			continue
		}
		if len(a.records) == 0 && i > 0 && !w.healthy && random.IntN(20) == 0 {
			a.records = append(a.records, recordOf(s.records[max(0, i-1-random.IntN(3))]))
			w.counts["repeated by the stream"]++
			if random.IntN(2) == 0 {
				break // and nothing else
			}
		}
		a.records = append(a.records, recordOf(r))
		behind = r.sequence
	}
	if !s.closed.IsZero() && (len(s.records) == 0 || behind >= s.records[len(s.records)-1].sequence) {
		return a
	}
	a.next = fmt.Sprint(s.id, " ", behind, " ", time.Now().UnixNano())
	return a
}

func recordOf(r *simRecord) record {
	out := record{sequence: sequenceOf(r.sequence), created: r.created}
	if !r.stream.IsZero() {
		c := &eventstore.Commit{Stream: r.stream, First: r.version, Events: make([]eventstore.Event, 1)}
		out.announcement = eventstore.Announce(c)
	}
	return out
}
