package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/leftfold/leftfold/projection"
)

// RebuildDiff is what a comparison of two generations found.
type RebuildDiff struct {
	Projection string `json:"projection"`
	Generation uint64 `json:"generation"`
	projection.Compared
	// Samples are rows that differ between the generations.
	Samples []RowDiff `json:"samples,omitempty"`
	// WrongRows are such that are not what a fold of the events says, which stands there as
	// before.
	WrongRows []RowDiff `json:"wrong_rows,omitempty"`
	// Kept is an earlier comparison, where that has found rows wrong and so stands on: only
	// a full one replaces it. Nil for none.
	Kept *projection.Compared `json:"kept,omitempty"`
	Recorded
}

// RowDiff is a row that differs, field by field.
type RowDiff struct {
	View      string `json:"view"`
	Partition string `json:"partition"`
	Sort      string `json:"sort,omitempty"`
	// Old and New are absent where there is no such row.
	Old json.RawMessage `json:"old,omitempty"`
	New json.RawMessage `json:"new,omitempty"`
	// Changes are the fields that differ, Because the events that made them.
	Changes []Change             `json:"changes"`
	Because []projection.Concern `json:"because,omitempty"`
}

// DiffRebuild compares the generation of a rebuild, or the newest one behind the active one,
// with the one that readers use, and with a fold of the events; see
// [projection.Rebuilder.Compare]. What it found is kept in the projection's state, where a
// switch looks for it, and so it is an action; it needs no reason. Where there is no such
// generation it is a [projection.ErrNoGeneration], and where that is still being built a
// [projection.NotReadyError]: what is refused is not recorded.
func (o *Operator) DiffRebuild(ctx context.Context, by By, name string, opts RebuildOptions) (RebuildDiff, error) {
	r, err := o.rebuilder(name, opts.RebuildOptions)
	if err != nil {
		return RebuildDiff{}, err
	}
	before, err := r.PlanCompare(ctx)
	if errors.Is(err, projection.ErrNoGeneration) {
		if n, failed := o.already(ctx, name, switched); failed == nil && n > 0 {
			err = fmt.Errorf("projection %q: %w to compare; readers use generation %d already", name, projection.ErrNoGeneration, n)
		}
	}
	if err != nil { // what is not there, or can not be compared, is not recorded
		return RebuildDiff{}, err
	}
	var d RebuildDiff
	d.Recorded, err = o.Act(ctx, Action{Action: "rebuild diff", Target: name, Reason: by.Reason, Actor: by.Actor, Unasked: true}, func(ctx context.Context) (string, error) {
		found, err := r.Compare(ctx, opts.Compare)
		if err != nil {
			return "", err
		}
		if d, err = diffOf(found); before != nil && before.Wrong > 0 && !d.Full {
			d.Kept = before
		}
		return fmt.Sprintf("generation %d: %s", d.Generation, d.text()), err
	})
	return d, err
}

func diffOf(c projection.Comparison) (RebuildDiff, error) {
	d := RebuildDiff{Projection: c.Generation.Projection, Generation: c.Generation.Number, Compared: c.Compared}
	var err error
	if d.Samples, err = rowDiffs(c.Samples); err == nil {
		d.WrongRows, err = rowDiffs(c.WrongRows)
	}
	return d, err
}

func rowDiffs(rows []projection.RowDiff) (diffs []RowDiff, err error) {
	for _, row := range rows {
		changes, err := diff(orNothing(row.Old), orNothing(row.New))
		if err != nil {
			return nil, fmt.Errorf("row %s of view %q: %w", keyText(row.Key), row.View, err)
		}
		diffs = append(diffs, RowDiff{row.View, row.Key.Partition, row.Key.Sort, row.Old, row.New, changes, row.Because})
	}
	return diffs, nil
}

// orNothing is a row without fields where there is none.
func orNothing(row json.RawMessage) json.RawMessage {
	if row == nil {
		return json.RawMessage("{}")
	}
	return row
}

// text says what was found in a line.
func (d RebuildDiff) text() string {
	return fmt.Sprintf("%d rows equal, %d changed, %d only old, %d only new; %d of %d folded anew are wrong", d.Equal, d.Changed, d.OnlyOld, d.OnlyNew, d.Wrong, d.Checked)
}
