package aggregatetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Outcome is what a decision led to. Its methods mark the test as failed if that
// is not what was expected, and go on; they can be chained.
type Outcome[S, E any] struct {
	t      testing.TB
	entity *entity[S, E]
	// past says in a sentence what the decision was made on.
	past string
	result
	// after is the state that given and recorded events lead to.
	after S
}

// Then expects exactly these events, in this order. They are compared as they
// are stored: 15.3 is not 15.30.
func (o *Outcome[S, E]) Then(events ...E) *Outcome[S, E] {
	o.t.Helper()
	o.fail(wrongEvents(o.entity.lines("expected", events), o.result))
	return o
}

// ThenNothing expects that there is nothing to do: no events and no refusal.
func (o *Outcome[S, E]) ThenNothing() *Outcome[S, E] {
	o.t.Helper()
	return o.Then()
}

// ThenRefused expects a refusal that is target, as errors.Is has it.
func (o *Outcome[S, E]) ThenRefused(target error) *Outcome[S, E] {
	o.t.Helper()
	o.fail(wrongRefusal(fmt.Sprint(target), errors.Is(o.refusal, target), o.result))
	return o
}

// ThenRefusedSaying expects a refusal in whose text this part occurs.
func (o *Outcome[S, E]) ThenRefusedSaying(part string) *Outcome[S, E] {
	o.t.Helper()
	said := o.refusal != nil && strings.Contains(o.refusal.Error(), part)
	o.fail(wrongRefusal(fmt.Sprintf("one that says %q", part), said, o.result))
	return o
}

// ThenRefusedWith expects a refusal and hands it to check, for the facts that an
// error carries.
func (o *Outcome[S, E]) ThenRefusedWith(check func(t testing.TB, refusal error)) *Outcome[S, E] {
	o.t.Helper()
	o.fail(wrongRefusal("", o.refusal != nil, o.result))
	if o.refusal != nil {
		check(o.t, o.refusal)
	}
	return o
}

// ThenState hands check the state that given and recorded events lead to, folded
// from what was stored.
func (o *Outcome[S, E]) ThenState(check func(t testing.TB, state S)) *Outcome[S, E] {
	o.t.Helper()
	check(o.t, o.after)
	return o
}

// fail marks the test as failed unless there is nothing to say.
func (o *Outcome[S, E]) fail(f failure) {
	o.t.Helper()
	if f != (failure{}) {
		o.t.Error(o.explain(f))
	}
}

func (o *Outcome[S, E]) explain(f failure) string { return f.text(o.past) }
