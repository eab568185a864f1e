package aggregate

import (
	"fmt"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
)

// Decider describes one kind of entity: its state S and its events, of the sealed
// interface type E that the event structs implement; where there is only one struct,
// E is that. A Decider is a value; its functions are called concurrently,
// each call with a state of its own.
type Decider[S, E any] struct {
	// Category is that of the entities' streams.
	Category string
	// Events knows every type of E.
	Events *eventstore.Registry
	// Initial returns the state of an entity without events, a fresh one at each
	// call, since Evolve may change it in place. It is needed where the state
	// holds a map. Defaults to the zero S.
	Initial func(id string) S
	// Evolve returns the state after one more event. It is total and pure: an
	// event is a fact and is never refused; nothing but state and event decides
	// the result. It may reuse the maps and slices of the state it is given,
	// which is not used again.
	Evolve func(S, E) S
	// Claims, if not nil, says which keys an event takes and releases for its entity, such
	// as an e-mail address that no other may have; see [eventstore.Claim]. It is pure: the
	// event alone decides, so one that changes a key tells the old one too. A claim that
	// is taken fails the command with an [eventstore.ErrClaimTaken]. The store must be an
	// [eventstore.Transactor].
	Claims func(E) (takes, releases []eventstore.Claim)
	// Snapshot, if not nil, says how states are kept as snapshots, where
	// [Options.Snapshots] keeps some.
	Snapshot *StateCodec[S]
}

// Decision is a command: what should happen to an entity in this state. It
// returns the new events, none if nothing is to be done, or an error that refuses
// the command and is returned as it is. It must neither change nor keep the state,
// and it may be called several times for one command, each time with newer state;
// what it returned earlier is forgotten.
type Decision[S, E any] func(state S) ([]E, error)

func (d *Decider[S, E]) initial(id string) S {
	if d.Initial == nil {
		var zero S
		return zero
	}
	return d.Initial(id)
}

// fold evolves state, which has come up to version at, by the events of c up to
// version last. A commit that does not follow would make a past that never was.
func (d *Decider[S, E]) fold(state S, at eventstore.Version, c *eventstore.Commit, last eventstore.Version) (S, error) {
	if c.First != at+1 {
		return state, &eventstore.CorruptError{Stream: c.Stream, Version: at + 1,
			Reason: fmt.Sprintf("the store answered with version %d", c.First)}
	}
	for i := range c.Events {
		if c.First+eventstore.Version(i) > last {
			break
		}
		v, err := d.Events.Decode(c, i)
		if err != nil {
			return state, err
		}
		e, ok := v.(E)
		if !ok {
			return state, &eventstore.EventError{ID: c.EventID(i), Type: c.Events[i].Type, Schema: c.Events[i].Schema,
				Err: fmt.Errorf("%w: %T is no event of category %q", eventstore.ErrUnregistered, v, d.Category)}
		}
		state = d.Evolve(state, e)
	}
	return state, nil
}

// claims returns what events take and release together: a key that one takes and a later
// one releases is left alone.
func (d *Decider[S, E]) claims(events []E) (takes, releases []eventstore.Claim) {
	if d.Claims == nil {
		return nil, nil
	}
	for _, e := range events {
		taken, released := d.Claims(e)
		for _, c := range released {
			if i := slices.Index(takes, c); i >= 0 {
				takes = slices.Delete(takes, i, i+1)
			} else {
				releases = append(releases, c)
			}
		}
		for _, c := range taken {
			if i := slices.Index(releases, c); i >= 0 {
				releases = slices.Delete(releases, i, i+1)
			} else {
				takes = append(takes, c)
			}
		}
	}
	return takes, releases
}

func (d *Decider[S, E]) encode(events []E) ([]eventstore.Event, error) {
	encoded := make([]eventstore.Event, len(events))
	for i, e := range events {
		var err error
		if encoded[i], err = d.Events.Encode(e); err != nil {
			return nil, err
		}
	}
	return encoded, nil
}
