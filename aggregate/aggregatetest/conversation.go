package aggregatetest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
)

// Conversation is several commands in turn, on entities that share one store: what a
// command leads to is what the next one finds. Who takes part is said by [With].
type Conversation struct {
	t     testing.TB
	store *Store
	with  map[string]speaker // by stream
	names []string           // the streams, in the order in which they joined
	turns int
	past  []string // a line for what was given, and for each turn
}

// speaker is a participant, whatever its events are.
type speaker interface {
	line(c *eventstore.Commit, i int) line
	// rendered is the state as it stands.
	rendered() node
}

// Command is a command as a service carries it out, on any number of entities. It is
// rehearsed before it takes effect, and so called several times.
type Command func(ctx context.Context) ([]eventstore.Commit, error)

// Talk begins a conversation, in an empty store.
func Talk(t testing.TB) *Conversation {
	return &Conversation{t: t, store: newStore(), with: map[string]speaker{}}
}

// Store returns what the conversation is held in, for services that bring repositories
// of their own.
func (c *Conversation) Store() *Store { return c.store }

// When plays a command on several entities, of a service over [Conversation.Store]. Like
// all turns it is rehearsed before, and fails the test at once unless it would store the
// same again.
func (c *Conversation) When(command Command) *Turn[Records] {
	c.t.Helper()
	return c.turn(command)
}

// Transact plays a command on several entities, as [aggregate.Transact] does. run finds them
// by [Participant.In].
func (c *Conversation) Transact(run func(tx *aggregate.Tx) error, opts ...aggregate.CommandOption) *Turn[Records] {
	c.t.Helper()
	return c.turn(func(ctx context.Context) ([]eventstore.Commit, error) {
		return aggregate.Transact(ctx, c.store, run, opts...)
	})
}

func (c *Conversation) turn(command Command) *Turn[Records] {
	c.t.Helper()
	turn := &Turn[Records]{talk: c, command: command, named: true, expected: func(records []Records) []line {
		var lines []line
		for _, r := range records {
			lines = append(lines, r.lines...)
		}
		return lines
	}}
	turn.play()
	return turn
}

// remember adds a line to the past.
func (c *Conversation) remember(who, what string) { c.past = append(c.past, "  "+who+": "+what+"\n") }

// told says what happened so far, and how the entities stood that a turn is about.
func (c *Conversation) told(states []string) string {
	var b strings.Builder
	if len(c.past) == 0 {
		b.WriteString("it is the first turn, and nothing is given\n")
	} else {
		b.WriteString("so far:\n" + strings.Join(c.past, ""))
	}
	b.WriteString(strings.Join(states, "\n"))
	return strings.TrimSuffix(b.String(), "\n")
}

// states says how entities stand.
func (c *Conversation) states(streams ...string) []string {
	c.t.Helper()
	texts := make([]string, len(streams))
	for i, stream := range streams {
		texts[i] = "before the turn " + stream + " is: " + c.with[stream].rendered().text
	}
	return texts
}

// lines shows the events of a commit. named: with the stream.
func (c *Conversation) lines(commit *eventstore.Commit, named bool) []line {
	lines := make([]line, len(commit.Events))
	stream := commit.Stream.String()
	for i, e := range commit.Events {
		switch s, ok := c.with[stream]; {
		case ok:
			lines[i] = s.line(commit, i)
		case json.Valid(e.Payload):
			lines[i] = newLine(e.Type, parse(e.Payload))
		default:
			lines[i] = newLine(e.Type, leaf(fmt.Sprintf("(%d bytes)", len(e.Payload))))
		}
		if named {
			lines[i] = lines[i].of(stream)
		}
	}
	return lines
}
