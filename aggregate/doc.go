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
// is answered. A command sent again with its ID is recognised by its commit, in
// whatever process it was made and whatever came since, and answered with the
// first result.
//
// # What is not promised
//
// After [eventstore.ErrOutcomeUnknown] nobody knows yet whether the command took
// effect: it may still do so. Send it again with its ID, or send the write that
// the error carries. A command without an ID may then take effect twice.
package aggregate
