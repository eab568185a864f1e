// Package aggregate decides: it loads the state of one entity from its events,
// runs a command on it, and appends what the command decided.
//
// # The model
//
//   - A [Decider] says how an entity's state evolves from its events.
//   - A [Decision] is a command: a function from state to new events, or a refusal.
//   - A [Repository] loads, decides and appends; on a conflict it folds in the
//     commit that won and decides again.
//
// # Guarantees
//
// A decision is made on the entity's complete past. It is stored only if nothing
// came between; a conflict is never answered by storing the old decision. A
// refusal that was made on cached state is made again on checked state before it
// is answered. A command sent again with its ID is recognised wherever its commit
// is met, and answered with the first result.
//
// # What is not promised
//
// A command ID is recognised only in the part of the stream that was read: a
// command sent again after [eventstore.ErrOutcomeUnknown] over a cache may take
// effect twice, unless it is sent to the store as the same write; see
// [eventstore.OutcomeUnknownError].
package aggregate
