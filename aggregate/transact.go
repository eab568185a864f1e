package aggregate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
)

// Tx is a command on several entities, of one kind or of several; see [Transact].
type Tx struct {
	ctx     context.Context
	store   TransactionalStore
	command command
	parts   []part // in the order in which they were asked for
	own     []eventstore.Commit
}

// TransactionalStore is what a command on several entities needs.
type TransactionalStore interface {
	eventstore.Store
	eventstore.Transactor
}

// part is an entity in a Tx.
type part interface {
	stream() eventstore.StreamID
	appended() bool
	// write returns the entity's commit; ok is false where nothing was appended.
	write() (w eventstore.Write, ok bool, err error)
	check() eventstore.Check
}

// Transact carries out a command on several entities in one step: run looks at them by
// [Repository.In], decides, and appends events to some. All is stored or nothing, and only
// if none of the entities that run has looked at has changed meanwhile, also those to
// which it appended nothing. It returns the commits in the order in which run has asked
// for the entities, none where nothing was appended.
//
// After a conflict run is called again, with the states of then: what it did before is
// forgotten, so it must do nothing but decide. Its error refuses the command and is
// returned as it is.
//
// With a [CommandID] all commits have that ID. If a commit of the ID is met in one of the
// entities that run looks at, the result is the commits of the ID in those, whatever run
// says. Errors are those of [Repository.Execute]; after an [eventstore.ErrOutcomeUnknown]
// send what it carries. Cost: one read of each stream; one AppendAll for each attempt.
func Transact(ctx context.Context, store TransactionalStore, run func(tx *Tx) error, opts ...CommandOption) ([]eventstore.Commit, error) {
	tx := Tx{ctx: ctx, store: store}
	for _, o := range opts {
		o.apply(&tx.command)
	}
	if err := tx.command.check(store); err != nil {
		return nil, err
	}
	reused := false // the last attempt has met the ID with other content
	for attempt := 1; ; attempt++ {
		tx.parts, tx.own = nil, nil
		refusal := run(&tx)
		if tx.command.strict && (refusal != nil || !tx.writes() || reused || len(tx.own) > 0) {
			if err := tx.lookUp(); err != nil {
				return nil, err
			}
		}
		if len(tx.own) > 0 {
			return tx.own, tx.checkOwn()
		}
		if refusal != nil {
			return nil, refusal
		}
		commits, err := tx.append()
		reused = errors.Is(err, eventstore.ErrIDReused)
		switch {
		case err == nil:
			return commits, nil
		case !reused && !errors.Is(err, eventstore.ErrConflict):
			return nil, err
		case attempt == defaultAttempts:
			return nil, fmt.Errorf("aggregate: decided %d times: %w", attempt, err)
		}
		if pauseBefore(ctx, attempt) != nil {
			return nil, fmt.Errorf("aggregate: decided %d times, each time too late: %w", attempt, context.Cause(ctx))
		}
	}
}

// writes reports whether run has appended anything.
func (tx *Tx) writes() bool {
	return slices.ContainsFunc(tx.parts, func(p part) bool { return p.appended() })
}

// lookUp finds those commits of a strict command that was carried out before which were
// not met: they may lie before a snapshot.
func (tx *Tx) lookUp() error {
	var own []eventstore.Commit
	for _, p := range tx.parts {
		if i := slices.IndexFunc(tx.own, func(c eventstore.Commit) bool { return c.Stream == p.stream() }); i >= 0 {
			own = append(own, tx.own[i])
			continue
		}
		c, err := claimant(tx.ctx, tx.store, tx.store, p.stream(), tx.command.id)
		if err != nil {
			return err
		}
		if c != nil {
			own = append(own, *c)
		}
	}
	tx.own = own
	return nil
}

// checkOwn refuses a command of another content under the same ID.
func (tx *Tx) checkOwn() error {
	for _, c := range tx.own {
		if tx.command.digest != (eventstore.Digest{}) && tx.command.digest != c.Digest {
			return &eventstore.IDReusedError{Stream: c.Stream, ID: c.ID, Stored: c}
		}
	}
	return nil
}

func (tx *Tx) append() ([]eventstore.Commit, error) {
	var t eventstore.Transaction
	for _, p := range tx.parts {
		w, ok, err := p.write()
		if err != nil {
			return nil, err
		}
		if !ok {
			t.Checks = append(t.Checks, p.check())
			continue
		}
		w.ID, w.Digest, w.Time, w.Strict = tx.command.id, tx.command.digest, tx.command.time, tx.command.strict
		t.Writes = append(t.Writes, w)
	}
	switch {
	case len(t.Writes) == 0:
		return nil, nil
	case len(t.Writes) == 1 && len(t.Checks) == 0:
		c, err := tx.store.Append(tx.ctx, t.Writes[0])
		return []eventstore.Commit{c}, err
	}
	return tx.store.AppendAll(tx.ctx, t)
}

// Entity is one entity in a [Tx].
type Entity[S, E any] struct {
	// State is that at the stream's head, without what was appended in the Tx. It belongs
	// to the caller, and is not looked at again.
	State S

	decider  *Decider[S, E]
	id       eventstore.StreamID
	revision eventstore.Revision
	events   []E
}

// In returns an entity, which need not exist, as it stands. Asked for twice in a Tx it is
// the same one.
func (r *Repository[S, E]) In(tx *Tx, id string) (*Entity[S, E], error) {
	stream, err := eventstore.NewStreamID(r.decider.Category, id)
	if err != nil {
		return nil, err
	}
	for _, p := range tx.parts {
		if p.stream() != stream {
			continue
		}
		if e, ok := p.(*Entity[S, E]); ok {
			return e, nil
		}
		return nil, fmt.Errorf("%w: aggregate: %q is loaded as %T and as %T in one transaction", eventstore.ErrInvalid, stream, p, (*Entity[S, E])(nil))
	}
	x := execution[S, E]{repository: r, stream: stream, command: tx.command}
	if err := x.readToHead(tx.ctx); err != nil {
		return nil, err
	}
	if x.result != nil {
		tx.own = append(tx.own, *x.result)
	}
	e := &Entity[S, E]{State: x.held.state, decider: &r.decider, id: stream, revision: x.held.revision}
	tx.parts = append(tx.parts, e)
	return e, nil
}

// Append adds events to what the transaction will store.
func (e *Entity[S, E]) Append(events ...E) { e.events = append(e.events, events...) }

// Exists reports whether the entity has any event.
func (e *Entity[S, E]) Exists() bool { return e.revision.Version() > 0 }

func (e *Entity[S, E]) stream() eventstore.StreamID { return e.id }

func (e *Entity[S, E]) appended() bool { return len(e.events) > 0 }

func (e *Entity[S, E]) check() eventstore.Check {
	return eventstore.Check{Stream: e.id, Revision: e.revision}
}

func (e *Entity[S, E]) write() (w eventstore.Write, ok bool, err error) {
	if !e.appended() {
		return w, false, nil
	}
	w = eventstore.Write{Stream: e.id, Revision: e.revision}
	if w.Events, err = e.decider.encode(e.events); err != nil {
		return w, false, fmt.Errorf("aggregate: decision on %q: %w", e.id, err)
	}
	w.Claims, w.Releases = e.decider.claims(e.events)
	return w, true, nil
}
