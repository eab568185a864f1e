package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// What the code fails on is skipped instead: all is exact but for those events, also in a new
// generation, whose code would not fail.
func TestEventsThatAreSkippedAreMissingAndNothingElseAlsoInANewGeneration(t *testing.T) {
	t.Parallel()
	s, p, code := parkedYear(t)
	e := s.engine(t, "broken", code)
	skipped := 0
	for {
		waiting := s.waiting(t, code)
		if len(waiting) == 0 {
			break
		}
		for _, w := range waiting {
			require.NoError(t, e.Skip(t.Context(), w.projection, w.event))
			skipped++
		}
	}
	assert.Equal(t, len(code.projections)*p.bad, skipped, "no event but those")
	but := func(id eventstore.EventID) bool { return !code.fails(id) }
	p.requireFold(t, s, code, but)

	fails := code.fails
	code.fails = never
	s.rebuild(t, code)
	assert.Zero(t, s.sweep(t, "mended", code).Parked)
	p.requireFold(t, s, code, func(id eventstore.EventID) bool { return !fails(id) })
}

// waits is a stream of a projection that is parked, at an event.
type waits struct {
	projection string
	event      eventstore.EventID
}

func (s *Service) waiting(t *testing.T, code *fragile) (found []waits) {
	t.Helper()
	for _, p := range code.projections {
		for c, err := range s.Views.AllCheckpoints(t.Context(), projection.GenerationID{Projection: p.Name(), Number: 1}, true) {
			require.NoError(t, err)
			found = append(found, waits{p.Name(), eventstore.EventID{Stream: c.Stream, Version: c.Parked.Version}})
		}
	}
	return found
}

// rebuild gives each projection a new generation, as a rebuild does. A sweep builds it.
func (s *Service) rebuild(t *testing.T, code *fragile) {
	t.Helper()
	for _, p := range code.projections {
		state, err := s.Views.State(t.Context(), p.Name())
		require.NoError(t, err)
		state.Generations[0].Role = projection.Retired
		state.Counter++
		next := state.Generations[0]
		next.Number, next.Role = state.Counter, projection.Building
		state.Generations = append(state.Generations, next)
		_, err = s.Views.PutState(t.Context(), state)
		require.NoError(t, err)
	}
}
