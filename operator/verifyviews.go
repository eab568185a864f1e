package operator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// ComparedView is a projection whose rows were compared with a fold of the events.
type ComparedView struct {
	Projection string `json:"projection"`
	Generation uint64 `json:"generation"`
	Rows       int    `json:"rows"`
	// Different is how many rows are other than the fold says, there or not.
	Different int `json:"different"`
	// Moved is how many rows could not be compared, since workers went on meanwhile.
	Moved int `json:"moved,omitempty"`
	// Behind is how many streams the generation has not applied to their heads. The rows
	// are compared with what it has applied.
	Behind int `json:"behind,omitempty"`
	// NotCompared says why the rows were not compared, empty where they were: this program does
	// not have the code that makes them. That is no fault of theirs, but a check that was not
	// made is not passed.
	NotCompared string `json:"not_compared,omitempty"`
}

// mostDifferent is how many rows that differ are named for each projection.
const mostDifferent = 5

// canCompare reports whether there is anything to compare, and something to do it by.
func (v *verifier) canCompare() bool {
	return v.o.service.Views != nil && slices.ContainsFunc(v.o.service.Consumers, func(c projection.Consumer) bool {
		_, ok := c.(*projection.Projection)
		return ok
	})
}

// generationName names a generation for people.
func generationName(name string, number uint64) string {
	return fmt.Sprintf("generation %d of %s", number, name)
}

// views compares the rows of each projection.
func (v *verifier) views(ctx context.Context) error {
	for _, c := range v.o.service.Consumers {
		p, ok := c.(*projection.Projection)
		if !ok {
			continue
		}
		s, _, err := v.o.live(ctx, p.Name())
		if err != nil {
			return err
		}
		for _, g := range s.Generations {
			if g.Role != projection.Active {
				continue
			}
			switch code, carried := p.Carried(g.Version); {
			case !carried:
				v.report.Views = append(v.report.Views, ComparedView{Projection: p.Name(), Generation: g.Number,
					NotCompared: fmt.Sprintf("it is of version %d, and this program has version %d; verify it by one that has that", g.Version, p.Version())})
			case g.Fingerprint != code.Fingerprint():
				v.fault(eventstore.StreamID{}, "%s can not be compared: version %d was built with other categories, event types or views than this program's", generationName(p.Name(), g.Number), g.Version)
			default:
				if err := v.compare(ctx, code, g.Number, s.Skips); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (v *verifier) compare(ctx context.Context, p *projection.Projection, number uint64, skips []eventstore.EventID) error {
	id := projection.GenerationID{Projection: p.Name(), Number: number}
	checkpoints, err := v.checkpoints(ctx, id)
	if err != nil {
		return err
	}
	view := ComparedView{Projection: p.Name(), Generation: number}
	log := appliedLog{scanner: v.o.service.Store.(eventstore.Scanner), checkpoints: checkpoints, view: &view} // events has seen that it is one
	expected, err := projection.Replay(p, log.read(ctx), projection.Skipping(skips...))
	if err != nil {
		if log.err != nil && !errors.Is(log.err, eventstore.ErrCorrupt) {
			return err
		}
		v.fault(eventstore.StreamID{}, "%s can not be compared: %v", generationName(id.Projection, id.Number), err)
		return nil
	}
	want := make(map[projection.RowID]projection.Row, len(expected))
	for _, row := range expected {
		want[row.ID] = row
	}
	var suspects []projection.Row // of the fold, or of the views where Content is nil
	for _, name := range p.Views() {
		for row, err := range v.o.service.Views.ScanRows(ctx, id, name) {
			if err != nil {
				return err
			}
			view.Rows++
			w, there := want[row.ID]
			delete(want, row.ID)
			if !there || !bytes.Equal(w.Content, row.Content) {
				suspects = append(suspects, row)
			}
		}
	}
	for _, row := range want {
		suspects = append(suspects, row)
	}
	return v.judge(ctx, id, checkpoints, suspects, view)
}

// checkpoints are those of a generation, by stream.
func (v *verifier) checkpoints(ctx context.Context, id projection.GenerationID) (map[eventstore.StreamID]eventstore.Version, error) {
	at := map[eventstore.StreamID]eventstore.Version{}
	for c, err := range v.o.service.Views.AllCheckpoints(ctx, id, false) {
		if err != nil {
			return nil, err
		}
		at[c.Stream] = c.Version
	}
	return at, nil
}

// appliedLog is what a generation has applied.
type appliedLog struct {
	scanner     eventstore.Scanner
	checkpoints map[eventstore.StreamID]eventstore.Version
	view        *ComparedView
	err         error // of the store
}

// read yields the events up to the checkpoints.
func (l *appliedLog) read(ctx context.Context) iter.Seq2[eventstore.Commit, error] {
	behind := map[eventstore.StreamID]bool{}
	return func(yield func(eventstore.Commit, error) bool) {
		for scanned, err := range l.scanner.ReadAll(ctx, eventstore.Cursor{}) {
			if err != nil {
				l.err = err
				yield(eventstore.Commit{}, err)
				return
			}
			c := scanned.Commit
			at := l.checkpoints[c.Stream]
			if c.Last() > at && at > 0 && !behind[c.Stream] {
				behind[c.Stream] = true
				l.view.Behind++
			}
			if c.First > at {
				continue
			}
			c.Events = c.Events[:min(len(c.Events), int(at-c.First)+1)]
			if !yield(c, nil) {
				return
			}
		}
	}
}

// judge tells rows that differ from rows that moved while they were compared. Any stream may
// be folded into a row, so where the checkpoint of one has moved since, nothing is said of
// the rows.
func (v *verifier) judge(ctx context.Context, id projection.GenerationID, before map[eventstore.StreamID]eventstore.Version, suspects []projection.Row, view ComparedView) error {
	moved := false
	if len(suspects) > 0 {
		now, err := v.checkpoints(ctx, id)
		if err != nil {
			return err
		}
		for stream, version := range now {
			if before[stream] != version {
				moved = true
			}
		}
	}
	for _, row := range suspects {
		if moved {
			view.Moved++
			continue
		}
		if view.Different++; view.Different <= mostDifferent {
			v.fault(row.Rev.Stream, "%s: row %s of view %q is not what a fold of the events makes of it", generationName(id.Projection, id.Number), keyText(row.ID.Key), row.ID.View)
		}
	}
	if more := view.Different - mostDifferent; more > 0 {
		v.fault(eventstore.StreamID{}, "%s: %d more rows are not what a fold of the events makes of them", id, more)
	}
	v.report.Views = append(v.report.Views, view)
	return nil
}

func keyText(k projection.Key) string {
	if k.Sort == "" {
		return fmt.Sprintf("%q", k.Partition)
	}
	return fmt.Sprintf("%q, %q", k.Partition, k.Sort)
}
