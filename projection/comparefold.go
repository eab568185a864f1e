package projection

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
)

// check folds rows of the generation anew, up to its checkpoints, and compares. A row that
// was written meanwhile is folded and compared again.
func (c *comparer) check(ctx context.Context) error {
	share := uint64(allKeys)
	if !c.opts.Full && c.rows > c.opts.Keys {
		share = max(1, uint64(float64(allKeys)*float64(c.opts.Keys)/float64(c.rows)))
	}
	var doubtful map[RowID]bool
	for keys := (KeyRange{0, share}); keys.From < keys.To; {
		done, wrong, err := c.checkRange(ctx, keys, nil)
		if err != nil {
			return err
		}
		if doubtful == nil {
			doubtful = map[RowID]bool{}
		}
		for id := range wrong {
			doubtful[id] = true
		}
		keys.From = done.To
	}
	for look := 2; len(doubtful) > 0; look++ {
		_, wrong, err := c.checkRange(ctx, KeyRange{0, allKeys}, doubtful)
		if err != nil {
			return err
		}
		maps.DeleteFunc(doubtful, func(id RowID, _ bool) bool { _, still := wrong[id]; return !still })
		if look == mostLooks {
			c.wrong(wrong)
			return nil
		}
		if !slices.ContainsFunc(slices.Collect(maps.Values(wrong)), func(w wrongRow) bool { return w.moved }) {
			c.wrong(wrong)
			return nil
		}
	}
	return nil
}

// wrongRow is one that is not what a fold says.
type wrongRow struct {
	folded, stored []byte
	moved          bool // it was written behind the checkpoints that the fold is up to
}

func (c *comparer) wrong(rows map[RowID]wrongRow) {
	for _, id := range slices.SortedFunc(maps.Keys(rows), RowID.Compare) {
		w := rows[id]
		if w.moved {
			c.result.Moving++
			continue
		}
		c.result.Wrong++
		if len(c.result.WrongRows) < c.opts.Samples {
			c.result.WrongRows = append(c.result.WrongRows, RowDiff{View: strings.TrimPrefix(id.View, perStreamMark), Key: id.Key, Old: w.folded, New: w.stored})
		}
	}
}

// checkRange compares the rows of a range, or as much of it as fits into memory, or only some
// rows.
func (c *comparer) checkRange(ctx context.Context, keys KeyRange, only map[RowID]bool) (KeyRange, map[RowID]wrongRow, error) {
	at, err := c.checkpoints(ctx)
	if err != nil {
		return keys, nil, err
	}
	c.meter.note(func(p *RebuildProgress) {
		*p = RebuildProgress{Generation: c.generation.Number, Phase: PhaseCompare, StreamsOf: len(at.heads.all), EventsOf: at.heads.events,
			Share: KeyRange{0, keys.From}.share(), Rows: p.Rows, Checkpoints: p.Checkpoints, Applied: p.Applied, Units: p.Units, Behind: p.Behind}
	})
	folded := map[RowID]Row{}
	take := func(_ context.Context, f Filling) error {
		for _, row := range f.Rows {
			folded[row.ID] = row
		}
		return nil
	}
	done, _, err := c.foldRange(ctx, c.id(c.generation), at, keys, only, take)
	if err != nil {
		return keys, nil, err
	}
	wrong := map[RowID]wrongRow{}
	compare := func(row Row) {
		expected, exists := folded[row.ID]
		delete(folded, row.ID)
		if only == nil {
			c.result.Checked++
		}
		if !exists || !bytes.Equal(expected.Content, row.Content) {
			i, known := at.heads.index[row.Rev.Stream]
			moved := !known || row.Rev.Version > at.heads.all[i].Version
			wrong[row.ID] = wrongRow{folded: expected.Content, stored: row.Content, moved: moved}
		}
	}
	if err := c.stored(ctx, done, only, compare); err != nil {
		return keys, nil, err
	}
	for id, row := range folded { // not stored: deleted meanwhile, perhaps
		wrong[id] = wrongRow{folded: row.Content, moved: c.hasMoved(ctx, at, row)}
	}
	return done, wrong, nil
}

// hasMoved reports whether the checkpoint of a row's last event has moved: who has deleted
// the row came with it.
func (c *comparer) hasMoved(ctx context.Context, at *sealed, row Row) bool {
	now, err := c.views.Checkpoints(ctx, c.id(c.generation), []eventstore.StreamID{row.Rev.Stream})
	return err == nil && now[0].Version > at.heads.all[at.heads.index[row.Rev.Stream]].Version
}

// stored hands over the stored rows of a range, or some of them.
func (c *comparer) stored(ctx context.Context, keys KeyRange, only map[RowID]bool, take func(Row)) error {
	if only != nil {
		rows, err := c.views.Rows(ctx, c.id(c.generation), slices.Collect(maps.Keys(only)))
		for _, row := range rows {
			take(row)
		}
		return err
	}
	for _, view := range c.generation.Views {
		for row, err := range c.views.ScanRows(ctx, c.id(c.generation), view) {
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
	for p, err := range c.views.AllCheckpoints(ctx, c.id(c.generation), false) {
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
				decoded := decode.decode(stored, c.p.events)[i]
				for _, d := range touched(c.p, stored, i, decoded, samples) {
					d.concern(stored.Events[i].Type).New++
					d.concern(stored.Events[i].Type).example(stored.EventID(i))
				}
				if old == nil {
					continue
				}
				for _, d := range touched(old, stored, i, decoded, samples) {
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
