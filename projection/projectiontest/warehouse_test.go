package projectiontest_test

import (
	"fmt"
	"os"
	"strconv"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/projectiontest"
)

// manySchedules is the variable that says how many schedules a test runs.
const manySchedules = "LEFTFOLD_SCHEDULES"

// schedules is how many a test runs: many more where LEFTFOLD_SOAK is set.
func schedules(n int) int {
	if many, err := strconv.Atoi(os.Getenv(manySchedules)); err == nil {
		return many
	}
	if os.Getenv("LEFTFOLD_SOAK") != "" {
		return 100 * n
	}
	return n
}

// A small warehouse: shelves hold items, and every shelf is a stream. It has what
// views can have: rows that streams share, rows of one stream, also beside its
// checkpoint, rows that are deleted and made again, rows that are new, rows that are
// inserted outside of slices, events that nothing handles.
type (
	Stored  struct{ Item string }
	Taken   struct{ Item string }
	Moved   struct{ From, To string }
	Cleared struct{}
	Checked struct{}
)

var registry = eventstore.MustRegistry(
	eventstore.Type[Stored]("STORED", 1),
	eventstore.Type[Taken]("TAKEN", 1),
	eventstore.Type[Moved]("MOVED", 1),
	eventstore.Type[Cleared]("CLEARED", 1),
	eventstore.Type[Checked]("CHECKED", 1),
)

type stock struct {
	Item          string
	Stored, Taken int
}

type shelf struct {
	Shelf string
	Last  eventstore.Version
	Items int
}

type line struct {
	Item string
	At   eventstore.Version
}

func itemKey[E any](item func(E) string) func(projection.Event[E]) projection.Key {
	return func(e projection.Event[E]) projection.Key { return projection.KeyOf(item(e.Data)) }
}

func shelfKey[E any](e projection.Event[E]) projection.Key { return projection.KeyOf(e.Stream.ID()) }

func lineKey[E any](e projection.Event[E]) projection.Key {
	return projection.Key{Partition: e.Stream.ID(), Sort: fmt.Sprintf("%04d", e.Version)}
}

// touch folds an event into the row of its shelf.
func touch[E any](items int) projection.FoldHandler[shelf] {
	return projection.On(shelfKey[E], func(s *shelf, e projection.Event[E]) error {
		s.Shelf, s.Last = e.Stream.ID(), e.Version
		s.Items += items
		return nil
	})
}

// visits is a row of one stream, which lies with its checkpoint.
type visits struct {
	Shelf  string
	Last   eventstore.Version
	Events int
}

func visit[E any]() projection.StreamHandler[visits] {
	return projection.When(func(v *visits, e projection.Event[E]) error {
		v.Shelf, v.Last = e.Stream.ID(), e.Version
		v.Events++
		return nil
	})
}

func newVisits() *projection.View[visits] {
	return projection.PerStream("visits", visit[Stored](), visit[Taken](), visit[Moved](), projection.WhenDelete[visits, Cleared]())
}

// newShelves returns a projection that has nothing but such rows.
func newShelves() *projection.Projection {
	return projection.MustNew("shelves", 1, registry, projection.Follow("shelf"), newVisits())
}

// newWarehouse returns a projection of its own for each test.
func newWarehouse() *projection.Projection { return newWarehouseWith(newLog()) }

// newLog returns its view with a row for each event.
func newLog() *projection.View[line] {
	return projection.Fold("log", projection.OnNew(lineKey[Stored], func(l *line, e projection.Event[Stored]) error {
		l.Item, l.At = e.Data.Item, e.Version
		return nil
	}))
}

func newWarehouseWith(log *projection.View[line]) *projection.Projection {
	return projection.MustNew("warehouse", 1, registry, projection.Follow("shelf"),
		projection.Fold("stock",
			projection.On(itemKey(func(e Stored) string { return e.Item }), func(s *stock, e projection.Event[Stored]) error {
				s.Item = e.Data.Item
				s.Stored++
				return nil
			}),
			projection.On(itemKey(func(e Taken) string { return e.Item }), func(s *stock, e projection.Event[Taken]) error {
				s.Item = e.Data.Item
				s.Taken++
				return nil
			}),
			projection.OnEach(func(e projection.Event[Moved]) []projection.Key {
				return []projection.Key{projection.KeyOf(e.Data.From), projection.KeyOf(e.Data.To)}
			}, func(s *stock, e projection.Event[Moved]) error {
				s.Stored++
				s.Taken++
				return nil
			}),
		),
		newVisits(),
		projection.Fold("shelves", touch[Stored](1), touch[Taken](-1), projection.OnDelete[shelf](shelfKey[Cleared])),
		log,
		projection.Rows("last", projection.Emit(func(e projection.Event[Taken], changes *projection.Changes[line]) error {
			changes.Put(projection.KeyOf(e.Stream.ID()), line{Item: e.Data.Item, At: e.Version})
			return nil
		}), projection.Emit(func(e projection.Event[Cleared], changes *projection.Changes[line]) error {
			changes.Delete(projection.KeyOf(e.Stream.ID()))
			return nil
		})),
		projection.Inserts("taken", projection.Emit(func(e projection.Event[Taken], changes *projection.Changes[line]) error {
			changes.Put(lineKey(e), line{Item: e.Data.Item, At: e.Version})
			return nil
		})),
	)
}

// newNextLog returns the log of the next version: it has what was taken, too.
func newNextLog() *projection.View[line] {
	note := func(l *line, item string, at eventstore.Version) error {
		l.Item, l.At = item, at
		return nil
	}
	return projection.Fold("log",
		projection.OnNew(lineKey[Stored], func(l *line, e projection.Event[Stored]) error { return note(l, e.Data.Item, e.Version) }),
		projection.OnNew(lineKey[Taken], func(l *line, e projection.Event[Taken]) error { return note(l, e.Data.Item, e.Version) }),
	)
}

// newNextWarehouse returns version 2 of a warehouse: it counts other things, handles an event
// that version 1 passes over, and passes over one that version 1 handles.
func newNextWarehouse(log *projection.View[line], parts ...projection.Part) *projection.Projection {
	stocked := projection.Fold("stock",
		projection.On(itemKey(func(e Stored) string { return e.Item }), func(s *stock, e projection.Event[Stored]) error {
			s.Item = e.Data.Item
			s.Stored += 10
			return nil
		}),
		projection.On(itemKey(func(e Taken) string { return e.Item }), func(s *stock, e projection.Event[Taken]) error {
			s.Item = e.Data.Item
			s.Taken += 10
			return nil
		}),
	)
	checks := projection.Fold("checks", projection.On(shelfKey[Checked], func(s *shelf, e projection.Event[Checked]) error {
		s.Shelf, s.Last = e.Stream.ID(), e.Version
		s.Items++
		return nil
	}), projection.OnDelete[shelf](shelfKey[Cleared]))
	shelves := projection.Fold("shelves", touch[Stored](10), touch[Taken](-10), projection.OnDelete[shelf](shelfKey[Cleared]))
	last := projection.Rows("last", projection.Emit(func(e projection.Event[Stored], changes *projection.Changes[line]) error {
		changes.Put(projection.KeyOf(e.Stream.ID()), line{Item: e.Data.Item, At: e.Version})
		return nil
	}), projection.Emit(func(e projection.Event[Cleared], changes *projection.Changes[line]) error {
		changes.Delete(projection.KeyOf(e.Stream.ID()))
		return nil
	}))
	taken := projection.Inserts("taken", projection.Emit(func(e projection.Event[Taken], changes *projection.Changes[line]) error {
		changes.Put(lineKey(e), line{Item: "!" + e.Data.Item, At: e.Version})
		return nil
	}))
	parts = append(parts, projection.Follow("shelf"), stocked, checks, shelves, last, taken, log,
		projection.PerStream("visits", visit[Stored](), visit[Checked](), projection.WhenDelete[visits, Cleared]()))
	return projection.MustNew("warehouse", 2, registry, parts...)
}

// history has commits of one event and of several, events that nothing handles at
// the start, in the middle and at the end of commits.
var history = []projectiontest.Commit{
	{Stream: "shelf-a", Events: []any{Stored{"x"}, Stored{"y"}}},
	{Stream: "shelf-b", Events: []any{Stored{"x"}}},
	{Stream: "shelf-a", Events: []any{Taken{"x"}}},
	{Stream: "shelf-c", Events: []any{Checked{}, Stored{"z"}, Checked{}, Taken{"z"}, Checked{}}},
	{Stream: "shelf-b", Events: []any{Moved{"x", "y"}, Stored{"y"}}},
	{Stream: "shelf-a", Events: []any{Cleared{}}},
	{Stream: "shelf-c", Events: []any{Checked{}}},
	{Stream: "shelf-a", Events: []any{Stored{"x"}, Taken{"y"}, Stored{"z"}}},
	{Stream: "shelf-b", Events: []any{Cleared{}, Stored{"x"}}},
	{Stream: "shelf-c", Events: []any{Stored{"x"}, Moved{"z", "x"}}},
	{Stream: "shelf-a", Events: []any{Taken{"x"}}},
	{Stream: "shelf-b", Events: []any{Taken{"x"}, Checked{}}},
}
