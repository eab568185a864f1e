package projection

import (
	"context"
	"maps"
	"time"
)

// beginReaction fixes a reaction's start: the beginning, where nothing lies before it.
func (f *feeder) beginReaction(ctx context.Context, s State, role Role) error {
	var start time.Time
	if role == Building {
		start = time.Now()
	}
	_, err := f.views.PutState(ctx, f.projection.begun(s, role, start))
	if err == nil {
		f.opts.Logger.InfoContext(ctx, "a reaction has its start", "reaction", f.projection.name, "start", startText(start))
	}
	return err
}

// begun is the state of a reaction from its start on.
func (p *Projection) begun(s State, role Role, start time.Time) State {
	g := Generation{Version: p.version, Fingerprint: p.fingerprint, Role: role, Since: time.Now().UTC(), Start: storedTime(start), Starts: map[string]time.Time{}}
	for _, category := range p.categories {
		g.Starts[category] = g.Start
	}
	s.Projection = p.name
	s.Counter++
	g.Number = s.Counter
	s.Generations = []Generation{g}
	return s
}

// startOf returns from when on the streams of a category concern a reaction.
func (g Generation) startOf(category string) time.Time {
	if start, known := g.Starts[category]; known {
		return start
	}
	return g.Start
}

// storedTime is as exact as stores keep the times of commits: else a start would be after
// commits that are not before it.
func storedTime(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// startCategories fixes the starts of categories that the reaction has not followed
// before, by the same rule: what is in their streams is as old as the store.
func (f *feeder) startCategories(ctx context.Context, s State) error {
	g := &s.Generations[len(s.Generations)-1] // it has one
	starts := map[string]time.Time{}
	for _, category := range f.projection.categories {
		if _, known := g.Starts[category]; known {
			continue
		}
		if g.Starts == nil { // written when they were not kept: it has followed all of them
			starts[category] = g.Start
			continue
		}
		if some, err := f.hasStreams(ctx, category); err != nil {
			return err
		} else if some {
			starts[category] = storedTime(time.Now())
		} else {
			starts[category] = time.Time{}
		}
	}
	if len(starts) == 0 {
		return nil
	}
	maps.Copy(starts, g.Starts)
	g.Starts = starts
	s, err := f.views.PutState(ctx, s)
	if err != nil {
		return err
	}
	f.learn(s)
	f.opts.Logger.InfoContext(ctx, "a reaction follows more categories", "reaction", f.projection.name, "starts", starts)
	return nil
}
