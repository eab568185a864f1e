package aggregatetest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
)

// Participant is an entity that takes part in a [Conversation].
type Participant[S, E any] struct {
	talk   *Conversation
	entity *entity[S, E]
	stream string
}

// Records are the events that one participant is expected to record in a turn.
type Records struct{ lines []line }

// With lets an entity take part in a conversation. It need not have any event.
func With[S, E any](talk *Conversation, decider aggregate.Decider[S, E], id string) *Participant[S, E] {
	talk.t.Helper()
	stream, err := eventstore.NewStreamID(decider.Category, id)
	if err != nil {
		talk.t.Fatalf("nobody can take part as %q: %v", id, err)
	}
	p := &Participant[S, E]{talk, newEntity(talk.t, talk.store, decider, id), stream.String()}
	if _, again := talk.with[p.stream]; !again {
		talk.names = append(talk.names, p.stream)
	}
	talk.with[p.stream] = p
	return p
}

// Given adds events to the entity's past, with the claims that they take.
func (p *Participant[S, E]) Given(events ...E) *Participant[S, E] {
	p.talk.t.Helper()
	p.entity.store("given", events)
	for _, c := range p.talk.store.take() {
		p.talk.remember("given", summary(&c))
	}
	return p
}

// When decides on the entity, as [aggregate.Repository.Execute] does. Beside what each turn
// is tested for it fails the test at once if the decision changes the state that it is given.
func (p *Participant[S, E]) When(decide aggregate.Decision[S, E], opts ...aggregate.CommandOption) *Turn[E] {
	p.talk.t.Helper()
	turn := &Turn[E]{talk: p.talk, stream: p.stream, expected: func(events []E) []line {
		p.talk.t.Helper()
		return p.entity.lines("expected", events)
	}}
	looked := false
	watched := func(s S) ([]E, error) {
		if looked {
			return decide(s)
		}
		looked = true
		before := render(s)
		events, err := decide(s)
		if d := differences(before, render(s), "before"); len(d) > 0 {
			turn.fatal(stateChanged(d))
		}
		return events, err
	}
	turn.command = func(ctx context.Context) ([]eventstore.Commit, error) {
		c, err := p.entity.repository.Execute(ctx, p.entity.id, watched, opts...)
		if err != nil || c.ID == "" {
			return nil, err
		}
		return []eventstore.Commit{c}, nil
	}
	turn.play()
	return turn
}

// In returns the entity within a command on several.
func (p *Participant[S, E]) In(tx *aggregate.Tx) (*aggregate.Entity[S, E], error) {
	return p.entity.repository.In(tx, p.entity.id)
}

// Records says what the participant is expected to record.
func (p *Participant[S, E]) Records(events ...E) Records {
	p.talk.t.Helper()
	lines := p.entity.lines("expected", events)
	for i := range lines {
		lines[i] = lines[i].of(p.stream)
	}
	return Records{lines}
}

// State returns the entity's state as it stands, folded from what was stored. It belongs
// to the caller.
func (p *Participant[S, E]) State() S {
	p.talk.t.Helper()
	return p.entity.state()
}

// ThenState hands check the entity's state as it stands.
func (p *Participant[S, E]) ThenState(check func(t testing.TB, state S)) {
	p.talk.t.Helper()
	check(p.talk.t, p.State())
}

func (p *Participant[S, E]) rendered() node {
	p.talk.t.Helper()
	state := render(p.State())
	if d := differences(state, render(p.State()), "the first time"); len(d) > 0 {
		p.talk.t.Fatal(impureEvolve(d).text("it is " + p.stream))
	}
	return state
}

func (p *Participant[S, E]) line(c *eventstore.Commit, i int) line {
	event, err := p.entity.decider.Events.Decode(c, i)
	if e, ok := event.(E); err == nil && ok {
		if l, err := p.entity.line(e); err == nil {
			return l
		}
	}
	return newLine(c.Events[i].Type, leaf(fmt.Sprintf("(%d bytes)", len(c.Events[i].Payload))))
}

// summary names the events of a commit, without what is in them.
func summary(c *eventstore.Commit) string {
	texts := make([]string, len(c.Events))
	for i, e := range c.Events {
		texts[i] = fmt.Sprintf("%s %s", c.EventID(i), e.Type)
	}
	const many = 5
	if n := len(texts); n > many {
		texts = append(texts[:many-1:many-1], fmt.Sprintf("… %d more", n-many+1))
	}
	return strings.Join(texts, ", ")
}
