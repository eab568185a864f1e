package aggregatetest

import (
	"slices"
	"testing"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore/memstore"
)

// Scenario is an entity with a past. It is a value: a past that several tests
// share can be kept in a variable and continued from there.
type Scenario[S, E any] struct {
	t       testing.TB
	decider aggregate.Decider[S, E]
	id      string
	given   []E
}

// For begins a scenario of an entity without events, whose ID is "1".
func For[S, E any](t testing.TB, decider aggregate.Decider[S, E]) Scenario[S, E] {
	return Scenario[S, E]{t: t, decider: decider, id: "1"}
}

// WithID gives the entity another ID, for deciders whose Initial looks at it.
func (s Scenario[S, E]) WithID(id string) Scenario[S, E] {
	s.id = id
	return s
}

// Given adds events to the entity's past.
func (s Scenario[S, E]) Given(events ...E) Scenario[S, E] {
	s.given = slices.Concat(s.given, events)
	return s
}

// When decides, several times on the same past. It fails the test at once if the
// decision changes the state that it is given, or does not decide the same again.
func (s Scenario[S, E]) When(decide aggregate.Decision[S, E]) *Outcome[S, E] {
	s.t.Helper()
	e := newEntity(s.t, memstore.New(), s.decider, s.id)
	e.store("given", s.given)
	first := e.state()
	before := render(first)
	second := e.state()
	o := &Outcome[S, E]{t: s.t, entity: e, past: past(len(s.given), before)}
	if d := differences(before, render(second), "the first time"); len(d) > 0 {
		s.t.Fatal(o.explain(impureEvolve(d)))
	}

	events, refusal := decide(first)
	if d := differences(before, render(first), "before"); len(d) > 0 {
		s.t.Fatal(o.explain(stateChanged(d)))
	}
	o.result = e.result(events, refusal)
	for range repetitions(len(events)) {
		again := e.result(decide(second))
		if !o.result.equal(again) {
			s.t.Fatal(o.explain(impureDecision(o.result, again)))
		}
	}
	if refusal == nil {
		e.store("recorded", events)
	}
	o.after = e.state()
	return o
}

// repetitions is how often a decision is made again. Go walks a map of two in the
// other order about one time in eight, a large one nearly always; a hundred times
// leaves one chance in a million not to notice.
func repetitions(events int) int { return max(10, min(100, 2000/(events+1))) }
