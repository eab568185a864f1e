package aggregate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// Options says how a repository works. The zero value works.
type Options struct {
	// CacheStreams is how many entities' states are kept in memory. A command on
	// a cached entity reads nothing, and commands on one entity wait for each
	// other instead of conflicting. Defaults to 0, no cache.
	CacheStreams int
	// MaxAttempts is how often a command is decided before a conflict is
	// returned. Defaults to 10.
	MaxAttempts int
}

const (
	defaultAttempts = 10
	// The pause after the second conflict and later ones is random, up to a
	// limit that doubles from firstPause to lastPause.
	firstPause = 2 * time.Millisecond
	lastPause  = 200 * time.Millisecond
)

// Repository executes commands on the entities of one decider, and loads their
// states. It is safe for concurrent use.
type Repository[S, E any] struct {
	store       eventstore.Store
	decider     Decider[S, E]
	cache       *cache[S] // nil: none
	maxAttempts int
}

// NewRepository returns a repository. Panics if the decider has no Evolve, no
// Events, or no valid category.
func NewRepository[S, E any](store eventstore.Store, decider Decider[S, E], opts Options) *Repository[S, E] {
	if decider.Evolve == nil || decider.Events == nil {
		panic("aggregate: a decider needs Evolve and Events")
	}
	if _, err := eventstore.NewStreamID(decider.Category, "x"); err != nil {
		panic(fmt.Sprintf("aggregate: %v", err))
	}
	r := &Repository[S, E]{store: store, decider: decider, maxAttempts: opts.MaxAttempts}
	if r.maxAttempts <= 0 {
		r.maxAttempts = defaultAttempts
	}
	if opts.CacheStreams > 0 {
		r.cache = newCache[S](opts.CacheStreams)
	}
	return r
}

// CommandOption is an option of one command.
type CommandOption interface{ apply(*command) }

type command struct {
	id     string
	digest eventstore.Digest
	time   time.Time
}

type commandOption func(*command)

func (o commandOption) apply(c *command) { o(c) }

// CommandID makes a command recognisable: its commit gets the ID, and wherever a
// commit of that ID is met, while loading or as the winner of a conflict, it is
// the command's result.
func CommandID(id string) CommandOption { return commandOption(func(c *command) { c.id = id }) }

// CommandDigest is the digest of what the command asks for. If a commit of the
// command's ID is met with another digest, the error is an [eventstore.ErrIDReused].
func CommandDigest(d eventstore.Digest) CommandOption {
	return commandOption(func(c *command) { c.digest = d })
}

// OccurredAt is when it happened, for an import; see [eventstore.Write].
func OccurredAt(t time.Time) CommandOption { return commandOption(func(c *command) { c.time = t }) }

// Execute runs a command on the entity id, which need not exist, and returns the
// commit it led to: with no events in it where there was nothing to do.
//
// Errors: what decide returned; an [eventstore.ErrConflict] after MaxAttempts;
// an [eventstore.ErrOutcomeUnknown], after which nothing is decided again: send
// the write that it carries. Cost: one read of the stream unless it is cached,
// one append for each attempt.
func (r *Repository[S, E]) Execute(ctx context.Context, id string, decide Decision[S, E], opts ...CommandOption) (eventstore.Commit, error) {
	stream, err := eventstore.NewStreamID(r.decider.Category, id)
	if err != nil {
		return eventstore.Commit{}, err
	}
	x := execution[S, E]{repository: r, stream: stream, decide: decide}
	for _, o := range opts {
		o.apply(&x.command)
	}
	if r.cache == nil {
		return x.run(ctx)
	}
	entry, err := r.cache.hold(ctx, stream)
	if err != nil {
		return eventstore.Commit{}, err
	}
	defer entry.release()
	x.held = entry.held
	entry.held = held[S]{} // until the outcome is known, nobody may rely on it
	commit, err := x.run(ctx)
	if !errors.Is(err, eventstore.ErrOutcomeUnknown) {
		entry.held = x.held
	}
	return commit, err
}

// held is a state and the revision it belongs to; known is false for the zero value.
type held[S any] struct {
	state    S
	revision eventstore.Revision
	known    bool
}

// execution is one command on its way.
type execution[S, E any] struct {
	repository *Repository[S, E]
	stream     eventstore.StreamID
	decide     Decision[S, E]
	command    command

	held held[S]
	// checked: the state was read to the head in this execution.
	checked bool
	// result is the command's own commit, once it was met.
	result *eventstore.Commit
}

func (x *execution[S, E]) run(ctx context.Context) (eventstore.Commit, error) {
	if !x.held.known {
		if err := x.readToHead(ctx); err != nil {
			return eventstore.Commit{}, err
		}
	}
	for attempt := 1; ; attempt++ {
		if x.result != nil {
			return x.ownResult()
		}
		commit, err := x.attempt(ctx)
		conflict, isConflict := errors.AsType[*eventstore.ConflictError](err)
		if !isConflict {
			return commit, err
		}
		if attempt >= x.repository.maxAttempts {
			return eventstore.Commit{}, fmt.Errorf("aggregate: decided %d times: %w", attempt, err)
		}
		if err := x.overtaken(ctx, conflict, attempt); err != nil {
			return eventstore.Commit{}, err
		}
	}
}

// attempt decides once and appends. A decision that writes nothing is checked.
func (x *execution[S, E]) attempt(ctx context.Context) (eventstore.Commit, error) {
	events, refusal := x.decide(x.held.state)
	for (refusal != nil || len(events) == 0) && !x.checked {
		before := x.held.revision
		if err := x.readToHead(ctx); err != nil {
			return eventstore.Commit{}, err
		}
		if x.result != nil {
			return x.ownResult()
		}
		if x.held.revision != before {
			events, refusal = x.decide(x.held.state)
		}
	}
	if refusal != nil || len(events) == 0 {
		return eventstore.Commit{Stream: x.stream, Revision: x.held.revision}, refusal
	}
	encoded, err := x.repository.decider.encode(events)
	if err != nil {
		return eventstore.Commit{}, fmt.Errorf("aggregate: decision on %q: %w", x.stream, err)
	}
	commit, err := x.repository.store.Append(ctx, eventstore.Write{
		Stream: x.stream, Revision: x.held.revision, ID: x.command.id, Digest: x.command.digest, Time: x.command.time, Events: encoded,
	})
	if err != nil {
		return eventstore.Commit{}, err
	}
	if x.repository.cache != nil && x.fold(&commit) != nil {
		// It is stored all the same; the next command loads it and says what is wrong.
		x.held = held[S]{}
	}
	return commit, nil
}

// overtaken folds in the winner of a conflict. After a second conflict in a row
// it reads to the head: the store may be many commits ahead.
func (x *execution[S, E]) overtaken(ctx context.Context, conflict *eventstore.ConflictError, attempt int) error {
	x.checked = false
	if attempt == 1 {
		return x.fold(&conflict.Winner)
	}
	limit := min(firstPause<<min(attempt-2, 16), lastPause)
	timer := time.NewTimer(rand.N(limit))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return x.readToHead(ctx)
}

// readToHead folds in everything behind the held state, or everything.
func (x *execution[S, E]) readToHead(ctx context.Context) error {
	if !x.held.known {
		x.held = held[S]{state: x.repository.decider.initial(x.stream.ID()), known: true}
	}
	for c, err := range x.repository.store.Read(ctx, x.stream, x.held.revision.Version()+1) {
		if err != nil {
			x.held = held[S]{}
			return fmt.Errorf("aggregate: load %q: %w", x.stream, err)
		}
		if err := x.fold(&c); err != nil {
			return err
		}
	}
	x.checked = true
	return nil
}

// fold moves the held state over one commit, and notices the command's own.
func (x *execution[S, E]) fold(c *eventstore.Commit) error {
	state, err := x.repository.decider.fold(x.held.state, c, c.Last())
	if err != nil {
		x.held = held[S]{}
		return fmt.Errorf("aggregate: load %q: %w", x.stream, err)
	}
	x.held = held[S]{state: state, revision: c.Revision, known: true}
	if x.command.id != "" && c.ID == x.command.id {
		x.result = c
	}
	return nil
}

func (x *execution[S, E]) ownResult() (eventstore.Commit, error) {
	if x.command.digest != (eventstore.Digest{}) && x.command.digest != x.result.Digest {
		return eventstore.Commit{}, &eventstore.IDReusedError{Stream: x.stream, ID: x.command.id, Stored: *x.result}
	}
	return *x.result, nil
}

// Load returns the entity's present state, read from the store, or [ErrNotFound].
func (r *Repository[S, E]) Load(ctx context.Context, id string) (Loaded[S], error) {
	return r.load(ctx, id, func(c *eventstore.Commit) (eventstore.Version, bool) { return c.Last(), true })
}

// LoadVersion returns the state right after the event of that version, which may
// lie inside a commit. A version that does not exist is an [ErrNotFound].
func (r *Repository[S, E]) LoadVersion(ctx context.Context, id string, version eventstore.Version) (Loaded[S], error) {
	loaded, err := r.load(ctx, id, func(c *eventstore.Commit) (eventstore.Version, bool) {
		return min(c.Last(), version), c.First <= version
	})
	if err == nil && loaded.Version < version {
		return Loaded[S]{}, fmt.Errorf("aggregate: load %s %q at version %d: %w: it has %d events",
			r.decider.Category, id, version, ErrNotFound, loaded.Version)
	}
	return loaded, err
}

// LoadAt returns the state that the longest run of commits not after t leads to.
// If the first commit is later it is an [ErrNotFound].
func (r *Repository[S, E]) LoadAt(ctx context.Context, id string, t time.Time) (Loaded[S], error) {
	return r.load(ctx, id, func(c *eventstore.Commit) (eventstore.Version, bool) { return c.Last(), !c.Time.After(t) })
}

// load folds commits, each up to the version that upTo names, until it says no.
func (r *Repository[S, E]) load(ctx context.Context, id string, upTo func(*eventstore.Commit) (eventstore.Version, bool)) (Loaded[S], error) {
	stream, err := eventstore.NewStreamID(r.decider.Category, id)
	if err != nil {
		return Loaded[S]{}, err
	}
	loaded := Loaded[S]{State: r.decider.initial(id)}
	for c, err := range r.store.Read(ctx, stream, 0) {
		if err != nil {
			return Loaded[S]{}, fmt.Errorf("aggregate: load %q: %w", stream, err)
		}
		last, ok := upTo(&c)
		if !ok {
			break
		}
		if loaded.State, err = r.decider.fold(loaded.State, &c, last); err != nil {
			return Loaded[S]{}, fmt.Errorf("aggregate: load %q: %w", stream, err)
		}
		loaded.Version, loaded.Time = last, c.Time
	}
	if loaded.Version == 0 {
		return Loaded[S]{}, fmt.Errorf("aggregate: load %q: %w", stream, ErrNotFound)
	}
	return loaded, nil
}
