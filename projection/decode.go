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

// weight is what a commit counts for where memory is bounded: its events, and more
// where they are large.
func weight(c *eventstore.Commit) int {
	n := len(c.Events)
	for i := range c.Events {
		n += len(c.Events[i].Payload) >> 11
	}
	return n
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
		for _, p := range p.codes() {
			d.add(p)
		}
	}
	return d
}

func (d decoders) add(p *Projection) {
	if d[p.events] == nil {
		d[p.events] = map[string]bool{}
	}
	for name := range p.handlers {
		d[p.events][name] = true
	}
	for name := range p.reactors {
		d[p.events][name] = true
	}
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
			events[i] = decodeEvent(c, i, r)
		}
	}
	if c.decoded == nil {
		c.decoded = map[*eventstore.Registry][]decoded{}
	}
	c.decoded[r] = events
	return events
}

// decodeEvent decodes one event anew. Upcasters and UnmarshalJSON are user code.
func decodeEvent(c *commit, i int, r *eventstore.Registry) (d decoded) {
	d.err = guard(func() (err error) { d.value, err = r.Decode(&c.Commit, i); return err })
	return d
}
