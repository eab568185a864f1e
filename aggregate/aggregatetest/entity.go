package aggregatetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
)

// entity is one stream in a store of its own. Its methods end the test where
// the scenario can not be played.
type entity[S, E any] struct {
	t          testing.TB
	decider    aggregate.Decider[S, E]
	repository *aggregate.Repository[S, E]
	id         string
}

func newEntity[S, E any](t testing.TB, decider aggregate.Decider[S, E], id string) *entity[S, E] {
	return &entity[S, E]{t: t, decider: decider, id: id,
		repository: aggregate.NewRepository(memstore.New(), decider, aggregate.Options{})}
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
	loaded, err := e.repository.Load(context.Background(), e.id)
	switch {
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
