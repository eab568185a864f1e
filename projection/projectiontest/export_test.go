package projectiontest

// Check is Run, but returns what Run fails with.
var Check = run
