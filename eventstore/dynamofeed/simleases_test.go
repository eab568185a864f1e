package dynamofeed

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

func (n *network) list(ctx context.Context) ([]lease, error) {
	ids, err := ask(ctx, n, "list", func() ([]string, error) { return slices.Sorted(maps.Keys(n.leases)), nil })
	if err != nil {
		return nil, err
	}
	// It is not of one moment: a second page comes later.
	later := slices.Clone(ids[len(ids)/2:])
	n.mu.Lock()
	leases := n.those(ids[:len(ids)/2])
	n.mu.Unlock()
	rest, err := ask(ctx, n, "list more", func() ([]lease, error) {
		for id := range n.leases { // also what came meanwhile
			if len(later) == 0 || id > later[len(later)-1] {
				later = append(later, id)
			}
		}
		slices.Sort(later)
		return n.those(later), nil
	})
	leases = append(leases, rest...)
	parts := map[string]int{}
	for _, l := range leases {
		parts[l.owner]++
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.parts[n.worker] = parts
	return leases, err
}

func (w *world) those(ids []string) []lease {
	var leases []lease
	for _, id := range ids {
		if l, ok := w.leases[id]; ok {
			leases = append(leases, l)
		}
	}
	return leases
}

func (n *network) create(ctx context.Context, l lease) error {
	_, err := ask(ctx, n, "create "+l.shard, func() (bool, error) {
		if _, ok := n.leases[l.shard]; !ok {
			if n.first.IsZero() {
				n.first = time.Now()
			}
			n.put(n.worker, lease{}, l)
		}
		return true, nil
	})
	return err
}

type outcome struct {
	current lease
	ok      bool
}

func (n *network) write(ctx context.Context, next lease, nonce string) (lease, bool, error) {
	o, err := ask(ctx, n, "write "+next.shard, func() (outcome, error) {
		current, ok := n.leases[next.shard]
		if !ok || current.nonce != nonce {
			n.counts["refused"]++
			return outcome{current, ok && current.nonce == next.nonce}, nil
		}
		n.put(n.worker, current, next)
		return outcome{next, true}, nil
	})
	return o.current, o.ok, err
}

func (n *network) remove(ctx context.Context, l lease) error {
	_, err := ask(ctx, n, "remove "+l.shard, func() (bool, error) {
		if current, ok := n.leases[l.shard]; ok && current.nonce == l.nonce {
			n.log("%s removes %s", n.worker, l.shard)
			n.counts["removed"]++
			delete(n.leases, l.shard)
		}
		return true, nil
	})
	return err
}

// put writes a lease, if that is all right.
func (w *world) put(worker string, old, next lease) {
	w.checkPlace(next)
	w.checkOwner(worker, old, next)
	if next.nonce == old.nonce || next.parent != old.parent && old.shard != "" || old.ended && !next.ended || old.ready && !next.ready {
		w.fail("%s writes %+v over %+v", worker, next, old)
	}
	if old.owner != next.owner || old.place != next.place || old.ended != next.ended {
		w.log("%s writes %s: place %q, owner %q, ended %t; before: %q, %q", worker, next.shard, next.place, next.owner, next.ended, old.place, old.owner)
	}
	w.leases[next.shard], w.written[next.shard] = next, time.Now()
}

// checkPlace: a place never goes back, and never passes a record that nobody has taken
// care of.
func (w *world) checkPlace(l lease) {
	s := w.shard(l.shard)
	if before(l.place, w.furthest[l.shard]) {
		w.fail("the place of %s goes back from %q to %q", l.shard, w.furthest[l.shard], l.place)
	}
	w.furthest[l.shard] = l.place
	number, behind := l.place.number(afterPrefix)
	for _, r := range s.records {
		passed := l.place == end || behind && !comesAfter(sequenceOf(r.sequence), number)
		if passed && !w.covered(r) {
			w.fail("the place of %s is %q, and record %d was not taken care of", l.shard, l.place, r.sequence)
		}
		if l.ended && !r.handed && !w.covered(r) {
			w.fail("%s has ended, and record %d was not handed over", l.shard, r.sequence)
		}
	}
	if l.ended && s.closed.IsZero() {
		w.fail("%s has ended, and is open", l.shard)
	}
}

// before reports whether a place is before another one.
func before(a, b place) bool {
	rank := func(p place) int {
		switch {
		case p == "":
			return 0
		case p == lost || strings.HasPrefix(string(p), atPrefix) || strings.HasPrefix(string(p), beginPrefix):
			return 1
		case p == end:
			return 3
		}
		return 2
	}
	if rank(a) != rank(b) {
		return rank(a) < rank(b)
	}
	x, _ := a.number(afterPrefix)
	y, _ := b.number(afterPrefix)
	return comesAfter(y, x)
}

// checkOwner: nobody takes a lease that is renewed, but to make the parts even.
func (w *world) checkOwner(worker string, old, next lease) {
	if old.owner == next.owner {
		return
	}
	if old.owner == worker {
		w.counts["given back"]++
		return
	}
	if next.owner != worker {
		w.fail("%s gives away %s, which %s has", worker, next.shard, old.owner)
	}
	if old.owner == "" {
		return
	}
	if age := time.Since(w.written[next.shard]); age >= simOptions.LeaseFor {
		w.counts["taken over"]++
		return
	}
	w.counts["taken for balance"]++
	if parts := w.parts[worker]; parts[old.owner] <= parts[worker] {
		w.fail("%s takes %s from %s, which renews it and has no more than it", worker, next.shard, old.owner)
	}
}
