package dynamofeed

import (
	"cmp"
	"hash/fnv"
	"slices"
	"time"
)

// watch knows for how long each lease has had the same nonce, by the clock of this
// process alone. Times of two machines are never compared.
type watch struct {
	leaseFor time.Duration
	seen     map[string]sighting // by shard
}

type sighting struct {
	nonce string
	since time.Time
}

// see takes note of all leases as they are now.
func (w *watch) see(leases []lease, now time.Time) {
	seen := make(map[string]sighting, len(leases))
	for _, l := range leases {
		if s, ok := w.seen[l.shard]; ok && s.nonce == l.nonce {
			seen[l.shard] = s
		} else {
			seen[l.shard] = sighting{l.nonce, now}
		}
	}
	w.seen = seen
}

// lapsed reports whether a lease was not renewed for so long that its owner is taken for
// dead. See has seen it.
func (w *watch) lapsed(l lease, now time.Time) bool {
	return l.owner != "" && now.Sub(w.seen[l.shard].since) >= w.leaseFor
}

// share returns the leases that a worker takes now: of those that nobody holds as many
// as make up its part; if there are none, and another worker holds at least two more
// than it does, one of that one's. So the parts become even, and then stay.
//
// free is how many nobody holds, before that.
func share(me string, leases []lease, lapsed func(lease) bool) (take []lease, free int) {
	all, held, total := byShard(leases), map[string][]lease{me: nil}, 0
	var unheld []lease
	for _, l := range leases {
		switch {
		case l.done():
			continue
		case l.owner != "" && !lapsed(l):
			held[l.owner] = append(held[l.owner], l)
		case readable(l, all):
			unheld = append(unheld, l)
		default:
			continue // nobody can read it yet
		}
		total++
	}
	part := (total + len(held) - 1) / len(held)
	if len(unheld) > 0 {
		return inOrderOf(me, unheld)[:min(len(unheld), max(0, part-len(held[me])))], len(unheld)
	}
	var most []lease
	for owner, theirs := range held {
		if owner != me && (len(theirs) > len(most) || len(theirs) == len(most) && len(most) > 0 && owner < most[0].owner) {
			most = theirs
		}
	}
	if len(most) >= len(held[me])+2 {
		return inOrderOf(me, most)[:1], 0
	}
	return nil, 0
}

// inOrderOf sorts leases differently for each worker, so that those who look at the same
// time do not all want the same.
func inOrderOf(me string, leases []lease) []lease {
	rank := func(l lease) uint64 {
		h := fnv.New64a()
		_, _ = h.Write([]byte(me + "|" + l.shard)) // a hash never fails
		return h.Sum64()
	}
	slices.SortFunc(leases, func(a, b lease) int { return cmp.Compare(rank(a), rank(b)) })
	return leases
}
