package main

import (
	"testing"

	"github.com/leftfold/leftfold/aggregate/aggregatetest"
)

func TestSeatsAreBookedUntilTheHallIsFull(t *testing.T) {
	t.Parallel()
	opera := aggregatetest.For(t, Concerts).Given(Booked{"Ada", 4}, Booked{"Bob", 4})
	opera.When(Book("Cid", 2)).Then(Booked{"Cid", 2})
	opera.When(Book("Cid", 3)).ThenRefused(ErrSoldOut).ThenRefusedSaying("8 of 10 are taken")
	opera.Given(Cancelled{"Ada", 4}).When(Book("Cid", 3)).Then(Booked{"Cid", 3})
}

func TestABookingIsOfAGuestAndSeats(t *testing.T) {
	t.Parallel()
	opera := aggregatetest.For(t, Concerts)
	opera.When(Book("", 1)).ThenRefused(ErrIncomplete)
	opera.When(Book("Ada", 0)).ThenRefused(ErrIncomplete)
	opera.When(Book("Ada", -1)).ThenRefused(ErrIncomplete)
}

func TestAGuestGivesAllSeatsBackOnce(t *testing.T) {
	t.Parallel()
	opera := aggregatetest.For(t, Concerts).Given(Booked{"Ada", 1}, Booked{"Bob", 4}, Booked{"Ada", 2})
	opera.When(Cancel("Ada")).Then(Cancelled{"Ada", 3})
	opera.Given(Cancelled{"Ada", 3}).When(Cancel("Ada")).ThenRefused(ErrNoBooking)
}
