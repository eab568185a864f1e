package projection

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// SweepCursor is where a sweep goes on that was interrupted. The zero value is the
// beginning. It can be kept as JSON, and used by another process, also of another version
// of the program.
type SweepCursor struct {
	// After is the last stream that was brought to its head, in the order of all
	// streams; zero before the first.
	After eventstore.StreamID `json:"after,omitzero"`
	// Generations are those, by projection, that have been swept from the beginning on.
	Generations map[string][]uint64 `json:"generations,omitempty"`
	// Resumed is when pauses had ended, by projection, before the beginning.
	Resumed map[string]time.Time `json:"resumed,omitempty"`
	// Left, Damaged and Ahead count as in [SweepReport], from the beginning on.
	Left    int `json:"left,omitempty"`
	Damaged int `json:"damaged,omitempty"`
	Ahead   int `json:"ahead,omitempty"`
}

// IsZero reports whether it is the beginning.
func (c SweepCursor) IsZero() bool { return c.After.IsZero() && c.Generations == nil }

// begun returns the cursor of a sweep that has begun, with these generations if it had
// not before.
func (c SweepCursor) begun(live map[*feeder]knowledge) SweepCursor {
	if !c.IsZero() {
		return c
	}
	c.Generations = map[string][]uint64{}
	for f, known := range live {
		if known.paused.stops() {
			continue
		}
		if ended := known.paused.resumed(); !ended.IsZero() {
			if c.Resumed == nil {
				c.Resumed = map[string]time.Time{}
			}
			c.Resumed[f.projection.name] = ended
		}
		for _, g := range known.generations {
			c.Generations[f.projection.name] = append(c.Generations[f.projection.name], g.Number)
		}
	}
	return c
}

// moved returns the cursor behind a stream, unless that is zero, with what was found
// since another one.
func (c SweepCursor) moved(to eventstore.StreamID, since SweepCursor, found SweepReport) SweepCursor {
	if !to.IsZero() {
		c.After = to
	}
	c.Generations, c.Resumed = maps.Clone(c.Generations), maps.Clone(c.Resumed)
	c.Left, c.Damaged, c.Ahead = since.Left+found.Left, since.Damaged+found.Damaged, since.Ahead+len(found.Ahead)
	return c
}

// of returns those generations of a projection that were swept from the beginning on.
func (c SweepCursor) of(projection string, live []Generation) []Generation {
	return slices.DeleteFunc(slices.Clone(live), func(g Generation) bool {
		return !slices.Contains(c.Generations[projection], g.Number)
	})
}

// findings is an error that says what an interrupted sweep could do nothing about.
func (c SweepCursor) findings() error {
	if c.Left == 0 && c.Ahead == 0 {
		return nil
	}
	return fmt.Errorf("sweep: before it was interrupted it left %d streams behind, %d of them damaged, and found %d checkpoints beyond their heads",
		c.Left, c.Damaged, c.Ahead)
}
