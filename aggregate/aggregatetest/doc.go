// Package aggregatetest tests deciders: given these events, when this is decided,
// then these events follow.
//
//	aggregatetest.For(t, Accounts).
//		Given(Opened{Owner: "Ada"}, Deposited{Cents: 3000}).
//		When(Withdraw(1000)).
//		Then(Withdrawn{Cents: 1000})
//
// A scenario runs what a service runs: events are encoded by the registry's codec,
// stored, read back, decoded and evolved. Beside the result it checks what a
// [aggregate.Decision] promises: that it does not change the state, and that it
// decides the same again on the same events, whatever the clock, chance and the
// order of maps do.
//
// A failure shows expected and recorded events as a diff, and says what is likely
// to be wrong.
package aggregatetest
