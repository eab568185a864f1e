// Package command is the command side of a service: a bus that knows its commands by name,
// so that one registration serves HTTP (package httpapi), Lambda and the command line.
//
// A command is a struct that is decoded from JSON, strictly. Its handler carries it out and
// returns the commits that it led to. The answer is a [Receipt]: where it wrote, and a
// token to read it by. It never holds data of a view: that is asked for by a query.
//
//	bus := command.NewBus(dispatch.Options{Refusals: []dispatch.Refusal{{Err: ErrSoldOut, Code: "sold-out"}}})
//	command.Register(bus, "book", "Takes seats at a concert", command.On(concerts,
//		func(c BookSeats) (string, aggregate.Decision[Concert, Event]) {
//			return c.Concert, Book(c.Guest, c.Seats)
//		}))
//	receipt, err := bus.Dispatch(ctx, command.Request{Name: "book", ID: "17", Content: raw})
//
// The ID of a command makes it safe to send again: it becomes [aggregate.CommandID], with a
// digest of name, actor and content, so that the same ID with another content, or of another
// actor, is an [eventstore.ErrIDReused]. The handler hands it on by [Call.Options]. What is
// between the bus and the handler, in which order and why, is in package dispatch, and so
// are errors as callers see them.
package command

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/dispatch"
)

// Bus knows the commands of a service by name. Register all of them first; then it is safe
// for concurrent use.
type Bus struct{ table *dispatch.Table }

// NewBus returns a bus without commands.
func NewBus(opts dispatch.Options) *Bus {
	return &Bus{table: dispatch.NewTable(dispatch.Command, opts)}
}

// Handler carries out a command of the type C and returns the commits that it led to, those
// without events too. It passes [Call.Options] to whatever writes.
type Handler[C any] func(ctx context.Context, call Call[C]) ([]eventstore.Commit, error)

// Call is a command in the hands of its handler.
type Call[C any] struct {
	// Command is what was sent. It was validated, where it has a method Validate() error.
	Command C
	// ID is the caller's, or a new one.
	ID string

	digest eventstore.Digest
	strict bool
}

// Options are the ID and the digest of the command, for [aggregate.Repository.Execute] and
// [aggregate.Transact]. They serve one write of each stream.
func (c Call[C]) Options() []aggregate.CommandOption {
	opts := []aggregate.CommandOption{aggregate.CommandID(c.ID), aggregate.CommandDigest(c.digest)}
	if c.strict {
		opts = append(opts, aggregate.Strict())
	}
	return opts
}

// On returns a handler that has one entity decide: of says which, and how.
func On[C, S, E any](r *aggregate.Repository[S, E], of func(C) (id string, decide aggregate.Decision[S, E])) Handler[C] {
	return func(ctx context.Context, call Call[C]) ([]eventstore.Commit, error) {
		id, decide := of(call.Command)
		commit, err := r.Execute(ctx, id, decide, call.Options()...)
		if err != nil {
			return nil, err
		}
		return []eventstore.Commit{commit}, nil
	}
}

// Option is an option of one registration.
type Option interface{ apply(*settings) }

type settings struct{ strict, optionalID bool }

type option func(*settings)

func (o option) apply(s *settings) { o(s) }

// Strict makes a command take effect once however late it is sent again; see
// [aggregate.Strict], also for what it costs.
func Strict() Option { return option(func(s *settings) { s.strict = true }) }

// OptionalID takes a command without an ID too, and gives it one. It then takes effect as
// often as it is sent, also where only the answer was lost. Without this option a
// command without an ID is refused. Register panics where it is Strict too.
func OptionalID() Option { return option(func(s *settings) { s.optionalID = true }) }

// Register adds a command, with a summary of one line. Panics if the name is taken or is
// not lower-case words with hyphens between, if C is not a struct, if its tags named
// example do not fit, or if the options contradict each other.
func Register[C any](b *Bus, name, summary string, handle Handler[C], opts ...Option) {
	var s settings
	for _, o := range opts {
		o.apply(&s)
	}
	if s.strict && s.optionalID {
		panic(fmt.Sprintf("command: %q is strict, which is nothing without an ID of the caller's", name))
	}
	entry := dispatch.Entry{Name: name, Summary: summary, NeedsID: !s.optionalID}
	b.table.Add(entry, reflect.TypeFor[C](), identify(s), func(ctx context.Context, r *dispatch.Request) (any, error) {
		call := Call[C]{Command: r.Content.(C), ID: r.ID, digest: r.Digest, strict: s.strict}
		commits, err := handle(ctx, call)
		if err != nil {
			return nil, err
		}
		return receiptOf(r.ID, commits)
	})
}

// Entry returns what is registered under a name, or nil.
func (b *Bus) Entry(name string) *dispatch.Entry { return b.table.Entry(name) }

// Entries returns all commands, sorted by name.
func (b *Bus) Entries() []*dispatch.Entry { return b.table.Entries() }

// Request is a command that is sent.
type Request struct {
	Name string
	// ID is the caller's own for this command: the same when it is sent again.
	ID string
	// Content is the command, a JSON object. None is the empty object.
	Content json.RawMessage
}

// Dispatch carries out a command. Who asks, and what it follows from, is the metadata of
// the context, which the commits carry; the command's ID is its correlation and its cause
// where that names none. The error is a [*dispatch.Failure]: after an unknown outcome, a
// conflict or a timeout the same request may be sent again, with the ID that the failure names.
func (b *Bus) Dispatch(ctx context.Context, r Request) (Receipt, error) {
	answer, err := b.table.Dispatch(ctx, &dispatch.Request{Name: r.Name, ID: r.ID, Raw: r.Content})
	if err != nil {
		return Receipt{}, err
	}
	return answer.(Receipt), nil
}
