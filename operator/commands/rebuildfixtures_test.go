package commands_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/projection"
)

const yes = " --yes --reason 'large orders, ADR-14' --actor anna@ops"

const named = " --confirm totals --reason 'looked at by anna, bo' --actor anna@ops"

type totalWithOrders struct {
	Count int `json:"count"`
	Large int `json:"large,omitempty"`
}

// next lets the program carry version 2 of the totals beside version 1: it counts orders too,
// and an order of less than none is goods that came back.
func (p *program) next(worst int) {
	p.Helper()
	v := projection.Fold("totals", projection.On(func(e projection.Event[ordered]) projection.Key { return projection.KeyOf(e.Data.Item) },
		func(t *totalWithOrders, e projection.Event[ordered]) error {
			if e.Data.Count < worst {
				return fmt.Errorf("count: %d of %q is not to be believed", e.Data.Count, e.Data.Item)
			}
			t.Count += e.Data.Count
			if e.Data.Count > 100 {
				t.Large++
			}
			return nil
		}))
	shows := projection.Shows(v, p.view, func(t total) totalWithOrders { return totalWithOrders{Count: t.Count} })
	p.mended = projection.MustNew("totals", 2, registry, projection.Follow("order"), projection.Replaces(p.totals, shows), v)
}

func (p *program) all(lines ...string) {
	p.Helper()
	for _, line := range lines {
		p.types(line)
	}
}

// filled is a store whose version 1 has no trouble, and a program that carries version 2.
func (p *program) filled() {
	p.Helper()
	p.order("1", "tea", 2, "")
	p.order("2", "mug", 1, "")
	p.order("2", "tea", 1500, "")
	p.order("3", "cup", 4, "")
	p.sweep()
	p.next(1)
	<-time.After(time.Minute)
}

// other lets another coordinator work on a rebuild, which ends without a word.
func (p *program) other(then func(projection.State) error) {
	p.Helper()
	r, err := projection.NewRebuilder(p.store, p.views, p.code(), projection.RebuildOptions{Name: "host/9", Build: "orders@2"})
	require.NoError(p, err)
	_, err = r.Start(p.Context(), projection.StartOptions{By: "bo@ops", Reason: "large orders"})
	require.NoError(p, err)
	s, err := p.views.State(p.Context(), "totals")
	require.NoError(p, err)
	s.Rebuilding().Rebuild.Coordinator = "host/9"
	require.NoError(p, then(s))
}

// built is a rebuild that another coordinator has come to the end of.
func (p *program) built(compared *projection.Compared, coordinator string) {
	p.Helper()
	p.other(func(s projection.State) error {
		b := s.Rebuilding().Rebuild
		b.Phase, b.Swept, b.Coordinator, b.Compared = projection.PhaseCatchUp, time.Now().UTC(), coordinator, compared
		_, err := p.views.PutState(p.Context(), s)
		return err
	})
}

// slow is a view store that takes its time to fill, and says when it does.
type slow struct {
	projection.ViewStore
	takes time.Duration
	fills atomic.Int32
	then  func(n int)
}

func (s *slow) Fill(ctx context.Context, g projection.GenerationID, f projection.Filling) error {
	<-time.After(s.takes)
	if s.then != nil {
		s.then(int(s.fills.Add(1)))
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return s.ViewStore.Fill(ctx, g, f)
}
