package projection

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
)

// Reader is what queries need of a view store.
type Reader interface {
	RowReader
	State(ctx context.Context, projection string) (State, error)
	Checkpoints(ctx context.Context, g GenerationID, streams []eventstore.StreamID) ([]Checkpoint, error)
}

// MaxPage is the greatest number of rows in a page.
const MaxPage = 1000

// Get returns the row of a key as the active generation has it. Errors:
// [ErrNotFound], [ErrNotBuilt], and those of [AtLeast]. Cost: one read of the state, one
// of the row.
func (v *View[R]) Get(ctx context.Context, views Reader, key Key, opts ...ReadOption) (R, error) {
	var row R
	g, err := v.current(ctx, views)
	if err == nil {
		err = v.await(ctx, views, g.readable, opts) // the row is read afterwards, and strongly
	}
	if err != nil {
		return row, err
	}
	rows, err := views.Rows(ctx, g.GenerationID, []RowID{{View: g.as.stored, Key: key}})
	if err != nil {
		return row, err
	}
	if len(rows) == 0 {
		return row, fmt.Errorf("%w: %q in view %q", ErrNotFound, key.Partition, v.name)
	}
	return g.as.decode(rows[0])
}

// PageOptions says which rows of a partition to return.
type PageOptions struct {
	// Limit is 1 to [MaxPage]. Defaults to 50.
	Limit int
	// Backward returns the greatest sort keys first.
	Backward bool
	// After is the cursor of the page before; empty begins.
	After string
}

// Page is a part of the rows of one partition. Next is the cursor of the page
// behind it, empty where there are no more rows.
type Page[R any] struct {
	Rows []R
	Next string
}

// Page returns rows of one partition in the order of their sort keys. All pages of
// one walk come from the generation that the first one came from; when that is
// gone the error is an [ErrCursor].
func (v *View[R]) Page(ctx context.Context, views Reader, partition string, opts PageOptions, more ...ReadOption) (Page[R], error) {
	if opts.Limit == 0 {
		opts.Limit = 50
	}
	if opts.Limit < 1 || opts.Limit > MaxPage {
		return Page[R]{}, fmt.Errorf("%w: a page of %d rows; allowed are 1 to %d", eventstore.ErrInvalid, opts.Limit, MaxPage)
	}
	g, after, err := v.place(ctx, views, partition, opts)
	if err == nil {
		err = v.await(ctx, views, g.readable, more)
	}
	if err != nil {
		return Page[R]{}, err
	}
	// One row more tells whether there is a next page.
	rows, err := views.Page(ctx, g.GenerationID, PageQuery{View: g.as.stored, Partition: partition, After: after, Backward: opts.Backward, Limit: opts.Limit + 1})
	if err != nil {
		return Page[R]{}, err
	}
	var page Page[R]
	if len(rows) > opts.Limit {
		rows = rows[:opts.Limit]
		page.Next = pageCursor{Generation: g.Number, View: v.name, Partition: partition, Backward: opts.Backward,
			After: rows[len(rows)-1].ID.Key.Sort}.encode()
	}
	for _, row := range rows {
		r, err := g.as.decode(row)
		if err != nil {
			return Page[R]{}, err
		}
		page.Rows = append(page.Rows, r)
	}
	return page, nil
}

// All yields every row in the order of the keys. It reads the whole view.
func (v *View[R]) All(ctx context.Context, views Reader) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var none R
		g, err := v.current(ctx, views)
		if err != nil {
			yield(none, err)
			return
		}
		for row, err := range views.ScanRows(ctx, g.GenerationID, g.as.stored) {
			if err != nil {
				yield(none, err)
				return
			}
			r, err := g.as.decode(row)
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

func (v *View[R]) decode(row Row) (R, error) {
	var r R
	if err := json.Unmarshal(row.Content, &r); err != nil {
		return r, fmt.Errorf("%w: row %q of view %q: %w", eventstore.ErrCorrupt, row.ID.Key.Partition, v.name, err)
	}
	return r, nil
}

// readable is a generation that can be read, and the code that feeds it.
type readable struct {
	GenerationID
	code   *Projection
	paused *Paused
}

// source is where a read of a view gets its rows, and how.
type source[R any] struct {
	readable
	as shape[R]
}

// current returns what readers use now.
func (v *View[R]) current(ctx context.Context, views Reader) (source[R], error) {
	s, err := v.state(ctx, views)
	if err != nil {
		return source[R]{}, err
	}
	g, as, found := v.readableOf(s)
	if !found {
		return source[R]{}, v.notShown(s)
	}
	return v.sourceOf(s, g, as)
}

// notShown says why the view can not be read.
func (v *View[R]) notShown(s State) error {
	g := s.With(Active)
	switch {
	case g != nil && g.Version > v.projection.version && !slices.ContainsFunc(s.live(), func(g Generation) bool { return g.Version == v.projection.version }):
		return &NotBuiltError{Projection: v.projection.name, Version: v.projection.version,
			Reason: fmt.Sprintf("readers use generation %d, of version %d", g.Number, g.Version),
			hint:   fmt.Sprintf("read it by the view of version %d; a program without one is too old: deploy the one that has it", g.Version)}
	case g == nil || v.projection.code(g.Version) == nil:
		return notBuilt(v.projection, s)
	}
	return &NotBuiltError{Projection: v.projection.name, Version: v.projection.version,
		Reason: fmt.Sprintf("readers use generation %d, of version %d, whose rows view %q does not show", g.Number, g.Version, v.name),
		hint: fmt.Sprintf("say in projection.Replaces how it shows those of a view of version %d, by projection.Shows; a view without any before it is read once readers are switched to version %d",
			g.Version, v.projection.version)}
}

func (v *View[R]) state(ctx context.Context, views Reader) (State, error) {
	if v.projection == nil {
		return State{}, fmt.Errorf("%w: view %q belongs to no projection", eventstore.ErrInvalid, v.name)
	}
	return views.State(ctx, v.projection.name)
}

func (v *View[R]) sourceOf(s State, g Generation, as shape[R]) (source[R], error) {
	return source[R]{readable{GenerationID{v.projection.name, g.Number}, as.projection, s.Paused}, as}, checkFingerprint(as.projection, g)
}

// place returns where a page begins.
func (v *View[R]) place(ctx context.Context, views Reader, partition string, opts PageOptions) (source[R], *string, error) {
	if opts.After == "" {
		from, err := v.current(ctx, views)
		return from, nil, err
	}
	s, err := v.state(ctx, views)
	if err != nil {
		return source[R]{}, nil, err
	}
	c, err := parsePageCursor(opts.After)
	if err != nil {
		return source[R]{}, nil, err
	}
	if c.View != v.name || c.Partition != partition || c.Backward != opts.Backward {
		return source[R]{}, nil, fmt.Errorf("%w: it belongs to another query", ErrCursor)
	}
	for _, g := range s.Generations {
		if as, known := v.shapeOf(g.Version); known && g.Number == c.Generation && g.Role != Retired && g.Role != Building {
			from, err := v.sourceOf(s, g, as)
			return from, &c.After, err
		}
	}
	return source[R]{}, nil, fmt.Errorf("%w: its generation %d of %q is gone; start again from the first page", ErrCursor, c.Generation, v.projection.name)
}

// pageCursor is what a cursor holds.
type pageCursor struct {
	Generation uint64 `json:"g"`
	View       string `json:"v"`
	Partition  string `json:"p"`
	Backward   bool   `json:"b,omitempty"`
	After      string `json:"a"`
}

func (c pageCursor) encode() string {
	text, _ := json.Marshal(c) // strings and numbers
	return base64.RawURLEncoding.EncodeToString(text)
}

func parsePageCursor(text string) (pageCursor, error) {
	var c pageCursor
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err == nil {
		err = Key{Partition: c.Partition, Sort: c.After}.Check()
	}
	if err != nil {
		return c, fmt.Errorf("%w: it is damaged; start again from the first page", ErrCursor)
	}
	return c, nil
}
