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
// A [Conversation] plays several commands in turn, on entities that share a store:
//
//	talk := aggregatetest.Talk(t)
//	ada, bob := aggregatetest.With(talk, Members, "ada"), aggregatetest.With(talk, Members, "bob")
//	ada.Given(Named{Name: "Ada"})
//	bob.When(Rename("Ada")).ThenRefused(eventstore.ErrClaimTaken)
//	ada.When(Leave).Then(Left{Name: "Ada"})
//	bob.When(Rename("Ada"), aggregate.CommandID("7"), aggregate.Strict()).
//		Then(Named{Name: "Ada"}).
//		Again().ThenRecognised()
//
// Claims, command IDs and [aggregate.Transact] are what they are in a service.
//
// A failure shows expected and recorded events as a diff, and says what is likely
// to be wrong; one in a conversation also which turn it is, and what went before.
package aggregatetest
