package projection

import (
	"bytes"
	"encoding/json"
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

// EncodeManifest is for implementations of [RebuildStore]: a part of a manifest as JSON, of
// 400,000 bytes at the most, unless [CheckManifest] refuses it.
func EncodeManifest(heads []Head) ([]byte, error) {
	if err := CheckManifest(heads); err != nil {
		return nil, err
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // a character takes at the most twice its bytes
	err := e.Encode(heads)
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), err
}

// Check is for implementations of [RebuildStore]: it refuses a filling with a checkpoint
// at 0 or with a park record, a row without a revision, a stream or a row named twice, or
// a row of a [PerStream] view that has no checkpoint of its stream, or another key.
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
		if IsPerStream(id.View) {
			id.View = perStreamMark // a stream has one such row
		}
		switch {
		case row.Rev == (eventstore.EventID{}):
			return fmt.Errorf("%w: a filling puts row %q of view %q without a revision", eventstore.ErrInvalid, id.Key.Partition, row.ID.View)
		case rows[id]:
			return fmt.Errorf("%w: a filling names row %q of view %q twice", eventstore.ErrInvalid, id.Key.Partition, row.ID.View)
		case IsPerStream(id.View) && (id.Key.Sort != "" || !streams[id.Key.Partition]):
			return fmt.Errorf("%w: a filling puts row %q of view %q without the checkpoint of that stream", eventstore.ErrInvalid, id.Key.Partition, row.ID.View)
		}
		rows[id] = true
	}
	return nil
}

// FillingPart is what a filling puts together: a checkpoint, with the row of its stream in
// a [PerStream] view where there is one; or a row of another view, and no checkpoint.
type FillingPart struct {
	Checkpoint *Checkpoint
	Row        *Row
}

// Parts is for implementations of [RebuildStore]: it divides a filling that Check lets
// pass. The parts point into f.
func (f Filling) Parts() []FillingPart {
	parts := make([]FillingPart, len(f.Checkpoints), len(f.Checkpoints)+len(f.Rows))
	index := make(map[string]int, len(f.Checkpoints))
	for i := range f.Checkpoints {
		parts[i].Checkpoint = &f.Checkpoints[i]
		index[f.Checkpoints[i].Stream.String()] = i
	}
	for i := range f.Rows {
		if id := f.Rows[i].ID; IsPerStream(id.View) {
			parts[index[id.Key.Partition]].Row = &f.Rows[i]
		} else {
			parts = append(parts, FillingPart{Row: &f.Rows[i]})
		}
	}
	return parts
}
