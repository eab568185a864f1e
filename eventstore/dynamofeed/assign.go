package dynamofeed

import (
	"context"
	"time"
)

// goneFor is for how many listings a shard has to be missing before its lease is removed.
const goneFor = 10

// assigner makes leases for shards, takes the worker's part of them, and removes those
// that are not needed any more. It alone takes leases.
type assigner struct {
	run       *run
	watch     watch
	listedAt  time.Time
	goneSince map[string]time.Time // since when a lease could be removed
	strikes   strikes
}

// assign looks at the leases again and again, until ctx ends.
func (a *assigner) assign(ctx context.Context) {
	every := time.NewTicker(a.run.opts.LeaseFor / 6)
	defer every.Stop()
	for {
		select {
		case <-every.C:
		case <-a.run.wake:
		case <-ctx.Done():
			return
		}
		if err := a.round(ctx); err != nil {
			a.run.failing(ctx, "look at the leases", err, &a.strikes)
		} else {
			a.strikes = 0
		}
	}
}

// round looks once.
func (a *assigner) round(ctx context.Context) error {
	leases, err := a.leases(ctx)
	if err != nil {
		return err
	}
	return a.take(ctx, leases)
}

// leases lists the leases, and now and then the shards, to add and remove leases.
func (a *assigner) leases(ctx context.Context) (leases []lease, err error) {
	asking, cancel := context.WithTimeout(ctx, requestWithin)
	defer cancel()
	var listed []shard
	list := a.run.relist.Swap(false) || a.listedAt.IsZero() || time.Since(a.listedAt) >= a.run.opts.ListEvery
	if list {
		defer func() {
			if err != nil {
				a.run.relist.Store(true)
			}
		}()
		if listed, err = a.run.source.shards(asking); err != nil {
			return nil, err
		}
	}
	if leases, err = a.run.leases.list(asking); err != nil || !list {
		return leases, err
	}
	if leases, err = a.complete(ctx, listed, leases); err != nil {
		return nil, err
	}
	a.listedAt = time.Now()
	return leases, a.clean(ctx, listed, leases)
}

// complete adds the leases that are missing. It stops at the first that can not be added,
// since those that follow it rely on it.
func (a *assigner) complete(ctx context.Context, listed []shard, leases []lease) ([]lease, error) {
	for _, l := range missing(listed, leases, time.Now()) {
		if err := a.send(ctx, a.run.leases.create, l); err != nil {
			return nil, err
		}
		leases = append(leases, l)
	}
	return leases, nil
}

// clean removes the leases that have not been needed for some listings.
func (a *assigner) clean(ctx context.Context, listed []shard, leases []lease) error {
	since := make(map[string]time.Time)
	for _, l := range removable(listed, leases) {
		at, ok := a.goneSince[l.shard]
		if !ok {
			at = time.Now()
		}
		since[l.shard] = at
		if time.Since(at) < goneFor*a.run.opts.ListEvery {
			continue
		}
		if err := a.send(ctx, a.run.leases.remove, l); err != nil {
			return err
		}
	}
	a.goneSince = since
	return nil
}

// send sends one of what may be thousands of requests: each has its own time.
func (a *assigner) send(ctx context.Context, request func(context.Context, lease) error, l lease) error {
	ctx, cancel := context.WithTimeout(ctx, requestWithin)
	defer cancel()
	return request(ctx, l)
}

// take takes this worker's part. A lease that was taken meanwhile is left.
func (a *assigner) take(ctx context.Context, leases []lease) error {
	now := time.Now()
	a.watch.see(leases, now)
	// A lease that names this worker, which does not hold it, was taken by a request whose
	// answer got lost.
	ours := func(l lease) bool { return l.owner == a.run.worker && !a.run.holds(l.shard) }
	take, free := share(a.run.worker, leases, func(l lease) bool { return ours(l) || a.watch.lapsed(l, now) })
	a.run.free.Store(int64(free - min(free, len(take))))
	for _, l := range take {
		if a.run.holds(l.shard) {
			continue // another one's now, which its keeper has yet to find out
		}
		next := l
		next.owner, next.ready, next.nonce = a.run.worker, true, newNonce()
		_, ok, err := a.write(ctx, next, l.nonce)
		if err != nil {
			return err
		}
		if ok {
			a.run.opts.Logger.InfoContext(ctx, "lease taken", "shard", l.shard, "from", l.owner, "place", string(l.place))
			a.run.hold(ctx, next)
		}
	}
	return nil
}

func (a *assigner) write(ctx context.Context, next lease, nonce string) (lease, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, requestWithin)
	defer cancel()
	return a.run.leases.write(ctx, next, nonce)
}
