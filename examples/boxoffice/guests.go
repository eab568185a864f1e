package main

import (
	"fmt"

	"github.com/leftfold/leftfold/projection"
)

// Guest is what a guest has booked, over all concerts: a row of the view guests.
type Guest struct {
	Name  string `json:"name"`
	Seats int    `json:"seats"`
}

// Guests has one row a guest, which the streams of all concerts share.
var Guests = projection.Fold("guests",
	projection.On(func(e projection.Event[Booked]) projection.Key { return projection.KeyOf(e.Data.Guest) },
		func(g *Guest, e projection.Event[Booked]) error {
			g.Name = e.Data.Guest
			g.Seats += e.Data.Seats
			return nil
		}),
	projection.On(func(e projection.Event[Cancelled]) projection.Key { return projection.KeyOf(e.Data.Guest) },
		func(g *Guest, e projection.Event[Cancelled]) error {
			if e.Data.Seats > g.Seats {
				return fmt.Errorf("%s gives back %d seats and has %d", e.Data.Guest, e.Data.Seats, g.Seats)
			}
			g.Seats -= e.Data.Seats
			return nil
		}))

// GuestsV1 is the projection that keeps the view, under the version of its code.
var GuestsV1 = projection.MustNew("guests", 1, Events, projection.Follow("concert"), Guests)
