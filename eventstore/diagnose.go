package eventstore

import "context"

// Diagnoser looks at what a store stands on: a file, or tables and rights. Event stores,
// view stores and feeds implement it where there is something to look at.
type Diagnoser interface {
	// Diagnose returns what each of its checks came to, always in the same order. It
	// writes nothing, and the right to read is enough for all of it; what can not be looked
	// at is a finding too. Where ctx ends, the checks that are left fail.
	Diagnose(ctx context.Context) []Finding
}

// Finding is what a check came to.
type Finding struct {
	// Check is a sentence that is true where OK is set.
	Check string
	OK    bool
	// Detail is what was seen, Hint what to do about it.
	Detail, Hint string
}
