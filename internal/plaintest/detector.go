//go:build race

package plaintest

// detector is whether this program has the race detector.
const detector = true
