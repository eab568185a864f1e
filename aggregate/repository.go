package aggregate

import (
	"context"
	"fmt"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// Options says how a repository works. The zero value works.
type Options struct {
	// CacheStreams is how many entities' states are kept in memory at the most,
	// those used last. A command on a cached entity reads nothing; one that is
	// refused or finds nothing to do reads the last commit that the state was
	// folded from, to see that the store still has it, and what is new. Commands
	// on one entity wait for each other instead of conflicting. Defaults to 0, no
	// cache.
	CacheStreams int
	// CacheEvents is how many events those states were folded from at the most,
	// all together. It bounds the memory: an entry takes that of the state, and
	// about 100 bytes for each commit of the stream. An entity with more than half
	// of the events counts as half, so that it too is kept while it is used often;
	// at most two such are. Defaults to 1,000,000.
	CacheEvents int
	// Snapshots, if not nil, keeps states, so that an entity that is not cached is not folded
	// from its first event: the snapshot is read, then the stream from the commit that it
	// ends with. One whose commit the stream does not have is passed over, and all is read.
	// A [CommandID] that is not [Strict] is then recognised only behind the snapshot. The
	// decider says how states are kept, by its Snapshot. Defaults to none.
	Snapshots eventstore.Snapshots
	// SnapshotEvents and SnapshotBytes are after how many events, or bytes of payloads, that
	// were read behind the last snapshot a command saves another one, when it has taken
	// effect or was refused. Saving takes two seconds at the most, and never fails the
	// command. Default to 500 and 256 KB.
	SnapshotEvents, SnapshotBytes int
	// SnapshotFailed is told what went wrong with a snapshot; nothing else depends on it.
	// It is called concurrently. Defaults to doing nothing.
	SnapshotFailed func(stream eventstore.StreamID, err error)
	// MaxAttempts is how often a command is decided before a conflict is
	// returned. Defaults to 10.
	MaxAttempts int
}

const (
	defaultAttempts    = 10
	defaultCacheEvents = 1_000_000
)

// Repository executes commands on the entities of one decider, and loads their
// states. It is safe for concurrent use.
type Repository[S, E any] struct {
	store       eventstore.Store
	decider     Decider[S, E]
	cache       *cache[S] // nil: none
	snapshots   snapshotting
	maxAttempts int
}

// NewRepository returns a repository. Panics if the decider has no Evolve, no
// Events, or no valid category, if it has Claims and the store keeps none, or if snapshots
// are to be kept and it does not say how.
func NewRepository[S, E any](store eventstore.Store, decider Decider[S, E], opts Options) *Repository[S, E] {
	if decider.Evolve == nil || decider.Events == nil {
		panic("aggregate: a decider needs Evolve and Events")
	}
	if _, err := eventstore.NewStreamID(decider.Category, "x"); err != nil {
		panic(fmt.Sprintf("aggregate: %v", err))
	}
	if _, err := transactorOf(store); err != nil && decider.Claims != nil {
		panic(err.Error())
	}
	r := &Repository[S, E]{store: store, decider: decider, maxAttempts: opts.MaxAttempts}
	if opts.Snapshots != nil {
		if decider.Snapshot == nil || eventstore.CheckStateSchema(decider.Snapshot.Schema) != nil {
			panic("aggregate: to keep snapshots a decider needs Snapshot, with a Schema from 1")
		}
		r.snapshots = snapshotting{store: opts.Snapshots, events: opts.SnapshotEvents, bytes: opts.SnapshotBytes, failed: opts.SnapshotFailed}
		r.snapshots.complete()
	}
	if r.maxAttempts <= 0 {
		r.maxAttempts = defaultAttempts
	}
	if opts.CacheEvents <= 0 {
		opts.CacheEvents = defaultCacheEvents
	}
	if opts.CacheStreams > 0 {
		r.cache = newCache[S](opts.CacheStreams, opts.CacheEvents)
	}
	return r
}

// CommandOption is an option of one command.
type CommandOption interface{ apply(*command) }

type command struct {
	id     string
	digest eventstore.Digest
	time   time.Time
	strict bool
}

// check refuses options that promise what can not be kept.
func (c *command) check(store eventstore.Store) error {
	if !c.strict {
		return nil
	}
	if c.id == "" {
		return fmt.Errorf("%w: aggregate: a strict command needs a CommandID", eventstore.ErrInvalid)
	}
	_, err := transactorOf(store)
	return err
}

type commandOption func(*command)

func (o commandOption) apply(c *command) { o(c) }

// CommandID makes a command recognisable: its commit gets the ID, and wherever a
// commit of that ID is met, while loading or as the winner of a conflict, it is
// the command's result, also where the command would decide otherwise now. Only
// what is written is remembered: see [Repository.Execute].
func CommandID(id string) CommandOption { return commandOption(func(c *command) { c.id = id }) }

// CommandDigest is the digest of what the command asks for. If a commit of the
// command's ID is met with another digest, the error is an [eventstore.ErrIDReused].
func CommandDigest(d eventstore.Digest) CommandOption {
	return commandOption(func(c *command) { c.digest = d })
}

// Strict makes a command with a [CommandID] take effect once, however late it is sent again:
// the ID is claimed with its commit, and looked up before a refusal, or that there is nothing
// to do, is answered. A command that is not strict is recognised where its commit is
// met. The store must be an [eventstore.Transactor]. Cost on DynamoDB: a transaction, 4 write
// units instead of 1; one read unit before a refusal.
func Strict() CommandOption { return commandOption(func(c *command) { c.strict = true }) }

// OccurredAt is when it happened, for an import; see [eventstore.Write].
func OccurredAt(t time.Time) CommandOption { return commandOption(func(c *command) { c.time = t }) }

// Category returns the category of the entities' streams.
func (r *Repository[S, E]) Category() string { return r.decider.Category }

// Execute runs a command on the entity id, which need not exist, and returns the
// commit it led to. Where there was nothing to do, decide having returned neither
// events nor an error, that is a commit without events and without ID, whose First
// is the version that would come next, and whose Last and Revision are the stream's
// head. Look at the length of its Events before you name one: EventID(0) of it is
// of an event that does not exist.
//
// A command that wrote nothing, because it was refused or had nothing to do, is not
// remembered under its [CommandID]. Sent again it is decided anew, and may take
// effect then.
//
// Errors: what decide returned; an [eventstore.ErrConflict] after MaxAttempts;
// an [eventstore.ErrOutcomeUnknown], after which nothing is decided again: send
// the write that it carries. Cost: one read of the stream unless it is cached,
// see [Options]; one append for each attempt; after a conflict at the most one
// read of what is new.
func (r *Repository[S, E]) Execute(ctx context.Context, id string, decide Decision[S, E], opts ...CommandOption) (eventstore.Commit, error) {
	stream, err := eventstore.NewStreamID(r.decider.Category, id)
	if err != nil {
		return eventstore.Commit{}, err
	}
	x := execution[S, E]{repository: r, stream: stream, decide: decide}
	for _, o := range opts {
		o.apply(&x.command)
	}
	if err := x.command.check(r.store); err != nil {
		return eventstore.Commit{}, err
	}
	if r.cache == nil {
		return x.run(ctx)
	}
	entry, err := r.cache.hold(ctx, stream)
	if err != nil {
		return eventstore.Commit{}, err
	}
	defer r.cache.release(entry)
	x.held, x.cached = entry.held, entry.held.known
	entry.held = held[S]{} // should decide or Evolve panic, nobody may rely on it
	commit, err := x.run(ctx)
	entry.held = x.held
	return commit, err
}
