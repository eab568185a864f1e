package dynamofeed

import (
	"context"
	"errors"
	"time"
)

// giveBackWithin is how long the leases may take to be given back after ctx has ended.
const giveBackWithin = 5 * time.Second

// errLost: another worker has the lease, or nobody needs it any more.
var errLost = errors.New("the lease is another worker's")

// holding is a lease that this worker has.
type holding struct {
	run   *run
	lease lease // as last written; its keeper alone uses it
	track *track
	ended chan struct{} // closed when the last page of the shard was handed over
	stop  context.CancelFunc
}

// hold begins to read a shard whose lease was taken.
func (r *run) hold(ctx context.Context, l lease) {
	reading, stop := context.WithCancel(ctx)
	h := &holding{run: r, lease: l, track: r.ledger.open(l.place, time.Now()), ended: make(chan struct{}), stop: stop}
	r.mu.Lock()
	r.held[l.shard] = h
	r.mu.Unlock()
	r.group.Go(func() { newReader(r, l, h.track).read(reading) })
	r.group.Go(func() { h.keep(ctx) })
}

// holds reports whether this worker has the lease of a shard.
func (r *run) holds(shard string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held[shard] != nil
}

// ended notes that the last page of a shard was handed over.
func (r *run) ended(t *track) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.held {
		if h.track == t {
			close(h.ended)
		}
	}
}

// keep renews a lease, and saves the place with it, until nothing is left to do, somebody
// else has it, or ctx ends: then it gives the lease back.
func (h *holding) keep(ctx context.Context) {
	defer h.drop()
	renew := time.NewTicker(h.run.opts.LeaseFor / 3)
	defer renew.Stop()
	ended := h.ended
	for {
		select {
		case <-ctx.Done():
			h.giveBack(ctx)
			return
		case <-ended:
			ended = nil
			h.follow(ctx)
		case <-renew.C:
		}
		if err := h.save(ctx, h.run.worker); err != nil {
			if errors.Is(err, errLost) {
				h.run.opts.Logger.InfoContext(ctx, "lease lost", "shard", h.lease.shard)
				return
			}
			h.run.failing(ctx, "renew a lease", err, new(strikes), "shard", h.lease.shard)
		} else if ended == nil {
			h.run.look() // at the shards that follow
		}
		if h.lease.done() {
			return
		}
	}
}

// follow adds leases for the shards that follow this one, before the end of this one is
// saved. What it misses is found when all shards are listed, which is then at once.
func (h *holding) follow(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, requestWithin)
	defer cancel()
	children, err := h.run.source.children(asking, h.lease.shard)
	for _, c := range children {
		if err == nil {
			err = h.run.leases.create(asking, lease{shard: c.id, parent: c.parent, place: at(c.first), nonce: newNonce()})
		}
	}
	if err != nil {
		h.run.failing(ctx, "find what follows a shard", err, new(strikes), "shard", h.lease.shard)
	}
	if err != nil || len(children) == 0 {
		h.run.relist.Store(true)
	}
}

// save writes the lease with the place that was reached, for an owner: this worker, or
// nobody. It never replaces the lease of another.
func (h *holding) save(ctx context.Context, owner string) error {
	ctx, cancel := context.WithTimeout(ctx, h.run.opts.LeaseFor)
	defer cancel()
	for {
		next := h.lease
		reached, ended := h.run.ledger.place(h.track)
		next.place, next.ended, next.owner, next.nonce = reached, next.ended || ended, owner, newNonce()
		if next.done() {
			next.owner = ""
		}
		current, ok, err := h.run.leases.write(ctx, next, h.lease.nonce)
		if err != nil {
			return err
		}
		if ok {
			h.lease = next
			return nil
		}
		if current.owner != h.run.worker {
			return errLost
		}
		h.lease.nonce = current.nonce // of an earlier write whose answer got lost
	}
}

// giveBack lets another worker have the lease at once, when the last batch was handled.
func (h *holding) giveBack(ctx context.Context) {
	<-h.run.handed
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackWithin)
	defer cancel()
	if err := h.save(ctx, ""); err != nil && !errors.Is(err, errLost) {
		h.run.opts.Logger.WarnContext(ctx, "a lease was not given back; it is free when it lapses", "shard", h.lease.shard, "error", err)
	}
}

// drop forgets the lease and ends its reader.
func (h *holding) drop() {
	h.stop()
	h.run.ledger.close(h.track)
	h.run.mu.Lock()
	delete(h.run.held, h.lease.shard)
	h.run.mu.Unlock()
}
