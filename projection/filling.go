package projection

import (
	"fmt"

	"github.com/leftfold/leftfold/eventstore"
)

// CheckManifest is for implementations of [RebuildStore]: it refuses a part of a manifest
// that is too large, or names a stream without a version.
func CheckManifest(heads []Head) error {
	size := 0
	for _, h := range heads {
		if h.Stream.IsZero() || h.Version == 0 {
			return fmt.Errorf("%w: a manifest has %q at version %d", eventstore.ErrInvalid, h.Stream, h.Version)
		}
		size += len(h.Stream.String()) + HeadBytes
	}
	if size > MaxManifestBytes {
		return &LimitError{What: "bytes in a part of a manifest", Size: size, Limit: MaxManifestBytes}
	}
	return nil
}

// Check is for implementations of [RebuildStore]: it refuses a filling with a checkpoint
// at 0 or with a park record, a row without a revision, a stream or a row named twice, or
// the row of a stream without its checkpoint.
func (f Filling) Check() error {
	streams := make(map[string]bool, len(f.Checkpoints))
	for _, c := range f.Checkpoints {
		if c.Stream.IsZero() || c.Version == 0 || c.Parked != nil {
			return fmt.Errorf("%w: a filling puts the checkpoint of %q at %d, or with a park record", eventstore.ErrInvalid, c.Stream, c.Version)
		}
		if streams[c.Stream.String()] {
			return fmt.Errorf("%w: a filling names stream %q twice", eventstore.ErrInvalid, c.Stream)
		}
		streams[c.Stream.String()] = true
	}
	rows := make(map[RowID]bool, len(f.Rows))
	for _, row := range f.Rows {
		id := row.ID
		switch {
		case row.Rev == (eventstore.EventID{}):
			return fmt.Errorf("%w: a filling puts row %q of view %q without a revision", eventstore.ErrInvalid, id.Key.Partition, id.View)
		case rows[id]:
			return fmt.Errorf("%w: a filling names row %q of view %q twice", eventstore.ErrInvalid, id.Key.Partition, id.View)
		case IsPerStream(id.View) && !streams[id.Key.Partition]:
			return fmt.Errorf("%w: a filling puts row %q of view %q without the checkpoint of that stream", eventstore.ErrInvalid, id.Key.Partition, id.View)
		}
		rows[id] = true
	}
	return nil
}
