package operator

import (
	"context"
	"iter"

	"github.com/leftfold/leftfold/eventstore"
)

// TailQuery says which events to show. What is left empty is any.
type TailQuery struct {
	Category string
	Type     string
}

// Tail yields events as they are stored, from now on until ctx ends. It writes nothing, and
// may lose and repeat some: see [eventstore.Tailer]. Without one it is an [ErrUnsupported].
func (o *Operator) Tail(ctx context.Context, q TailQuery) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		tailer := o.service.Tailer
		if t, ok := o.service.Store.(eventstore.Tailer); tailer == nil && ok {
			tailer = t
		}
		if tailer == nil {
			yield(Event{}, unsupported("tail", "the store can not tell what is stored as it happens"))
			return
		}
		for c, err := range tailer.Tail(ctx) {
			if err != nil {
				yield(Event{}, err)
				return
			}
			if q.Category != "" && c.Stream.Category() != q.Category {
				continue
			}
			for i := range c.Events {
				if (q.Type == "" || c.Events[i].Type == q.Type) && !yield(eventOf(&c, i), nil) {
					return
				}
			}
		}
	}
}
