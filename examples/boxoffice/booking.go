package main

import (
	"errors"
	"fmt"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
)

// Event is a fact about a concert. The interface is sealed: these are all.
type Event interface{ concertEvent() }

// Booked: a guest took seats.
type Booked struct {
	Guest string `json:"guest"`
	Seats int    `json:"seats"`
}

// Cancelled: a guest gave all of them back.
type Cancelled struct {
	Guest string `json:"guest"`
	Seats int    `json:"seats"`
}

func (Booked) concertEvent()    {}
func (Cancelled) concertEvent() {}

// Events are the types under the names by which they are stored, for ever.
var Events = eventstore.MustRegistry(
	eventstore.Type[Booked]("BOOKED", 1),
	eventstore.Type[Cancelled]("CANCELLED", 1),
)

// Concert is what commands need to know of a concert.
type Concert struct {
	Taken int
	Seats map[string]int // by guest
}

// Concerts says how a concert follows from its events.
var Concerts = aggregate.Decider[Concert, Event]{
	Category: "concert",
	Events:   Events,
	Initial:  func(string) Concert { return Concert{Seats: map[string]int{}} },
	Evolve: func(c Concert, e Event) Concert {
		switch e := e.(type) {
		case Booked:
			c.Taken += e.Seats
			c.Seats[e.Guest] += e.Seats
		case Cancelled:
			c.Taken -= e.Seats
			delete(c.Seats, e.Guest)
		}
		return c
	},
}

// Hall is how many seats a concert has.
const Hall = 10

// Reasons to refuse a command.
var (
	ErrIncomplete = errors.New("a booking needs a guest and at least one seat")
	ErrSoldOut    = errors.New("not enough seats are left")
	ErrNoBooking  = errors.New("there is no booking")
)

// Book is the command to take seats.
func Book(guest string, seats int) aggregate.Decision[Concert, Event] {
	return func(c Concert) ([]Event, error) {
		switch {
		case guest == "" || seats < 1:
			return nil, ErrIncomplete
		case seats > Hall-c.Taken:
			return nil, fmt.Errorf("%w: %d of %d are taken", ErrSoldOut, c.Taken, Hall)
		}
		return []Event{Booked{guest, seats}}, nil
	}
}

// Cancel is the command to give all seats of a guest back.
func Cancel(guest string) aggregate.Decision[Concert, Event] {
	return func(c Concert) ([]Event, error) {
		if c.Seats[guest] == 0 {
			return nil, fmt.Errorf("%w: %s has no seat", ErrNoBooking, guest)
		}
		return []Event{Cancelled{guest, c.Seats[guest]}}, nil
	}
}
