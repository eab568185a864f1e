package memviews

import (
	"context"
	"fmt"
	"slices"

	"github.com/leftfold/leftfold/projection"
)

// manifestPart names a part of a manifest.
type manifestPart struct {
	attempt string
	part    int
}

// PutManifest implements [projection.RebuildStore].
func (v *Views) PutManifest(ctx context.Context, id projection.GenerationID, attempt string, part int, heads []projection.Head) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := projection.CheckManifest(heads); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	g := v.of(id)
	v.generations[id] = g
	g.manifests[manifestPart{attempt, part}] = slices.Clone(heads)
	return nil
}

// Manifest implements [projection.RebuildStore].
func (v *Views) Manifest(ctx context.Context, g projection.GenerationID, attempt string, part int) ([]projection.Head, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	heads, ok := v.of(g).manifests[manifestPart{attempt, part}]
	if !ok {
		return nil, fmt.Errorf("%w: part %d of the manifest %s of %s", projection.ErrNotFound, part, attempt, g)
	}
	return slices.Clone(heads), nil
}

// Fill implements [projection.RebuildStore].
func (v *Views) Fill(ctx context.Context, id projection.GenerationID, f projection.Filling) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := f.Check(); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	g := v.of(id)
	v.generations[id] = g
	for _, part := range f.Parts() {
		if c := part.Checkpoint; c != nil {
			if _, there := g.checkpoints[c.Stream]; there {
				continue // and so is its row
			}
			g.checkpoints[c.Stream] = *c
		}
		if part.Row != nil {
			g.fill(*part.Row)
		}
	}
	return nil
}

func (g *generation) fill(row projection.Row) {
	if _, there := g.rows[row.ID]; there {
		return
	}
	row.Content, row.Origin = slices.Clone(row.Content), true
	g.rows[row.ID] = row
}

// Clear implements [projection.RebuildStore].
func (v *Views) Clear(ctx context.Context, g projection.GenerationID, views []string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	found := v.of(g)
	clear(found.checkpoints)
	clear(found.manifests)
	for id := range found.rows {
		if slices.Contains(views, id.View) {
			delete(found.rows, id)
		}
	}
	return nil
}
