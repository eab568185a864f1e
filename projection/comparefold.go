package projection

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// check folds rows of the generation anew, up to its checkpoints, and compares. What differs
// is looked at again: a row that was written meanwhile was compared with the fold of another
// moment. Only one that differs twice in the same way is wrong.
func (c *comparer) check(ctx context.Context) error {
	doubtful := map[RowID]difference{}
	err := c.checkRanges(ctx, c.sample(), nil, func(id RowID, folded, stored []byte) {
		doubtful[id] = differenceOf(folded, stored)
	})
	for look := 2; look <= mostLooks && err == nil && len(doubtful) > 0; look++ {
		before := doubtful
		doubtful = map[RowID]difference{}
		only := map[RowID]bool{}
		for id := range before {
			only[id] = true
		}
		err = c.checkRanges(ctx, KeyRange{0, allKeys}, only, func(id RowID, folded, stored []byte) {
			if d := differenceOf(folded, stored); d != before[id] {
				doubtful[id] = d
				return
			}
			c.wrong(id, folded, stored)
		})
	}
	c.result.Moving = len(doubtful)
	return err
}

// sample is the range of the rows that are folded anew: all, or one of the parts that have as
// many as are asked for, another one each time.
func (c *comparer) sample() KeyRange {
	if c.opts.Full || c.rows <= c.opts.Keys {
		return KeyRange{0, allKeys}
	}
	parts := uint64(min(1<<24, c.rows/c.opts.Keys))
	part := keyHash(c.id(c.generation).String(), c.result.At.Format(time.RFC3339Nano)) % parts
	return KeyRange{allKeys * part / parts, allKeys * (part + 1) / parts}
}

// difference tells a row that differs from its fold from one that differs in another way. It
// is small, since all rows may be wrong.
type difference [sha256.Size]byte

func differenceOf(folded, stored []byte) difference {
	return sha256.Sum256(fmt.Appendf(nil, "%d %s%s", len(folded), folded, stored))
}

func (c *comparer) wrong(id RowID, folded, stored []byte) {
	c.result.Wrong++
	if len(c.result.WrongRows) < c.opts.Samples {
		c.result.WrongRows = append(c.result.WrongRows, RowDiff{View: strings.TrimPrefix(id.View, perStreamMark), Key: id.Key, Old: folded, New: stored})
	}
}

// checkRanges compares the rows of a range, or only some of them, and hands over those that
// differ. It does so in as many parts as memory asks for.
func (c *comparer) checkRanges(ctx context.Context, keys KeyRange, only map[RowID]bool, differs func(id RowID, folded, stored []byte)) error {
	for keys.From < keys.To {
		done, err := c.checkRange(ctx, keys, only, differs)
		if err != nil {
			return err
		}
		keys.From = done.To
	}
	return nil
}

// checkRange is checkRanges for as much of a range as fits into memory.
func (c *comparer) checkRange(ctx context.Context, keys KeyRange, only map[RowID]bool, differs func(id RowID, folded, stored []byte)) (KeyRange, error) {
	at, err := c.checkpoints(ctx)
	if err != nil {
		return keys, err
	}
	c.meter.note(func(p *RebuildProgress) {
		if keys.From == 0 { // the first part of a pass over all rows
			p.Rows, p.Checkpoints = 0, 0
		}
		*p = RebuildProgress{Generation: c.generation.Number, Phase: PhaseCompare, StreamsOf: len(at.heads.all), EventsOf: at.heads.events,
			Share: KeyRange{0, keys.From}.share(), Rows: p.Rows, Checkpoints: p.Checkpoints, Applied: p.Applied, Units: p.Units, Behind: p.Behind}
	})
	folded := map[RowID][]byte{}
	take := func(_ context.Context, f Filling) error {
		for _, row := range f.Rows {
			folded[row.ID] = row.Content
		}
		return nil
	}
	done, _, err := c.foldRange(ctx, at, &rangeFold{id: c.id(c.generation), keys: keys, only: only, keep: true, fill: take})
	if err != nil {
		return keys, err
	}
	err = c.stored(ctx, done, only, func(row Row) {
		expected := folded[row.ID]
		delete(folded, row.ID)
		if only == nil {
			c.result.Checked++
		}
		if !bytes.Equal(expected, row.Content) && !c.early(at, row) {
			differs(row.ID, expected, row.Content)
		}
	})
	if err != nil {
		return keys, err
	}
	for _, id := range slices.SortedFunc(maps.Keys(folded), RowID.Compare) {
		differs(id, folded[id], nil)
	}
	return done, nil
}

// early reports whether a row may be there before its event is applied, or although that is
// skipped: it is only inserted.
func (c *comparer) early(at *sealed, row Row) bool {
	if !c.p.OnlyInserts(row.ID.View) {
		return false
	}
	i, known := at.heads.index[row.Rev.Stream]
	return !known || row.Rev.Version > at.heads.all[i].Version || at.skips[row.Rev]
}

// stored hands over the stored rows of a range, or some of them.
func (c *comparer) stored(ctx context.Context, keys KeyRange, only map[RowID]bool, take func(Row)) error {
	if only != nil {
		ids := slices.DeleteFunc(slices.Collect(maps.Keys(only)), func(id RowID) bool { return !keys.holds(id) })
		rows, err := c.readRows(ctx, c.generation, ids)
		for _, row := range rows {
			take(row)
		}
		return err
	}
	for _, view := range c.generation.Views {
		for row, err := range c.scanRows(ctx, c.id(c.generation), view) {
			if err != nil {
				return err
			}
			if keys.holds(row.ID) {
				take(row)
			}
		}
	}
	return nil
}

// checkpoints returns how far the generation has come, and what it passes over: what was
// sealed, and behind that what is skipped now.
func (c *comparer) checkpoints(ctx context.Context) (*sealed, error) {
	s, err := c.views.State(ctx, c.p.name)
	if err != nil {
		return nil, err
	}
	at := &sealed{heads: newHeads(), skips: skipsOf(s.Skips)}
	if c.generation.Rebuild != nil {
		manifest, err := c.manifest(ctx, c.generation)
		if err != nil {
			return nil, err
		}
		for id := range at.skips {
			if i, known := manifest.heads.index[id.Stream]; known && id.Version <= manifest.heads.all[i].Version {
				delete(at.skips, id)
			}
		}
		maps.Copy(at.skips, manifest.skips)
	}
	c.result.Skipped = len(at.skips)
	for p, err := range c.allCheckpoints(ctx, c.id(c.generation)) {
		if err != nil {
			return nil, err
		}
		if p.Version > 0 {
			at.heads.add(Head{Stream: p.Stream, Version: p.Version})
		}
	}
	return at, nil
}

// explain says which events made the samples differ.
func (c *comparer) explain(ctx context.Context) error {
	samples := map[string]*RowDiff{}
	for i := range c.result.Samples {
		d := &c.result.Samples[i]
		samples[d.View+"\x00"+d.Key.Partition+"\x00"+d.Key.Sort] = d
	}
	if len(samples) == 0 {
		return nil
	}
	old := c.p.code(c.state.With(Active).Version)
	decode := newDecoders([]*Projection{c.p})
	err := c.scan(ctx, c.p.concerns, false, func(chunk []*commit) error {
		for _, stored := range chunk {
			for i := range stored.Events {
				for _, d := range touched(c.p, stored, i, decode.decode(stored, i, c.p.events), samples) {
					d.concern(stored.Events[i].Type).New++
					d.concern(stored.Events[i].Type).example(stored.EventID(i))
				}
			}
			if old == nil {
				continue
			}
			for i := range stored.Events {
				for _, d := range touched(old, stored, i, decode.decode(stored, i, old.events), samples) {
					d.concern(stored.Events[i].Type).Old++
					d.concern(stored.Events[i].Type).example(stored.EventID(i))
				}
			}
		}
		return nil
	})
	for _, d := range samples {
		d.keepReasons()
	}
	return err
}

// touched returns the samples into which code folds an event. An event that fails concerns
// none.
func touched(code *Projection, c *commit, i int, event decoded, samples map[string]*RowDiff) (found []*RowDiff) {
	if event.err != nil || event.value == nil || !code.follows(c.Stream.Category()) {
		return nil
	}
	e := &envelope{id: c.EventID(i), time: c.Time, metadata: c.Metadata, typ: c.Events[i].Type, schema: c.Events[i].Schema, value: event.value}
	for _, h := range code.handlers[c.Events[i].Type] {
		_ = guard(func() error {
			effects, err := h.effects(e)
			for _, f := range effects {
				if d := samples[strings.TrimPrefix(f.id.View, perStreamMark)+"\x00"+f.id.Key.Partition+"\x00"+f.id.Key.Sort]; d != nil {
					found = append(found, d)
				}
			}
			return err
		})
	}
	return found
}

func (d *RowDiff) concern(typ string) *Concern {
	i := slices.IndexFunc(d.Because, func(c Concern) bool { return c.Type == typ })
	if i < 0 {
		i = len(d.Because)
		d.Because = append(d.Because, Concern{Type: typ})
	}
	return &d.Because[i]
}

// mostExamples is how many events a Concern names.
const mostExamples = 3

// example takes note of an event: the first ones by their names are kept, in whatever order
// they come.
func (c *Concern) example(id eventstore.EventID) {
	i, known := slices.BinarySearchFunc(c.examples, id, eventstore.EventID.Compare)
	if known || i == mostExamples {
		return
	}
	c.examples = slices.Insert(c.examples, i, id)
	c.examples = c.examples[:min(len(c.examples), mostExamples)]
}

// keepReasons leaves the types that only one version folds, or not as often; where there are
// none, all.
func (d *RowDiff) keepReasons() {
	for i := range d.Because {
		for _, id := range d.Because[i].examples {
			d.Because[i].Events = append(d.Because[i].Events, id.String())
		}
	}
	slices.SortFunc(d.Because, func(a, b Concern) int { return strings.Compare(a.Type, b.Type) })
	other := slices.DeleteFunc(slices.Clone(d.Because), func(c Concern) bool { return c.Old == c.New })
	if len(other) > 0 {
		d.Because = other
	}
}
