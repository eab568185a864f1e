package aggregatetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
)

// entity is one stream in a store. Its methods end the test where the scenario can not
// be played.
type entity[S, E any] struct {
	t          testing.TB
	decider    aggregate.Decider[S, E]
	repository *aggregate.Repository[S, E]
	id         string
	evolving   *step[S, E] // what Evolve works on, nil while it does not
}

type step[S, E any] struct {
	state S
	event E
}

func newEntity[S, E any](t testing.TB, store eventstore.Store, decider aggregate.Decider[S, E], id string) *entity[S, E] {
	e := &entity[S, E]{t: t, decider: decider, id: id}
	if evolve := decider.Evolve; evolve != nil {
		decider.Evolve = func(s S, event E) S {
			e.evolving = &step[S, E]{s, event}
			s = evolve(s, event)
			e.evolving = nil
			return s
		}
	}
	e.repository = aggregate.NewRepository(store, decider, aggregate.Options{})
	return e
}

// store appends events as a command would. which says whose they are.
func (e *entity[S, E]) store(which string, events []E) {
	e.t.Helper()
	e.lines(which, events) // for an error that names the event
	decided := func(S) ([]E, error) { return events, nil }
	if _, err := e.repository.Execute(context.Background(), e.id, decided); err != nil {
		e.t.Fatalf("the %s events can not be stored: %v", which, err)
	}
}

// state folds what is stored, anew each time.
func (e *entity[S, E]) state() S {
	e.t.Helper()
	loaded, nilMap, err := e.load()
	switch {
	case nilMap:
		l, _ := e.line(e.evolving.event) // it never fails: the event comes from the store
		e.t.Fatal(nilMapFailure(l, e.decider.Initial == nil).text("the state before it is: " + render(e.evolving.state).text))
	case err == nil:
		return loaded.State
	case !errors.Is(err, aggregate.ErrNotFound):
		e.t.Fatalf("the entity can not be loaded: %v", err)
	case e.decider.Initial != nil:
		return e.decider.Initial(e.id)
	}
	var initial S
	return initial
}

// load loads the entity, and reports if Evolve panics because it puts an entry into
// a nil map. Any other panic goes on, and shows where it comes from.
func (e *entity[S, E]) load() (loaded aggregate.Loaded[S], nilMap bool, err error) {
	defer func() {
		p := recover()
		if fault, ok := p.(runtime.Error); ok && e.evolving != nil && strings.Contains(fault.Error(), "assignment to entry in nil map") {
			nilMap = true
		} else if p != nil {
			panic(p)
		}
	}()
	loaded, err = e.repository.Load(context.Background(), e.id)
	return loaded, false, err
}

// lines shows events as they come back from a store.
func (e *entity[S, E]) lines(which string, events []E) []line {
	e.t.Helper()
	lines := make([]line, len(events))
	for i, event := range events {
		l, err := e.line(event)
		if err != nil {
			e.t.Fatalf("%s event %d can not be stored: %v", which, i+1, err)
		}
		lines[i] = l
	}
	return lines
}

func (e *entity[S, E]) line(event E) (line, error) {
	encoded, err := e.decider.Events.Encode(event)
	if err != nil {
		return line{}, err
	}
	if json.Valid(encoded.Payload) {
		return newLine(encoded.Type, parse(encoded.Payload)), nil
	}
	decoded, err := e.decider.Events.Decode(&eventstore.Commit{First: 1, Events: []eventstore.Event{encoded}}, 0)
	if err != nil {
		return line{}, fmt.Errorf("read back: %w", err)
	}
	return newLine(encoded.Type, render(decoded)), nil
}

func (e *entity[S, E]) result(events []E, refusal error) result {
	e.t.Helper()
	if refusal != nil {
		return result{refusal: refusal}
	}
	return result{recorded: e.lines("recorded", events)}
}
