package projection

import (
	"sync"

	"github.com/leftfold/leftfold/eventstore"
)

// commit is a stored commit whose events are decoded at most once, however many
// projections want them.
type commit struct {
	eventstore.Commit

	mu      sync.Mutex
	decoded map[*eventstore.Registry][]decoded
}

type decoded struct {
	value any
	err   error
}

// decoders know, for each registry, which event types any projection handles.
type decoders map[*eventstore.Registry]map[string]bool

func newDecoders(projections []*Projection) decoders {
	d := decoders{}
	for _, p := range projections {
		if d[p.events] == nil {
			d[p.events] = map[string]bool{}
		}
		for name := range p.handlers {
			d[p.events][name] = true
		}
	}
	return d
}

// decode returns the events of c that are handled by any projection of the
// registry; the others are left zero.
func (d decoders) decode(c *commit, r *eventstore.Registry) []decoded {
	c.mu.Lock()
	defer c.mu.Unlock()
	if events, ok := c.decoded[r]; ok {
		return events
	}
	events := make([]decoded, len(c.Events))
	for i := range c.Events {
		if d[r][c.Events[i].Type] {
			events[i].value, events[i].err = r.Decode(&c.Commit, i)
		}
	}
	if c.decoded == nil {
		c.decoded = map[*eventstore.Registry][]decoded{}
	}
	c.decoded[r] = events
	return events
}
