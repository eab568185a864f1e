package projection

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"maps"
	"slices"
	"strings"
)

// named are the views of a generation by their names for people.
func named(g Generation) map[string]string {
	views := map[string]string{}
	for _, stored := range g.Views {
		views[strings.TrimPrefix(stored, perStreamMark)] = stored
	}
	return views
}

// diff compares the rows of two generations.
func (c *comparer) diff(ctx context.Context, old Generation) error {
	before, after := named(old), named(c.generation)
	all := slices.AppendSeq(slices.Collect(maps.Keys(before)), maps.Keys(after))
	slices.Sort(all)
	for _, name := range slices.Compact(all) {
		if err := c.diffView(ctx, old, name, before[name], after[name]); err != nil {
			return err
		}
	}
	return nil
}

// pair is a row of two generations; nil where there is none.
type pair struct {
	view     string
	key      Key
	old, new *Row
}

func (p pair) equal() bool {
	return p.old != nil && p.new != nil && bytes.Equal(p.old.Content, p.new.Content)
}

// rowsOf yields the rows of a view, nothing where it has no name.
func (c *comparer) rowsOf(ctx context.Context, g Generation, view string) iter.Seq2[Row, error] {
	if view == "" {
		return func(func(Row, error) bool) {}
	}
	return c.scanRows(ctx, c.id(g), view)
}

// diffAgain is how many rows that moved are looked at again together.
const diffAgain = 100

// diffView reads a view of both generations twice, at once. What differs in the same way both
// times is counted; what does not was written meanwhile, and is looked at again.
func (c *comparer) diffView(ctx context.Context, old Generation, name, before, after string) error {
	differ := map[uint64]struct{}{} // how rows differed the first time
	equal := 0
	for p, err := range pairs(c.rowsOf(ctx, old, before), c.rowsOf(ctx, c.generation, after)) {
		if err != nil {
			return err
		}
		if p.new != nil {
			c.rows++
		}
		if p.equal() {
			equal++
		} else {
			differ[p.digest()] = struct{}{}
		}
	}
	if len(differ) == 0 {
		c.result.Equal += equal
		return nil
	}
	var moving []pair
	for p, err := range pairs(c.rowsOf(ctx, old, before), c.rowsOf(ctx, c.generation, after)) {
		if err != nil {
			return err
		}
		p.view = name
		if _, still := differ[p.digest()]; still || p.equal() {
			c.countPair(p)
			continue
		}
		if moving = append(moving, p); len(moving) == diffAgain {
			if err := c.again(ctx, old, before, after, moving); err != nil {
				return err
			}
			moving = moving[:0]
		}
	}
	return c.again(ctx, old, before, after, moving)
}

// digest tells a pair from the same two rows after one of them was written. It is small, since
// all rows of a new version may differ.
func (p pair) digest() uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%q %q", p.key.Partition, p.key.Sort)
	for _, row := range []*Row{p.old, p.new} {
		if row != nil {
			fmt.Fprintf(h, " %s@%d", row.Rev.Stream, row.Rev.Version)
		} else {
			fmt.Fprint(h, " -")
		}
	}
	return h.Sum64()
}

// pairs merges two sequences in the order of their keys.
func pairs(old, new iter.Seq2[Row, error]) iter.Seq2[pair, error] {
	return func(yield func(pair, error) bool) {
		nextOld, stopOld := iter.Pull2(old)
		defer stopOld()
		nextNew, stopNew := iter.Pull2(new)
		defer stopNew()
		a, errA, hasA := nextOld()
		b, errB, hasB := nextNew()
		for hasA || hasB {
			if errA != nil || errB != nil {
				err := errA
				if err == nil {
					err = errB
				}
				yield(pair{}, err)
				return
			}
			order := 0
			switch {
			case !hasB:
				order = -1
			case !hasA:
				order = 1
			default:
				order = a.ID.Key.Compare(b.ID.Key)
			}
			var p pair
			if order <= 0 {
				first := a
				p.key, p.old = a.ID.Key, &first
				a, errA, hasA = nextOld()
			}
			if order >= 0 {
				second := b
				p.key, p.new = b.ID.Key, &second
				b, errB, hasB = nextNew()
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}

// mostLooks is how often a row is looked at that is written meanwhile.
const mostLooks = 4

// again looks again at rows that were written while they were read, and counts what stays.
func (c *comparer) again(ctx context.Context, old Generation, before, after string, doubtful []pair) error {
	for look := 1; len(doubtful) > 0; look++ {
		now := make([]pair, len(doubtful))
		for i, p := range doubtful {
			now[i] = pair{view: p.view, key: p.key}
		}
		if err := c.reread(ctx, old, before, now, func(p *pair, row Row) { p.old = &row }); err != nil {
			return err
		}
		if err := c.reread(ctx, c.generation, after, now, func(p *pair, row Row) { p.new = &row }); err != nil {
			return err
		}
		var moving []pair
		for i, p := range now {
			if still := sameRow(p.old, doubtful[i].old) && sameRow(p.new, doubtful[i].new); !still && look < mostLooks && !p.equal() {
				moving = append(moving, p)
				continue
			}
			c.countPair(p)
		}
		doubtful = moving
	}
	return nil
}

func sameRow(a, b *Row) bool { return (a == nil) == (b == nil) && (a == nil || a.Rev == b.Rev) }

func (c *comparer) reread(ctx context.Context, g Generation, view string, pairs []pair, found func(*pair, Row)) error {
	if view == "" {
		return nil
	}
	ids, place := make([]RowID, len(pairs)), map[Key]int{}
	for i, p := range pairs {
		ids[i], place[p.key] = RowID{View: view, Key: p.key}, i
	}
	rows, err := c.readRows(ctx, g, ids)
	for _, row := range rows {
		found(&pairs[place[row.ID.Key]], row)
	}
	return err
}

// readRows reads some rows: each is a read of its own.
func (c *comparer) readRows(ctx context.Context, g Generation, ids []RowID) (all []Row, err error) {
	for part := range slices.Chunk(ids, diffAgain) {
		rows, err := c.views.Rows(ctx, c.id(g), part)
		if err != nil {
			return all, err
		}
		all = append(all, rows...)
		if err := c.meter.spend(ctx, Units{Read: float64(len(part))}); err != nil {
			return all, err
		}
	}
	return all, nil
}

func (c *comparer) countPair(p pair) {
	switch {
	case p.equal():
		c.result.Equal++
		return
	case p.old == nil && p.new == nil:
		return // deleted meanwhile
	case p.old == nil:
		c.result.OnlyNew++
	case p.new == nil:
		c.result.OnlyOld++
	default:
		c.result.Changed++
		c.keepSample(p, c.fields.add(p.view, RowChange{Before: p.old.Content, After: p.new.Content}))
		return
	}
	c.keepSample(p, nil)
}

func diffOf(p pair) RowDiff {
	d := RowDiff{View: p.view, Key: p.key}
	if p.old != nil {
		d.Old = p.old.Content
	}
	if p.new != nil {
		d.New = p.new.Content
	}
	return d
}
