package projection

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// mostApart is how many streams are written at once where each is written by itself.
const mostApart = 16

// applyApart writes the slices of each stream by themselves, since they share no row.
// A failed condition keeps back one stream only, and is returned where nothing worse
// has happened.
func (a *applier) applyApart(ctx context.Context, works []*work, steps []*step) error {
	own := map[*work][]*step{}
	for _, s := range steps {
		own[s.work] = append(own[s.work], s)
	}
	each := atOnce(mostApart)
	if a.opts.Sequential {
		each = inTurn
	}
	var broken atomic.Bool // then no more streams are begun
	errs := make([]error, len(works))
	each(len(works), func(i int) {
		if broken.Load() {
			return
		}
		errs[i] = a.alone(own[works[i]]).applyTogether(ctx, own[works[i]])
		if errs[i] != nil && !errors.Is(errs[i], ErrChanged) {
			broken.Store(true)
		}
	})
	return worst(errs)
}

// alone returns an applier of its own for the steps of one stream.
func (a *applier) alone(steps []*step) *applier {
	rows := map[RowID]stored{}
	for _, s := range steps {
		for _, e := range s.effects {
			rows[e.id] = a.rows[e.id]
		}
	}
	return &applier{round: a.round, limits: a.limits, rows: rows, observe: a.observe}
}

func inTurn(n int, do func(i int)) {
	for i := range n {
		do(i)
	}
}

// atOnce calls do for 0 to n-1, at the most some at once, and waits.
func atOnce(some int) func(n int, do func(i int)) {
	return func(n int, do func(i int)) {
		var next atomic.Int64
		var group sync.WaitGroup
		for range min(some, n) {
			group.Go(func() {
				for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
					do(i)
				}
			})
		}
		group.Wait()
	}
}

// worst returns the first error that is not a failed condition, else one that is.
func worst(errs []error) (err error) {
	for _, e := range errs {
		if e != nil && (err == nil || errors.Is(err, ErrChanged) && !errors.Is(e, ErrChanged)) {
			err = e
		}
	}
	return err
}
