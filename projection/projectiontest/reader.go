package projectiontest

import (
	"context"
	"errors"
	"slices"

	"github.com/leftfold/leftfold/projection"
)

// Reader reads a view page by page. It is made by [Reads].
type Reader interface {
	page(ctx context.Context, views projection.Reader, partition string, opts projection.PageOptions) (next string, err error)
}

// Reads lets somebody read a view while everything goes on: each page, and all pages of one
// walk, must be of one generation, which readers may see.
func Reads[R any](v *projection.View[R]) Reader { return viewReader[R]{v} }

type viewReader[R any] struct{ view *projection.View[R] }

func (r viewReader[R]) page(ctx context.Context, views projection.Reader, partition string, opts projection.PageOptions) (string, error) {
	page, err := r.view.Page(ctx, views, partition, opts)
	return page.Next, err
}

// reader starts somebody who reads.
func (w *world) reader(ctx context.Context) *actor {
	return w.spawn("reader", reader, func(a *actor) {
		for {
			a.wait()
			if partitions := w.partitions(); !w.calm && len(partitions) > 0 {
				w.walk(ctx, a, w.scene.Readers[w.choices.pick(len(w.scene.Readers))], partitions[w.choices.pick(len(partitions))])
			}
		}
	})
}

// partitions returns those of all rows that there are or were, sorted.
func (w *world) partitions() []string {
	var all []string
	for _, f := range w.coming {
		for id := range f.rows {
			all = append(all, id.Key.Partition)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// walk reads a partition, page by page, with time between them.
func (w *world) walk(ctx context.Context, a *actor, r Reader, partition string) {
	from := uint64(0)
	opts := projection.PageOptions{Limit: 1}
	for w.failure == "" {
		views := &seen{views: views{a, w.views}}
		next, err := r.page(ctx, views, partition, opts)
		g := views.state.Find(views.generation)
		switch {
		case errors.Is(err, projection.ErrCursor):
			if g := views.state.Find(from); g != nil && g.Role != projection.Retired {
				w.fail("a reader may not go on in generation %d, which is %s", from, g.Role)
			}
			return
		case views.generation == 0:
			return // it is not built, or the program can not read it
		case g == nil || g.Role == projection.Building || g.Role == projection.Retired:
			w.fail("a reader is shown generation %d, which is not for readers", views.generation)
		case from > 0 && from != views.generation:
			w.fail("a reader is shown pages of the generations %d and %d in one walk", from, views.generation)
		}
		if from, opts.After = views.generation, next; err != nil || next == "" {
			return
		}
		for n := w.choices.pick(8); n > 0; n-- {
			a.wait()
		}
	}
}

// seen notes what a reader is shown.
type seen struct {
	views
	state      projection.State
	generation uint64
}

func (s *seen) State(ctx context.Context, name string) (state projection.State, err error) {
	s.state, err = s.views.State(ctx, name)
	return s.state, err
}

func (s *seen) Page(ctx context.Context, g projection.GenerationID, q projection.PageQuery) ([]projection.Row, error) {
	if err := s.access(ctx, "reads a page of %q in view %q%s", q.Partition, q.View, s.world.in(g.Number)); err != nil {
		return nil, err
	}
	s.generation = g.Number
	return s.ViewStore.Page(ctx, g, q)
}
