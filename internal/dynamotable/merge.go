package dynamotable

import (
	"container/heap"
	"iter"
)

// Merge returns the elements of several sorted sequences as one sorted sequence. The
// first error of any of them ends it.
func Merge[T any](compare func(a, b T) int, all []iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		m := merger[T]{compare: compare}
		defer func() {
			for _, s := range m.sources {
				s.stop()
			}
		}()
		fail := func(err error) {
			var none T
			yield(none, err)
		}
		for _, seq := range all {
			next, stop := iter.Pull2(seq)
			head, err, ok := next()
			if !ok || err != nil {
				stop()
			} else {
				heap.Push(&m, source[T]{head, next, stop})
			}
			if err != nil {
				fail(err)
				return
			}
		}
		for len(m.sources) > 0 {
			first := &m.sources[0]
			if !yield(first.head, nil) {
				return
			}
			head, err, ok := first.next()
			switch {
			case err != nil:
				fail(err)
				return
			case ok:
				first.head = head
				heap.Fix(&m, 0)
			default:
				first.stop()
				heap.Pop(&m)
			}
		}
	}
}

// merger is a heap of the sequences that are not at their ends: the one whose element
// comes next is the first.
type merger[T any] struct {
	compare func(a, b T) int
	sources []source[T]
}

type source[T any] struct {
	head T
	next func() (T, error, bool)
	stop func()
}

func (m *merger[T]) Len() int           { return len(m.sources) }
func (m *merger[T]) Less(i, j int) bool { return m.compare(m.sources[i].head, m.sources[j].head) < 0 }
func (m *merger[T]) Swap(i, j int)      { m.sources[i], m.sources[j] = m.sources[j], m.sources[i] }
func (m *merger[T]) Push(x any)         { m.sources = append(m.sources, x.(source[T])) }
func (m *merger[T]) Pop() any {
	last := m.sources[len(m.sources)-1]
	m.sources = m.sources[:len(m.sources)-1]
	return last
}
