// Package operator is for whoever operates a service: is every view right and fresh, what
// happened to this entity, which event failed, and what does it cost?
//
// # The model
//
//   - A [Service] is what a program tells of itself: its store, its views, what it feeds.
//   - An [Operator] looks at a service. What it answers are plain structs, with stable
//     names in JSON. Package operator/commands prints them.
//   - An action is something that an operator does. It is recorded, with who and why, in
//     the stream leftfold-operator of the same store: [Operator.Activity] shows it.
//
// # Guarantees
//
// Looking changes nothing: it works on a store that can not be written. [Operator.Status]
// reads the state, the heartbeats and the index of parked streams of each projection, and
// nothing else, so that it costs the same on a full store as on an empty one. What reads
// more says so.
//
// # Lag
//
// Checkpoints are per stream, so there is no "head minus position". Lag is: waiting, the
// streams that were announced and are not applied; oldest, the age of the oldest commit
// among them; and the last full check, a sweep, with how many streams it found behind.
package operator
