package operator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
)

// VerifyOptions says what to verify beside the events.
type VerifyOptions struct {
	// Views compares the rows of the active generations with a fold of the events. It
	// keeps all rows of a projection in memory, and reads the store once more for each.
	Views bool
	// Progress, if not nil, is told from time to time how far it is.
	Progress func(Verified)
}

// Verified is what a verification found.
type Verified struct {
	Streams int `json:"streams"`
	Commits int `json:"commits"`
	Events  int `json:"events"`
	// Faults are what is wrong.
	Faults []Fault `json:"faults"`
	// Parked is how many streams wait in a projection, which is no fault of the store.
	Parked int `json:"parked"`
	// Skipped is how many events projections pass over, since an operator has said so.
	Skipped int `json:"skipped"`
	// Views are those that were compared, or should have been.
	Views []ComparedView `json:"views,omitempty"`
}

// Fault is something that is wrong. Stream is that of the fault, zero where it is of none.
type Fault struct {
	Stream eventstore.StreamID `json:"stream,omitzero"`
	Fault  string              `json:"fault"`
}

// OK reports whether nothing is wrong, and everything was looked at that was asked for.
func (v Verified) OK() bool {
	return len(v.Faults) == 0 && !slices.ContainsFunc(v.Views, func(c ComparedView) bool { return c.NotCompared != "" })
}

// Verify reads everything: no version is missing or doubled, every event can be decoded,
// each claim is held once and by whom the commits say, and, if asked for, every row is what
// a plain fold of the events makes of it. A damaged stream is noted and left; damage that
// belongs to no stream is noted and ends it. To compare views without having the code of any
// is an [ErrUnsupported]. Cost: a scan of the store, and a strongly consistent read of each
// claim that is held.
func (o *Operator) Verify(ctx context.Context, opts VerifyOptions) (Verified, error) {
	v := verifier{o: o, opts: opts, held: map[eventstore.Claim]eventstore.EventID{}}
	v.report.Faults = []Fault{}
	if opts.Views && !v.canCompare() {
		return v.report, unsupported("compare the views", "the program has no views, or the code of none")
	}
	if err := v.events(ctx); err != nil {
		return v.report, err
	}
	if err := v.claims(ctx); err != nil {
		return v.report, err
	}
	groups, err := o.Parked(ctx, "")
	if err != nil {
		return v.report, err
	}
	for _, g := range groups {
		v.report.Parked += len(g.Streams)
	}
	all, err := o.known(ctx)
	if err != nil {
		return v.report, err
	}
	for _, k := range all {
		s, _, err := o.live(ctx, k.name)
		if err != nil {
			return v.report, err
		}
		v.report.Skipped += len(s.Skips)
	}
	if opts.Views {
		err = v.views(ctx)
	}
	return v.report, err
}

// verifier follows one stream after the other.
type verifier struct {
	o      *Operator
	opts   VerifyOptions
	report Verified

	held   map[eventstore.Claim]eventstore.EventID // at the end of the stream that took it
	twice  []heldTwice
	stream eventstore.StreamID
	last   eventstore.Version
	holds  map[eventstore.Claim]eventstore.EventID // of the stream
}

// heldTwice is a claim that another stream took before, as far as was read.
type heldTwice struct {
	claim         eventstore.Claim
	first, second eventstore.EventID
}

func (v *verifier) fault(stream eventstore.StreamID, format string, args ...any) {
	v.report.Faults = append(v.report.Faults, Fault{stream, fmt.Sprintf(format, args...)})
}

// events reads the whole store.
func (v *verifier) events(ctx context.Context) error {
	scanner, ok := v.o.service.Store.(eventstore.Scanner)
	if !ok {
		return unsupported("verify", "the store can not be read as a whole")
	}
	var cursor eventstore.Cursor
	for again := true; again; {
		again = false
		for scanned, err := range scanner.ReadAll(ctx, cursor) {
			if err == nil {
				v.check(&scanned.Commit)
				continue
			}
			if !errors.Is(err, eventstore.ErrCorrupt) {
				return err
			}
			damage, ok := errors.AsType[*eventstore.CorruptError](err)
			if !ok || damage.Stream.IsZero() {
				v.fault(eventstore.StreamID{}, "%v; what comes behind %q could not be read", err, v.stream)
				v.holds = nil
				break
			}
			v.enter(damage.Stream)
			v.holds = nil // what it holds at its end can not be read
			v.fault(damage.Stream, "%v", err)
			cursor, again = cursor.Past(damage.Stream), true
			break
		}
		v.leave()
		v.stream, v.last = eventstore.StreamID{}, 0
	}
	return nil
}

// enter begins another stream.
func (v *verifier) enter(stream eventstore.StreamID) {
	if stream != v.stream {
		v.leave()
		v.stream, v.last = stream, 0
		v.report.Streams++
		if v.opts.Progress != nil {
			v.opts.Progress(v.report)
		}
	}
}

func (v *verifier) check(c *eventstore.Commit) {
	v.enter(c.Stream)
	if c.First != v.last+1 {
		v.fault(c.Stream, "%s@%d follows version %d", c.Stream, c.First, v.last)
	}
	v.last = c.Last()
	v.report.Commits++
	v.follow(c)
	registry := v.o.service.Events
	if c.Stream.Category() == ActivityCategory {
		registry = ownEvents
	}
	for i := range c.Events {
		v.report.Events++
		if registry == nil {
			continue
		}
		if _, err := registry.Decode(c, i); err != nil {
			v.fault(c.Stream, "%v", err)
		}
	}
}

// follow keeps what the stream holds.
func (v *verifier) follow(c *eventstore.Commit) {
	for _, claim := range c.Releases {
		delete(v.holds, claim)
	}
	for _, claim := range c.Taken() {
		if v.holds == nil {
			v.holds = map[eventstore.Claim]eventstore.EventID{}
		}
		v.holds[claim] = c.EventID(0)
	}
}

// leave notes what the stream holds at its end.
func (v *verifier) leave() {
	for claim, id := range v.holds {
		if other, taken := v.held[claim]; taken {
			v.twice = append(v.twice, heldTwice{claim, other, id})
		}
		v.held[claim] = id
	}
	v.holds = nil
}

// claims looks whether a claim is held twice, and compares who holds it by the commits with
// who does by the store.
func (v *verifier) claims(ctx context.Context) error {
	for _, t := range v.twice {
		if still, err := v.stillHeld(ctx, t.claim, t.first, t.second); err != nil {
			return err
		} else if still {
			v.fault(t.second.Stream, "the claim %s is held by %s and by %s", t.claim, t.first, t.second)
		}
	}
	store, ok := v.o.service.Store.(eventstore.Transactor)
	if !ok {
		return nil
	}
	for _, c := range slices.SortedFunc(maps.Keys(v.held), func(a, b eventstore.Claim) int { return strings.Compare(a.String(), b.String()) }) {
		holder, err := store.Claimed(ctx, c)
		if err != nil {
			return err
		}
		if holder == v.held[c] {
			continue
		}
		if still, err := v.stillHeld(ctx, c, v.held[c]); err != nil {
			return err
		} else if still {
			v.fault(v.held[c].Stream, "the claim %s is held by %s, and was taken by %s", c, orNobody(holder), v.held[c])
		}
	}
	return nil
}

// stillHeld reports whether streams hold a claim as they did when they were read: who goes on
// meanwhile may have given it up.
func (v *verifier) stillHeld(ctx context.Context, claim eventstore.Claim, takers ...eventstore.EventID) (bool, error) {
	for _, taker := range takers {
		for c, err := range v.o.service.Store.Read(ctx, taker.Stream, taker.Version) {
			if errors.Is(err, eventstore.ErrCorrupt) {
				break // nobody can say that it was given up
			}
			if err != nil {
				return false, err
			}
			if slices.Contains(c.Releases, claim) && c.EventID(0) != taker {
				return false, nil
			}
		}
	}
	return true, nil
}

func orNobody(id eventstore.EventID) string {
	if id.Version == 0 {
		return "nobody"
	}
	return id.String()
}
