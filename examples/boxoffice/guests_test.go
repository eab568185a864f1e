package main

import (
	"testing"

	"github.com/leftfold/leftfold/projection/projectiontest"
)

// What each event of a recorded concert does to the rows is in the file.
func TestGuestsShowWhoHasSeats(t *testing.T) {
	t.Parallel()
	projectiontest.Golden(t, GuestsV1, projectiontest.Recorded("testdata/opera.jsonl"), "testdata/opera-guests.txt")
}

func TestGuestsStandAHostileWorld(t *testing.T) {
	t.Parallel()
	projectiontest.Run(t, projectiontest.Options{Projection: GuestsV1, Events: Events, History: []projectiontest.Commit{
		{Stream: "concert-opera", Events: []any{Booked{"Ada", 4}}},
		{Stream: "concert-jazz", Events: []any{Booked{"Ada", 2}, Booked{"Bob", 1}}},
		{Stream: "concert-opera", Events: []any{Cancelled{"Ada", 4}}},
		{Stream: "concert-opera", Events: []any{Booked{"Bob", 3}, Booked{"Ada", 1}}},
		{Stream: "concert-jazz", Events: []any{Cancelled{"Bob", 1}}},
	}})
}
