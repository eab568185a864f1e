package dynamofeed

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// lease is a worker's turn at a shard, and how far the consumer has come in it.
type lease struct {
	shard, parent string
	// place is where the next worker begins. What lies before it was taken care of.
	place place
	// ended says that the shard was handed over to its end, if not taken care of: what
	// follows it may be read. It stays, also where a later worker goes back.
	ended bool
	// ready says that the shard follows none that would have to be read before.
	ready bool
	// owner is the worker whose turn it is, or empty.
	owner string
	// nonce is another one with each write. A write names the one that it replaces, and
	// a watcher sees by it that the owner is alive.
	nonce string
}

// done reports whether nothing is left to do for the shard.
func (l lease) done() bool { return l.place == end }

func newNonce() string { return uuid.NewString() }

// leaseTable holds the leases of a consumer. Its methods may be called concurrently, and
// by several workers.
type leaseTable interface {
	// list returns all leases, strongly consistent, though not all of one moment.
	list(ctx context.Context) ([]lease, error)
	// create adds a lease, unless its shard has one.
	create(ctx context.Context, l lease) error
	// write puts a lease in the place of the one with a nonce. If that is not there any
	// more ok is false, nothing was written, and current is the lease that is there, zero
	// if none is. A write that was carried out although its answer got lost is ok.
	write(ctx context.Context, next lease, nonce string) (current lease, ok bool, err error)
	// remove removes a lease, if it is as given.
	remove(ctx context.Context, l lease) error
}

// readable reports whether a shard may be read: that before it was handed over. Whoever
// takes it for the first time makes it ready, so that the lease of its parent can go.
func readable(l lease, all map[string]lease) bool {
	if l.ready {
		return true
	}
	parent, ok := all[l.parent]
	return ok && (parent.ended || parent.done())
}

func byShard(leases []lease) map[string]lease {
	all := make(map[string]lease, len(leases))
	for _, l := range leases {
		all[l.shard] = l
	}
	return all
}

// missing returns leases for the shards that have none, parents before those that follow
// them: a lease that is not ready waits for that of its parent, which must be there.
//
// A consumer without any lease begins at the beginning. Afterwards each shard is expected
// to follow one that is known; of any other it is not known what came before it.
func missing(listed []shard, leases []lease, now time.Time) []lease {
	known, shards := byShard(leases), map[string]shard{}
	for _, s := range listed {
		shards[s.id] = s
	}
	var added []lease
	var add func(s shard)
	add = func(s shard) {
		if _, ok := known[s.id]; ok {
			return
		}
		known[s.id] = lease{} // also where a server describes a circle
		if parent, ok := shards[s.parent]; ok {
			add(parent)
		}
		l := lease{shard: s.id, parent: s.parent, place: at(s.first), nonce: newNonce()}
		if _, ok := known[s.parent]; !ok {
			l.ready = true
			if l.place = lost; len(leases) == 0 {
				l.place = begin(now)
			}
		}
		known[s.id] = l
		added = append(added, l)
	}
	for _, s := range listed {
		add(s)
	}
	return added
}

// removable returns the leases of which nobody will ask again: they are done, their
// shards have left the stream, and every shard that is there has a lease, which makes
// clear that nothing was passed over. Those that follow must not wait for them.
func removable(listed []shard, leases []lease) []lease {
	known, present, awaited := byShard(leases), map[string]bool{}, map[string]bool{}
	for _, s := range listed {
		present[s.id] = true
		if _, ok := known[s.id]; !ok {
			return nil
		}
	}
	for _, l := range leases {
		if !l.ready {
			awaited[l.parent] = true
		}
	}
	var gone []lease
	for _, l := range leases {
		if l.done() && !present[l.shard] && !awaited[l.shard] && len(listed) > 0 {
			gone = append(gone, l)
		}
	}
	return gone
}
