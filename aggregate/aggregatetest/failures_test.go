package aggregatetest_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/leftfold/leftfold/aggregate/aggregatetest"
)

// Each failure is told with what was expected, what was recorded, and a likely cause.
func TestFailuresExplainThemselves(t *testing.T) {
	t.Parallel()
	ada := opened{Owner: "Ada"}
	amount := func(n json.Number) deposited { return deposited{Amount: n} }
	many := func(n int, between ...accountEvent) (events []accountEvent) {
		for i := range n {
			events = append(events, deposited{Amount: json.Number(fmt.Sprint(i))})
		}
		return append(events[:n/2:n/2], append(between, events[n/2:]...)...)
	}
	for name, play := range map[string]func(aggregatetest.Scenario[account, accountEvent]){
		"then, another order": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(record(amount("2"), amount("1"), closed{})).Then(amount("1"), amount("2"), closed{})
		},
		"then, another field": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(deposit("1", "15.3")).Then(amount("1"), amount("15.30"))
		},
		"then, a field missing and one too many": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(record(deposited{Amount: "1", Note: "<b>"}, amount("2"))).Then(amount("1"), deposited{Amount: "2", Note: "rent"})
		},
		"then, inside lists and maps": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(record(invoiced{Lines: []invoiceLine{{"A", 1}, {"B", 2}}, By: map[string]int{"x": 1, "y": 2}})).
				Then(invoiced{Lines: []invoiceLine{{"A", 1}, {"C", 2}}, Paid: true, By: map[string]int{"y": 2, "z": 3}})
		},
		"then, lists of other lengths": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(record(invoiced{Lines: []invoiceLine{{"A", 1}, {"B", 2}}})).Then(invoiced{Lines: []invoiceLine{{"A", 1}}})
		},
		"then, another type": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(record(amount("1"), closed{})).Then(amount("1"), ada)
		},
		"then, one too few": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(deposit("1", "3")).Then(amount("1"), amount("2"), amount("3"))
		},
		"then, one among many": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(record(many(20, closed{})...)).Then(many(20)...)
		},
		"then, refused": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.Given(closed{}).When(deposit("1")).Then(amount("1"))
		},
		"then, recorded nothing": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(deposit()).Then(amount("1"))
		},
		"then nothing, recorded": func(s aggregatetest.Scenario[account, accountEvent]) { s.When(deposit("1")).ThenNothing() },
		"then nothing, refused": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(refuse(errClosed)).ThenNothing()
		},
		"then refused, recorded": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(deposit("1", "2")).ThenRefused(errClosed)
		},
		"then refused, recorded nothing": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(deposit()).ThenRefused(errClosed)
		},
		"then refused, another reason": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(refuse(errUnknown)).ThenRefused(errClosed)
		},
		"then refused, not wrapped": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(refuse(fmt.Errorf("deposit: %v", errClosed))).ThenRefused(errClosed)
		},
		"then refused saying, something else": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(refuse(errUnknown)).ThenRefusedSaying("closed")
		},
		"then refused with, recorded": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(deposit("1")).ThenRefusedWith(func(testing.TB, error) { panic("there is no refusal to check") })
		},
		"when, the state is changed": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.Given(amount("1")).When(func(a account) ([]accountEvent, error) {
				a.counts["1"]++
				delete(a.counts, "2")
				a.counts["3"] = 1
				return nil, nil
			}).ThenNothing()
		},
		"when, other events": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(byTurns(deposit("1", "2"), deposit("1", "3"))).Then(amount("1"), amount("2"))
		},
		"when, another order": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(byTurns(deposit("1", "2"), deposit("2", "1"))).Then(amount("1"), amount("2"))
		},
		"when, refused once": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(byTurns(deposit("1"), refuse(errClosed))).Then(amount("1"))
		},
		"when, an event is not registered": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(record(closed{}, forgotten{})).Then(closed{})
		},
		"given, an event is not registered": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.Given(forgotten{}).When(deposit("1")).Then(amount("1"))
		},
		"then, an event is not registered": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(deposit("1")).Then(forgotten{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, told(t, func(tb testing.TB) {
				play(aggregatetest.For(tb, accounts).Given(ada))
			}))
		})
	}
}
