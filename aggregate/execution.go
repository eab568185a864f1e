package aggregate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

const (
	// The pause after the second conflict and later ones is random, up to a
	// limit that doubles from firstPause to lastPause.
	firstPause = 2 * time.Millisecond
	lastPause  = 200 * time.Millisecond
)

// held is a state and the revision it belongs to, always a commit boundary.
type held[S any] struct {
	state    S
	revision eventstore.Revision
	// known: the stream was read to its head once, to make this.
	known bool
	// behind: the stream has moved on, so that deciding on this is a waste.
	behind bool
	// commits are those that were folded in, the version of each by its ID, so
	// that a command that comes again is known although nothing is read. It is
	// kept only for a cache.
	commits map[string]eventstore.Version
	// end is the commit that revision is of, as a snapshot names it, and tail what was
	// folded in behind the last snapshot. Both are kept only for snapshots.
	end  eventstore.Snapshot
	tail tail
}

// execution is one command on its way.
type execution[S, E any] struct {
	repository *Repository[S, E]
	stream     eventstore.StreamID
	decide     Decision[S, E]
	command    command

	// held is what the next decision is made on. It is right at its revision at
	// any time, also after a failure, or else not known.
	held held[S]
	// cached: held came from the cache, and was not read anew since.
	cached bool
	// checked: held was read to the head in this execution.
	checked bool
	// result is the command's own commit, once it was met.
	result *eventstore.Commit
	// forgo: the snapshot is of another past, and is not looked at again.
	forgo bool
}

func (x *execution[S, E]) run(ctx context.Context) (eventstore.Commit, error) {
	defer func() { x.snapshot(ctx) }()
	if !x.held.known || x.held.behind {
		if err := x.readToHead(ctx); err != nil {
			return eventstore.Commit{}, err
		}
	}
	if err := x.recall(ctx); err != nil {
		return eventstore.Commit{}, err
	}
	for attempt := 1; ; attempt++ {
		events, err := x.decision(ctx)
		switch {
		case x.result != nil:
			return x.ownResult()
		case err != nil:
			return eventstore.Commit{}, err
		case len(events) == 0:
			// First is set so that Last is the head, and not the version before 0.
			return eventstore.Commit{Stream: x.stream, First: x.held.revision.Version() + 1, Revision: x.held.revision}, nil
		}
		commit, err := x.append(ctx, events)
		if err == nil {
			return commit, nil
		}
		if err := x.afterRefusal(ctx, err, attempt); err != nil {
			return eventstore.Commit{}, err
		}
	}
}

// recall finds the command's own commit among those that the cached state was
// folded from: one read, of a command that was sent before.
func (x *execution[S, E]) recall(ctx context.Context) error {
	version, met := x.held.commits[x.command.id]
	if !met || x.command.id == "" || x.result != nil {
		return nil
	}
	for c, err := range x.repository.store.Read(ctx, x.stream, version) {
		if err != nil {
			return fmt.Errorf("aggregate: load %q: %w", x.stream, err)
		}
		if c.ID == x.command.id {
			x.result = &c
		}
		return nil
	}
	return nil
}

// decision asks for one. If it writes nothing there is no append whose condition
// would notice a stale state, so it is made on a state that was read to the head.
func (x *execution[S, E]) decision(ctx context.Context) ([]E, error) {
	if x.result != nil {
		return nil, nil
	}
	events, refusal := x.decide(x.held.state)
	if refusal == nil && len(events) > 0 {
		return events, nil
	}
	if !x.checked {
		before := x.held.revision
		if err := x.readToHead(ctx); err != nil {
			return nil, err
		}
		if x.result == nil && x.held.revision != before {
			events, refusal = x.decide(x.held.state)
		}
	}
	if x.result == nil && (refusal != nil || len(events) == 0) {
		if err := x.lookUp(ctx); err != nil {
			return nil, err
		}
	}
	return events, refusal
}

// lookUp finds the commit of a strict command that was carried out before.
func (x *execution[S, E]) lookUp(ctx context.Context) error {
	if !x.command.strict {
		return nil
	}
	store, err := transactorOf(x.repository.store)
	if err != nil {
		return err
	}
	x.result, err = claimant(ctx, x.repository.store, store, x.stream, x.command.id)
	return err
}

// claimant returns the commit that has claimed an ID, or nil.
func claimant(ctx context.Context, store eventstore.Store, claims eventstore.Transactor, stream eventstore.StreamID, id string) (*eventstore.Commit, error) {
	holder, err := claims.Claimed(ctx, eventstore.StrictClaim(stream, id))
	if err != nil || holder.Version == 0 {
		return nil, err
	}
	for c, err := range store.Read(ctx, stream, holder.Version) {
		if err != nil {
			return nil, fmt.Errorf("aggregate: load %q: %w", stream, err)
		}
		return &c, nil
	}
	return nil, &eventstore.CorruptError{Stream: holder.Stream, Version: holder.Version, Reason: "the commit that has claimed its id is not there"}
}

// transactorOf returns the store as what claims need.
func transactorOf(store eventstore.Store) (eventstore.Transactor, error) {
	t, ok := store.(eventstore.Transactor)
	if !ok {
		return nil, fmt.Errorf("%w: aggregate: %T keeps no claims, which strict commands and Decider.Claims need", eventstore.ErrInvalid, store)
	}
	return t, nil
}

func (x *execution[S, E]) append(ctx context.Context, events []E) (eventstore.Commit, error) {
	encoded, err := x.repository.decider.encode(events)
	if err != nil {
		return eventstore.Commit{}, fmt.Errorf("aggregate: decision on %q: %w", x.stream, err)
	}
	w := eventstore.Write{Stream: x.stream, Revision: x.held.revision, ID: x.command.id, Digest: x.command.digest, Time: x.command.time,
		Strict: x.command.strict, Events: encoded}
	w.Claims, w.Releases = x.repository.decider.claims(events)
	commit, err := x.repository.store.Append(ctx, w)
	if err != nil {
		return eventstore.Commit{}, err
	}
	if x.repository.cache != nil || x.repository.snapshots.store != nil {
		// What was stored is folded in, not what was decided: it may be the first
		// result of an earlier attempt. If that fails it is stored all the same;
		// the next command loads it and says what is wrong.
		_ = x.fold(&commit)
	}
	return commit, nil
}

// afterRefusal makes ready for another decision after a failed append, or
// returns the error that ends the command.
func (x *execution[S, E]) afterRefusal(ctx context.Context, err error, attempt int) error {
	if conflict, ok := errors.AsType[*eventstore.ConflictError](err); ok {
		if attempt >= x.repository.maxAttempts {
			x.held.behind = true
			return fmt.Errorf("aggregate: decided %d times: %w", attempt, err)
		}
		return x.overtaken(ctx, conflict, attempt)
	}
	if reused, ok := errors.AsType[*eventstore.IDReusedError](err); ok {
		// The command's own commit, with events that were decided otherwise at the
		// time. Only a digest of the command can tell whether that is an error.
		x.result = &reused.Stored
		return nil
	}
	if errors.Is(err, eventstore.ErrOutcomeUnknown) {
		x.held = held[S]{}
	}
	if errors.Is(err, eventstore.ErrRevision) {
		// A state that the store never had: it was restored while the cache lived on.
		stale := x.cached
		x.held, x.cached = held[S]{}, false
		if stale {
			return x.readToHead(ctx)
		}
	}
	return err
}

// overtaken folds in the winner of a conflict. After a second conflict in a row
// it reads to the head: the store may be many commits ahead.
func (x *execution[S, E]) overtaken(ctx context.Context, conflict *eventstore.ConflictError, attempt int) error {
	x.checked = false
	if attempt == 1 {
		return x.fold(&conflict.Winner)
	}
	if pauseBefore(ctx, attempt) != nil {
		return fmt.Errorf("aggregate: decided %d times on %q, each time too late: %w", attempt, x.stream, context.Cause(ctx))
	}
	return x.readToHead(ctx)
}

// pauseBefore waits after so many conflicts in a row, not after the first.
func pauseBefore(ctx context.Context, conflicts int) error {
	if conflicts < 2 {
		return ctx.Err()
	}
	timer := time.NewTimer(rand.N(min(firstPause<<min(conflicts-2, 16), lastPause)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readToHead folds in everything behind the held state, or behind a snapshot, or
// everything. It reads from the commit that the state ends with, not from behind it: that
// commit tells whether the store still has this past. A store that was restored from a
// backup may have another one, or none; then all of it is loaded anew.
func (x *execution[S, E]) readToHead(ctx context.Context) error {
	var snapshot eventstore.Snapshot
	resumed := false
	if !x.held.known {
		x.held = held[S]{state: x.repository.decider.initial(x.stream.ID())}
		if !x.forgo {
			if state, s, ok := x.repository.resume(ctx, x.stream); ok {
				x.held.state, snapshot, resumed = state, s, true
			}
		}
	}
	last := x.held.revision
	from := max(last.Version(), snapshot.Last, 1)
	met := from == 1 && last.Version() == 0 && !resumed // what every past begins with
	for c, err := range x.repository.store.Read(ctx, x.stream, from) {
		if err != nil {
			return fmt.Errorf("aggregate: load %q: %w", x.stream, err)
		}
		switch {
		case met:
			if err := x.fold(&c); err != nil {
				return err
			}
			continue
		case resumed:
			met = snapshot.Is(&c)
		default:
			met = c.Revision == last
		}
		if !met {
			break
		}
		x.held.revision = c.Revision
		x.meet(&c)
	}
	if !met {
		if resumed {
			x.forgo = true
			x.repository.snapshots.failed(x.stream, fmt.Errorf("%w: the snapshot ends with commit %q at version %d, which the stream does not have", ErrSnapshot, snapshot.CommitID, snapshot.Last))
		}
		x.held, x.cached = held[S]{}, false
		return x.readToHead(ctx)
	}
	x.held.known, x.held.behind, x.checked = true, false, true
	return nil
}

// snapshot keeps the held state, if so much was read behind the last one that it pays.
func (x *execution[S, E]) snapshot(ctx context.Context) {
	if x.held.known && x.repository.snapshots.due(x.held.tail) {
		x.repository.save(ctx, x.held.state, x.held.end)
		x.held.tail = tail{} // also where it failed: the next one is tried after as much again
	}
}

// fold moves the held state over one commit, and notices the command's own.
func (x *execution[S, E]) fold(c *eventstore.Commit) error {
	state, err := x.repository.decider.fold(x.held.state, x.held.revision.Version(), c, c.Last())
	if err != nil {
		x.held = held[S]{} // it may be half folded
		return fmt.Errorf("aggregate: load %q: %w", x.stream, err)
	}
	x.held.state, x.held.revision = state, c.Revision
	if x.repository.snapshots.store != nil {
		x.held.tail.add(c)
	}
	x.meet(c)
	return nil
}

// meet notices a commit that the held state was folded from.
func (x *execution[S, E]) meet(c *eventstore.Commit) {
	if x.repository.cache != nil {
		x.held.remember(c)
	}
	if x.repository.snapshots.store != nil {
		x.held.end = eventstore.Snapshot{Stream: c.Stream, First: c.First, Last: c.Last(), CommitID: c.ID}
	}
	if x.result == nil && x.command.id != "" && c.ID == x.command.id {
		own := *c // a copy, so that no commit that is read has to live on the heap
		x.result = &own
	}
}

// remember keeps the first commit of an ID: that is the command's result.
func (h *held[S]) remember(c *eventstore.Commit) {
	if h.commits == nil {
		h.commits = map[string]eventstore.Version{}
	}
	if _, met := h.commits[c.ID]; !met {
		h.commits[c.ID] = c.First
	}
}

func (x *execution[S, E]) ownResult() (eventstore.Commit, error) {
	if x.command.digest != (eventstore.Digest{}) && x.command.digest != x.result.Digest {
		return eventstore.Commit{}, &eventstore.IDReusedError{Stream: x.stream, ID: x.command.id, Stored: *x.result}
	}
	return *x.result, nil
}
